//! What is asked of the téléservice: its feed, and the two orders (teleservice.md).

use crate::{
    clock::Clock,
    codec::{
        Fault,
        json::{
            feed::decode_page,
            orders::{self, OrderKind, OrderName},
            refusals,
        },
    },
    crash::Crash,
    domain::{
        event::Event,
        order::{ResponseOrder, WindowOrder},
        pupil::PupilId,
        school::SchoolKey,
        time::{Timestamp, Zone},
    },
    plan::delivery::{Answer, Problem},
    transport::{
        directory::{Directory, DirectoryOptions},
        feed,
        http::{Ask, FarDate, Http, HttpOptions, Repeat, Reply, SetupFault, Upload},
    },
};

/// The most events that one page may hold (teleservice.md).
const LIMIT_MAX: u32 = 5_000;
/// Where orders are laid down, and where they lie until they are obeyed or refused.
const ORDERS: &str = "ordres";
/// Where refusals appear, under the order's name.
const REFUSED: &str = "refus";
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
    pub fn directory(options: DirectoryOptions, crash: Crash) -> Self {
        Self::Directory(Directory::new(options, crash))
    }

    /// The latest `Date` that it sent; none over folders.
    pub fn last_date(&self) -> Option<FarDate> {
        match self {
            Self::Http(http) => http.last_date(),
            Self::Directory(_) => None,
        }
    }

    /// How far our clock was ahead of its clock when it last answered; none over folders.
    pub fn skew_ms(&self) -> Option<i64> {
        self.last_date().map(|date| date.skew_ms())
    }

    /// The events after `after`, at most `limit` of them.
    ///
    /// # Errors
    /// What came back when it was no stretch of the feed.
    pub async fn events(&self, school: SchoolKey, after: u64, limit: u32) -> Result<FeedPage, Answer> {
        match self {
            Self::Http(http) => ask_events(http, school, after, limit.clamp(1, LIMIT_MAX)).await,
            Self::Directory(folders) => feed::page(folders, school, after, limit.clamp(1, LIMIT_MAX)).await,
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
                Ok(folders.published(ORDERS).await?.iter().filter_map(|name| OrderName::parse(name)).any(lying))
            }
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
    for name in folders.published(REFUSED).await? {
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

fn unusable(fault: Fault) -> Answer {
    Answer::Unusable { why: fault.to_string() }
}
