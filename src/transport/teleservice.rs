//! What is asked of the téléservice: its feed, and the two orders (teleservice.md).

use crate::clock::Clock;
use crate::codec::{
    Fault,
    json::{
        feed::decode_page,
        orders::{self, OrderKind, OrderName},
        refusals,
    },
};
use crate::crash::Crash;
use crate::domain::{
    event::Event,
    order::{ResponseOrder, WindowOrder},
    pupil::PupilId,
    school::SchoolKey,
    time::{Timestamp, Zone},
};
use crate::files::Files;
use crate::plan::delivery::{Answer, Problem};
use crate::transport::{
    directory::{Directory, DirectoryOptions},
    feed,
    http::{Ask, FarDate, Http, HttpOptions, Repeat, Reply, SetupFault, Upload},
    rehearsal::RehearsedTeleservice,
};
use std::sync::Arc;

/// The most events that one page may hold (teleservice.md).
const LIMIT_MAX: u32 = 5_000;
/// Where orders are laid down, and where they lie until they are obeyed or refused.
const ORDERS: &str = "ordres";
/// Where refusals appear, under the order's name.
const REFUSED: &str = "refus";
/// `Teleservice::answers_at_once`.
const ANSWERS: bool = true;
const JSON: &str = "application/json";
const CONFLICT: u16 = 409;
/// The one conflict of the feed that is an answer: it ends before the place asked for.
const WENT_BACK: &str = "FLUX_RECULE";

/// The téléservice, over either transport.
pub enum Teleservice {
    /// Over HTTP.
    Http(Http),
    /// Over folders.
    Directory(Directory),
    /// A dry run's: the real one is asked, and given nothing.
    Rehearsed(Arc<RehearsedTeleservice>),
}

/// A stretch of a school's feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedPage {
    /// The last `seq` that exists there.
    pub last: u64,
    /// Events after the one asked for, ascending, each with its canonical JSON.
    pub events: Vec<(Event, String)>,
    /// The answer's `Date`; none over folders.
    pub date: Option<Timestamp>,
    /// The feed is shorter than where we already are, or was rewritten (`FLUX_RECULE`).
    pub went_back: bool,
}

/// What the téléservice answered to a window order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderAnswer {
    /// The `seq` of the event that made it so; none over folders, where the feed tells.
    pub seq: Option<u64>,
}

/// What the téléservice answered to a response order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseAnswer {
    /// How many were applied; none over folders, where the feed tells.
    pub applied: Option<u32>,
    /// Who was refused, with the téléservice's code.
    pub refused: Vec<(PupilId, String)>,
}

/// A refusal left in `refus/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The order's number.
    pub number: u32,
    /// The code, where the order was refused whole.
    pub whole: Option<String>,
    /// Else the pupils refused.
    pub pupils: Vec<(PupilId, String)>,
}

impl Teleservice {
    /// The téléservice over HTTP.
    ///
    /// # Errors
    /// `SetupFault` for an address, certificate or token that can't be used.
    pub fn http(options: HttpOptions, clock: Clock, crash: Crash) -> Result<Self, SetupFault> {
        Http::new(options, clock, crash).map(Self::Http)
    }

    /// The téléservice over the folders of one school.
    pub fn directory(options: DirectoryOptions, files: Files) -> Self {
        Self::Directory(Directory::new(options, files))
    }

    /// The same, believing for a while what it listed (`Directory::believed_by`); HTTP lists nothing.
    pub fn believed_by(self, clock: Clock) -> Self {
        match self {
            Self::Http(http) => Self::Http(http),
            Self::Directory(folders) => Self::Directory(folders.believed_by(clock)),
            Self::Rehearsed(rehearsed) => Self::Rehearsed(rehearsed),
        }
    }

    /// The latest `Date` that it sent; none over folders.
    pub fn last_date(&self) -> Option<FarDate> {
        match self {
            Self::Http(http) => http.last_date(),
            Self::Directory(_) => None,
            Self::Rehearsed(rehearsed) => rehearsed.real().last_date(),
        }
    }

    /// How far our clock was ahead of its clock when it last answered; none over folders.
    pub fn skew_ms(&self) -> Option<i64> {
        self.last_date().map(|date| date.skew_ms())
    }

    /// When the certificate ends that it showed last; none over folders and plain HTTP.
    pub fn certificate_ends_at(&self) -> Option<Timestamp> {
        match self {
            Self::Http(http) => http.certificate_ends_at(),
            Self::Directory(_) => None,
            Self::Rehearsed(rehearsed) => rehearsed.real().certificate_ends_at(),
        }
    }

    /// Whether it obeys an order with its answer; over folders the feed tells it later.
    pub fn answers_at_once(&self) -> bool {
        match self {
            Self::Http(_) => ANSWERS,
            Self::Directory(_) => !ANSWERS,
            Self::Rehearsed(rehearsed) => rehearsed.real().answers_at_once(),
        }
    }

    /// Whether orders can be given, as far as that can be told without giving one.
    ///
    /// # Errors
    /// `NotSent` where they cannot.
    pub fn can_take_orders(&self) -> Result<(), Answer> {
        match self {
            Self::Http(_) => Ok(()),
            Self::Directory(folders) => folders.can_publish(ORDERS),
            Self::Rehearsed(rehearsed) => rehearsed.real().can_take_orders(),
        }
    }

    /// Whether it can be used for a school: it answers, or its folders can be read and written. Nothing is changed there.
    ///
    /// # Errors
    /// What came back when it cannot.
    pub async fn probe(&self, school: SchoolKey) -> Result<(), Answer> {
        self.events(school, 0, 1).await?;
        if let Self::Directory(folders) = self {
            for folder in [REFUSED] {
                folders.visible(folder, "").await?;
            }
        }
        self.can_take_orders()
    }

    /// The events after `after`, at most `limit` of them.
    ///
    /// # Errors
    /// What came back when it was no stretch of the feed.
    pub async fn events(&self, school: SchoolKey, after: u64, limit: u32) -> Result<FeedPage, Answer> {
        match self {
            Self::Http(http) => ask_events(http, school, after, limit.clamp(1, LIMIT_MAX)).await,
            Self::Directory(folders) => feed::page(folders, school, after, limit.clamp(1, LIMIT_MAX)).await,
            Self::Rehearsed(rehearsed) => Box::pin(rehearsed.events(school, after, limit)).await,
        }
    }

    /// Opens or closes a campaign's service. The same order again changes nothing.
    ///
    /// # Errors
    /// What came back when it was not obeyed, or not given.
    pub async fn window(&self, order: &WindowOrder) -> Result<OrderAnswer, Answer> {
        match self {
            Self::Http(http) => put_window(http, order).await,
            Self::Directory(folders) => {
                let name = OrderName { key: order.key, kind: OrderKind::Window, number: order.number };
                folders.publish(ORDERS, &name.to_string(), orders::encode_window(order).as_bytes()).await?;
                Ok(OrderAnswer { seq: None })
            }
            Self::Rehearsed(rehearsed) => rehearsed.window(order),
        }
    }

    /// Carries responses. The same order again answers the same.
    ///
    /// # Errors
    /// What came back when it was refused whole, or not given.
    pub async fn responses(&self, order: &ResponseOrder, zone: Zone) -> Result<ResponseAnswer, Answer> {
        let body = orders::encode_responses(order, zone);
        match self {
            Self::Http(http) => put_responses(http, order, &body).await,
            Self::Directory(folders) => {
                let name = OrderName { key: order.key, kind: OrderKind::Responses, number: order.number };
                folders.publish(ORDERS, &name.to_string(), body.as_bytes()).await?;
                Ok(ResponseAnswer { applied: None, refused: Vec::new() })
            }
            Self::Rehearsed(rehearsed) => rehearsed.responses(order),
        }
    }

    /// What it refused and left for us to read; over HTTP the answers say it.
    ///
    /// # Errors
    /// What came back when the folder, or a refusal in it, could not be read.
    pub async fn refusals(&self, school: SchoolKey) -> Result<Vec<Refusal>, Answer> {
        match self {
            Self::Http(_) => Ok(Vec::new()),
            Self::Directory(folders) => read_refusals(folders, school).await,
            Self::Rehearsed(rehearsed) => Box::pin(rehearsed.real().refusals(school)).await,
        }
    }

    /// Whether an order still lies where it was given, neither obeyed nor refused; over HTTP none does.
    ///
    /// # Errors
    /// What came back when the folder could not be read.
    pub async fn still_waiting(&self, school: SchoolKey, number: u32) -> Result<bool, Answer> {
        match self {
            Self::Http(_) => Ok(false),
            Self::Directory(folders) => {
                let lying = |name: OrderName| name.key.school == school && name.number == number;
                Ok(folders
                    .published(ORDERS, &of_school(school))
                    .await?
                    .iter()
                    .filter_map(|name| OrderName::parse(name))
                    .any(lying))
            }
            Self::Rehearsed(rehearsed) => Box::pin(rehearsed.still_waiting(school, number)).await,
        }
    }
}

async fn ask_events(http: &Http, school: SchoolKey, after: u64, limit: u32) -> Result<FeedPage, Answer> {
    let (after_text, limit_text) = (after.to_string(), limit.to_string());
    let query = [("depuis", after_text.as_str()), ("limite", limit_text.as_str())];
    let year = school.year.to_string();
    let path = ["orientation", "v1", school.uai.as_str(), &year, "evenements"];
    let reply = match http.ask(&Ask { path: &path, query: &query, upload: None, repeat: Repeat::Freely }).await {
        Ok(reply) => reply,
        Err(Answer::Status { code: CONFLICT, problem: Some(Problem::Business { code, .. }), .. })
            if code == WENT_BACK =>
        {
            let date = http.last_date().map(|date| date.theirs);
            return Ok(FeedPage { last: 0, events: Vec::new(), date, went_back: true });
        }
        Err(answer) => return Err(answer),
    };
    let page = decode_page(&reply.body).map_err(unusable)?;
    if page.last < after {
        return Ok(FeedPage { last: page.last, events: Vec::new(), date: reply.date, went_back: true });
    }
    let asked = SchoolKey { uai: page.uai, year: page.year } == school && page.after == after;
    let fits = u32::try_from(page.events.len()).is_ok_and(|count| count <= limit);
    let mut before = after;
    let ascending = page.events.iter().all(|event| std::mem::replace(&mut before, event.seq) < event.seq);
    if !(asked && fits && ascending && before <= page.last) {
        return Err(Answer::Unusable { why: "the page of the feed is not the one asked for".to_owned() });
    }
    let events = page.events.into_iter().zip(page.raw).collect();
    Ok(FeedPage { last: page.last, events, date: reply.date, went_back: false })
}

async fn put(http: &Http, school: SchoolKey, path: &[&str], body: &str, key: Option<&str>) -> Result<Reply, Answer> {
    let year = school.year.to_string();
    let mut whole = vec!["orientation", "v1", school.uai.as_str(), &year];
    whole.extend(path);
    let upload = Upload { bytes: body.as_bytes(), content_type: JSON, key, file_name: None };
    // Both orders may go again: saying what already is changes nothing, and a number answers the same (teleservice.md).
    http.ask(&Ask { path: &whole, query: &[], upload: Some(upload), repeat: Repeat::Freely }).await
}

async fn put_window(http: &Http, order: &WindowOrder) -> Result<OrderAnswer, Answer> {
    let path = [order.key.level.code(), order.key.phase.code(), "ouverture"];
    let reply = put(http, order.key.school, &path, &orders::encode_window(order), None).await?;
    let answer = orders::decode_window_answer(&reply.body).map_err(unusable)?;
    if answer.open == order.open {
        Ok(OrderAnswer { seq: Some(answer.seq) })
    } else {
        Err(Answer::Unusable { why: "the window is answered to be the contrary of what was ordered".to_owned() })
    }
}

async fn put_responses(http: &Http, order: &ResponseOrder, body: &str) -> Result<ResponseAnswer, Answer> {
    let number = order.number.to_string();
    let path = [order.key.level.code(), order.key.phase.code(), "reponses", &number];
    let key = format!("{}-{number}", order.key.school);
    let reply = put(http, order.key.school, &path, body, Some(&key)).await?;
    let answer = orders::decode_responses_answer(&reply.body).map_err(unusable)?;
    Ok(ResponseAnswer { applied: Some(answer.applied), refused: answer.refused })
}

async fn read_refusals(folders: &Directory, school: SchoolKey) -> Result<Vec<Refusal>, Answer> {
    let mut found = Vec::new();
    for name in folders.published(REFUSED, &of_school(school)).await? {
        let Some(order) = OrderName::parse(&name).filter(|order| order.key.school == school) else { continue };
        let Some(bytes) = folders.read(REFUSED, &name).await? else { continue };
        let refused = refusals::decode(&bytes).map_err(|fault| Answer::Unusable { why: format!("{name}: {fault}") })?;
        let (whole, pupils) = match refused {
            refusals::Refusal::Whole(code) => (Some(code), Vec::new()),
            refusals::Refusal::Pupils(pupils) => (None, pupils),
        };
        found.push(Refusal { number: order.number, whole, pupils });
    }
    found.sort_by_key(|refusal| refusal.number);
    Ok(found)
}

/// How the names of a school's orders begin, of whatever year.
fn of_school(school: SchoolKey) -> String {
    format!("{}-", school.uai)
}

fn unusable(fault: Fault) -> Answer {
    Answer::Unusable { why: fault.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        campaign::{CampaignKey, Phase},
        order::Motive,
        response::{Proposal, Response, Verdicts},
        school::Level,
        time::parse_date,
        track::Track,
    };
    use crate::transport::fixture::{DigestIs, Far, Folders, NOW_MS, Said, code, ok, player, school, status};
    use rstest::rstest;

    const PROBLEM: &str = "application/problem+json";

    fn key() -> CampaignKey {
        CampaignKey { school: school(), level: Level::Troisieme, phase: Phase::Definitive }
    }

    fn window() -> WindowOrder {
        WindowOrder { key: key(), number: 12, open: false, motive: Motive::Closing }
    }

    fn responses() -> ResponseOrder {
        let proposal = Proposal { track: Track::SecondeGt, requested: true, accepted: true };
        let response = Response {
            pupil: PupilId(100),
            demand_version: Some(1),
            entered_at: Timestamp::from_epoch_ms(NOW_MS),
            council: parse_date("2020-05-28").unwrap(),
            verdicts: Verdicts::Proposals(vec![proposal]),
        };
        ResponseOrder { key: key(), number: 3, responses: vec![response] }
    }

    fn over_http(far: &Far) -> Teleservice {
        Teleservice::http(HttpOptions::new(far.base.clone()), player(), Crash::off()).unwrap()
    }

    fn over_folders(folders: &Folders) -> Teleservice {
        Teleservice::directory(folders.options(), Files::default())
    }

    fn event(seq: u64) -> String {
        format!(r#"{{"eleve_id":100,"le":"2020-05-12T10:58:42+02:00","seq":{seq},"type":"ELEVE_SORTI"}}"#)
    }

    fn page(after: u64, last: u64, seqs: &[u64]) -> String {
        let events: Vec<String> = seqs.iter().map(|seq| event(*seq)).collect();
        let events = events.join(",");
        format!(r#"{{"uai":"0380001V","annee":2019,"depuis":{after},"dernier":{last},"evenements":[{events}]}}"#)
    }

    #[rstest]
    #[case::some(page(3, 9, &[4, 5]), 9, &[4, 5], false)]
    #[case::none(page(3, 3, &[]), 3, &[], false)]
    #[case::with_a_hole(page(3, 9, &[4, 7]), 9, &[4, 7], false)]
    #[case::shorter_than_we_are(page(3, 2, &[]), 2, &[], true)]
    #[tokio::test]
    async fn a_page_of_the_feed(
        #[case] body: String,
        #[case] last: u64,
        #[case] seqs: &[u64],
        #[case] went_back: bool,
    ) {
        let far = Far::saying([ok(body).with("date", "Tue, 26 May 2020 01:15:00 GMT")]).await;
        let teleservice = over_http(&far);
        let read = teleservice.events(school(), 3, 2).await.unwrap();
        let date = Some(Timestamp::from_epoch_ms(NOW_MS));
        assert_eq!((read.last, read.went_back, read.date), (last, went_back, date));
        let expected: Vec<(u64, String)> = seqs.iter().map(|seq| (*seq, event(*seq))).collect();
        assert_eq!(read.events.into_iter().map(|(event, raw)| (event.seq, raw)).collect::<Vec<_>>(), expected);
        assert_eq!(far.asked()[0].target, "/base/orientation/v1/0380001V/2019/evenements?depuis=3&limite=2");
        assert_eq!(teleservice.skew_ms(), Some(0));
    }

    #[rstest]
    #[case(0, 1)]
    #[case(9_999, 5_000)]
    #[tokio::test]
    async fn a_limit_is_one_that_the_exchange_knows(#[case] limit: u32, #[case] asked: u32) {
        let far = Far::saying([ok(page(0, 0, &[]))]).await;
        over_http(&far).events(school(), 0, limit).await.unwrap();
        assert!(far.asked()[0].target.ends_with(&format!("limite={asked}")));
    }

    #[rstest]
    #[case::other_school(page(3, 9, &[4]).replace("0380001V", "0750654D"))]
    #[case::other_year(page(3, 9, &[4]).replace("2019", "2020"))]
    #[case::other_place(page(2, 9, &[4]))]
    #[case::more_than_asked(page(3, 9, &[4, 5, 6]))]
    #[case::before_the_place(page(3, 9, &[3]))]
    #[case::falling(page(3, 9, &[5, 4]))]
    #[case::twice(page(3, 9, &[4, 4]))]
    #[case::beyond_the_last(page(3, 4, &[4, 5]))]
    #[case::no_json("<html>".to_owned())]
    #[tokio::test]
    async fn what_is_no_page_is_unusable(#[case] body: String) {
        let far = Far::saying([ok(body)]).await;
        let answer = over_http(&far).events(school(), 3, 2).await.unwrap_err();
        assert!(matches!(answer, Answer::Unusable { .. }), "{answer:?}");
    }

    #[tokio::test]
    async fn a_feed_that_went_back_is_an_answer_and_another_conflict_is_none() {
        let said = |named: &str| {
            code(409).with("content-type", PROBLEM).saying(format!(r#"{{"type":"/metier","code":"{named}"}}"#))
        };
        let far = Far::saying([said("FLUX_RECULE"), said("AUTRE"), code(409)]).await;
        let teleservice = over_http(&far);
        let page = teleservice.events(school(), 3, 2).await.unwrap();
        assert_eq!((page.went_back, page.events.len()), (true, 0));
        for _ in 0..2 {
            let answer = teleservice.events(school(), 3, 2).await.unwrap_err();
            assert!(matches!(answer, Answer::Status { code: 409, .. }), "{answer:?}");
        }
    }

    #[tokio::test]
    async fn a_window_order_is_answered_with_its_event() {
        let far = Far::saying([ok(r#"{"ouvert":false,"le":"2020-05-25T18:00:00+02:00","seq":413}"#)]).await;
        assert_eq!(over_http(&far).window(&window()).await.unwrap(), OrderAnswer { seq: Some(413) });
        let asked = far.asked().pop().unwrap();
        assert_eq!(asked.method, "PUT");
        assert_eq!(asked.target, "/base/orientation/v1/0380001V/2019/3E/DEFINITIVE/ouverture");
        assert_eq!(&asked.body[..], br#"{"ouvert":false,"motif":"R08","ordre":12}"#);
        assert_eq!(asked.header("content-type"), Some("application/json"));
    }

    #[rstest]
    #[case::contrary(ok(r#"{"ouvert":true,"le":"2020-05-25T18:00:00+02:00","seq":413}"#))]
    #[case::nothing(code(204))]
    #[tokio::test]
    async fn a_window_answer_must_say_what_was_ordered(#[case] said: Said) {
        let far = Far::saying([said]).await;
        let answer = over_http(&far).window(&window()).await.unwrap_err();
        assert!(matches!(answer, Answer::Unusable { .. }), "{answer:?}");
    }

    #[tokio::test]
    async fn a_response_order_is_given_under_its_key_and_answered_pupil_by_pupil() {
        let body = r#"{"appliquees":24,"refusees":[{"eleve_id":100,"code":"LOCKED"}]}"#;
        let far = Far::saying([code(503), ok(body)]).await;
        let answer = over_http(&far).responses(&responses(), key().school.uai.zone()).await.unwrap();
        let refused = vec![(PupilId(100), "LOCKED".to_owned())];
        assert_eq!(answer, ResponseAnswer { applied: Some(24), refused });
        let asked = far.asked();
        assert_eq!(asked.len(), 2);
        for asked in asked {
            assert_eq!(asked.target, "/base/orientation/v1/0380001V/2019/3E/DEFINITIVE/reponses/3");
            assert_eq!(asked.header("idempotency-key"), Some("0380001V-2019-3"));
            assert!(asked.header("content-digest").is_some());
        }
    }

    #[tokio::test]
    async fn over_http_nothing_is_left_lying() {
        let far = Far::saying([]).await;
        let teleservice = over_http(&far);
        assert_eq!(teleservice.refusals(school()).await, Ok(vec![]));
        assert_eq!(teleservice.still_waiting(school(), 12).await, Ok(false));
        assert!(far.asked().is_empty());
    }

    #[tokio::test]
    async fn over_folders_orders_are_laid_down_once_and_lie_until_they_are_taken() {
        let folders = Folders::new(&[ORDERS, REFUSED]);
        let teleservice = over_folders(&folders);
        for _ in 0..2 {
            assert_eq!(teleservice.window(&window()).await.unwrap(), OrderAnswer { seq: None });
            let answer = teleservice.responses(&responses(), school().uai.zone()).await.unwrap();
            assert_eq!(answer, ResponseAnswer { applied: None, refused: vec![] });
        }
        let (opening, carrying) =
            ("0380001V-2019-3E-DEFINITIVE-OUV-00012.json", "0380001V-2019-3E-DEFINITIVE-REP-00003.json");
        let digests = [opening, carrying].map(|name| format!("{name}.sha256"));
        assert_eq!(folders.names(ORDERS), [opening, &digests[0], carrying, &digests[1]]);
        assert_eq!(folders.bytes(ORDERS, opening).unwrap(), br#"{"ouvert":false,"motif":"R08","ordre":12}"#);
        for (number, lies) in [(12, true), (3, true), (4, false)] {
            assert_eq!(teleservice.still_waiting(school(), number).await, Ok(lies));
        }
        assert_eq!((teleservice.last_date(), teleservice.skew_ms()), (None, None));
    }

    #[tokio::test]
    async fn a_number_that_holds_another_order_is_a_conflict() {
        let folders = Folders::new(&[ORDERS]);
        let teleservice = over_folders(&folders);
        teleservice.window(&window()).await.unwrap();
        let other = WindowOrder { open: true, ..window() };
        assert_eq!(teleservice.window(&other).await.unwrap_err(), status(409));
    }

    #[rstest]
    #[case::without_digest("0380001V-2019-3E-DEFINITIVE-OUV-00012.json", DigestIs::Missing)]
    #[case::of_another_school("0750654D-2019-3E-DEFINITIVE-OUV-00012.json", DigestIs::Right)]
    #[case::of_another_year("0380001V-2020-3E-DEFINITIVE-OUV-00012.json", DigestIs::Right)]
    #[tokio::test]
    async fn what_is_no_order_of_ours_does_not_wait(#[case] name: &str, #[case] digest: DigestIs) {
        let folders = Folders::new(&[ORDERS, REFUSED]);
        folders.put(ORDERS, name, b"{}", digest);
        folders.put(REFUSED, name, br#"{"code":"OUVERT"}"#, digest);
        assert_eq!(over_folders(&folders).still_waiting(school(), 12).await, Ok(false));
        assert_eq!(over_folders(&folders).refusals(school()).await, Ok(vec![]));
    }

    #[tokio::test]
    async fn refusals_are_read_by_number() {
        let folders = Folders::new(&[REFUSED]);
        let pupils = br#"{"refusees":[{"eleve_id":100,"code":"LOCKED"}]}"#;
        folders.put(REFUSED, "0380001V-2019-3E-DEFINITIVE-REP-00013.json", pupils, DigestIs::Right);
        folders.put(REFUSED, "0380001V-2019-3E-PROVISOIRE-OUV-00002.json", br#"{"code":"ANNEE"}"#, DigestIs::Right);
        let whole = Refusal { number: 2, whole: Some("ANNEE".to_owned()), pupils: vec![] };
        let single = Refusal { number: 13, whole: None, pupils: vec![(PupilId(100), "LOCKED".to_owned())] };
        assert_eq!(over_folders(&folders).refusals(school()).await, Ok(vec![whole, single]));
    }

    #[rstest]
    #[case::no_refusal(b"{}".as_slice(), DigestIs::Right)]
    #[case::wrong_digest(br#"{"code":"OUVERT"}"#.as_slice(), DigestIs::Wrong)]
    #[tokio::test]
    async fn a_refusal_that_cannot_be_read_is_said(#[case] body: &[u8], #[case] digest: DigestIs) {
        let folders = Folders::new(&[REFUSED]);
        let name = "0380001V-2019-3E-DEFINITIVE-REP-00013.json";
        folders.put(REFUSED, name, body, digest);
        let answer = over_folders(&folders).refusals(school()).await.unwrap_err();
        assert!(matches!(&answer, Answer::Unusable { why } if why.contains(name)), "{answer:?}");
    }

    #[tokio::test]
    async fn missing_folders_mean_that_nothing_was_given_or_read() {
        let teleservice = over_folders(&Folders::new(&[]));
        let answers = [
            teleservice.window(&window()).await.map(|_| ()),
            teleservice.responses(&responses(), school().uai.zone()).await.map(|_| ()),
            teleservice.refusals(school()).await.map(|_| ()),
            teleservice.still_waiting(school(), 12).await.map(|_| ()),
            teleservice.events(school(), 0, 10).await.map(|_| ()),
        ];
        for answer in answers {
            assert!(matches!(answer, Err(Answer::NotSent { .. })), "{answer:?}");
        }
    }
}
