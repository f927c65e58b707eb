//! Tables and properties of the guard, and the campaign that they all play with.

mod alerts;
mod calendar;
mod enforce;
mod facts;
mod sentences;
mod state;
mod verdicts;

use crate::domain::{
    campaign::{Calendar, CampaignKey, Phase},
    pupil::Division,
    school::{Level, SchoolKey, SchoolYear, Uai},
    time::{Timestamp, Zone},
};
use crate::guard::{
    By, Derogation, Facts, FarSide, Journal, Judgement, LotFact, OrderAction, PendingOrder, Policy, WindowEvent,
};

/// What facts are folded from, open to a test's changes.
#[derive(Clone)]
pub struct Case {
    pub zone: Zone,
    pub calendar: Option<Calendar>,
    pub journal: Journal,
    pub far: FarSide,
}

impl Case {
    pub fn facts(&self) -> Facts {
        Facts::fold(key(), self.zone, self.calendar.clone(), &self.journal, self.far)
    }

    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub fn calendar(&mut self) -> &mut Calendar {
        self.calendar.as_mut().unwrap()
    }

    pub fn window(mut self, seq: u64, when: &str, open: bool, by: By) -> Self {
        self.journal.windows.push(WindowEvent { seq, at: at(when), open, by, judged: None });
        self
    }

    pub fn judged(mut self, judgement: Judgement) -> Self {
        self.journal.windows.last_mut().unwrap().judged = Some(judgement);
        self
    }

    pub fn pending(mut self, number: u32, action: OrderAction) -> Self {
        self.journal.pending = Some(PendingOrder { number, action, given_at: at("2020-05-04 08:00:00") });
        self
    }
}

pub const PERSON: By = By::Person;
pub const LAX: Policy = Policy { overrides: true, enforce: true };
pub const STRICT: Policy = Policy { overrides: false, enforce: true };

pub const fn guard(action: OrderAction) -> By {
    By::Order { action, by_hand: false }
}

pub const fn hand(action: OrderAction) -> By {
    By::Order { action, by_hand: true }
}

/// An instant, or a civil time in Paris.
pub fn at(text: &str) -> Timestamp {
    Timestamp::parse_in(text, Zone::Europe__Paris).unwrap()
}

pub fn division(name: &str) -> Division {
    Division::parse(name).unwrap()
}

pub fn key() -> CampaignKey {
    let school = SchoolKey { uai: Uai::parse("0380001V").unwrap(), year: SchoolYear::new(2019).unwrap() };
    CampaignKey { school, level: Level::Troisieme, phase: Phase::Definitive }
}

pub fn plea() -> Option<Derogation> {
    Some(Derogation { reason: "conseil avancé".to_owned(), who: "principale".to_owned() })
}

/// Two divisions; the deadline is Wednesday 27 May at 16:15, the planned closing Monday 25 May at 18:00.
pub fn calendar() -> Calendar {
    Calendar {
        opens: at("2020-05-04 08:00:00"),
        closes: at("2020-05-25 18:00:00"),
        reopens: None,
        ends: None,
        councils: [(division("3 A"), at("2020-05-28 17:30:00")), (division("3 B"), at("2020-05-28 16:15:00"))].into(),
    }
}

pub fn without_calendar() -> Case {
    Case { zone: Zone::Europe__Paris, calendar: None, journal: Journal::default(), far: FarSide::WELL }
}

pub fn planned() -> Case {
    without_calendar().with(|case| {
        case.calendar = Some(calendar());
        case.journal.divisions = [division("3 A"), division("3 B")].into();
        case.journal.feed_epoch = 1;
    })
}

pub fn opened() -> Case {
    planned().window(10, "2020-05-04 08:00:02", true, guard(OrderAction::Open))
}

pub fn closed() -> Case {
    opened().window(30, "2020-05-25 18:00:01", false, guard(OrderAction::Close))
}

/// Siècle has acknowledged the lot cut after the closing.
pub fn carried() -> Case {
    closed().with(|case| {
        case.journal.lots = vec![LotFact {
            number: 1,
            cut_seq: 30,
            epoch: 1,
            acknowledged_at: Some(at("2020-05-26 03:16:00")),
            in_doubt: false,
        }];
        case.journal.responses.some_expected = true;
        case.journal.responses.missing = [(division("3 A"), 2), (division("3 B"), 1)].into();
    })
}

/// Every response was entered by Thursday 18:05, and confirmed by the téléservice in the night.
pub fn responded() -> Case {
    carried().with(|case| {
        let responses = &mut case.journal.responses;
        responses.received = true;
        responses.missing.clear();
        responses.latest_entered_at = Some(at("2020-05-28 18:05:00"));
        responses.confirmed_at = Some(at("2020-05-29 03:16:00"));
    })
}

pub fn reopened() -> Case {
    responded().window(50, "2020-05-29 18:05:00", true, guard(OrderAction::Reopen))
}
