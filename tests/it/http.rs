//! The transports against the stand-ins, over HTTP and over folders: the same questions get the same answers.

use navette::{
    clock::Clock,
    codec::{self, envelope::ExchangeFile},
    crash::Crash,
    domain::{
        campaign::{CampaignKey, Phase},
        lot::{Encoding, Format, Lot, LotCounts, LotHead, LotPupil},
        order::{Motive, ResponseOrder, WindowOrder},
        pupil::{Division, Pupil, PupilId, RepresentativeId},
        response::{Proposal, Response, Verdicts},
        school::{Level, SchoolKey, SchoolYear, Uai},
        time::{Timestamp, Zone, parse_date},
        track::Track,
    },
    files::Files,
    plan::delivery::{Answer, Outcome, judge},
    sandbox::{
        Shared,
        faults::Topic,
        folders::{SiecleFolder, TeleserviceFolder},
        hold,
        http::{Served, serve_siecle, serve_teleservice},
        share, siecle, teleservice, world,
    },
    transport::{
        directory::DirectoryOptions,
        http::{HttpOptions, Url},
        siecle::{ReceiptAnswer, Siecle},
        teleservice::{FeedPage, Teleservice},
    },
};
use rstest::rstest;
use std::net::{Ipv4Addr, SocketAddr};

const PUPIL: PupilId = PupilId(100);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    Http,
    Folders,
}

/// Both far sides of one school with one pupil, and the way to them.
struct Field {
    teleservice: Teleservice,
    siecle: Siecle,
    there: Shared<teleservice::Teleservice>,
    office: Shared<siecle::Siecle>,
    now: Timestamp,
    behind: Behind,
}

enum Behind {
    /// Served until they are dropped.
    Http { _served: [Served; 2] },
    /// There until they are dropped.
    Folders { turning: Box<(TeleserviceFolder, SiecleFolder)>, _roots: [tempfile::TempDir; 2] },
}

fn school() -> SchoolKey {
    SchoolKey { uai: Uai::parse("0380001V").unwrap(), year: SchoolYear::new(2019).unwrap() }
}

fn key() -> CampaignKey {
    CampaignKey { school: school(), level: Level::Troisieme, phase: Phase::Definitive }
}

fn pupil() -> Pupil {
    world::pupil(PUPIL, Level::Troisieme, Division::parse("3 A").unwrap(), None, &[RepresentativeId(1)])
}

fn lot(number: u32) -> ExchangeFile {
    let Pupil { id, ine, division, last_name, first_name, .. } = pupil();
    let row = LotPupil { id, ine, division, last_name, first_name, demand: None, acknowledgement: None, reply: None };
    let stamped_at = Timestamp::parse("2020-05-26T03:15:00+02:00").unwrap();
    let head = LotHead { key: key(), number, stamped_at, zone: Zone::Europe__Paris, counts: LotCounts::of([&row]) };
    codec::encode_lot(&Lot { head, pupils: vec![row] }, Format::Xml, Encoding::Utf8).unwrap()
}

fn window(number: u32, open: bool) -> WindowOrder {
    let motive = if open { Motive::Opening } else { Motive::Closing };
    WindowOrder { key: key(), number, open, motive }
}

fn response() -> Response {
    let proposal = Proposal { track: Track::SecondeGt, requested: true, accepted: true };
    Response {
        pupil: PUPIL,
        demand_version: None,
        entered_at: Timestamp::parse("2020-05-28T18:05:00+02:00").unwrap(),
        council: parse_date("2020-05-28").unwrap(),
        verdicts: Verdicts::Proposals(vec![proposal]),
    }
}

impl Field {
    async fn over(way: Over) -> Self {
        let now = Timestamp::parse("2020-05-26T03:15:00+02:00").unwrap();
        let clock = Clock::player(now);
        let mut there = teleservice::Teleservice::new();
        there.add_school(school(), Zone::Europe__Paris);
        there.arrive(school(), pupil(), now);
        let mut office = siecle::Siecle::new(Format::Xml, Encoding::Utf8);
        office.add_school(school(), Zone::Europe__Paris);
        let (there, office) = (share(there), share(office));
        let (teleservice, siecle, behind) = match way {
            Over::Http => {
                let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
                let served = [
                    serve_teleservice(&there, &clock, free).await.unwrap(),
                    serve_siecle(&office, &clock, free).await.unwrap(),
                ];
                let [desk, imports] = served.each_ref().map(|one| HttpOptions::new(Url::parse(&one.base()).unwrap()));
                (
                    Teleservice::http(desk, clock.clone(), Crash::off()).unwrap(),
                    Siecle::http(imports, clock, Crash::off()).unwrap(),
                    Behind::Http { _served: served },
                )
            }
            Over::Folders => {
                let roots = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
                let [desk, imports] = roots.each_ref().map(|root| DirectoryOptions { path: root.path().join("far") });
                let folders = (
                    TeleserviceFolder::open(&there, &desk.path).await.unwrap(),
                    SiecleFolder::open(&office, &imports.path).await.unwrap(),
                );
                (
                    Teleservice::directory(desk, Files::default()),
                    Siecle::directory(imports, Files::default()),
                    Behind::Folders { turning: Box::new(folders), _roots: roots },
                )
            }
        };
        let mut field = Self { teleservice, siecle, there, office, now, behind };
        field.turn().await;
        field
    }

    /// Lets stand-ins behind folders act on what lies there.
    async fn turn(&mut self) {
        match &mut self.behind {
            Behind::Http { .. } => (),
            Behind::Folders { turning, .. } => {
                turning.0.turn(self.now).await.unwrap();
                turning.1.turn(self.now).await.unwrap();
            }
        }
    }

    async fn events(&self, after: u64) -> FeedPage {
        self.teleservice.events(school(), after, 100).await.unwrap()
    }
}

#[tokio::test]
async fn the_same_feed_is_read_over_both() {
    let mut pages = Vec::new();
    for way in [Over::Http, Over::Folders] {
        let mut field = Field::over(way).await;
        field.teleservice.window(&window(1, true)).await.unwrap();
        field.turn().await;
        hold(&field.there).switch(key(), false, field.now);
        let hole = serde_json::from_str(r#"{"type":"INCONNU","seq":7}"#).unwrap();
        hold(&field.there).emit(school(), hole, &std::collections::BTreeSet::new(), field.now);
        field.turn().await;
        let page = field.events(1).await;
        assert_eq!(page.events.iter().map(|(event, _)| event.seq).collect::<Vec<_>>(), [2, 3, 7]);
        assert!(field.events(8).await.went_back);
        pages.push(FeedPage { date: None, ..page });
    }
    assert_eq!(pages[0], pages[1]);
}

#[rstest]
#[case(Over::Http)]
#[case(Over::Folders)]
#[tokio::test]
async fn a_feed_set_back_to_a_copy_went_back(#[case] way: Over) {
    let mut field = Field::over(way).await;
    for number in 1..=4 {
        field.teleservice.window(&window(number, number % 2 == 1)).await.unwrap();
        field.turn().await;
    }
    assert_eq!(field.events(4).await.last, 5);
    let event = serde_json::from_str(r#"{"type":"ELEVE_SORTI","eleve_id":100,"seq":2}"#).unwrap();
    hold(&field.there).emit(school(), event, &std::collections::BTreeSet::new(), field.now);
    field.turn().await;
    assert!(field.events(4).await.went_back);
    assert_eq!(field.events(0).await.last, 2);
}

#[rstest]
#[case(Over::Http)]
#[case(Over::Folders)]
#[tokio::test]
async fn orders_are_obeyed_and_refused(#[case] way: Over) {
    let mut field = Field::over(way).await;
    let order = ResponseOrder { key: key(), number: 2, responses: vec![response()] };
    field.teleservice.window(&window(1, true)).await.unwrap();
    let carried = field.teleservice.responses(&order, Zone::Europe__Paris).await;
    assert_eq!(field.teleservice.still_waiting(school(), 2).await, Ok(way == Over::Folders));
    field.turn().await;
    assert!(hold(&field.there).is_open(school(), Level::Troisieme, Phase::Definitive));
    let refused = match way {
        Over::Http => match judge(&carried.unwrap_err()) {
            Outcome::Refused { code, set_up: false, .. } => code,
            other => panic!("{other:?}"),
        },
        Over::Folders => {
            let refusal = field.teleservice.refusals(school()).await.unwrap().remove(0);
            assert_eq!((refusal.number, refusal.pupils), (2, vec![]));
            refusal.whole.unwrap()
        }
    };
    assert_eq!(refused, "OUVERT");
    field.teleservice.window(&window(3, false)).await.unwrap();
    let order = ResponseOrder { number: 4, ..order };
    let answer = field.teleservice.responses(&order, Zone::Europe__Paris).await.unwrap();
    field.turn().await;
    assert_eq!(answer.applied, (way == Over::Http).then_some(1));
    assert!(hold(&field.there).is_locked(school(), PUPIL, Phase::Definitive));
    assert_eq!(field.teleservice.still_waiting(school(), 4).await, Ok(false));
}

#[rstest]
#[case(Over::Http)]
#[case(Over::Folders)]
#[tokio::test]
async fn a_lot_is_deposited_waits_and_gets_its_receipt(#[case] way: Over) {
    let mut field = Field::over(way).await;
    let (first, second) = (lot(1), lot(2));
    assert_eq!(field.siecle.receipt(&first.name).await, Ok(ReceiptAnswer::NeverReceived));
    hold(&field.office).treat(false, field.now);
    for file in [&first, &first, &second] {
        assert_eq!(judge(&field.siecle.publish(file).await), Outcome::Delivered);
        field.turn().await;
    }
    assert_eq!(field.siecle.receipt(&second.name).await, Ok(ReceiptAnswer::NotTreated));
    hold(&field.office).treat(true, field.now);
    field.turn().await;
    assert_eq!(field.siecle.receipt(&first.name).await, Ok(ReceiptAnswer::Replaced));
    let ReceiptAnswer::Receipt(bytes, name) = field.siecle.receipt(&second.name).await.unwrap() else {
        panic!("no receipt")
    };
    let receipt = codec::decode_receipt(name, &bytes).unwrap();
    assert_eq!((receipt.number, receipt.treated), (2, 1));
    // Already treated: the same again is no second deposit.
    assert_eq!(judge(&field.siecle.publish(&second).await), Outcome::Delivered);
    field.turn().await;
    assert_eq!(hold(&field.office).school(school()).unwrap().deposits.len(), 2);
}

#[tokio::test]
async fn a_lot_whose_answer_is_lost_is_in_doubt_and_its_receipt_settles_it() {
    let field = Field::over(Over::Http).await;
    hold(&field.office).faults.lose_reply(1, Some(Topic::Lots));
    let file = lot(1);
    assert!(matches!(judge(&field.siecle.publish(&file).await), Outcome::InDoubt { .. }));
    assert!(matches!(field.siecle.receipt(&file.name).await, Ok(ReceiptAnswer::Receipt(..))));
    assert_eq!(field.siecle.skew_ms(), Some(0));
}

#[tokio::test]
async fn an_order_whose_answer_is_lost_goes_again_under_its_number() {
    let field = Field::over(Over::Http).await;
    hold(&field.there).faults.lose_reply(2, Some(Topic::Orders));
    hold(&field.there).faults.fail_with(503, 1, Some(Topic::Feed));
    let answer = field.teleservice.window(&window(1, true)).await.unwrap();
    assert_eq!((answer.seq, field.events(0).await.last), (Some(2), 2));
}

#[rstest]
#[case(Over::Http)]
#[case(Over::Folders)]
#[tokio::test]
async fn a_far_side_that_is_down_gets_nothing_and_comes_back(#[case] way: Over) {
    let mut field = Field::over(way).await;
    hold(&field.there).faults.take_down(None);
    hold(&field.office).faults.take_down(None);
    field.turn().await;
    let answers = [
        field.teleservice.events(school(), 0, 10).await.map(|_| ()),
        field.teleservice.window(&window(1, true)).await.map(|_| ()),
        Err(field.siecle.publish(&lot(1)).await),
        field.siecle.receipt(&lot(1).name).await.map(|_| ()),
        field.siecle.response_files(school(), 0).await.map(|_| ()),
    ];
    for answer in answers {
        assert!(matches!(answer, Err(Answer::NotSent { .. })), "{answer:?}");
    }
    hold(&field.there).faults.bring_up(None);
    hold(&field.office).faults.bring_up(None);
    field.turn().await;
    assert_eq!(field.events(0).await.last, 1);
    assert_eq!(field.siecle.receipt(&lot(1).name).await, Ok(ReceiptAnswer::NeverReceived));
}

#[rstest]
#[case(Over::Http)]
#[case(Over::Folders)]
#[tokio::test]
async fn response_files_are_listed_and_read(#[case] way: Over) {
    let mut field = Field::over(way).await;
    hold(&field.office).entry_complete(key(), field.now).unwrap();
    field.turn().await;
    let files = field.siecle.response_files(school(), 0).await.unwrap();
    assert_eq!(files.iter().map(|file| file.number).collect::<Vec<_>>(), [1]);
    let bytes = field.siecle.response_file(school(), &files[0]).await.unwrap();
    assert_eq!(bytes.len() as u64, files[0].size_bytes);
    let (head, rows) = codec::decode_responses(files[0].name, &bytes).unwrap();
    assert_eq!((head.entry_complete_at, rows.len()), (Some(field.now), 0));
    assert_eq!(field.siecle.response_files(school(), 1).await, Ok(vec![]));
}
