//! The real program is killed by SIGKILL, at every named point and at any moment, in one night with demands and
//! responses. Then it runs again, and everything ends as if nothing had happened.

use crate::night::{End, Night, On, Way, at, councils, definitive, of_seconde, provisional};
use navette::{
    crash::{Crash, Point},
    domain::pupil::PupilId,
    sandbox::{
        faults::{Fate, Topic},
        hold,
        siecle::DepositState,
        world::Draw,
    },
    store::Store,
};
use rstest::rstest;
use std::{
    os::unix::process::ExitStatusExt,
    thread,
    time::{Duration, Instant},
};

/// What ends a process without any clean-up.
const SIGKILL: i32 = 9;
/// A calm night's length, in parts: random kills fall between its beginning and a little after its end.
const PARTS: u64 = 1_000;
/// How often one night is killed at random, in a row.
const KILLS: u64 = 4;

/// Points that a night passes over both transports.
const EITHER: [Point; 14] = [
    Point::FileWritten,
    Point::FileRenamed,
    Point::DigestPublished,
    Point::LeaseTaken,
    Point::LeaseReleased,
    Point::FeedApplied,
    Point::OrderIntended,
    Point::OrderRecorded,
    Point::LotIntended,
    Point::LotRecorded,
    Point::ReceiptRecorded,
    Point::ResponsesImported,
    Point::HeldRecorded,
    Point::NightRecorded,
];
/// Points that a night passes over HTTP only: over folders nothing is requested.
const REQUESTS: [Point; 2] = [Point::RequestSent, Point::AnswerReceived];
/// Points that no night passes: a calendar is loaded, and an anomaly settled, by a command of its own.
const COMMANDS: [Point; 2] = [Point::CalendarLoaded, Point::Settled];

#[test]
fn no_point_is_forgotten() {
    for point in Point::ALL {
        let lists: [&[Point]; 3] = [&EITHER, &REQUESTS, &COMMANDS];
        assert_eq!(lists.iter().filter(|list| list.contains(&point)).count(), 1, "{}", point.name());
    }
}

/// The end of a night that nobody disturbed.
pub fn calm(way: Way, on: On) -> End {
    let night = Night::due_on(way, on);
    night.run_on();
    let end = night.end();
    // What a night is for has happened: else it would prove nothing.
    assert_eq!(end.held[&(definitive(), PupilId(1))].0, 2);
    assert_eq!(end.held[&(of_seconde(), PupilId(5))], (2, vec!["STMG".to_owned()]));
    assert_eq!(end.locked[&(provisional(), PupilId(3))], (!bool::default(), vec!["2GT=FAVORABLE".to_owned()]));
    assert_eq!(end.open.values().copied().collect::<Vec<_>>(), [!bool::default(), false, !bool::default()], "{end:?}");
    assert_eq!(end.anomalies.len(), 1, "{:?}", end.anomalies);
    assert_eq!(end.files.values().map(String::as_str).collect::<Vec<_>>(), ["Taken", "Taken", "Held"]);
    end
}

#[rstest]
#[case::http(Way::Http, On::Sqlite)]
#[case::folders(Way::Folders, On::Sqlite)]
#[cfg_attr(feature = "outside", case::on_a_server_http(Way::Http, On::Postgres))]
#[cfg_attr(feature = "outside", case::on_a_server_folders(Way::Folders, On::Postgres))]
fn killed_at_each_point_a_night_ends_as_a_calm_one(#[case] way: Way, #[case] on: On) {
    let calm = calm(way, on);
    let requests = REQUESTS.into_iter().filter(|_| way == Way::Http);
    for point in EITHER.into_iter().chain(requests) {
        let night = Night::due_on(way, on);
        let (status, text) = night.run(&["run"], Some(point.name()));
        assert_eq!(status.signal(), Some(SIGKILL), "{} was not passed: {text}", point.name());
        night.integrity();
        night.run_on();
        assert_eq!(night.end(), calm, "killed at {} over {way:?}", point.name());
    }
}

#[rstest]
#[case::file(On::Sqlite)]
#[cfg_attr(feature = "outside", case::server(On::Postgres))]
fn killed_at_any_moment_a_night_ends_as_a_calm_one(#[case] on: On) {
    let calm = calm(Way::Http, on);
    for seed in 1..=3 {
        let mut draw = Draw::new(seed);
        let night = Night::due_on(Way::Http, on);
        hold(&night.teleservice).faults.slow_down(5, None);
        hold(&night.siecle).faults.slow_down(5, None);
        let mut span = Duration::from_millis(500);
        for _ in 0..KILLS {
            let began = Instant::now();
            let mut program = night.start(&["run"], None);
            // Not a wait for something to be ready: the moment itself is what is tried.
            thread::sleep(span * u32::try_from(draw.below(PARTS)).unwrap() / u32::try_from(PARTS).unwrap());
            program.kill().unwrap();
            let ended = program.wait().unwrap();
            if ended.success() {
                span = began.elapsed();
            }
            night.integrity();
        }
        night.run_on();
        assert_eq!(night.end(), calm, "seed {seed}");
    }
}

/// Siècle treats a lot and drops the answer: the lot ends acknowledged in the same run, and is not sent again.
#[test]
fn a_lot_whose_answer_was_lost_is_acknowledged_in_the_same_run_and_treated_once() {
    let calm = calm(Way::Http, On::Sqlite);
    let night = Night::due(Way::Http);
    let before = hold(&night.siecle).school(definitive().school).unwrap().deposits.len();
    hold(&night.siecle).faults.lose_reply(3, Some(Topic::Lots));
    let (status, text) = night.run(&["run"], None);
    assert_eq!(status.code(), Some(3), "the anomaly of the refused pupil, and nothing else: {text}");
    {
        let mut siecle = hold(&night.siecle);
        let deposits = &siecle.school(definitive().school).unwrap().deposits;
        assert_eq!(deposits.len(), before + 2, "one lot of each campaign that has something new");
        assert!(deposits.values().all(|deposit| matches!(deposit.state, DepositState::Treated { .. })));
        // Two requests took two of the three faults: a lot that went twice would have taken the last one.
        assert_eq!(siecle.faults.next(Topic::Lots), Fate::ReplyLost);
        assert_eq!(siecle.faults.next(Topic::Lots), Fate::Served);
    }
    // Checks that every lot of the ledger is acknowledged.
    night.end();
    night.run_on();
    assert_eq!(night.end(), calm);
}

#[test]
fn killed_at_its_commit_a_calendar_is_loaded() {
    let night = Night::due(Way::Http);
    let council = at(14, 0);
    let row = format!(
        "uai;annee;palier;phase;ouverture;fermeture;reouverture;fin;division;conseil\n\
         {};2026;2GT;DEFINITIVE;{};{};;;3 A;{}\n",
        crate::night::UAI,
        at(-5, 0).rfc3339_utc(),
        at(10, 0).rfc3339_utc(),
        council.rfc3339_utc()
    );
    let path = night.folder.path().join("calendrier.csv");
    std::fs::write(&path, row).unwrap();
    let arguments = ["calendar", "load", path.to_str().unwrap()];
    let (status, text) = night.run(&arguments, Some(Point::CalendarLoaded.name()));
    assert_eq!(status.signal(), Some(SIGKILL), "{text}");
    night.integrity();
    let (status, text) = night.run(&arguments, None);
    assert_eq!(status.code(), Some(0), "{text}");
    let found = night.wait(async {
        let store = Store::open(&night.database, Crash::off()).await.unwrap();
        let found = councils(&store, of_seconde()).await;
        store.close().await;
        found
    });
    assert_eq!(found.iter().map(|at| at.rfc3339_utc()).collect::<Vec<_>>(), [council.rfc3339_utc()]);
}

#[test]
fn killed_at_its_commit_an_anomaly_is_settled_once() {
    let night = Night::due(Way::Http);
    night.run_on();
    let listed = |all: bool| {
        let arguments: &[&str] =
            if all { &["anomalies", "list", "--all", "--json"] } else { &["anomalies", "list", "--json"] };
        let (_, text) = night.run(arguments, None);
        let listed: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|fault| panic!("{fault}: {text}"));
        listed.as_array().unwrap().clone()
    };
    let id = listed(false)[0]["id"].to_string();
    let settle = ["anomalies", "settle", &id, "--reason", "seen with the family"];
    let (status, text) = night.run(&settle, Some(Point::Settled.name()));
    assert_eq!(status.signal(), Some(SIGKILL), "{text}");
    night.integrity();
    let (status, text) = night.run(&settle, None);
    assert_eq!(status.code(), Some(0), "{text}");
    assert_eq!((listed(false).len(), listed(!bool::default()).len()), (0, 1));
    let (before, _) = (night.end(), night.run_on());
    assert_eq!(night.end(), before);
}
