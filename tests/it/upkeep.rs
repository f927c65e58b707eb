//! What an operator does beside the nights: looks after the installation, copies and restores its database, purges.

#[cfg(feature = "outside")]
use crate::night::server;
use crate::{
    night::{Night, Way, school},
    stand::{Stand, UAI, key},
};
use navette::{
    clock::Clock,
    domain::{
        pupil::PupilId,
        school::SchoolYear,
        time::{DAY_S, Timestamp},
    },
    run::purge::{self, NotPurged, Unended},
    sandbox::{faults::Topic, hold},
    store::{lease, ledger},
};
#[cfg(feature = "outside")]
use navette::{
    crash::Crash,
    store::{Store, scratch},
};
use rstest::rstest;
#[cfg(feature = "outside")]
use sqlx::Connection;
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// A school that is open, with one demand that Siècle has.
fn open() -> Stand {
    let stand = Stand::open();
    assert_eq!(stand.run(&["resync", UAI]).0, 0);
    stand
}

/// Every file under a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn holds_text(path: &Path, text: &str) -> bool {
    fs::read(path).unwrap().windows(text.len()).any(|window| window == text.as_bytes())
}

/// Something happens to the installation; the doctor ends so, and says this about that part.
fn check_doctor(harm: impl Fn(&mut Stand), exit: i32, part: &str, state: &str, said: &str) {
    let mut stand = open();
    harm(&mut stand);
    let (code, text) = stand.run(&["doctor"]);
    assert_eq!(code, exit, "{text}");
    let found = stand.json(&["doctor"]);
    assert_eq!(found["exit"], exit);
    let lines = found["lines"].as_array().unwrap();
    let fits = |line: &&serde_json::Value| {
        let told = format!("{} {}", line["said"].as_str().unwrap(), line["remedy"].as_str().unwrap());
        line["part"] == part && line["state"] == state && told.contains(said)
    };
    assert!(lines.iter().any(|line| fits(&line)), "{text}");
    let well = |line: &serde_json::Value| line["state"] == "ok" && line["remedy"] == "";
    let ill = |line: &serde_json::Value| line["state"] != "ok" && line["remedy"] != "";
    assert!(lines.iter().all(|line| well(line) || ill(line)), "what is not well has its remedy: {text}");
}

fn rights(stand: &Stand, name: &str, mode: u32) {
    fs::set_permissions(stand.folder.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
}

#[rstest]
#[case::well(|_: &mut Stand| (), 0, "database", "ok", "whole")]
#[case::clocks(|_: &mut Stand| (), 0, "clock", "ok", "0 s from that of siecle")]
#[case::configuration(|stand: &mut Stand| _ = stand.write("navette.toml", "[nigth]\n"), 2, "configuration", "fault", "nigth")]
#[case::rights(|stand: &mut Stand| rights(stand, "files", 0o755), 3, "folders", "warning", "chmod")]
#[case::no_database(|stand: &mut Stand| fs::remove_file(stand.folder.path().join("navette.db")).unwrap(), 0, "database", "ok", "first run")]
#[case::damage(|stand: &mut Stand| _ = stand.write("navette.db", &"no database ".repeat(500)), 7, "database", "fault", "backup")]
#[case::token(|stand: &mut Stand| hold(&stand.siecle).faults.fail_with(401, 9, Some(Topic::Responses)), 2, "siecle", "fault", "renew the token")]
#[case::unknown(|stand: &mut Stand| hold(&stand.teleservice).faults.fail_with(404, 9, Some(Topic::Feed)), 2, "teleservice", "fault", "url")]
#[case::down(|stand: &mut Stand| stand.strike(), 1, "teleservice", "fault", "reached from here")]
fn the_doctor_says_what_is_wrong_and_the_remedy(
    #[case] harm: impl Fn(&mut Stand),
    #[case] exit: i32,
    #[case] part: &str,
    #[case] state: &str,
    #[case] said: &str,
) {
    check_doctor(harm, exit, part, state, said);
}

/// The ledger moves to a server, on which our role may only read.
#[cfg(feature = "outside")]
fn only_reads(stand: &mut Stand) {
    let own = tokio::runtime::Runtime::new().unwrap().block_on(async {
        let own = scratch::beside(&server()).await.unwrap();
        Store::open(&own, Crash::off()).await.unwrap().close().await;
        let schema = own.rsplit('=').next().unwrap();
        let role = schema.replace("play", "reader");
        let sql = format!(
            "CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA {schema} TO {role}; \
             GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}"
        );
        let mut connection = sqlx::PgConnection::connect(&own).await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
        own.replace("//navette@", &format!("//{role}@"))
    });
    let text = fs::read_to_string(stand.folder.path().join("navette.toml")).unwrap();
    stand.write("navette.toml", &text.replace("sqlite:navette.db", &own));
}

#[cfg(feature = "outside")]
#[rstest]
#[case::to_migrate("lacks CREATE in schema navette_play_")]
#[case::to_write(", UPDATE of ")]
#[case::to_change_them_later(", ownership of ")]
#[case::what_to_do("make it the owner")]
fn the_doctor_says_what_our_role_lacks(#[case] said: &str) {
    check_doctor(only_reads, 2, "database", "fault", said);
}

#[test]
fn the_doctor_says_that_our_certificate_has_ended() {
    let stand = open();
    let mut params = rcgen::CertificateParams::new(["navette".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let keys = rcgen::KeyPair::generate().unwrap();
    stand.write("own.crt", &params.self_signed(&keys).unwrap().pem());
    stand.write("own.key", &keys.serialize_pem());
    for name in ["own.crt", "own.key"] {
        rights(&stand, name, 0o600);
    }
    let text = fs::read_to_string(stand.folder.path().join("navette.toml")).unwrap();
    let (before, after) = text.split_once("[siecle]").unwrap();
    let (_, after) = after.split_once("[[school]]").unwrap();
    let siecle = "[siecle]\ntransport = \"http\"\nurl = \"https://127.0.0.1:1/\"\n\
                  client_certificate_file = \"./own.crt\"\nclient_key_file = \"./own.key\"\n";
    stand.write("navette.toml", &format!("{before}{siecle}[[school]]{after}"));
    let (exit, said) = stand.run(&["doctor"]);
    assert_eq!(exit, 2, "{said}");
    assert!(said.contains("siecle.client_certificate_file ended at 2020-01-01T00:00:00Z"), "{said}");
    assert!(said.contains("fault    siecle: "), "nobody listens there: {said}");
}

#[test]
fn the_doctor_makes_nothing() {
    let stand = Stand::new();
    assert_eq!(stand.run(&["doctor"]).0, 0);
    let made: Vec<PathBuf> = files(stand.folder.path());
    assert_eq!(made, [stand.folder.path().join("navette.toml")]);
}

#[test]
fn a_backup_is_whole_for_the_owner_alone_and_replaces_nothing() {
    let stand = open();
    let copy = stand.folder.path().join("copy.db");
    let name = copy.to_str().unwrap();
    let made = stand.json(&["backup", name]);
    assert_eq!(made["size_bytes"], fs::metadata(&copy).unwrap().len());
    assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(stand.run(&["backup", name]).0, 2);
    assert_eq!(stand.run(&["backup", stand.folder.path().join("no/copy.db").to_str().unwrap()]).0, 1);
}

#[test]
fn a_backup_made_while_runs_write_is_whole() {
    let stand = open();
    let copy = stand.folder.path().join("copy.db");
    std::thread::scope(|threads| {
        let writing = threads.spawn(|| (0..3).map(|_| stand.run(&["resync", UAI]).0).collect::<Vec<_>>());
        assert_eq!(stand.run(&["backup", copy.to_str().unwrap()]).0, 0);
        assert_eq!(writing.join().unwrap(), [0; 3]);
    });
    restore(&stand, &copy);
    assert_eq!(stand.run(&["doctor"]).0, 0);
}

#[test]
fn a_restored_backup_carries_the_next_night() {
    let stand = open();
    let copy = stand.folder.path().join("copy.db");
    assert_eq!(stand.run(&["backup", copy.to_str().unwrap()]).0, 0);
    stand.validate(2, -1);
    restore(&stand, &copy);
    assert_eq!(stand.run(&["resync", UAI, "--changed"]).0, 0);
    assert_eq!(hold(&stand.siecle).version(key(), PupilId(2)), 1);
}

/// A lot left after the backup was made: its number is taken, Siècle says so, and a hand passes it.
#[test]
fn a_restored_backup_passes_the_numbers_that_were_used_after_it() {
    let stand = open();
    let copy = stand.folder.path().join("copy.db");
    assert_eq!(stand.run(&["backup", copy.to_str().unwrap()]).0, 0);
    assert_eq!(stand.run(&["resync", UAI]).0, 0, "lot 2 leaves");
    stand.validate(2, -1);
    restore(&stand, &copy);
    assert_eq!(stand.run(&["resync", UAI]).0, 7);
    assert_eq!(stand.run(&["lots", "abandon", UAI, "2", "--reason", "restored"]).0, 0);
    assert_eq!(stand.run(&["resync", UAI]).0, 0);
    assert_eq!(hold(&stand.siecle).version(key(), PupilId(2)), 1);
}

/// The words of a far side may be about people: a code is told everywhere, they only to whoever asks for them.
#[test]
fn what_siecle_said_of_a_lot_is_told_where_it_is_asked_for() {
    let stand = open();
    let copy = stand.folder.path().join("copy.db");
    assert_eq!(stand.run(&["backup", copy.to_str().unwrap()]).0, 0);
    assert_eq!(stand.run(&["resync", UAI]).0, 0, "lot 2 leaves");
    restore(&stand, &copy);
    // On a new machine, where our own files do not tell that the number was used.
    fs::remove_dir_all(stand.folder.path().join("files")).unwrap();
    let (exit, said) = stand.run(&["resync", UAI]);
    assert_eq!(exit, 7, "{said}");
    let words = "given to another file";
    for arguments in [["lots", "list", UAI].as_slice(), &["lots", "show", UAI, "2"]] {
        let (_, text) = stand.run(arguments);
        assert!(text.contains("(NUM_ENVOI)\n") && !text.contains(words), "{text}");
        assert!(!stand.json(arguments).to_string().contains(words));
    }
    let asked = ["lots", "show", UAI, "2", "--words"];
    let (_, text) = stand.run(&asked);
    assert!(text.contains("(NUM_ENVOI)\n") && text.contains(words), "{text}");
    assert!(stand.json(&asked)["reason"].as_str().unwrap().contains(words));
}

/// As deploy/README.md tells it.
fn restore(stand: &Stand, copy: &Path) {
    let database = stand.folder.path().join("navette.db");
    for left in ["-wal", "-shm"] {
        let _ = fs::remove_file(stand.folder.path().join(format!("navette.db{left}")));
    }
    fs::copy(copy, database).unwrap();
}

#[test]
fn old_files_go_and_what_waits_for_its_receipt_stays() {
    let night = Night::due(Way::Http);
    let mut ctx = night.context(Clock::Machine);
    ctx.settings.keep_files_days = Some(30);
    let before = files(&ctx.files_root);
    let later = |days: i64| Clock::Machine.now().plus_s(days * DAY_S);
    assert_eq!(night.wait(purge::expire(&ctx, school(), later(1))).unwrap(), 0);
    let waiting = night.wait(async {
        let mut tx = ctx.store.read().await.unwrap();
        ledger::waiting(&mut tx, school()).await.unwrap()
    });
    let removed = night.wait(purge::expire(&ctx, school(), later(60))).unwrap();
    let after = files(&ctx.files_root);
    assert_eq!(after.len() + 2 * usize::try_from(removed).unwrap(), before.len(), "each goes with its digest");
    assert!(0 < removed);
    for lot in waiting {
        assert!(after.iter().any(|path| path.ends_with(lot.name.to_string())), "{} waits", lot.name);
    }
    assert_eq!(night.wait(purge::expire(&ctx, school(), later(60))).unwrap(), 0, "twice is once");
}

#[test]
fn a_year_is_purged_once_its_campaigns_have_ended() {
    let night = Night::due(Way::Folders);
    let ctx = night.context(Clock::Machine);
    let purged = |ctx: &_, unended, at: &str| {
        let now = Timestamp::parse(at).unwrap();
        night.wait(purge::year(ctx, SchoolYear::new(2026).unwrap(), unended, "somebody", now)).unwrap()
    };
    let year = |ctx: &_, at: &str| purged(ctx, Unended::Purge, at);
    // Its calendar names no end: only a person knows.
    let refused = purged(&ctx, Unended::Refuse, "2027-09-01T00:00:00Z");
    assert!(matches!(refused, Err(NotPurged::Running(key, None)) if key.school == school()), "{refused:?}");
    let other = lease::Holder { host: "elsewhere".to_owned(), process: 7 };
    let now = Timestamp::parse("2027-09-01T00:00:00Z").unwrap();
    let held = night.wait(lease::take(&ctx.store, school(), &other, now, 60)).unwrap().unwrap();
    assert!(matches!(year(&ctx, "2027-09-01T00:00:00Z"), Err(NotPurged::Busy(..))));
    drop(held);
    let database = night.folder.path().join("navette.db");
    let known = night.wait(async {
        let mut tx = ctx.store.read().await.unwrap();
        let pupils = navette::store::pupils::of_school(&mut tx, school()).await.unwrap();
        pupils.iter().map(|(pupil, _)| pupil.last_name.reveal().clone()).collect::<Vec<_>>()
    });
    assert!(!known.is_empty());
    let purged = year(&ctx, "2027-09-01T00:10:00Z").unwrap();
    assert!(purged.schools == 1 && 10 < purged.rows && 0 < purged.contents, "{purged:?}");
    assert_eq!(files(&ctx.files_root), Vec::<PathBuf>::new());
    for path in [database.clone(), database.with_extension("db-wal")] {
        for name in known.iter().filter(|_| path.exists()) {
            assert!(!holds_text(&path, name), "{name} can still be read in {}", path.display());
        }
    }
    let lots = night.wait(async {
        let mut tx = ctx.store.read().await.unwrap();
        ledger::list(&mut tx, Some(school())).await.unwrap()
    });
    assert!(!lots.is_empty(), "counts and digests stay");
    assert_eq!(year(&ctx, "2027-09-01T00:10:00Z").unwrap().rows, 0, "twice is once");
}

/// The feed stays where it is, and would bring everybody back.
#[test]
fn a_purged_school_that_is_still_configured_stays_purged() {
    let stand = open();
    let pupils = || stand.json(&["status"])["schools"][0]["campaigns"][0]["without_entry"].as_u64();
    assert_eq!(pupils(), Some(3));
    assert_eq!(stand.run(&["purge", "--year", "2026"]).0, 2, "its campaign has not ended");
    let none = stand.json(&["purge", "--year", "2019"]);
    assert_eq!((&none["schools"], &none["rows"]), (&0.into(), &0.into()));

    let purged = stand.json(&["purge", "--year", "2026", "--force"]);
    assert_eq!(purged["schools"], 1);
    stand.validate(2, -1);
    assert_eq!(stand.run(&["run"]), (0, String::new()));
    assert_eq!((stand.run(&["resync", UAI]).0, pupils()), (2, Some(0)));
    assert!(stand.run(&["doctor"]).1.contains("was purged"));
    assert_eq!(stand.run(&["purge", "--year", "2026"]).0, 0, "twice is once");

    // A person may bring it back.
    assert_eq!(stand.run(&["resync", UAI, "--reread"]).0, 0);
    assert_eq!(pupils(), Some(2));
}
