//! What the store's tests share: databases, a school and its feed, leases, permits that the guard gives.

use crate::check::events::{self, Change, Context};
use crate::check::responses::Checked;
use crate::codec::envelope::ExchangeFile;
use crate::crash::{Crash, Point};
use crate::domain::{
    campaign::{Calendar, CampaignKey, Phase},
    event::{Event, EventKind, RawChoice, RawDemand},
    lot::{Document, FileName, Format, Lot, LotCounts, LotHead, LotPupil},
    pupil::{Division, Private, Pupil, PupilId, Representative, RepresentativeId},
    response::{Proposal, Response, ResponseHead, Verdicts},
    school::{Level, SchoolKey, SchoolYear, Uai},
    time::{Timestamp, Zone, parse_date},
    track::Track,
};
use crate::guard::{Action, Facts, FarSide, Import, LoadCalendar, Permit, Policy, Verdict, decide};
use crate::plan::demands::{Difference, Planned};
use crate::store::{
    Store, campaigns,
    db::Engine,
    facts::{self, Known},
    feed,
    lease::{self, Holder, Holding, Lease},
    open::{MARKS_ONLY, SQLITE},
    responses, scratch,
};
use sqlx::{Row as _, SqlitePool, pool::PoolOptions};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};
use tempfile::TempDir;

/// The school of most tests.
pub fn school() -> SchoolKey {
    SchoolKey { uai: Uai::parse("0380001V").unwrap(), year: SchoolYear::new(2019).unwrap() }
}

/// Another school of the same year.
pub fn other_school() -> SchoolKey {
    SchoolKey { uai: Uai::parse("0750654D").unwrap(), ..school() }
}

/// The campaign of most tests.
pub fn key() -> CampaignKey {
    CampaignKey { school: school(), level: Level::Troisieme, phase: Phase::Definitive }
}

/// A civil time of Paris, such as `2020-05-12 10:58`.
pub fn at(text: &str) -> Timestamp {
    Timestamp::parse_in(text, Zone::Europe__Paris).unwrap()
}

/// When most tests happen.
pub fn noon() -> Timestamp {
    at("2020-05-12 12:00")
}

/// A fresh database in memory.
pub async fn memory() -> Store {
    Store::open("sqlite::memory:", Crash::off()).await.unwrap()
}

/// Where the database of a test lies.
pub struct Place {
    /// Its URL.
    pub url: String,
    /// A folder for this test alone; an SQLite database lies in `own/`.
    pub folder: TempDir,
}

impl Place {
    /// Opens it, as each process of a test does.
    pub async fn open(&self, crash: Crash) -> Store {
        Store::open(&self.url, crash).await.unwrap()
    }
}

/// A file that is not there yet.
pub fn own_file() -> Place {
    let folder = tempfile::tempdir().unwrap();
    Place { url: url(&folder), folder }
}

/// A fresh database in a file of its own folder.
pub async fn file(crash: Crash) -> (TempDir, Store) {
    let Place { url, folder } = own_file();
    let store = Store::open(&url, crash).await.unwrap();
    (folder, store)
}

/// The URL of that file.
pub fn url(folder: &TempDir) -> String {
    format!("sqlite:{}", folder.path().join("own/navette.db").display())
}

/// A schema of its own on the server that `tests/run` started.
#[cfg(feature = "outside")]
pub async fn schema() -> Place {
    let server = std::env::var("NAVETTE_TEST_POSTGRES").expect("NAVETTE_TEST_POSTGRES: start one by tests/postgres");
    Place { url: scratch::beside(&server).await.unwrap(), folder: tempfile::tempdir().unwrap() }
}

/// One fresh place on each engine: SQLite, and PostgreSQL where outside programs are there (feature `outside`).
pub async fn places() -> Vec<Place> {
    vec![
        own_file(),
        #[cfg(feature = "outside")]
        schema().await,
    ]
}

/// One fresh database on each engine; SQLite's in memory.
pub async fn stores() -> Vec<Store> {
    vec![
        memory().await,
        #[cfg(feature = "outside")]
        schema().await.open(Crash::off()).await,
    ]
}

/// A database as migration `version` made it, with rows in each of its tables: each migration's fixture fills those
/// that it added, and is carried over by those that follow.
pub async fn left_by(version: i64) -> Store {
    // In memory, where each connection has a database of its own.
    let one = PoolOptions::new().min_connections(1).max_connections(1).idle_timeout(None).max_lifetime(None);
    let pool: SqlitePool = one.connect(scratch::MEMORY).await.unwrap();
    let mut connection = pool.acquire().await.unwrap();
    // As it lived: each migration found the rows of the time before it.
    for version in SQLITE.iter().map(|it| it.version).filter(|it| *it <= version) {
        SQLITE.run_direct(Some(version), &mut *connection, MARKS_ONLY).await.unwrap();
        let rows = fs::read_to_string(format!("fixtures/migrations/{version:04}.sql")).unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(rows)).execute(&mut *connection).await.unwrap();
    }
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '\\_sqlx%' ESCAPE '\\'";
    for table in sqlx::query(sql).fetch_all(&mut *connection).await.unwrap() {
        let table: String = table.get(0);
        let count = sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
        let rows: i64 = sqlx::query(count).fetch_one(&mut *connection).await.unwrap().get(0);
        assert!(rows > 0, "the fixture of migration {version} fills {table}");
    }
    drop(connection);
    let engine = Engine::Sqlite { writer: pool.clone(), readers: pool, group: None };
    Store { engine, crash: Crash::off(), holding: Holding::default(), original: None }
}
/// A holder that lives: this process.
pub fn holder() -> Holder {
    Holder { host: "server".to_owned(), process: std::process::id() }
}

/// The school's lease, taken.
pub async fn take(store: &Store) -> Lease {
    let taken = lease::take(store, school(), &holder(), noon(), 600).await.unwrap();
    taken.unwrap()
}

/// Ends councils on 28 May; entry from 4 to 25 May.
pub fn calendar() -> Calendar {
    let councils = [("3 A", "2020-05-28 16:15"), ("3 B", "2020-05-28 17:30")];
    Calendar {
        opens: at("2020-05-04 08:00"),
        closes: at("2020-05-25 18:00"),
        reopens: None,
        ends: None,
        councils: councils.map(|(division, start)| (Division::parse(division).unwrap(), at(start))).into(),
    }
}

/// What the guard answers to `action` on the facts of this database: a permit, or the test fails.
pub async fn permit<A: Action + std::fmt::Debug>(store: &Store, action: A, now: Timestamp) -> Permit<A> {
    let mut tx = store.read().await.unwrap();
    let Known { calendar, journal, .. } = facts::of(&mut tx, key()).await.unwrap();
    let facts = Facts::fold(key(), Zone::Europe__Paris, calendar, &journal, FarSide::WELL);
    match decide(&facts, action, now, None, Policy { overrides: false, enforce: true }) {
        Verdict::Allowed(permit) => permit,
        verdict @ (Verdict::Already | Verdict::Refused(_)) => panic!("{verdict:?}"),
    }
}

/// Loads `calendar()`.
pub async fn load_calendar(store: &Store, now: Timestamp) {
    load(store, calendar(), now).await;
}

/// Loads a calendar that the guard permits.
pub async fn load(store: &Store, calendar: Calendar, now: Timestamp) {
    let permit = permit(store, LoadCalendar { calendar }, now).await;
    let mut tx = store.write().await.unwrap();
    campaigns::load_calendar(&mut tx, permit, now).await.unwrap();
    tx.commit(Point::CalendarLoaded).await.unwrap();
}

/// A pupil in procedure with the representatives 1 and 2.
pub fn pupil(id: i64, division: &str) -> Pupil {
    let representative = |id, rank| Representative {
        id: RepresentativeId(id),
        rank,
        title: Private::new("Mme".to_owned()),
        last_name: Private::new("LÉGER".to_owned()),
        first_name: Private::new("Maud".to_owned()),
        email: None,
    };
    Pupil {
        id: PupilId(id),
        ine: None,
        level: Level::Troisieme,
        division: Division::parse(division).unwrap(),
        last_name: Private::new("LÉGER".to_owned()),
        first_name: Private::new(format!("Noé {id}")),
        in_procedure: true,
        representatives: vec![representative(1, 1), representative(2, 2)],
    }
}

/// The pupil enters the feed.
pub fn arrives(id: i64, division: &str) -> EventKind {
    EventKind::Pupil(pupil(id, division))
}

/// A demand for one track of the definitive phase.
pub fn demands(id: i64, version: u32, by: i64, track: Track) -> EventKind {
    let choice = RawChoice { rank: 1, track: track.code().to_owned(), formation: None, code: None, status: None };
    EventKind::Demand(RawDemand {
        pupil: PupilId(id),
        level: Level::Troisieme,
        phase: Phase::Definitive,
        version,
        representative: RepresentativeId(by),
        choices: vec![choice],
    })
}

/// The service opens or closes.
pub fn switched(open: bool, order: Option<u32>) -> EventKind {
    let motive = "MAIN".to_owned();
    EventKind::Window { level: Level::Troisieme, phase: Phase::Definitive, open, motive, order }
}

/// A response was applied there and the demand locked.
pub fn locked(id: i64, order: u32) -> EventKind {
    EventKind::Locked { pupil: PupilId(id), level: Level::Troisieme, phase: Phase::Definitive, order }
}

/// Events that happen at one instant, from `first` on.
pub fn events(first: u64, at: Timestamp, kinds: Vec<EventKind>) -> Vec<Event> {
    (first..).zip(kinds).map(|(seq, kind)| Event { seq, at, kind }).collect()
}

/// Reads a page as a run does: states, check, apply, cursor, in one transaction. The page follows the cursor.
pub async fn read(store: &Store, at: Timestamp, kinds: Vec<EventKind>) -> Vec<(u64, Change)> {
    read_from(store, at, kinds, None).await
}

/// Likewise, `reread` saying whether more is to come of a feed that is read again.
pub async fn read_from(
    store: &Store,
    at: Timestamp,
    kinds: Vec<EventKind>,
    reread: Option<bool>,
) -> Vec<(u64, Change)> {
    let mut tx = store.write().await.unwrap();
    let cursor = feed::cursor(&mut tx, school()).await.unwrap();
    let events = events(cursor.seq + 1, at, kinds);
    let mut states = feed::states(&mut tx, school(), &events::pupils(&events)).await.unwrap();
    let deadlines = campaigns::deadlines(&mut tx, school()).await.unwrap();
    let orders: BTreeSet<u32> = (1..10).collect();
    let carried = responses::carried_versions(&mut tx, school(), &orders).await.unwrap();
    let carried = move |order, pupil, phase| carried.get(&(order, pupil, phase)).copied();
    let context = Context { deadlines: &deadlines, carried: &carried, nomenclature: None, now: at };
    let (mut changes, mut kept) = (Vec::new(), Vec::new());
    for event in &events {
        let made = events::apply(&mut states, event, &context);
        let breaks = made.iter().any(|change| matches!(change, Change::Anomaly(_)));
        kept.extend(breaks.then(|| (event.seq, format!("{event:?}"))));
        changes.extend(made.into_iter().map(|change| (event.seq, change)));
    }
    let seq = cursor.seq + u64::try_from(events.len()).unwrap();
    let reread = reread.unwrap_or(cursor.reread);
    let after = feed::Cursor { seq, last: Some([1; 32]), read_at: Some(at), reread, ..cursor };
    feed::apply(&mut tx, school(), &changes, &kept, &after, at).await.unwrap();
    tx.commit(Point::FeedApplied).await.unwrap();
    changes
}

/// A lot of these pupils and versions.
pub fn planned(number: u32, versions: &[(i64, u32)], cut_seq: u64) -> (Planned, ExchangeFile) {
    let demand = |id: i64, version| crate::domain::demand::Demand {
        pupil: PupilId(id),
        phase: Phase::Definitive,
        version,
        representative: RepresentativeId(1),
        validated_at: noon(),
        choices: choices(),
        late: false,
    };
    let lot_pupil = |(id, version): &(i64, u32)| LotPupil {
        id: PupilId(*id),
        ine: None,
        division: Division::parse("3 A").unwrap(),
        last_name: Private::new("LÉGER".to_owned()),
        first_name: Private::new("Noé".to_owned()),
        demand: (*version > 0).then(|| demand(*id, *version)),
        acknowledgement: None,
        reply: None,
    };
    let pupils: Vec<LotPupil> = versions.iter().map(lot_pupil).collect();
    let counts = LotCounts::of(&pupils);
    let head = LotHead { key: key(), number, stamped_at: noon(), zone: Zone::Europe__Paris, counts };
    let name = FileName { key: key(), document: Document::Demands, number, format: Format::Xml };
    let planned = Planned {
        lot: Lot { head, pupils },
        cut_seq,
        epoch: 1,
        content: [u8::try_from(number).unwrap(); 32],
        acknowledgements: [0; 32],
        difference: Difference::default(),
        anomalies: Vec::new(),
        uses_approval: false,
    };
    (planned, ExchangeFile::new(name, format!("lot {number}").into_bytes()))
}

fn choices() -> crate::domain::demand::Choices {
    use crate::domain::demand::{Choice, Choices};
    Choices::new(Level::Troisieme, vec![Choice::new(Track::SecondeGt, None).unwrap()]).unwrap()
}

/// The head of a response file of `count` pupils.
pub fn response_head(number: u32, count: u32) -> ResponseHead {
    ResponseHead { key: key(), number, stamped_at: at("2020-05-28 19:00"), entry_complete_at: None, responses: count }
}

/// A response that accepts or refuses 2de générale.
pub fn response(id: i64, entered_at: Timestamp, accepted: bool) -> Response {
    let proposal = Proposal { track: Track::SecondeGt, requested: true, accepted };
    Response {
        pupil: PupilId(id),
        demand_version: Some(1),
        entered_at,
        council: parse_date("2020-05-28").unwrap(),
        verdicts: Verdicts::Proposals(vec![proposal]),
    }
}

/// Everything that the tables hold, as text, for comparisons.
pub async fn dump(store: &Store) -> BTreeMap<&'static str, i64> {
    let mut tx = store.read().await.unwrap();
    let mut counts = BTreeMap::new();
    for (table, sql) in [
        ("pupil", "SELECT COUNT(*) FROM pupil"),
        ("demand", "SELECT COUNT(*) FROM demand"),
        ("pupil_lock", "SELECT COUNT(*) FROM pupil_lock"),
        ("window_event", "SELECT COUNT(*) FROM window_event"),
        ("anomaly", "SELECT COUNT(*) FROM anomaly"),
        ("lot", "SELECT COUNT(*) FROM lot"),
        ("far_order", "SELECT COUNT(*) FROM far_order"),
        ("response", "SELECT COUNT(*) FROM response"),
        ("journal", "SELECT COUNT(*) FROM journal"),
    ] {
        counts.insert(table, tx.number(sql, Vec::new()).await.unwrap());
    }
    counts
}

/// Takes a file of these responses, each of them new or changed.
pub async fn import(store: &Store, number: u32, list: Vec<Response>, now: Timestamp) {
    let permit = permit_import(store, now).await;
    let count = u32::try_from(list.len()).unwrap();
    let received = list.iter().map(|response| response.pupil).collect();
    let latest_entered_at = list.iter().map(|response| response.entered_at).max();
    let checked = Checked { apply: list, received, latest_entered_at, ..Checked::default() };
    let mut tx = store.write().await.unwrap();
    let digest = [u8::try_from(number).unwrap(); 32];
    responses::import(&mut tx, None, permit, &response_head(number, count), digest, &checked, now).await.unwrap();
    tx.commit(Point::ResponsesImported).await.unwrap();
}

/// Leave to import, of a campaign that has a calendar by now.
pub async fn permit_import(store: &Store, now: Timestamp) -> Permit<Import> {
    let mut tx = store.read().await.unwrap();
    let known = campaigns::calendar(&mut tx, key()).await.unwrap().is_some();
    drop(tx);
    if !known {
        load_calendar(store, at("2020-05-04 08:00")).await;
    }
    permit(store, Import, now).await
}
