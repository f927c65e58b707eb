//! What `navette doctor` looks at, as far as it needs no configuration file: the database and its leases, folders and
//! their rights, far sides, clocks, certificates. Looks only: nothing is made, migrated, sent or changed.

use crate::domain::{
    school::SchoolKey,
    time::{DAY_S, Timestamp},
};
use crate::guard::facts::SKEW_MS_MAX;
use crate::plan::delivery::{Answer, Outcome, judge};
use crate::run::{
    context::{FarSides, Served},
    outcome::Step,
    step::failure,
};
use crate::store::{
    Store, StoreError,
    lease::{self, HeldBy},
    upkeep::Shape,
};
use rustix::{
    fs::{Access, access, statvfs},
    io::Errno,
};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
    sync::Arc,
};
use tokio::task::JoinSet;

/// A certificate that ends sooner is a warning: the time that a renewal takes in an administration.
const CERTIFICATE_DAYS_MIN: i64 = 30;
/// A clock that is further away drifts: time to look at it, long before the guard refuses to go by it.
const SKEW_MS_NOTED: u64 = 30_000;
/// Less free space than this is a warning: a few nights of a large installation.
const FREE_BYTES_MIN: u64 = 512 * 1024 * 1024;
/// Rights of others on what names minors.
const OTHERS: u32 = 0o077;

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// navette.toml.
    Configuration,
    /// The files that it names for tokens, keys and passwords.
    Secrets,
    /// The database.
    Database,
    /// The shape of its tables.
    Migrations,
    /// Who runs which school.
    Leases,
    /// Folders and their rights.
    Folders,
    /// The téléservice.
    Teleservice,
    /// Siècle.
    Siecle,
    /// Our clock against theirs.
    Clock,
    /// When certificates end.
    Certificates,
}

impl Part {
    /// Its name in the first column.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Secrets => "secrets",
            Self::Database => "database",
            Self::Migrations => "migrations",
            Self::Leases => "leases",
            Self::Folders => "folders",
            Self::Teleservice => "teleservice",
            Self::Siecle => "siecle",
            Self::Clock => "clock",
            Self::Certificates => "certificates",
        }
    }
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// All is well.
    Ok,
    /// It works, and will not for ever.
    Warning,
    /// It does not work now, and may by itself later.
    Failing,
    /// It does not work before the set-up is mended.
    SetUp,
    /// It takes a human: the database is damaged.
    Damaged,
}

/// One line of the doctor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What was looked at.
    pub part: Part,
    /// What was found.
    pub state: State,
    /// In words.
    pub said: String,
    /// What to do; empty when all is well.
    pub remedy: String,
}

impl Line {
    /// All is well.
    pub fn ok(part: Part, said: impl Into<String>) -> Self {
        Self { part, state: State::Ok, said: said.into(), remedy: String::new() }
    }

    /// Something is not well.
    pub fn of(part: Part, state: State, said: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { part, state, said: said.into(), remedy: remedy.into() }
    }
}

/// Looks at a database that was opened as it is: its structure, its shape, our role there, its leases.
pub async fn database(store: Result<Option<Store>, StoreError>, stale_s: i64, now: Timestamp) -> Vec<Line> {
    let store = match store {
        Ok(Some(store)) => store,
        Ok(None) => return vec![Line::ok(Part::Database, "not there yet: the first run makes it")],
        Err(fault) => return vec![unusable(&fault)],
    };
    let lines = async {
        let mut lines = structure(&store).await?;
        let shape = store.shape().await?;
        lines.push(migrations(shape));
        if shape == Shape::Current {
            let holders = lease::holders(&mut store.read().await?).await?;
            lines.extend(leases(&holders, stale_s, now));
        }
        Ok::<_, StoreError>(lines)
    };
    let lines = lines.await.unwrap_or_else(|fault| vec![unusable(&fault)]);
    store.close().await;
    lines
}

async fn structure(store: &Store) -> Result<Vec<Line>, StoreError> {
    let broken = store.integrity().await?;
    let lacking = store.lacking().await?;
    let mut lines = Vec::new();
    if !broken.is_empty() {
        let remedy = "restore it from a backup (deploy/README.md): what is written into it now may be lost";
        lines.push(Line::of(Part::Database, State::Damaged, broken.join("; "), remedy));
    }
    if !lacking.is_empty() {
        let said = format!("our role lacks {}", lacking.join(", "));
        let remedy = "make it the owner of the database and its tables: ALTER DATABASE … OWNER TO …, ALTER TABLE …";
        lines.push(Line::of(Part::Database, State::SetUp, said, remedy));
    }
    if lines.is_empty() {
        lines.push(Line::ok(Part::Database, "whole"));
    }
    Ok(lines)
}

fn unusable(fault: &StoreError) -> Line {
    let (state, remedy) = if fault.is_damage() {
        (State::Damaged, "restore it from a backup (deploy/README.md)")
    } else if fault.is_full() {
        (State::Failing, "make room on its disk, or have it looked at: the next run then goes on by itself")
    } else {
        (State::Failing, "see that its file is readable by this user, or that its server answers and knows our role")
    };
    Line::of(Part::Database, state, fault.to_string(), remedy)
}

fn migrations(shape: Shape) -> Line {
    match shape {
        Shape::Current => Line::ok(Part::Migrations, "all applied"),
        Shape::Behind(count) => Line::of(
            Part::Migrations,
            State::Warning,
            format!("{count} to be applied"),
            "nothing: the next run applies them; make a backup before it",
        ),
        Shape::Ahead(count) => Line::of(
            Part::Migrations,
            State::SetUp,
            format!("{count} of a newer navette"),
            "install that version again, or restore the backup made before it",
        ),
    }
}

fn leases(holders: &BTreeMap<SchoolKey, HeldBy>, stale_s: i64, now: Timestamp) -> Vec<Line> {
    if holders.is_empty() {
        return vec![Line::ok(Part::Leases, "no run at work")];
    }
    let line = |(school, by): (&SchoolKey, &HeldBy)| {
        let HeldBy { host, process, since, heartbeat_at } = by;
        let said = format!("{school}: process {process} on {host} since {}", since.rfc3339_utc());
        if now <= heartbeat_at.plus_s(stale_s) {
            return Line::ok(Part::Leases, said);
        }
        let said = format!("{said}, silent since {}", heartbeat_at.rfc3339_utc());
        Line::of(Part::Leases, State::Warning, said, "nothing: the next run takes the school over")
    };
    holders.iter().map(line).collect()
}

/// Looks at a file or folder of ours: whether it is there for this user to write, and for nobody else to read.
pub fn private_place(part: Part, path: &Path) -> Vec<Line> {
    let shown = path.display();
    let meta = match fs::metadata(path) {
        Ok(meta) => meta,
        Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => return vec![to_be_made(part, path)],
        Err(fault) => {
            let remedy = "let this user enter the folders above it";
            return vec![Line::of(part, State::SetUp, format!("{shown}: {fault}"), remedy)];
        }
    };
    let wanted = if meta.is_dir() { Access::WRITE_OK | Access::EXEC_OK } else { Access::WRITE_OK };
    if let Err(fault) = access(path, wanted) {
        return vec![unwritable(part, path, fault)];
    }
    let mut lines = Vec::new();
    let (mode, owner, own) = (meta.permissions().mode(), meta.uid(), rustix::process::geteuid().as_raw());
    if mode & OTHERS != 0 {
        let said = format!("{shown} can be reached by others (mode {:03o})", mode & 0o777);
        lines.push(Line::of(part, State::Warning, said, format!("chmod go= {shown}")));
    }
    if owner != own {
        let said = format!("{shown} belongs to user {owner}, and this is user {own}");
        let remedy = "run navette as its own user (sudo -u navette navette …): it cannot use what another one makes";
        lines.push(Line::of(part, State::Warning, said, remedy));
    }
    lines.extend(space(part, path));
    if lines.is_empty() {
        lines.push(Line::ok(part, shown.to_string()));
    }
    lines
}

/// The same of a database's file: SQLite writes beside it too.
pub fn database_place(path: &Path) -> Vec<Line> {
    let mut lines = private_place(Part::Database, path);
    let folder = path.parent().filter(|_| path.exists());
    if let Some((folder, Err(fault))) = folder.map(|it| (it, access(it, Access::WRITE_OK | Access::EXEC_OK))) {
        lines.retain(|line| line.state != State::Ok);
        lines.push(unwritable(Part::Database, folder, fault));
    }
    lines
}

fn unwritable(part: Part, path: &Path, fault: Errno) -> Line {
    let shown = path.display();
    let remedy = if fault == Errno::ROFS {
        format!(
            "its file system is mounted read-only: mend or remount it, or list {shown} in ReadWritePaths= of the unit"
        )
    } else {
        format!("give it to the user who runs navette: chown -R navette: {shown}")
    };
    Line::of(part, State::SetUp, format!("{shown} cannot be written"), remedy)
}

/// What is not there yet can be made where the nearest folder above it can be written.
fn to_be_made(part: Part, path: &Path) -> Line {
    let shown = path.display();
    let above = path.ancestors().skip(1).find(|above| above.exists());
    if above.is_some_and(|above| access(above, Access::WRITE_OK | Access::EXEC_OK).is_ok()) {
        return Line::ok(part, format!("{shown} is not there yet: the first run makes it"));
    }
    let remedy = format!("make it: install -d -m 0700 -o navette -g navette {shown}");
    Line::of(part, State::SetUp, format!("{shown} is not there, and cannot be made"), remedy)
}

fn space(part: Part, path: &Path) -> Option<Line> {
    let volume = statvfs(path).ok()?;
    let free_bytes = volume.f_bavail.saturating_mul(volume.f_frsize);
    let shown = path.display();
    (free_bytes < FREE_BYTES_MIN).then(|| {
        let said = format!("{shown}: {} MiB are free", free_bytes / (1024 * 1024));
        Line::of(part, State::Warning, said, "make room before the next night: a full disk stops it")
    })
}

/// Looks at every far side once, all at the same time.
pub async fn far_sides(schools: &BTreeMap<SchoolKey, Served>, now: Timestamp) -> Vec<Line> {
    let mut tasks = JoinSet::new();
    // Schools with the same address share a client, which is asked for the first of them.
    let (mut teleservices, mut siecles) = (Vec::new(), Vec::new());
    for (rank, served) in schools.values().enumerate() {
        let (school, FarSides { teleservice, siecle }) = (served.school.key, &*served.far);
        if !teleservices.iter().any(|known| Arc::ptr_eq(known, teleservice)) {
            teleservices.push(Arc::clone(teleservice));
            let far = Arc::clone(teleservice);
            tasks.spawn(async move {
                let probed = far.probe(school).await;
                (rank, Seen { part: Part::Teleservice, probed, skew_ms: far.skew_ms(), end: far.certificate_ends_at() })
            });
        }
        if !siecles.iter().any(|known| Arc::ptr_eq(known, siecle)) {
            siecles.push(Arc::clone(siecle));
            let far = Arc::clone(siecle);
            tasks.spawn(async move {
                let probed = far.probe(school).await;
                (rank, Seen { part: Part::Siecle, probed, skew_ms: far.skew_ms(), end: far.certificate_ends_at() })
            });
        }
    }
    let mut seen = tasks.join_all().await;
    seen.sort_by_key(|(rank, seen)| (seen.part, *rank));
    let told = |(rank, seen): &(usize, Seen)| Some(tell(schools.keys().nth(*rank)?, seen, now));
    seen.iter().filter_map(told).flatten().collect()
}

/// What was seen of a far side.
struct Seen {
    part: Part,
    probed: Result<(), Answer>,
    skew_ms: Option<i64>,
    end: Option<Timestamp>,
}

fn tell(school: &SchoolKey, seen: &Seen, now: Timestamp) -> Vec<Line> {
    let part = seen.part;
    let mut lines = vec![match &seen.probed {
        Ok(()) => Line::ok(part, format!("answers for {school}")),
        Err(answer) => unanswered(part, school, answer),
    }];
    lines.extend(seen.skew_ms.map(|skew_ms| clock(part, skew_ms)));
    lines.extend(seen.end.map(|end| certificate(&format!("that of the {} server", part.as_str()), end, now)));
    lines
}

fn unanswered(part: Part, school: &SchoolKey, answer: &Answer) -> Line {
    let fault = failure(Step::Feed, answer);
    let said = format!("{school}: {}", fault.why);
    match judge(answer) {
        Outcome::Refused { set_up, .. } if set_up => {
            let remedy = "it refuses who we say we are: renew the token or the client certificate";
            Line::of(part, State::SetUp, said, remedy)
        }
        Outcome::Refused { .. } | Outcome::Delivered => {
            Line::of(part, State::SetUp, said, "see that url, UAI and school year are those it knows")
        }
        Outcome::TryAgain { .. } | Outcome::InDoubt { .. } => {
            let remedy = "see that it is up and reached from here: address, network, proxy (HTTPS_PROXY), certificate \
                          authorities (roots_file), folders";
            Line::of(part, State::Failing, said, remedy)
        }
    }
}

fn clock(part: Part, skew_ms: i64) -> Line {
    let skew_ms = skew_ms.unsigned_abs();
    let (seconds, name) = (skew_ms / 1_000, part.as_str());
    let said = format!("{seconds} s from that of {name}");
    let remedy = "set this machine's clock: timedatectl set-ntp true";
    if SKEW_MS_MAX < skew_ms {
        Line::of(Part::Clock, State::SetUp, format!("{said}: the guard opens nothing and takes no response"), remedy)
    } else if SKEW_MS_NOTED < skew_ms {
        Line::of(Part::Clock, State::Warning, said, remedy)
    } else {
        Line::ok(Part::Clock, said)
    }
}

/// Says when a certificate ends.
pub fn certificate(whose: &str, end: Timestamp, now: Timestamp) -> Line {
    let at = end.rfc3339_utc();
    let remedy = "have it renewed, and put the new one in its place";
    if end < now {
        Line::of(Part::Certificates, State::SetUp, format!("{whose} ended at {at}"), remedy)
    } else if end < now.plus_s(CERTIFICATE_DAYS_MIN * DAY_S) {
        Line::of(Part::Certificates, State::Warning, format!("{whose} ends at {at}"), remedy)
    } else {
        Line::ok(Part::Certificates, format!("{whose} ends at {at}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::school::{SchoolYear, Uai};
    use crate::plan::delivery::Problem;
    use rstest::rstest;

    fn school() -> SchoolKey {
        SchoolKey { uai: Uai::parse("0380001V").unwrap(), year: SchoolYear::new(2019).unwrap() }
    }

    fn noon() -> Timestamp {
        Timestamp::parse("2020-05-12T12:00:00Z").unwrap()
    }

    #[rstest]
    #[case(-1, State::SetUp)]
    #[case(0, State::Warning)]
    #[case(CERTIFICATE_DAYS_MIN * DAY_S - 1, State::Warning)]
    #[case(CERTIFICATE_DAYS_MIN * DAY_S, State::Ok)]
    fn a_certificate_warns_before_it_ends(#[case] after_s: i64, #[case] expected: State) {
        assert_eq!(certificate("ours", noon().plus_s(after_s), noon()).state, expected);
    }

    #[rstest]
    #[case(-30_000, State::Ok)]
    #[case(30_001, State::Warning)]
    #[case(120_000, State::Warning)]
    #[case(-120_001, State::SetUp)]
    fn a_clock_warns_before_the_guard_gives_it_up(#[case] skew_ms: i64, #[case] expected: State) {
        assert_eq!(clock(Part::Siecle, skew_ms).state, expected);
    }

    #[rstest]
    #[case::token(Answer::Status { code: 401, problem: None, retry_after_s: None }, State::SetUp, "renew the token")]
    #[case::address(Answer::Status { code: 404, problem: None, retry_after_s: None }, State::SetUp, "url")]
    #[case::business(
        Answer::Status {
            code: 500,
            problem: Some(Problem::Business { code: "UAI".to_owned(), detail: String::new() }),
            retry_after_s: None,
        },
        State::SetUp,
        "url"
    )]
    #[case::busy(Answer::Status { code: 503, problem: None, retry_after_s: None }, State::Failing, "up")]
    #[case::away(Answer::NotSent { why: "connection refused".to_owned() }, State::Failing, "network")]
    fn each_answer_has_its_remedy(#[case] answer: Answer, #[case] state: State, #[case] remedy: &str) {
        let line = unanswered(Part::Siecle, &school(), &answer);
        assert_eq!(line.state, state);
        assert!(line.remedy.contains(remedy), "{line:?}");
    }

    #[rstest]
    #[case(Shape::Current, State::Ok)]
    #[case(Shape::Behind(2), State::Warning)]
    #[case(Shape::Ahead(1), State::SetUp)]
    fn older_tables_are_migrated_and_newer_ones_never(#[case] shape: Shape, #[case] expected: State) {
        assert_eq!(migrations(shape).state, expected);
    }

    #[rstest]
    #[case(150, State::Ok)]
    #[case(151, State::Warning)]
    fn a_silent_run_is_told(#[case] silent_s: i64, #[case] expected: State) {
        let by = HeldBy { host: "nuit".to_owned(), process: 7, since: noon(), heartbeat_at: noon() };
        let lines = leases(&BTreeMap::from([(school(), by)]), 150, noon().plus_s(silent_s));
        assert_eq!(lines.iter().map(|line| line.state).collect::<Vec<_>>(), [expected]);
    }

    #[test]
    fn a_place_is_for_us_alone() {
        let folder = tempfile::tempdir().unwrap();
        let states = |path: &Path| private_place(Part::Folders, path).iter().map(|it| it.state).collect::<Vec<_>>();
        let own = folder.path().join("own");
        assert_eq!(states(&own), [State::Ok], "it can be made");
        fs::write(folder.path().join("file"), "").unwrap();
        assert_eq!(states(&folder.path().join("file/own")), [State::SetUp], "it cannot");
        fs::create_dir(&own).unwrap();
        fs::set_permissions(&own, fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!(states(&own), [State::Ok]);
        fs::set_permissions(&own, fs::Permissions::from_mode(0o750)).unwrap();
        assert_eq!(states(&own), [State::Warning]);
    }
}
