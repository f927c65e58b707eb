//! Runs by hand and by the timer, seen from outside: lots and their numbers, dry runs, exit codes, what is shown.

use crate::stand::{Stand, UAI, hours, key, tree};
use axum::{Json, Router, extract::Query, routing::get};
use navette::{
    clock::Clock,
    crash::Crash,
    domain::{pupil::PupilId, time::Timestamp},
    sandbox::hold,
    store::{
        Store,
        lease::{self, Holder},
    },
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, fs, future::IntoFuture};
use tokio::{net::TcpListener, runtime::Runtime};

fn numbers(stand: &Stand) -> Vec<(u64, u64, String)> {
    let lots = stand.json(&["lots", "list", UAI]);
    let lots = lots["lots"].as_array().unwrap().iter();
    let told = lots.map(|lot| {
        let state = lot["state"].as_str().unwrap().to_owned();
        (lot["number"].as_u64().unwrap(), lot["demands"].as_u64().unwrap(), state)
    });
    told.collect()
}

#[test]
fn a_second_run_sends_nothing_and_a_changed_choice_makes_one_new_lot() {
    let stand = Stand::open();
    let (exit, text) = stand.run(&["resync", UAI, "--changed"]);
    assert_eq!(exit, 0, "{text}");
    assert!(text.contains("lot 1 DEFINITIVE: 1 demand, 3 without entry"), "{text}");
    stand.expect(&["resync", UAI, "--changed"], 0, &format!("{UAI}-2026: nothing"));
    stand.validate(1, -1);
    stand.validate(2, -1);
    assert_eq!(stand.run(&["resync", UAI, "--changed"]).0, 0);
    let acknowledged = "acknowledged".to_owned();
    assert_eq!(numbers(&stand), [(1, 1, acknowledged.clone()), (2, 2, acknowledged)]);
    assert_eq!(hold(&stand.siecle).version(key(), PupilId(1)), 2);
    assert_eq!(stand.run(&["resync", UAI]).0, 0, "a hand that wants it gets a lot, changed or not");
    assert_eq!(numbers(&stand).len(), 3);
}

#[test]
fn a_school_that_another_run_holds_is_left_to_it() {
    const STALE_AFTER_S: i64 = 150;
    let stand = Stand::open();
    let url = format!("sqlite:{}", stand.folder.path().join("navette.db").display());
    let other = Holder { host: "elsewhere".to_owned(), process: 7 };
    Runtime::new().unwrap().block_on(async {
        let store = Store::open(&url, Crash::off()).await.unwrap();
        lease::take(&store, key().school, &other, Clock::Machine.now(), STALE_AFTER_S).await.unwrap().unwrap();
        store.close().await;
    });
    let (exit, text) = stand.run(&["resync", UAI]);
    assert_eq!(exit, 6, "{text}");
    assert!(text.contains("process 7 on elsewhere holds the school"), "{text}");
    assert_eq!(hold(&stand.siecle).version(key(), PupilId(1)), -1, "nothing was sent");
}

#[test]
fn a_dry_run_leaves_no_trace_here_or_there() {
    let stand = Stand::open();
    let before = (tree(stand.folder.path()), hold(&stand.teleservice).mails().len());
    let plan = stand.json(&["resync", UAI, "--dry-run"]);
    assert_eq!(plan["schools"][0]["demands"][0]["plan"], "lot", "{plan}");
    assert_eq!(plan["schools"][0]["demands"][0]["lot"]["pupils"].as_array().unwrap().len(), 1);
    assert_eq!(stand.run(&["resync", UAI, "--reread", "--dry-run"]).0, 0);
    assert_eq!(stand.run(&["run", "--dry-run"]).0, 0);
    let after = (tree(stand.folder.path()), hold(&stand.teleservice).mails().len());
    assert!(before == after, "{:?}", after.0.keys());
    assert_eq!(hold(&stand.siecle).version(key(), PupilId(1)), -1, "nothing was sent");
}

#[test]
fn a_dry_run_before_the_first_calendar_makes_no_database() {
    let stand = Stand::new();
    assert_eq!(stand.run(&["run", "--dry-run"]).0, 0);
    assert_eq!(stand.run(&["resync", UAI, "--dry-run"]).0, 0);
    assert!(!stand.folder.path().join("navette.db").exists());
}

#[test]
fn reading_again_tells_what_differs_and_goes_on() {
    let stand = Stand::open();
    let ran = stand.run(&["resync", UAI, "--changed"]);
    assert_eq!(ran.0, 0, "{}", ran.1);
    stand.validate(1, -1);
    let read = stand.json(&["resync", UAI, "--reread", "--changed"]);
    assert_eq!(read["differences"].as_array().unwrap().len(), 1, "{read}");
    assert_eq!((&read["differences"][0]["known"], &read["differences"][0]["read"]), (&"1".into(), &"2".into()));
    assert_eq!(hold(&stand.siecle).version(key(), PupilId(1)), 2);
}

#[test]
fn status_has_the_shape_of_the_page() {
    let stand = Stand::open();
    let status = stand.json(&["status", UAI]);
    let school = &status["schools"][0];
    assert_eq!((&school["uai"], &school["year"], &school["last_night"]), (&UAI.into(), &2026.into(), &Value::Null));
    assert_eq!(school["feed"], serde_json::json!({ "seq": 6, "stopped": false }));
    let campaign = &school["campaigns"][0];
    assert_eq!((&campaign["state"], &campaign["open"]), (&"Open".into(), &(!bool::default()).into()));
    assert_eq!((&campaign["without_entry"], &campaign["next"][0]["what"]), (&3.into(), &"night".into()));
    for name in ["anomalies", "held", "in_doubt"] {
        assert_eq!(school[name], 0, "{name}");
    }
}

#[test]
fn no_command_that_lists_tells_a_name() {
    let stand = Stand::open();
    let ran = stand.run(&["resync", UAI]);
    assert_eq!(ran.0, 0, "{}", ran.1);
    let pupils: Vec<String> = {
        let teleservice = hold(&stand.teleservice);
        let record = teleservice.record(key().school, PupilId(1)).unwrap();
        vec![record.pupil.last_name.reveal().clone(), record.pupil.ine.as_ref().unwrap().as_str().to_owned()]
    };
    let asked: [&[&str]; 6] = [
        &["status"],
        &["lots", "list"],
        &["lots", "show", UAI, "1"],
        &["anomalies", "list", "--all"],
        &["window", "show", UAI],
        &["resync", UAI, "--dry-run"],
    ];
    for arguments in asked {
        for json in [None, Some("--json")] {
            let arguments: Vec<&str> = arguments.iter().copied().chain(json).collect();
            let (exit, text) = stand.run(&arguments);
            assert_eq!(exit, 0, "{arguments:?}");
            assert!(!pupils.iter().any(|told| text.contains(told)), "{arguments:?}: {text}");
        }
    }
}

#[test]
fn a_school_or_lot_or_plan_that_is_not_there_is_a_fault_of_usage() {
    let stand = Stand::open();
    let plan = "0".repeat(64);
    let asked: [&[&str]; 8] = [
        &["status", "0380001V"],
        &["run", "--school", "0380001V"],
        &["run", "--dry-run", "--school", "0380001V"],
        &["resync", UAI, "--phase", "PROVISOIRE", "--year", "2025"],
        &["lots", "show", UAI, "7"],
        &["lots", "approve", UAI, "--plan", &plan],
        &["anomalies", "settle", "7", "--reason", "seen"],
        &["import", "nothing.xml"],
    ];
    for arguments in asked {
        assert_eq!(stand.run(arguments).0, 2, "{arguments:?}");
    }
}

/// Another machine took the school: a silent one gives way, one that lives is told of.
#[test]
fn who_holds_a_school_is_told_and_gives_way_once_it_is_silent() {
    let stand = Stand::open();
    assert_eq!(stand.run(&["resync", UAI]).0, 0);
    let url = format!("sqlite:{}", stand.folder.path().join("navette.db").display());
    let taken = |at: Timestamp| {
        Runtime::new().unwrap().block_on(async {
            let store = Store::open(&url, Crash::off()).await.unwrap();
            let other = Holder { host: "ailleurs".to_owned(), process: 4_242 };
            lease::take(&store, key().school, &other, at, 60).await.unwrap().unwrap();
            store.close().await;
        });
    };
    taken(hours(-1));
    let (exit, text) = stand.run(&["resync", UAI]);
    assert_eq!(exit, 0, "{text}");
    let since = Clock::Machine.now();
    taken(since);
    let (exit, text) = stand.run(&["resync", UAI]);
    assert_eq!(exit, 6, "{text}");
    for word in ["4242", "ailleurs", &since.rfc3339_utc()[..19]] {
        assert!(text.contains(word), "{word}: {text}");
    }
}

#[test]
fn a_damaged_database_needs_a_human() {
    let stand = Stand::open();
    fs::write(stand.folder.path().join("navette.db"), "no database at all, ".repeat(500)).unwrap();
    assert_eq!(stand.run(&["run"]).0, 7);
}

/// A téléservice with three pupils in its feed, which gives one event a page however many are asked for.
async fn one_a_page(Query(asked): Query<BTreeMap<String, u64>>) -> Json<Value> {
    let after = asked["depuis"];
    let event = |seq| {
        json!({ "seq": seq, "le": "2026-09-01T08:00:00+02:00", "type": "ELEVE", "eleve_id": seq, "palier": "3E",
                "division": "3 A", "nom": "DUPOND", "prenom": "Jules", "en_procedure": true, "representants": [] })
    };
    let events: Vec<Value> = (after + 1..=3).take(1).map(event).collect();
    Json(json!({ "uai": UAI, "annee": 2026, "depuis": after, "dernier": 3, "evenements": events }))
}

#[test]
fn a_feed_of_one_event_a_page_is_read_to_its_end() {
    let stand = Stand::new();
    let runtime = Runtime::new().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let feed = Router::new().route("/orientation/v1/{uai}/{year}/evenements", get(one_a_page));
    runtime.spawn(axum::serve(listener, feed).into_future());
    let text = fs::read_to_string(stand.folder.path().join("navette.toml")).unwrap();
    let (before, url) = text.split_once("url = ").unwrap();
    let (_, after) = url.split_once('\n').unwrap();
    stand.write("navette.toml", &format!("{before}url = \"http://{address}\"\n{after}"));
    for _ in 0..2 {
        assert_eq!(stand.run(&["resync", UAI, "--changed"]).0, 0);
        let feed = &stand.json(&["status"])["schools"][0]["feed"];
        assert_eq!((&feed["seq"], &feed["stopped"]), (&3.into(), &false.into()));
    }
}

#[test]
fn a_file_of_another_year_or_of_another_school_is_refused_by_name() {
    let stand = Stand::open();
    let brought = |name: &str| {
        let path = stand.write(name, "<?xml version=\"1.0\"?>");
        stand.run(&["import", "--unverified", path.to_str().unwrap()])
    };
    let (exit, text) = brought(&format!("{UAI}-2025-REP-3E-DEFINITIVE-00005.xml"));
    assert!(exit == 3 && text.contains("refused: 0:ANNEE:"), "{text}");
    assert_eq!(stand.json(&["anomalies", "list"])[0]["code"], "ANNEE");
    let (exit, text) = brought("0750654D-2026-REP-3E-DEFINITIVE-00005.xml");
    assert!(exit == 3 && text.contains("refused: 0:ETABLISSEMENT:"), "{text}");
    assert_eq!(stand.json(&["status"])["schools"][0]["anomalies"], 1);
}
