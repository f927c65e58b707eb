//! Dry runs: they say what a run then does, and leave no trace here or there.

use crate::{
    night::{Night, On, UAI as SCHOOL, Way, school},
    stand::{Stand, UAI, hours, key, tree},
};
use navette::{
    clock::Clock,
    crash::Crash,
    sandbox::{faults::Topic, hold},
    store::{
        Store,
        lease::{self, Holder},
    },
};
use rstest::rstest;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// Everything that a dry run could have touched, on either side.
fn world(night: &Night) -> (BTreeMap<String, Vec<u8>>, String) {
    let (teleservice, siecle) = (hold(&night.teleservice), hold(&night.siecle));
    let (desk, office) = (teleservice.school(school()).unwrap(), siecle.school(school()).unwrap());
    let far = format!("{} {:?} {:?}", desk.feed.last(), teleservice.mails().len(), office.deposits);
    drop((teleservice, siecle));
    (tree(night.folder.path()), far)
}

/// Runs the program while the far sides over folders stand still.
fn run(night: &Night, arguments: &[&str]) -> (i32, Value) {
    let output = night.start(&[arguments, &["--json"]].concat(), None).wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let said = serde_json::from_str(&text).unwrap_or_else(|fault| panic!("{arguments:?}: {fault}: {text}"));
    (output.status.code().unwrap(), said)
}

/// What nobody can tell before a lot was sent: what its receipt says.
fn without_receipts(mut run: Value) -> Value {
    for name in ["receipts", "anomalies", "outcome", "exit"] {
        run.as_object_mut().unwrap().remove(name);
    }
    run
}

#[rstest]
#[case::http(Way::Http, On::Sqlite)]
#[case::folders(Way::Folders, On::Sqlite)]
#[cfg_attr(feature = "outside", case::http_on_a_server(Way::Http, On::Postgres))]
#[cfg_attr(feature = "outside", case::folders_on_a_server(Way::Folders, On::Postgres))]
fn what_is_told_is_what_a_run_then_does(
    #[case] way: Way,
    #[case] on: On,
    #[values(&["run"], &["resync", SCHOOL], &["resync", SCHOOL, "--changed"])] command: &[&str],
) {
    let night = Night::due_on(way, on);
    let before = world(&night);
    let (exit, plan) = run(&night, &[command, &["--dry-run"]].concat());
    assert!(world(&night) == before, "{command:?} left a trace");
    let plan = &plan["schools"][0];
    assert_eq!((&plan["run"]["exit"], &plan["feed"]["read_now"]), (&exit.into(), &true.into()), "{plan:#}");
    assert!(plan["feed"]["events"].as_u64().unwrap() > 0 && !plan["due"].is_null(), "{plan:#}");
    let states: Vec<&Value> = plan["files"].as_array().unwrap().iter().map(|file| &file["state"]).collect();
    assert_eq!(states, ["taken", "taken", "held"], "{plan:#}");
    let closes = &plan["orders"][0];
    assert_eq!((&closes["action"], &closes["motive"]), (&"close".into(), &"R08".into()), "{plan:#}");
    assert_eq!(plan["responses"][0]["pupils"].as_array().unwrap().len(), 3, "{plan:#}");

    let (_, done) = run(&night, command);
    let done = &done["schools"][0];
    assert_eq!(without_receipts(plan["run"].clone()), without_receipts(done.clone()));
    let planned = plan["demands"].as_array().unwrap().iter().filter(|one| one["plan"] == "lot");
    let planned: Vec<_> = planned.map(|one| (&one["lot"]["number"], &one["lot"]["demands"])).collect();
    let left = done["lots"].as_array().unwrap().iter().map(|lot| (&lot["number"], &lot["demands"]));
    assert_eq!(planned, left.collect::<Vec<_>>());
    assert!(!planned.is_empty());
}

/// Another process works at the school, and writes this very moment.
#[test]
fn a_school_that_is_held_is_told_of_all_the_same() {
    let night = Night::due(Way::Http);
    let store = night.context(Clock::Machine).store;
    let other = Holder { host: "ailleurs".to_owned(), process: 4_242 };
    let taken = night.wait(lease::take(&store, school(), &other, Clock::Machine.now(), 600)).unwrap().unwrap();
    let held = night.wait(async {
        let mut tx = store.write().await.unwrap();
        lease::renew(&mut tx, &taken, Clock::Machine.now()).await.unwrap();
        tx
    });
    for command in [["run", "--dry-run"].as_slice(), &["resync", SCHOOL, "--dry-run"]] {
        let (exit, plan) = run(&night, command);
        let plan = &plan["schools"][0];
        assert_eq!((exit, &plan["run"]["busy"]["process"]), (6, &4_242.into()), "{plan:#}");
        assert!(plan["demands"].as_array().unwrap().iter().any(|one| one["plan"] == "lot"), "{plan:#}");
    }
    night.wait(async { drop(held) });
    night.wait(store.close());
}

/// Passes requests on to a far side, and notes their first lines.
fn listening_to(base: &str) -> (String, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (own, far) = (listener.local_addr().unwrap(), base.trim_start_matches("http://").to_owned());
    let heard: Arc<Mutex<Vec<u8>>> = Arc::default();
    let ear = Arc::clone(&heard);
    thread::spawn(move || {
        for near in listener.incoming() {
            let near = near.unwrap();
            let far = TcpStream::connect(&far).unwrap();
            let ways =
                [(near.try_clone().unwrap(), far.try_clone().unwrap(), Some(Arc::clone(&ear))), (far, near, None)];
            for (from, to, ear) in ways {
                thread::spawn(move || pass(from, to, ear));
            }
        }
    });
    (format!("http://{own}"), heard)
}

fn pass(mut from: TcpStream, mut to: TcpStream, ear: Option<Arc<Mutex<Vec<u8>>>>) {
    let mut bytes = [0; 4_096];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        if let Some(ear) = &ear {
            ear.lock().unwrap().extend_from_slice(&bytes[..count]);
        }
        if to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

#[test]
fn the_far_sides_are_asked_and_given_nothing() {
    let night = Night::due(Way::Http);
    let path = night.folder.path().join("navette.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let (_, base) = text.split_once("url = \"").unwrap();
    let base = base.split('"').next().unwrap();
    let (own, heard) = listening_to(base);
    std::fs::write(&path, text.replace(base, &own)).unwrap();
    let asked = |command: &[&str]| {
        heard.lock().unwrap().clear();
        run(&night, command);
        let heard = String::from_utf8_lossy(&heard.lock().unwrap()).into_owned();
        let methods = ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE"].into_iter();
        methods.filter(|method| heard.contains(&format!("{method} /"))).collect::<Vec<_>>()
    };
    for command in [
        ["run", "--dry-run"].as_slice(),
        &["resync", SCHOOL, "--dry-run"],
        &["resync", SCHOOL, "--reread", "--dry-run"],
        &["resync", SCHOOL, "--changed", "--phase", "DEFINITIVE", "--level", "3E", "--dry-run"],
    ] {
        assert_eq!(asked(command), ["GET"], "{command:?}");
    }
    assert_eq!(asked(&["run"]), ["GET", "PUT"], "it is heard when something is given");
}

#[test]
fn what_waits_at_the_teleservice_is_in_the_plan() {
    let stand = Stand::open();
    stand.validate(2, -1);
    stand.validate(3, -1);
    let (exit, text) = stand.run(&["run", "--dry-run"]);
    assert_eq!(exit, 0, "{text}");
    assert!(text.contains("2 events would be read, up to 8"), "{text}");
    let (exit, text) = stand.run(&["resync", UAI, "--dry-run"]);
    assert_eq!(exit, 0, "{text}");
    assert!(text.contains("3E DEFINITIVE: lot 1 would leave: 3 demands, 1 without entry; 3 new"), "{text}");
    assert!(text.contains("a run would end: ok: 2 events; lot 1 DEFINITIVE: 3 demands, 1 without entry"), "{text}");
    let feed = &stand.json(&["status"])["schools"][0]["feed"];
    assert_eq!(feed["seq"], 6, "the feed is read for the plan alone");
}

#[test]
fn the_first_day_is_told_before_there_is_a_database() {
    let stand = Stand::new();
    stand.switch(!bool::default(), -48);
    stand.validate(1, -40);
    let before = tree(stand.folder.path());
    let (exit, text) = stand.run(&["run", "--dry-run"]);
    assert!(
        exit == 0 && text.starts_with("there is no database yet") && text.contains("no calendar is loaded"),
        "{text}"
    );
    let plan = stand.json(&["resync", UAI, "--dry-run"]);
    assert_eq!(plan["database"], false, "{plan:#}");
    assert_eq!(plan["schools"][0]["feed"]["events"], 6, "{plan:#}");
    assert!(tree(stand.folder.path()) == before);
    let done = stand.json(&["resync", UAI]);
    assert_eq!(without_receipts(plan["schools"][0]["run"].clone()), without_receipts(done["schools"][0].clone()));
}

#[test]
fn a_lot_in_doubt_is_asked_after_and_stays_in_doubt() {
    let stand = Stand::open();
    hold(&stand.siecle).faults.lose_reply(1, Some(Topic::Lots));
    hold(&stand.siecle).faults.fail_with(401, u32::MAX, Some(Topic::Receipts));
    assert_eq!(stand.run(&["resync", UAI]).0, 7);
    let (exit, plan) = (stand.run(&["resync", UAI, "--dry-run"]).0, stand.json(&["resync", UAI, "--dry-run"]));
    assert_eq!((exit, &plan["schools"][0]["demands"][0]["plan"]), (7, &"in_doubt".into()), "{plan:#}");
    hold(&stand.siecle).faults.fail_with(401, 0, Some(Topic::Receipts));
    let plan = stand.json(&["resync", UAI, "--changed", "--dry-run"]);
    let expected = json!([{ "number": 1, "state": "in_doubt", "becomes": "acknowledged", "again": false }]);
    assert_eq!((&plan["schools"][0]["lots"], &plan["schools"][0]["run"]["receipts"]), (&expected, &1.into()));
    let (_, text) = stand.run(&["resync", UAI, "--changed", "--dry-run"]);
    assert!(text.contains("lot 1: Siècle treated it, its receipt would be taken"), "{text}");
    assert_eq!(stand.json(&["lots", "list", UAI])["lots"][0]["state"], "in_doubt");
}

/// The program died between its intent and Siècle.
#[test]
fn a_lot_that_never_arrived_would_go_again() {
    let night = Night::due(Way::Http);
    let (status, _) = night.run(&["run"], Some("lot-intended"));
    assert!(!status.success());
    let deposits = hold(&night.siecle).school(school()).unwrap().deposits.len();
    let (_, plan) = run(&night, &["resync", SCHOOL, "--changed", "--dry-run"]);
    let lot = &plan["schools"][0]["lots"][0];
    assert_eq!((&lot["state"], &lot["becomes"]), (&"intended".into(), &"sent".into()), "{plan:#}");
    assert_eq!(lot["again"], true, "{plan:#}");
    assert_eq!(hold(&night.siecle).school(school()).unwrap().deposits.len(), deposits, "nothing was sent");
}

#[test]
fn a_far_side_that_cannot_be_used_ends_it_as_it_would_end_a_run() {
    let stand = Stand::open();
    hold(&stand.teleservice).faults.fail_with(401, u32::MAX, Some(Topic::Feed));
    let (exit, text) = stand.run(&["resync", UAI, "--dry-run"]);
    assert_eq!(exit, 1, "{text}");
    assert!(text.contains("feed known up to event 6") && text.contains("a run would end: FAILED:"), "{text}");
    let plan = stand.json(&["resync", UAI, "--dry-run"]);
    let plan = &plan["schools"][0];
    assert_eq!((&plan["feed"]["read_now"], &plan["demands"][0]["plan"]), (&false.into(), &"lot".into()), "{plan:#}");
    let done = stand.json(&["resync", UAI]);
    assert_eq!(without_receipts(plan["run"].clone()), without_receipts(done["schools"][0].clone()));
    assert_eq!(plan["run"]["exit"], done["schools"][0]["exit"]);
}

#[test]
fn reading_again_is_told_and_not_begun() {
    let stand = Stand::open();
    stand.validate(1, -1);
    let plan = stand.json(&["resync", UAI, "--reread", "--changed", "--dry-run"]);
    assert_eq!((&plan["differences"][0]["known"], &plan["differences"][0]["read"]), (&"1".into(), &"2".into()));
    let feed = &plan["schools"][0]["feed"];
    assert_eq!((&feed["seq"], &feed["events"], &feed["up_to"]), (&6.into(), &7.into(), &7.into()), "{plan:#}");
    let url = format!("sqlite:{}", stand.folder.path().join("navette.db").display());
    let epoch = tokio::runtime::Runtime::new().unwrap().block_on(async {
        let store = Store::open(&url, Crash::off()).await.unwrap();
        let cursor = navette::store::feed::cursor(&mut store.read().await.unwrap(), key().school).await.unwrap();
        store.close().await;
        cursor.epoch
    });
    assert_eq!(epoch, 1);
}

#[test]
fn a_feed_with_a_hole_ends_it_as_it_would_end_a_run() {
    let stand = Stand::open();
    let event = json!({ "type": "ELEVE_SORTI", "eleve_id": 4, "seq": 99 });
    hold(&stand.teleservice).emit(key().school, event.as_object().unwrap().clone(), &BTreeSet::new(), hours(-1));
    let (exit, text) = stand.run(&["resync", UAI, "--dry-run"]);
    assert!(exit == 7 && text.contains("events 7 to 98 are missing"), "{text}");
    let plan = stand.json(&["resync", UAI, "--dry-run"]);
    assert_eq!(plan["schools"][0]["feed"]["hole"], json!([7, 98]), "{plan:#}");
    assert_eq!(stand.run(&["resync", UAI]).0, 7);
}
