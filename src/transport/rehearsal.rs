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
        let is_read = desk.last <= reached || page.events.is_empty();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::json::feed::encode_page;
    use crate::crash::Crash;
    use crate::domain::{
        campaign::{CampaignKey, Phase},
        order::Motive,
        pupil::PupilId,
        response::{Proposal, Response, Verdicts},
        school::Level,
        time::parse_date,
        track::Track,
    };
    use crate::files::Files;
    use crate::transport::fixture::{DigestIs, Far, Folders, NOW_MS, Said, code, ok, player, school, status};
    use crate::transport::http::HttpOptions;

    fn key() -> CampaignKey {
        CampaignKey { school: school(), level: Level::Troisieme, phase: Phase::Definitive }
    }

    fn closing() -> WindowOrder {
        WindowOrder { key: key(), number: 12, open: false, motive: Motive::Closing }
    }

    fn carrying() -> ResponseOrder {
        let proposal = Proposal { track: Track::SecondeGt, requested: true, accepted: true };
        let response = |pupil| Response {
            pupil: PupilId(pupil),
            demand_version: Some(1),
            entered_at: Timestamp::from_epoch_ms(NOW_MS),
            council: parse_date("2020-05-28").unwrap(),
            verdicts: Verdicts::Proposals(vec![proposal]),
        };
        ResponseOrder { key: key(), number: 13, responses: vec![response(100), response(101)] }
    }

    fn now() -> Timestamp {
        Timestamp::from_epoch_ms(NOW_MS)
    }

    /// A page of events that say who left.
    fn page(after: u64, last: u64) -> Said {
        let left = |seq| Event { seq, at: now(), kind: EventKind::PupilLeft(PupilId(7)) };
        let raw: Vec<String> = (after + 1..=last).map(|seq| encode_event(&left(seq), school().uai.zone())).collect();
        ok(encode_page(school(), after, last, &raw))
    }

    async fn over_http(script: Vec<Said>) -> (Far, RehearsedTeleservice) {
        let far = Far::saying(script).await;
        let real = Teleservice::http(HttpOptions::new(far.base.clone()), player(), Crash::off()).unwrap();
        (far, RehearsedTeleservice::new(Arc::new(real), now()))
    }

    fn over_folders(folders: &Folders) -> RehearsedTeleservice {
        let real = Teleservice::directory(folders.options(), Files::default());
        RehearsedTeleservice::new(Arc::new(real), now())
    }

    fn places(page: &FeedPage) -> (Vec<u64>, u64) {
        (page.events.iter().map(|(event, _)| event.seq).collect(), page.last)
    }

    #[tokio::test]
    async fn what_is_given_comes_back_through_the_feed_and_never_leaves() {
        // While it lasts, the real feed goes on.
        let (far, desk) = over_http(vec![page(0, 2), page(1, 3), page(2, 4), page(2, 5)]).await;
        assert_eq!(places(&desk.events(school(), 0, 9).await.unwrap()), (vec![1, 2], 2));
        assert_eq!(desk.window(&closing()), Ok(OrderAnswer { seq: Some(3) }));
        let read = desk.events(school(), 1, 9).await.unwrap();
        assert_eq!(places(&read), (vec![2, 3], 3));
        let (event, raw) = read.events[1].clone();
        let window = EventKind::Window {
            level: Level::Troisieme,
            phase: Phase::Definitive,
            open: false,
            motive: "R08".to_owned(),
            order: Some(12),
        };
        assert_eq!((event.at, &event.kind), (now(), &window));
        assert_eq!(desk.responses(&carrying()).unwrap().applied, Some(2));
        // Read from the last one, as from any other: the same bytes, and those behind.
        let read = desk.events(school(), 2, 9).await.unwrap();
        assert_eq!((places(&read), &read.events[0].1), ((vec![3, 4, 5], 5), &raw));
        assert_eq!(places(&desk.events(school(), 4, 9).await.unwrap()), (vec![5], 5));
        assert!(!desk.still_waiting(school(), 12).await.unwrap());
        assert_eq!(desk.given(), [GivenOrder::Window(closing()), GivenOrder::Responses(carrying())]);
        let asked = far.asked();
        assert!(asked.iter().all(|asked| asked.method == "GET" && asked.body.is_empty()));
        assert!(asked.last().unwrap().target.contains("depuis=2"), "{asked:?}");
    }

    #[tokio::test]
    async fn behind_a_page_that_is_not_the_last_one_comes_the_next_page() {
        let (_far, desk) = over_http(vec![page(0, 4), page(0, 4), page(4, 4)]).await;
        desk.events(school(), 0, 9).await.unwrap();
        desk.window(&closing()).unwrap();
        assert_eq!(places(&desk.events(school(), 0, 9).await.unwrap()), (vec![1, 2, 3, 4, 5], 5));
        assert_eq!(places(&desk.events(school(), 4, 9).await.unwrap()), (vec![5], 5));
    }

    #[tokio::test]
    async fn who_does_not_answer_takes_no_order_either() {
        let (_far, desk) = over_http(vec![code(401)]).await;
        assert_eq!(desk.events(school(), 0, 9).await, Err(status(401)));
        assert_eq!(desk.window(&closing()), Err(status(401)));
        assert_eq!((desk.given(), desk.is_read()), (Vec::new(), false));
    }

    #[tokio::test]
    async fn over_folders_an_order_waits_and_is_laid_down_nowhere() {
        let folders = Folders::new(&["evenements", "ordres", "refus"]);
        let desk = over_folders(&folders);
        assert_eq!(desk.window(&closing()), Ok(OrderAnswer { seq: None }));
        assert_eq!(desk.responses(&carrying()).unwrap().applied, None);
        assert_eq!(places(&desk.events(school(), 0, 9).await.unwrap()), (Vec::new(), 0));
        assert!(desk.still_waiting(school(), 12).await.unwrap());
        assert!(!desk.still_waiting(school(), 11).await.unwrap());
        assert_eq!(folders.names("ordres"), Vec::<String>::new());
        folders.remove("ordres");
        assert!(matches!(desk.window(&closing()), Err(Answer::NotSent { .. })));
        assert_eq!(desk.given().len(), 2);
    }

    const LOT: &str = "0380001V-2019-DEM-3E-DEFINITIVE-00012.xml";

    fn lot() -> ExchangeFile {
        ExchangeFile::new(FileName::parse(LOT).unwrap(), b"<LOT/>".to_vec())
    }

    #[tokio::test]
    async fn a_lot_stays_here_and_is_not_treated_yet() {
        let folders = Folders::new(&["import", "imported", "rejected", "report", "export"]);
        let office = RehearsedSiecle::new(Arc::new(Siecle::directory(folders.options(), Files::default())));
        assert_eq!(office.receipt(&lot().name).await, Ok(ReceiptAnswer::NeverReceived));
        assert_eq!(office.publish(&lot()).await, Ok(()));
        assert_eq!(office.receipt(&lot().name).await, Ok(ReceiptAnswer::NotTreated));
        assert_eq!((folders.names("import"), office.office().given.clone()), (Vec::new(), vec![lot().name]));
        // A number that Siècle has with another content is refused here as there.
        folders.put("imported", LOT, b"<OTHER/>", DigestIs::Right);
        assert_eq!(office.publish(&lot()).await, Err(Answer::TAKEN));
    }

    #[tokio::test]
    async fn over_http_a_lot_goes_where_the_last_question_went() {
        let far = Far::saying([code(401), code(404)]).await;
        let real = Siecle::http(HttpOptions::new(far.base.clone()), player(), Crash::off()).unwrap();
        let office = RehearsedSiecle::new(Arc::new(real));
        assert_eq!(office.receipt(&lot().name).await, Err(status(401)));
        assert_eq!(office.publish(&lot()).await, Err(status(401)));
        assert_eq!(office.receipt(&lot().name).await, Ok(ReceiptAnswer::NeverReceived));
        assert_eq!(office.publish(&lot()).await, Ok(()));
        assert!(far.asked().iter().all(|asked| asked.method == "GET"));
    }
}
