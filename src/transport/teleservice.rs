//! What is asked of the téléservice: its feed, and the two orders (teleservice.md).

use crate::{
    clock::Clock,
    crash::Crash,
    domain::{
        event::Event,
        order::{ResponseOrder, WindowOrder},
        pupil::PupilId,
        school::SchoolKey,
        time::{Timestamp, Zone},
    },
    plan::delivery::Answer,
    transport::{
        directory::{Directory, DirectoryOptions},
        http::{FarDate, Http, HttpOptions, SetupFault},
    },
};

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
        Err(self.unspoken())
    }

    /// Opens or closes a campaign's service. The same order again changes nothing.
    ///
    /// # Errors
    /// What came back when it was not obeyed, or not given.
    pub async fn window(&self, order: &WindowOrder) -> Result<OrderAnswer, Answer> {
        Err(self.unspoken())
    }

    /// Carries responses. The same order again answers the same.
    ///
    /// # Errors
    /// What came back when it was refused whole, or not given.
    pub async fn responses(&self, order: &ResponseOrder, zone: Zone) -> Result<ResponseAnswer, Answer> {
        Err(self.unspoken())
    }

    /// What it refused and left for us to read; over HTTP the answers say it.
    ///
    /// # Errors
    /// What came back when the folder, or a refusal in it, could not be read.
    pub async fn refusals(&self, school: SchoolKey) -> Result<Vec<Refusal>, Answer> {
        Err(self.unspoken())
    }

    /// Whether an order still lies where it was given, neither obeyed nor refused; over HTTP none does.
    ///
    /// # Errors
    /// What came back when the folder could not be read.
    pub async fn still_waiting(&self, school: SchoolKey, number: u32) -> Result<bool, Answer> {
        Err(self.unspoken())
    }
}

impl Teleservice {
    fn unspoken(&self) -> Answer {
        Answer::NotSent { why: "no words for it".to_owned() }
    }
}
