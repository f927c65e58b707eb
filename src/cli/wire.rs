//! From options to what runs work with. Decides nothing: every value comes from the configuration or the machine.

use crate::cli::{Global, exit::Stop, logging::RunSpan};
use crate::clock::Clock;
use crate::codec::nomenclature;
use crate::config::{
    HttpLink, Link, MailOptions, MailTransport, Options, StoreOptions,
    secret::{SecretFault, SecretFile},
};
use crate::crash::Crash;
use crate::domain::{
    campaign::{CampaignKey, Phase},
    school::{Level, School, SchoolKey, SchoolYear, Uai},
    time::Timestamp,
};
use crate::files::Files;
use crate::guard::Policy;
use crate::mail::{Post, SmtpOptions};
use crate::plan::thresholds::Thresholds;
use crate::run::{
    context::{Context, FarSides, Served, Settings},
    reference::{self, References},
};
use crate::store::{Store, campaigns, lease::Holder, pupils, scratch};
use crate::transport::{
    directory::DirectoryOptions,
    http::{HttpOptions, Url},
    ping::Pings,
    siecle::Siecle,
    teleservice::Teleservice,
};
use anyhow::Context as _;
use secrecy::ExposeSecret;
use std::{
    collections::{BTreeMap, btree_map::Entry},
    env, fs,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The variables that name who gave the command, the person behind `sudo` first.
const WHO: [&str; 3] = ["SUDO_USER", "USER", "LOGNAME"];
/// A nomenclature has a few thousand rows.
const NOMENCLATURE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The program, wired: what a command works with.
pub struct Desk {
    /// What the configuration says.
    pub options: Options,
    /// What runs are handed.
    pub ctx: Context,
    /// The run's span of the log.
    pub span: RunSpan,
}

impl Global {
    /// Reads the configuration, starts the log, opens the database and wires the far sides. Nothing is contacted.
    ///
    /// # Errors
    /// `ConfigFaults` and `Stop`, which end the program with 2; the store's.
    pub async fn connect(&self) -> anyhow::Result<Desk> {
        let (options, span) = self.open()?;
        let ctx = context(&options, self.crash()?).await?;
        Ok(Desk { options, ctx, span })
    }

    /// The same without leaving a trace (`--dry-run`): the database is only read, as it is; an empty one in memory stands
    /// for one that is not there yet.
    ///
    /// # Errors
    /// As `connect`.
    pub async fn look(&self) -> anyhow::Result<Desk> {
        let (options, span) = self.open()?;
        let crash = self.crash()?;
        let parts = wired(&options, &crash)?;
        let store = match Store::untouched(&database_url(&options.store)?, crash.clone()).await? {
            Some(store) => store,
            None => Store::open(scratch::MEMORY, crash.clone()).await?,
        };
        let ctx = parts.on(&options, store, crash);
        Ok(Desk { options, ctx, span })
    }
}

impl Desk {
    /// The school of a UAI; the year only where it is configured with two.
    ///
    /// # Errors
    /// `Stop`, which ends the program with 2.
    pub fn served(&self, uai: Uai, year: Option<SchoolYear>) -> anyhow::Result<&Served> {
        let own = |served: &&Served| served.school.key.uai == uai && year.is_none_or(|it| it == served.school.key.year);
        let found: Vec<&Served> = self.ctx.schools.values().filter(own).collect();
        match found.as_slice() {
            [served] => Ok(served),
            [] => {
                Err(Stop::usage(format!("{uai} is not in the configuration: add it there, or correct the UAI")).into())
            }
            _ => Err(Stop::usage(format!("{uai} is configured with two school years: say which with --year")).into()),
        }
    }

    /// The school of a UAI where one is given, else all; a UAI with two years names both.
    ///
    /// # Errors
    /// `Stop`, which ends the program with 2.
    pub fn schools(&self, uai: Option<Uai>) -> anyhow::Result<Vec<&Served>> {
        let own = |served: &&Served| uai.is_none_or(|uai| uai == served.school.key.uai);
        let found: Vec<&Served> = self.ctx.schools.values().filter(own).collect();
        match uai {
            Some(uai) if found.is_empty() => {
                Err(Stop::usage(format!("{uai} is not in the configuration: add it there, or correct the UAI")).into())
            }
            Some(_) | None => Ok(found),
        }
    }

    /// The campaigns of a school that are known, of one phase or level where one is given.
    ///
    /// # Errors
    /// The store's.
    pub async fn campaigns(
        &self,
        school: SchoolKey,
        phase: Option<Phase>,
        level: Option<Level>,
    ) -> anyhow::Result<Vec<CampaignKey>> {
        let mut tx = self.ctx.store.read().await?;
        let known = campaigns::keys(&mut tx, school).await?.into_iter();
        let fits = |key: &CampaignKey| phase.is_none_or(|it| it == key.phase) && level.is_none_or(|it| it == key.level);
        let known: Vec<CampaignKey> = known.filter(fits).collect();
        if !known.is_empty() {
            return Ok(known);
        }
        // Nothing is known of it yet: what is asked is refused by its own rule, and not for want of a name.
        let pupil = pupils::of_school(&mut tx, school).await?.into_iter().next();
        let level = level.or(pupil.map(|(pupil, _)| pupil.level)).unwrap_or(Level::Troisieme);
        Ok(vec![CampaignKey { school, level, phase: phase.unwrap_or(Phase::Definitive) }])
    }

    /// The one campaign that is meant.
    ///
    /// # Errors
    /// `Stop`, which ends the program with 2, when there are several; the store's.
    pub async fn campaign(
        &self,
        school: SchoolKey,
        phase: Option<Phase>,
        level: Option<Level>,
    ) -> anyhow::Result<CampaignKey> {
        match self.campaigns(school, phase, level).await?.as_slice() {
            [key] => Ok(*key),
            _ => Err(Stop::usage(format!("{school} has several campaigns: say which with --phase or --level")).into()),
        }
    }

    /// What makes the references that stand for pupils: by the configured key, else by the one that the store keeps.
    ///
    /// # Errors
    /// When the key cannot be read; the store's.
    pub async fn references(&self) -> anyhow::Result<References> {
        Ok(reference::references(&self.ctx).await?)
    }

    /// Now, by the machine's clock.
    pub fn now(&self) -> Timestamp {
        self.ctx.clock.now()
    }
}

/// Who gave the command, for the journal.
pub fn who() -> String {
    let named = WHO.iter().find_map(|name| env::var(name).ok().filter(|name| !name.is_empty()));
    named.unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()))
}

/// Whether the database is there already; one on a server is taken to be.
pub fn has_database(options: &StoreOptions) -> bool {
    sqlite_file(&options.database).is_none_or(|path| path.exists())
}

/// The file of an SQLite database.
pub fn sqlite_file(url: &str) -> Option<&Path> {
    let rest = url.strip_prefix("sqlite:")?;
    rest.strip_prefix("//").unwrap_or(rest).split('?').next().map(Path::new)
}

/// Wires everything that runs are handed.
///
/// # Errors
/// `Stop` for what is wrong in the set-up; the store's.
pub async fn context(options: &Options, crash: Crash) -> anyhow::Result<Context> {
    // Nothing is opened, and made, for a set-up that is wrong elsewhere.
    let wired = wired(options, &crash)?;
    let url = database_url(&options.store)?;
    let store = Store::open(&url, crash.clone()).await?;
    Ok(wired.on(options, store, crash))
}

/// The same on a store that is open.
///
/// # Errors
/// `Stop` for what is wrong in the set-up.
pub fn on_store(options: &Options, store: Store, crash: Crash) -> anyhow::Result<Context> {
    Ok(wired(options, &crash)?.on(options, store, crash))
}

/// What runs are handed beside the store.
struct Parts {
    settings: Settings,
    schools: BTreeMap<SchoolKey, Served>,
    files: Files,
    mail: Option<Post>,
    references: Option<References>,
}

fn wired(options: &Options, crash: &Crash) -> anyhow::Result<Parts> {
    let key = options.log.pupil_key.as_ref().map(SecretFile::read).transpose();
    let key = key.map_err(|fault| Stop::usage(fault.to_string()))?;
    let files = Files::new(crash.clone());
    Ok(Parts {
        settings: settings(options)?,
        schools: schools(options, &Clock::Machine, crash, &files)?,
        mail: options.mail.as_ref().map(|mail| post(mail, &files)).transpose()?,
        references: key.map(|key| References::new(key.expose_secret().as_bytes())),
        files,
    })
}

impl Parts {
    fn on(self, options: &Options, store: Store, crash: Crash) -> Context {
        Context {
            store,
            files: self.files,
            files_root: options.store.files.clone(),
            schools: Arc::new(self.schools),
            settings: self.settings,
            clock: Clock::Machine,
            holder: Holder { host: host(), process: std::process::id() },
            crash,
            mail: self.mail.map(Arc::new),
            references: self.references,
        }
    }
}

/// The dead man's switch, where one is configured.
///
/// # Errors
/// `Stop` where its address can't be used.
pub fn pings(options: &Options) -> anyhow::Result<Option<Pings>> {
    let made = options.health.ping.clone().map(Pings::new).transpose();
    made.map_err(|fault| Stop::usage(format!("health.ping_url: {fault}")).into())
}

/// By whom letters to the schools go.
fn post(options: &MailOptions, files: &Files) -> anyhow::Result<Post> {
    let from = &options.from;
    let made = match &options.transport {
        MailTransport::Directory(path) => Post::directory(from, files.clone(), path.clone()),
        MailTransport::Smtp { host, port, tls, login } => {
            let read = |(user, file): &(String, SecretFile)| Ok((user.clone(), file.read()?));
            let login: Result<_, SecretFault> = login.as_ref().map(read).transpose();
            let login = login.map_err(|fault| Stop::usage(fault.to_string()))?;
            let own_name = self::host();
            Post::smtp(from, SmtpOptions { host: host.clone(), port: *port, tls: *tls, login, own_name })
        }
    };
    Ok(made.map_err(|fault| Stop::usage(format!("mail: {fault}")))?)
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The database's URL, with its password, which stands in no file but its own.
///
/// # Errors
/// `Stop`, which ends the program with 2.
pub fn database_url(options: &StoreOptions) -> anyhow::Result<String> {
    let Some(password) = &options.password else { return Ok(options.database.clone()) };
    let password = password.read().map_err(|fault| Stop::usage(fault.to_string()))?;
    let wrong = || Stop::usage("store.database: a password goes with a postgres:// address only");
    let mut url: Url = options.database.parse().map_err(|_| wrong())?;
    url.set_password(Some(password.expose_secret())).map_err(|()| wrong())?;
    Ok(url.into())
}

fn settings(options: &Options) -> anyhow::Result<Settings> {
    let nomenclature = options.siecle.nomenclature.as_deref().map(read_nomenclature).transpose()?;
    Ok(Settings {
        format: options.siecle.format,
        encoding: options.siecle.encoding,
        slot: options.night.slot,
        receipt_wait: options.night.receipt_wait,
        heartbeat: options.night.heartbeat,
        schools_at_once: options.night.schools_at_once,
        thresholds: Thresholds {
            vanish_percent: options.thresholds.vanish_percent,
            vanish_floor: options.thresholds.vanish_floor,
        },
        policy: Policy { overrides: options.guard.overrides, enforce: options.guard.enforce },
        nomenclature,
        keep_files_days: Some(options.store.keep_files_days),
    })
}

fn read_nomenclature(path: &Path) -> anyhow::Result<crate::check::nomenclature::Nomenclature> {
    let said = |what: String| Stop::usage(format!("siecle.nomenclature: {}: {what}", path.display()));
    let size = fs::metadata(path).map_err(|fault| said(fault.to_string()))?.len();
    if NOMENCLATURE_BYTES_MAX < size {
        return Err(said("is too large for a nomenclature".to_owned()).into());
    }
    let bytes = fs::read(path).map_err(|fault| said(fault.to_string()))?;
    Ok(nomenclature::read(&bytes).map_err(|fault| said(fault.to_string()))?)
}

/// What names a far side: schools with the same one share its client.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Http(String),
    Directory(PathBuf),
}

fn place(link: &Link, uai: Uai) -> Place {
    match link {
        Link::Http(http) => Place::Http(http.base.for_school(uai).into()),
        Link::Directory(path) => Place::Directory(path.for_school(uai)),
    }
}

/// The schools with their far sides. Nothing is contacted.
///
/// # Errors
/// `Stop` for what is wrong in the set-up.
pub fn schools(
    options: &Options,
    clock: &Clock,
    crash: &Crash,
    files: &Files,
) -> anyhow::Result<BTreeMap<SchoolKey, Served>> {
    let mut teleservices: BTreeMap<Place, Arc<Teleservice>> = BTreeMap::new();
    let mut siecles: BTreeMap<Place, Arc<Siecle>> = BTreeMap::new();
    let mut schools = BTreeMap::new();
    for School { key, .. } in &options.schools {
        if let Entry::Vacant(entry) = teleservices.entry(place(&options.teleservice, key.uai)) {
            entry.insert(Arc::new(match &options.teleservice {
                Link::Http(link) => Teleservice::http(http(link, key.uai)?, clock.clone(), crash.clone())
                    .map_err(|fault| Stop::usage(format!("teleservice: {fault}")))?,
                Link::Directory(path) => {
                    Teleservice::directory(folder(path.for_school(key.uai)), files.clone()).believed_by(clock.clone())
                }
            }));
        }
        if let Entry::Vacant(entry) = siecles.entry(place(&options.siecle.link, key.uai)) {
            entry.insert(Arc::new(match &options.siecle.link {
                Link::Http(link) => Siecle::http(http(link, key.uai)?, clock.clone(), crash.clone())
                    .map_err(|fault| Stop::usage(format!("siecle: {fault}")))?,
                Link::Directory(path) => {
                    Siecle::directory(folder(path.for_school(key.uai)), files.clone()).believed_by(clock.clone())
                }
            }));
        }
    }
    for school in &options.schools {
        let teleservice = teleservices.get(&place(&options.teleservice, school.key.uai));
        let siecle = siecles.get(&place(&options.siecle.link, school.key.uai));
        let (teleservice, siecle) = teleservice.zip(siecle).context("a far side was not wired")?;
        let far = FarSides { teleservice: Arc::clone(teleservice), siecle: Arc::clone(siecle) };
        schools.insert(school.key, Served { school: school.clone(), far: Arc::new(far) });
    }
    Ok(schools)
}

const fn folder(path: PathBuf) -> DirectoryOptions {
    DirectoryOptions { path }
}

fn http(link: &HttpLink, uai: Uai) -> anyhow::Result<HttpOptions> {
    let wrong = |fault: SecretFault| Stop::usage(fault.to_string());
    let roots = link.roots.as_ref().map(|path| {
        fs::read(path).map_err(|fault| Stop::usage(format!("roots_file: {} cannot be read: {fault}", path.display())))
    });
    Ok(HttpOptions {
        bearer: link.token.as_ref().map(|file| file.read().map_err(wrong)).transpose()?,
        identity_pem: link.identity.as_ref().map(|identity| identity.read_pem().map_err(wrong)).transpose()?,
        roots_pem: roots.transpose()?,
        ..HttpOptions::new(link.base.for_school(uai))
    })
}
