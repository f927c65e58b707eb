//! The nightly report from the ledger to the school: once a night, through a server that refuses or hangs up, and never at
//! the expense of the night.

use crate::{
    night::{Night, Way, school},
    smtp::{Manner, Server},
};
use navette::{
    clock::Clock,
    domain::time::{MINUTE_S, Timestamp},
    mail::{
        Post, SmtpOptions, Tls, Undelivered,
        letter::{Envelope, Letter},
    },
    run::{self, status},
};
use rstest::rstest;
use std::{collections::BTreeSet, fs, sync::Arc};

const FROM: &str = "navette@rectorat.example";
const TO: &str = "college@veil.example";

fn post(server: &Server, tls: Tls) -> Post {
    let own_name = "night.rectorat.example".to_owned();
    let host = "127.0.0.1".to_owned();
    Post::smtp(FROM, SmtpOptions { host, port: server.port(), tls, login: None, own_name }).unwrap()
}

async fn handed(server: &Server, tls: Tls) -> Result<(), Undelivered> {
    let letter =
        Letter { subject: "1 à traiter".to_owned(), text: "Texte.\n".to_owned(), html: "<p>Texte.</p>".to_owned() };
    let envelope =
        Envelope { to: TO, message_id: "<a@rectorat.example>", name: "a", written_at: Timestamp::from_epoch_ms(0) };
    post(server, tls).hand_over(&envelope, &letter).await
}

#[rstest]
#[case::accepted(Manner::Accepts, None, 1)]
#[case::not_now(Manner::Refuses("RCPT", 451), Some("the server answered 451"), 0)]
#[case::never(Manner::Refuses("RCPT", 550), Some("the server answered 550"), 0)]
#[case::too_late(Manner::Refuses(".", 554), Some("the server answered 554"), 1)]
#[case::drops_the_greeting(Manner::HangsUp("EHLO"), Some("the connection broke off"), 0)]
#[case::drops_the_letter(Manner::HangsUp("."), Some("the connection broke off"), 1)]
#[tokio::test]
async fn what_a_server_does_is_told(#[case] manner: Manner, #[case] fault: Option<&str>, #[case] letters: usize) {
    let server = Server::start(manner);
    let told = handed(&server, Tls::Off).await.map_err(|fault| fault.to_string());
    assert_eq!(told.err().as_deref(), fault);
    let letters_in = server.letters();
    assert_eq!(letters_in.len(), letters);
    assert!(letters_in.iter().all(|letter| letter.contains("Message-ID: <a@rectorat.example>")), "{letters_in:?}");
}

#[rstest]
#[case(Tls::StartTls)]
#[case(Tls::Implicit)]
#[tokio::test]
async fn where_encryption_is_asked_for_nothing_is_said_without_it(#[case] tls: Tls) {
    let server = Server::start(Manner::Accepts);
    assert!(handed(&server, tls).await.is_err());
    assert_eq!(server.letters(), [""; 0]);
}

#[tokio::test]
async fn a_server_that_is_not_there_concerns_all_letters() {
    let server = Server::start(Manner::Accepts);
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = gone.local_addr().unwrap().port();
    drop(gone);
    let options =
        SmtpOptions { host: "127.0.0.1".to_owned(), port, tls: Tls::Off, login: None, own_name: "x".to_owned() };
    let post = Post::smtp(FROM, options).unwrap();
    let letter = Letter { subject: String::new(), text: String::new(), html: String::new() };
    let envelope = Envelope { to: TO, message_id: "<a@b>", name: "a", written_at: Timestamp::from_epoch_ms(0) };
    let fault = post.hand_over(&envelope, &letter).await.unwrap_err();
    assert!(matches!(fault, Undelivered::Unreachable) && fault.concerns_all(), "{fault}");
    assert_eq!(server.letters(), [""; 0]);
}

/// Tells the program by which way mail goes.
fn configure(night: &Night, mail: &str) {
    let path = night.folder.path().join("navette.toml");
    let text = fs::read_to_string(&path).unwrap();
    let text =
        text.replace("year = 2026\n", &format!("year = 2026\nmail = \"{TO}\"\n[mail]\nfrom = \"{FROM}\"\n{mail}"));
    fs::write(path, text).unwrap();
}

#[test]
fn a_night_puts_one_letter_into_the_folder_and_names_nobody() {
    let night = Night::due(Way::Http);
    configure(&night, "transport = \"directory\"\npath = \"mails\"\n");
    night.run_on();
    let letters = || -> Vec<String> {
        let entries = fs::read_dir(night.folder.path().join("mails")).unwrap().map(|entry| entry.unwrap().path());
        let letters = entries.filter(|path| path.extension().is_some_and(|it| it == "eml"));
        letters.map(|path| fs::read_to_string(path).unwrap()).collect()
    };
    let [letter] = letters().try_into().unwrap();
    for wanted in ["To: college@veil.example", "Auto-Submitted: auto-generated", "multipart/alternative"] {
        assert!(letter.contains(wanted), "{letter}");
    }
    night.run_on();
    assert_eq!(letters(), [letter], "once a night");
}

#[test]
fn a_refused_letter_spoils_no_night_is_seen_and_goes_again_under_its_message_id() {
    let night = Night::due(Way::Http);
    let server = Server::start(Manner::Refuses(".", 451));
    let port = server.port();
    configure(&night, &format!("transport = \"smtp\"\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\n"));
    let said = night.run_on();
    assert!(said.iter().all(|done| done["failures"].as_array().unwrap().is_empty()), "{said:?}");
    let (_, text) = night.run(&["status", "--json"], None);
    let status: serde_json::Value = serde_json::from_str(&text).unwrap();
    let report = &status["schools"][0]["report"];
    assert_eq!((report["state"].as_str(), report["attempts"].as_u64()), (Some("waiting"), Some(1)), "{report}");
    assert_eq!(report["fault"], "the server answered 451");
    let (_, text) = night.run(&["status"], None);
    assert!(text.contains("waiting: the server answered 451, attempts 1") && !text.contains(TO), "{text}");

    let clock = Clock::player(Clock::Machine.now());
    let mut ctx = night.context(clock.clone());
    ctx.mail = Some(Arc::new(post(&server, Tls::Off)));
    Arc::make_mut(&mut ctx.schools).get_mut(&school()).unwrap().school.mail = Some(TO.to_owned());
    let undelivered = |minutes| {
        clock.set(Clock::Machine.now().plus_s(minutes * MINUTE_S));
        night.wait(async {
            // Nothing but letters: a tick at that hour may find another night due.
            let served = &ctx.schools[&school()];
            run::report::hand_over(&ctx, served, clock.now()).await;
            let status = status::of_school(&ctx, served, clock.now()).await.unwrap();
            status.undelivered().map(|letter| letter.attempts)
        })
    };
    assert_eq!(undelivered(1), Some(1), "not before its time");
    server.becomes(Manner::HangsUp("."));
    assert_eq!(undelivered(6), Some(2));
    server.becomes(Manner::Accepts);
    assert_eq!(undelivered(20), None);
    assert_eq!(undelivered(200), None);
    let ids: BTreeSet<String> = server
        .letters()
        .iter()
        .map(|letter| letter.lines().find(|line| line.starts_with("Message-ID:")).unwrap().to_owned())
        .collect();
    assert_eq!((server.letters().len(), ids.len()), (3, 1), "{ids:?}");
    assert_eq!(server.letters().iter().collect::<BTreeSet<_>>().len(), 1, "the same bytes each time");
    night.wait(ctx.store.close());
}

#[test]
fn what_a_server_never_takes_is_given_up() {
    let night = Night::due(Way::Http);
    let server = Server::start(Manner::Refuses("RCPT", 550));
    let clock = Clock::player(Clock::Machine.now());
    let mut ctx = night.context(clock.clone());
    ctx.mail = Some(Arc::new(post(&server, Tls::Off)));
    Arc::make_mut(&mut ctx.schools).get_mut(&school()).unwrap().school.mail = Some(TO.to_owned());
    let letter = night.wait(async {
        run::tick(&ctx, &BTreeSet::new(), clock.now()).await;
        for hour in 0..40 {
            run::report::hand_over(&ctx, &ctx.schools[&school()], clock.now().plus_s(hour * 60 * MINUTE_S)).await;
        }
        status::of_school(&ctx, &ctx.schools[&school()], clock.now()).await.unwrap().letter.unwrap()
    });
    assert_eq!((letter.state.as_str(), letter.attempts), ("given_up", 24));
    assert_eq!(letter.fault.as_deref(), Some("the server answered 550"));
    night.wait(ctx.store.close());
}
