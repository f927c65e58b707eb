//! Each path and status over a real connection, with a client that knows nothing but HTTP/1.1.

use crate::clock::Clock;
use crate::codec::{
    ExchangeFile,
    envelope::{content_digest_header, parse_content_digest, sha256},
    json::{
        feed::decode_page,
        listing,
        orders::{decode_responses_answer, decode_window_answer, encode_responses, encode_window},
        problem,
    },
};
use crate::domain::{campaign::Phase, time::Zone};
use crate::sandbox::{
    Shared,
    councils::{Council, DeliveredDigest},
    faults::Topic,
    hold,
    http::{Served, serve_both, serve_siecle, serve_teleservice},
    share,
    siecle::{
        Siecle,
        tests::{file, siecle},
    },
    teleservice::Teleservice,
    tests::{JULES, STRANGER, closed, definitive, noon, open, responses, school, window},
};
use rstest::rstest;
use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const FEED: &str = "/orientation/v1/0380001V/2019/evenements";
const WINDOW: &str = "/orientation/v1/0380001V/2019/3E/DEFINITIVE/ouverture";
const RESPONSES: &str = "/orientation/v1/0380001V/2019/3E/DEFINITIVE/reponses";
const LOTS: &str = "/imports/orientation/demandes/0380001V/2019";
const EXPORTS: &str = "/exports/orientation/reponses/0380001V/2019";

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// An answer; none when the connection broke before one.
#[derive(Debug)]
struct Got {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Got {
    fn header(&self, name: &str) -> Option<&str> {
        let named = |line: &'_ str| line.split_once(": ").is_some_and(|(found, _)| found.eq_ignore_ascii_case(name));
        self.head.lines().find(|line| named(line)).and_then(|line| line.split_once(": ")).map(|(_, value)| value)
    }

    fn code(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        problem::decode(&self.body).unwrap().code
    }
}

async fn ask(served: &Served, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Option<Got> {
    let mut stream = TcpStream::connect(served.address()).await.unwrap();
    let mut request =
        format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n", served.address(), body.len());
    headers.iter().for_each(|(name, value)| request += &format!("{name}: {value}\r\n"));
    request += "\r\n";
    stream.write_all(&[request.as_bytes(), body].concat()).await.unwrap();
    let mut answer = Vec::new();
    // A connection that is reset and one that is ended early are the same to whoever asked.
    let _ = stream.read_to_end(&mut answer).await;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Some(Got { status, head, body: answer[end + 4..].to_vec() })
}

async fn get(served: &Served, path: &str) -> Got {
    ask(served, "GET", path, &[], b"").await.unwrap()
}

fn deposit_headers(file: &ExchangeFile) -> [(&'static str, String); 4] {
    [
        ("Content-Type", "application/xml".to_owned()),
        ("Content-Digest", content_digest_header(&file.sha256)),
        ("Idempotency-Key", format!("{}-{}", file.name.key.school, file.name.number)),
        ("Content-Disposition", format!("attachment; filename=\"{}\"", file.name)),
    ]
}

async fn put_lot(served: &Served, file: &ExchangeFile) -> Option<Got> {
    let headers = deposit_headers(file);
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    ask(served, "PUT", &format!("{LOTS}/{}", file.name.number), &headers, &file.bytes).await
}

async fn put_responses(served: &Served, number: u32, body: &str) -> Got {
    let digest = content_digest_header(&sha256(body.as_bytes()));
    let headers = [("Content-Digest", digest.as_str()), ("Idempotency-Key", "x")];
    ask(served, "PUT", &format!("{RESPONSES}/{number}"), &headers, body.as_bytes()).await.unwrap()
}

async fn desk(teleservice: Teleservice) -> (Shared<Teleservice>, Served) {
    let teleservice = share(teleservice);
    let served = serve_teleservice(&teleservice, &Clock::player(noon()), loopback()).await.unwrap();
    (teleservice, served)
}

async fn office() -> (Shared<Siecle>, Served) {
    let siecle = share(siecle());
    let served = serve_siecle(&siecle, &Clock::player(noon()), loopback()).await.unwrap();
    (siecle, served)
}

#[tokio::test]
async fn the_feed_comes_in_pages_dated_by_the_clock_given() {
    let (_, served) = desk(open()).await;
    let got = get(&served, &format!("{FEED}?depuis=1&limite=2")).await;
    assert_eq!((got.status, got.header("date")), (200, Some("Tue, 12 May 2020 10:00:00 GMT")));
    assert_eq!(got.header("connection"), Some("close"));
    let page = decode_page(&got.body).unwrap();
    assert_eq!((page.uai, page.year, page.after, page.last), (school().uai, school().year, 1, 5));
    assert_eq!(page.events.iter().map(|event| event.seq).collect::<Vec<_>>(), [2, 3]);
    let whole = decode_page(&get(&served, FEED).await.body).unwrap();
    assert_eq!(whole.events.len(), 5);
    assert_eq!(decode_page(&get(&served, &format!("{FEED}?depuis=5")).await.body).unwrap().events, []);
}

#[rstest]
#[case::beyond_its_end(FEED, "?depuis=6", 409, "FLUX_RECULE")]
#[case::no_number(FEED, "?depuis=x", 400, "REQUETE")]
#[case::no_event(FEED, "?limite=0", 400, "REQUETE")]
#[case::too_many(FEED, "?limite=5001", 400, "REQUETE")]
#[case::other_school("/orientation/v1/0750654D/2019/evenements", "", 404, "INCONNU")]
#[case::wrong_key("/orientation/v1/0380001X/2019/evenements", "", 404, "INCONNU")]
#[case::other_year("/orientation/v1/0380001V/2020/evenements", "", 404, "INCONNU")]
#[tokio::test]
async fn what_the_feed_refuses(#[case] path: &str, #[case] query: &str, #[case] status: u16, #[case] code: &str) {
    let (_, served) = desk(open()).await;
    let got = get(&served, &format!("{path}{query}")).await;
    assert_eq!((got.status, got.code().as_str()), (status, code));
}

#[tokio::test]
async fn a_path_that_is_none_is_not_found() {
    let (_, served) = desk(open()).await;
    let got = get(&served, "/orientation/v2").await;
    assert_eq!((got.status, got.code().as_str()), (404, "INCONNU"));
    assert_eq!(got.header("date"), Some("Tue, 12 May 2020 10:00:00 GMT"));
    assert_eq!(ask(&served, "DELETE", FEED, &[], b"").await.unwrap().status, 404);
    assert_eq!(get(&served, &format!("{FEED}?depuis=1&depuis=2")).await.status, 400);
}

#[tokio::test]
async fn a_window_order_is_obeyed_and_answered() {
    let (teleservice, served) = desk(closed()).await;
    let order = window(12, true);
    let got = ask(&served, "PUT", WINDOW, &[], encode_window(&order).as_bytes()).await.unwrap();
    let answer = decode_window_answer(&got.body).unwrap();
    assert_eq!((got.status, answer.open, answer.at, answer.seq), (200, true, noon(), 4));
    assert!(hold(&teleservice).is_open(school(), definitive().level, Phase::Definitive));
    let refused = ask(&served, "PUT", WINDOW, &[], encode_window(&window(12, false)).as_bytes()).await.unwrap();
    assert_eq!((refused.status, refused.code().as_str()), (409, "NUM"));
    let broken = ask(&served, "PUT", WINDOW, &[], b"{").await.unwrap();
    assert_eq!((broken.status, broken.code().as_str()), (422, "JSON"));
}

#[tokio::test]
async fn responses_are_refused_while_open_then_applied_once() {
    let (teleservice, served) = desk(open()).await;
    let order = responses(3, Phase::Definitive, &[JULES, STRANGER]);
    let body = encode_responses(&order, Zone::Europe__Paris);
    let refused = put_responses(&served, 3, &body).await;
    assert_eq!((refused.status, refused.code().as_str()), (409, "OUVERT"));
    hold(&teleservice).switch(definitive(), false, noon());
    for _ in 0..2 {
        let answer = decode_responses_answer(&put_responses(&served, 3, &body).await.body).unwrap();
        assert_eq!((answer.applied, answer.refused), (1, vec![(STRANGER, "INCONNU".to_owned())]));
    }
    assert!(hold(&teleservice).is_locked(school(), JULES, Phase::Definitive));
    let other = put_responses(&served, 3, &body.replace("OUI", "NON")).await;
    assert_eq!((other.status, other.code().as_str()), (409, "NUM"));
    let elsewhere = put_responses(&served, 4, &body).await;
    assert_eq!((elsewhere.status, elsewhere.code().as_str()), (400, "NUM"));
    let undigested = ask(&served, "PUT", &format!("{RESPONSES}/3"), &[("Idempotency-Key", "x")], body.as_bytes()).await;
    assert_eq!(undigested.unwrap().code(), "EMPREINTE");
}

#[tokio::test]
async fn a_lot_is_accepted_and_its_receipt_stands_where_the_answer_says() {
    let (_, served) = office().await;
    let file = file(definitive(), 12, &[(JULES, 1)]);
    assert_eq!(get(&served, &format!("{LOTS}/12/compte-rendu")).await.status, 404);
    let (first, again) = (put_lot(&served, &file).await.unwrap(), put_lot(&served, &file).await.unwrap());
    let place = format!("{}{LOTS}/12/compte-rendu", served.base());
    for got in [&first, &again] {
        assert_eq!((got.status, got.header("location")), (202, Some(place.as_str())));
    }
    let receipt = get(&served, &format!("{LOTS}/12/compte-rendu")).await;
    assert_eq!((receipt.status, receipt.header("content-type")), (200, Some("application/xml")));
    assert_eq!(receipt.header("content-digest").and_then(parse_content_digest), Some(sha256(&receipt.body)));
    let other = other_file(12);
    let refused = put_lot(&served, &other).await.unwrap();
    assert_eq!((refused.status, refused.code().as_str()), (409, "NUM_ENVOI"));
}

fn other_file(number: u32) -> ExchangeFile {
    file(definitive(), number, &[(JULES, 9)])
}

#[tokio::test]
async fn a_lot_waits_and_is_replaced() {
    let (siecle, served) = office().await;
    hold(&siecle).treat(false, noon());
    for number in [1, 2] {
        put_lot(&served, &file(definitive(), number, &[(JULES, number)])).await.unwrap();
    }
    let replaced = get(&served, &format!("{LOTS}/1/compte-rendu")).await;
    assert_eq!((replaced.status, replaced.code().as_str()), (410, "REMPLACE"));
    assert_eq!(get(&served, &format!("{LOTS}/2/compte-rendu")).await.status, 202);
    hold(&siecle).treat(true, noon());
    assert_eq!(get(&served, &format!("{LOTS}/2/compte-rendu")).await.status, 200);
}

#[rstest]
#[case::digest("Content-Digest", "sha-256=:AAAA:", 400, "EMPREINTE")]
#[case::key("Idempotency-Key", "0380001V-2019-13", 400, "IDEMPOTENCY_KEY")]
#[case::name("Content-Disposition", "attachment", 400, "NOM")]
#[case::other_name("Content-Disposition", "filename=\"0380001V-2019-DEM-3E-DEFINITIVE-00013.xml\"", 422, "NUM_ENVOI")]
#[case::media_type("Content-Type", "text/csv; charset=utf-8", 415, "TYPE")]
#[tokio::test]
async fn what_a_deposit_must_say(#[case] header: &str, #[case] value: &str, #[case] status: u16, #[case] code: &str) {
    let (siecle, served) = office().await;
    let file = file(definitive(), 12, &[(JULES, 1)]);
    let headers = deposit_headers(&file);
    let headers: Vec<_> =
        headers.iter().map(|(name, right)| (*name, if *name == header { value } else { right.as_str() })).collect();
    let got = ask(&served, "PUT", &format!("{LOTS}/12"), &headers, &file.bytes).await.unwrap();
    assert_eq!((got.status, got.code().as_str()), (status, code));
    assert!(hold(&siecle).school(school()).unwrap().deposits.is_empty());
}

#[tokio::test]
async fn an_invalid_file_is_a_500_that_is_final() {
    let (_, served) = office().await;
    let right = file(definitive(), 12, &[(JULES, 1)]);
    let invalid = ExchangeFile::new(right.name, b"<x/>".to_vec());
    let got = put_lot(&served, &invalid).await.unwrap();
    let said = problem::decode(&got.body).unwrap();
    assert_eq!((got.status, said.kind, said.code.as_str()), (500, problem::ProblemKind::Business, "FICHIER_INVALIDE"));
}

#[tokio::test]
async fn response_files_are_listed_and_served_with_the_digest_they_were_given() {
    let (siecle, served) = office().await;
    put_lot(&served, &file(definitive(), 1, &[(JULES, 1)])).await.unwrap();
    {
        let mut siecle = hold(&siecle);
        siecle.respond(definitive(), &Council::default(), noon()).unwrap();
        let mut deliver = |number: u32, digest| {
            siecle.deliver(school(), &format!("0380001V-2019-REP-3E-DEFINITIVE-{number:05}.xml"), b"<x/>", digest)
        };
        deliver(5, DeliveredDigest::Wrong);
        deliver(6, DeliveredDigest::None);
    }
    let listed = listing::decode(school(), &get(&served, EXPORTS).await.body).unwrap();
    assert_eq!(listed.iter().map(|one| one.number).collect::<Vec<_>>(), [1, 5]);
    let later = listing::decode(school(), &get(&served, &format!("{EXPORTS}?depuis=1")).await.body).unwrap();
    assert_eq!(later, listed[1..]);
    for (one, is_right) in listed.iter().zip([true, false]) {
        let got = get(&served, &format!("{EXPORTS}/{}", one.number)).await;
        assert_eq!(got.header("content-digest").and_then(parse_content_digest), Some(one.sha256));
        assert_eq!((one.size_bytes, sha256(&got.body) == one.sha256), (got.body.len() as u64, is_right));
    }
    for number in [2, 6] {
        assert_eq!(get(&served, &format!("{EXPORTS}/{number}")).await.status, 404);
    }
}

#[tokio::test]
async fn a_status_comes_as_often_as_told_and_nothing_is_treated() {
    let (siecle, served) = office().await;
    hold(&siecle).faults.fail_with(503, 2, Some(Topic::Lots));
    let file = file(definitive(), 1, &[(JULES, 1)]);
    for _ in 0..2 {
        let got = put_lot(&served, &file).await.unwrap();
        assert_eq!((got.status, problem::decode(&got.body).unwrap().kind), (503, problem::ProblemKind::Technical));
    }
    assert!(hold(&siecle).school(school()).unwrap().deposits.is_empty());
    assert_eq!(get(&served, &format!("{LOTS}/1/compte-rendu")).await.status, 404);
    assert_eq!(put_lot(&served, &file).await.unwrap().status, 202);
}

#[tokio::test]
async fn a_lost_reply_breaks_the_connection_after_the_treatment() {
    let (siecle, served) = office().await;
    hold(&siecle).faults.lose_reply(1, None);
    let file = file(definitive(), 1, &[(JULES, 1)]);
    assert!(put_lot(&served, &file).await.is_none());
    assert_eq!(hold(&siecle).version(definitive(), JULES), 1);
    assert_eq!(put_lot(&served, &file).await.unwrap().status, 202);
}

#[tokio::test]
async fn who_is_down_refuses_connections_and_comes_up_at_the_same_place() {
    let (siecle, served) = office().await;
    for _ in 0..2 {
        hold(&siecle).faults.take_down(None);
        let refused = TcpStream::connect(served.address()).await.unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
        hold(&siecle).faults.bring_up(None);
        assert_eq!(get(&served, EXPORTS).await.status, 200);
    }
}

#[tokio::test]
async fn a_topic_that_is_down_breaks_its_connections_before_any_treatment() {
    let (siecle, served) = office().await;
    hold(&siecle).faults.take_down(Some(Topic::Lots));
    assert!(put_lot(&served, &file(definitive(), 1, &[(JULES, 1)])).await.is_none());
    assert_eq!(get(&served, EXPORTS).await.status, 200);
    assert!(hold(&siecle).school(school()).unwrap().deposits.is_empty());
}

#[tokio::test]
async fn latency_waits_on_the_clock_given() {
    let (teleservice, served) = desk(open()).await;
    hold(&teleservice).faults.slow_down(3_600_000, None);
    assert_eq!(get(&served, FEED).await.status, 200, "a player's clock returns at once");
}

#[tokio::test]
async fn both_can_share_an_address_and_stop_when_told() {
    let (teleservice, siecle) = (share(open()), share(siecle()));
    let served = serve_both(&teleservice, &siecle, &Clock::player(noon()), loopback()).await.unwrap();
    assert_eq!((get(&served, FEED).await.status, get(&served, EXPORTS).await.status), (200, 200));
    let address = served.address();
    served.stop().await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}
