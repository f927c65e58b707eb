//! What a run works with: the store, the far sides of each school, the folders, the settings. Wired by cli, daemon and replay.

use crate::check::nomenclature::Nomenclature;
use crate::clock::Clock;
use crate::crash::Crash;
use crate::domain::{
    lot::{Document, Encoding, FileName, Format},
    school::{School, SchoolKey},
    time::{TimeOfDay, Zone},
};
use crate::files::{FileFault, Files};
use crate::guard::Policy;
use crate::mail::Post;
use crate::plan::thresholds::Thresholds;
use crate::run::reference::References;
use crate::store::{Store, lease::Holder};
use crate::transport::{siecle::Siecle, teleservice::Teleservice};
use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

/// Both far sides of one school; schools with the same base share them, and with them their connections.
pub struct FarSides {
    /// Where families enter their demands.
    pub teleservice: Arc<Teleservice>,
    /// Where councils answer.
    pub siecle: Arc<Siecle>,
}

/// One school that this installation serves, with its far sides.
#[derive(Clone)]
pub struct Served {
    /// The school.
    pub school: School,
    /// Its far sides.
    pub far: Arc<FarSides>,
}

/// How runs are made.
#[derive(Clone)]
pub struct Settings {
    /// Format of lots.
    pub format: Format,
    /// Encoding of lots.
    pub encoding: Encoding,
    /// The nightly slot, civil time at each school.
    pub slot: TimeOfDay,
    /// How long a run waits for the receipt of a lot it has just sent.
    pub receipt_wait: Duration,
    /// How often a run shows that it lives.
    pub heartbeat: Duration,
    /// How many schools run at the same time.
    pub schools_at_once: usize,
    /// What is held as too large.
    pub thresholds: Thresholds,
    /// Whether the guard enforces, and permits dérogations.
    pub policy: Policy,
    /// Formation codes, for the warning `MEF`.
    pub nomenclature: Option<Nomenclature>,
    /// Days for which exchanged files are kept once they are over; none: for ever, as replay's audit reads them all.
    pub keep_files_days: Option<u16>,
}

/// Heartbeats after which a lease is taken over: four missed, and one of grace.
const BEATS_MISSED: u64 = 5;

/// A lease without a sign of life for longer than this is taken over.
pub fn lease_stale_s(heartbeat: Duration) -> i64 {
    i64::try_from(heartbeat.as_secs() * BEATS_MISSED).unwrap_or(i64::MAX)
}

impl Settings {
    /// A lease without a sign of life for longer than this is taken over.
    pub fn lease_stale_s(&self) -> i64 {
        lease_stale_s(self.heartbeat)
    }
}

/// Everything a run is handed, but for `now`.
#[derive(Clone)]
pub struct Context {
    /// The ledger.
    pub store: Store,
    /// Publishes files.
    pub files: Files,
    /// The root of exchanged files.
    pub files_root: PathBuf,
    /// Schools by key; shared, for each tick in hand has a context, and a country has thousands of both.
    pub schools: Arc<BTreeMap<SchoolKey, Served>>,
    /// How.
    pub settings: Settings,
    /// For the lease's heartbeat and waits only.
    pub clock: Clock,
    /// Who runs: host and process.
    pub holder: Holder,
    /// Crash points.
    pub crash: Crash,
    /// By whom letters to the schools go; none where mail is off.
    pub mail: Option<Arc<Post>>,
    /// The references that stand for pupils, where the configuration gives their key; else the store keeps one.
    pub references: Option<References>,
}

impl Context {
    /// The zone of a school; its UAI's when it is not among the served ones.
    pub fn zone(&self, school: SchoolKey) -> Zone {
        self.schools.get(&school).map_or_else(|| school.uai.zone(), |served| served.school.zone)
    }

    /// Keeps a file of the exchange in its folder; the same file again changes nothing.
    ///
    /// # Errors
    /// When the folder cannot be written, or holds another file under this name.
    pub async fn keep(&self, name: &FileName, bytes: &[u8]) -> Result<(), FileFault> {
        let folder = self.folder(name.key.school, name.document);
        self.files.create_private_dir(&folder).await?;
        self.files.publish(&folder, &name.to_string(), bytes).await
    }

    /// The folder where a school's exchanged files of one kind lie.
    pub fn folder(&self, school: SchoolKey, document: Document) -> PathBuf {
        self.year_folder(school).join(document.folder())
    }

    /// The folder of a school's exchanged files of one year.
    pub fn year_folder(&self, school: SchoolKey) -> PathBuf {
        self.files_root.join(school.uai.as_str()).join(school.year.to_string())
    }
}
