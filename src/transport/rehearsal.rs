//! The far sides of a dry run: what is asked is asked of the real ones; what is given stays here, and is answered as they
//! answer once they have taken it. Nothing leaves, and what would have left can be told.

use crate::codec::{envelope::ExchangeFile, json::event::encode_event};
use crate::domain::{
    event::{Event, EventKind},
    lot::FileName,
    order::{ResponseOrder, WindowOrder},
    school::SchoolKey,
    time::Timestamp,
};
use crate::plan::delivery::Answer;
use crate::transport::{
    siecle::{ReceiptAnswer, Siecle},
    teleservice::{FeedPage, OrderAnswer, ResponseAnswer, Teleservice},
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// It answered with its feed.
const READ: bool = true;

/// An order that would have been given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GivenOrder {
    /// Opens or closes.
    Window(WindowOrder),
    /// Carries responses.
    Responses(ResponseOrder),
}

impl GivenOrder {
    /// Its number.
    pub const fn number(&self) -> u32 {
        match self {
            Self::Window(order) => order.number,
            Self::Responses(order) => order.number,
        }
    }
}

/// One school's téléservice in a dry run that began at `now`.
pub struct RehearsedTeleservice {
    real: Arc<Teleservice>,
    now: Timestamp,
    desk: Mutex<Desk>,
}

#[derive(Default)]
struct Desk {
    given: Vec<GivenOrder>,
    /// Where the real feed ended when it was read last, before the first order.
    last: u64,
    is_read: bool,
    /// The events that the orders make there at once.
    made: Vec<(Event, String)>,
    /// What came back last, where it was no feed: an order would fare no better.
    fault: Option<Answer>,
}

impl RehearsedTeleservice {
    /// Nothing was asked or given yet.
    pub fn new(real: Arc<Teleservice>, now: Timestamp) -> Self {
        Self { real, now, desk: Mutex::default() }
    }

    /// The one that is asked.
    pub fn real(&self) -> &Teleservice {
        &self.real
    }

    /// The orders that would have been given, in their order.
    pub fn given(&self) -> Vec<GivenOrder> {
        self.desk().given.clone()
    }

    /// Whether it answered with its feed at least once.
    pub fn is_read(&self) -> bool {
        self.desk().is_read
    }

    /// A stretch of the feed, with the events of what was given behind it.
    ///
    /// # Errors
    /// As the real one's.
    pub async fn events(&self, school: SchoolKey, after: u64, limit: u32) -> Result<FeedPage, Answer> {
        let end = {
            let desk = self.desk();
            if desk.made.is_empty() { after } else { desk.last }
        };
        // The real one does not know our events, and would take a place behind them for one of another feed.
        let from = after.min(end);
        let read = self.real.events(school, from, limit).await;
        let mut desk = self.desk();
        desk.fault = refusing(&read);
        let mut page = read?;
        desk.is_read = READ;
        if page.went_back || desk.made.is_empty() {
            desk.last = page.last;
            return Ok(page);
        }
        let reached = page.events.last().map_or(from, |(event, _)| event.seq);
        let is_read = reached == desk.last || page.events.is_empty();
        // What happened there since the first order comes after it, and is left to the next run.
        page.events.retain(|(event, _)| after < event.seq && event.seq <= desk.last);
        if is_read {
            page.events.extend(desk.made.iter().filter(|(event, _)| after < event.seq).cloned());
        }
        page.last = desk.last + desk.made.len() as u64;
        Ok(page)
    }

    /// Takes an order that opens or closes.
    ///
    /// # Errors
    /// What would come back where none is taken.
    pub fn window(&self, order: &WindowOrder) -> Result<OrderAnswer, Answer> {
        let made = EventKind::Window {
            level: order.key.level,
            phase: order.key.phase,
            open: order.open,
            motive: order.motive.code().to_owned(),
            order: Some(order.number),
        };
        let seq = self.take(GivenOrder::Window(*order), order.key.school, vec![made])?;
        Ok(OrderAnswer { seq })
    }

    /// Takes an order that carries responses: each is applied.
    ///
    /// # Errors
    /// What would come back where none is taken.
    pub fn responses(&self, order: &ResponseOrder) -> Result<ResponseAnswer, Answer> {
        let (level, phase, number) = (order.key.level, order.key.phase, order.number);
        let made = order.responses.iter().map(|response| {
            let pupil = response.pupil;
            EventKind::Locked { pupil, level, phase, order: number }
        });
        let count = u32::try_from(order.responses.len()).unwrap_or(u32::MAX);
        let seq = self.take(GivenOrder::Responses(order.clone()), order.key.school, made.collect())?;
        Ok(ResponseAnswer { applied: seq.map(|_| count), refused: Vec::new() })
    }

    /// Whether an order lies there still: what was given here does, where it is not obeyed at once.
    ///
    /// # Errors
    /// As the real one's.
    pub async fn still_waiting(&self, school: SchoolKey, number: u32) -> Result<bool, Answer> {
        if self.desk().given.iter().any(|order| order.number() == number) {
            return Ok(!self.real.answers_at_once());
        }
        self.real.still_waiting(school, number).await
    }

    /// Notes an order; answers the `seq` of the last event that it makes, where it is obeyed at once.
    fn take(&self, order: GivenOrder, school: SchoolKey, kinds: Vec<EventKind>) -> Result<Option<u64>, Answer> {
        let mut desk = self.desk();
        self.real.can_take_orders()?;
        if !self.real.answers_at_once() {
            desk.given.push(order);
            return Ok(None);
        }
        if let Some(fault) = &desk.fault {
            return Err(fault.clone());
        }
        desk.given.push(order);
        for kind in kinds {
            let event = Event { seq: desk.last + desk.made.len() as u64 + 1, at: self.now, kind };
            let raw = encode_event(&event, school.uai.zone());
            desk.made.push((event, raw));
        }
        Ok(Some(desk.last + desk.made.len() as u64))
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One school's Siècle in a dry run.
pub struct RehearsedSiecle {
    real: Arc<Siecle>,
    office: Mutex<Office>,
}

#[derive(Default)]
struct Office {
    given: Vec<FileName>,
    /// What came back last, where it was no answer.
    fault: Option<Answer>,
}

impl RehearsedSiecle {
    /// Nothing was asked or given yet.
    pub fn new(real: Arc<Siecle>) -> Self {
        Self { real, office: Mutex::default() }
    }

    /// The one that is asked.
    pub fn real(&self) -> &Siecle {
        &self.real
    }

    /// The lots that would have left, in their order.
    pub fn given(&self) -> Vec<FileName> {
        self.office().given.clone()
    }

    /// Takes a lot.
    ///
    /// # Errors
    /// What would come back where it is not taken.
    pub async fn publish(&self, file: &ExchangeFile) -> Result<(), Answer> {
        self.real.can_take(file).await?;
        let mut office = self.office();
        if let Some(fault) = office.fault.as_ref().filter(|_| self.real.answers_at_once()) {
            return Err(fault.clone());
        }
        office.given.push(file.name);
        Ok(())
    }

    /// What became of a lot; one that was given here is not treated yet.
    ///
    /// # Errors
    /// As the real one's.
    pub async fn receipt(&self, name: &FileName) -> Result<ReceiptAnswer, Answer> {
        if self.office().given.contains(name) {
            return Ok(ReceiptAnswer::NotTreated);
        }
        self.heard(self.real.receipt(name).await)
    }

    /// What the real one answered, remembered where it was no answer.
    pub fn heard<T>(&self, answer: Result<T, Answer>) -> Result<T, Answer> {
        self.office().fault = refusing(&answer);
        answer
    }

    fn office(&self) -> MutexGuard<'_, Office> {
        self.office.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What came back, where nothing that is given would fare better: an answer that cannot be read refuses nothing.
fn refusing<T>(read: &Result<T, Answer>) -> Option<Answer> {
    match read.as_ref().err()? {
        Answer::Unusable { .. } => None,
        fault @ (Answer::Status { .. } | Answer::NotSent { .. } | Answer::Broken { .. }) => Some(fault.clone()),
    }
}
