//! Letters to the schools: written with the night that they tell of, handed over later, tried again until they are over.

use crate::domain::{
    school::SchoolKey,
    time::{Date, Timestamp},
};
use crate::store::{StoreError, Tx, lease::Lease, value::values};

/// A letter, as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its Message-ID, for ever.
    pub message_id: String,
    /// Its subject.
    pub subject: String,
    /// As text.
    pub text: String,
    /// As HTML.
    pub html: String,
}

/// A letter that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// To which school.
    pub school: SchoolKey,
    /// Of which night.
    pub date: Date,
    /// What it says.
    pub written: Written,
    /// When it was written.
    pub written_at: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
}

/// Where a letter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LetterState {
    /// It is tried, again and again.
    Waiting,
    /// A server or folder took it.
    HandedOver,
    /// It was tried often enough, or is purged.
    GivenUp,
}

impl LetterState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Waiting, Self::HandedOver, Self::GivenUp];

    /// The name in the database and in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::HandedOver => "handed_over",
            Self::GivenUp => "given_up",
        }
    }
}

/// The latest letter to a school, as pages show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LetterRow {
    /// Of which night.
    pub date: Date,
    /// Where it stands.
    pub state: LetterState,
    /// How often it was tried.
    pub attempts: u32,
    /// Why the latest attempt failed.
    pub fault: Option<String>,
}

/// Puts the letter of a night into the outbox: one a school and night, the first.
///
/// # Errors
/// `LeaseLost`.
pub async fn put(tx: &mut Tx, lease: &Lease, date: Date, letter: &Written, now: Timestamp) -> Result<(), StoreError> {
    lease.check(tx).await?;
    let school = lease.school();
    let sql = "INSERT INTO outbox (uai, year, date, message_id, subject, text, html, written_at_ms, state, attempts, \
         next_attempt_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'waiting', 0, $8) \
         ON CONFLICT (uai, year, date) DO NOTHING";
    let Written { message_id, subject, text, html } = letter;
    tx.execute(sql, values![school.uai, school.year, date, message_id, subject, text, html, now]).await?;
    Ok(())
}

/// Whether the night has its letter.
///
/// # Errors
/// When the database cannot be used.
pub async fn has(tx: &mut Tx, school: SchoolKey, date: Date) -> Result<bool, StoreError> {
    let sql = "SELECT COUNT(*) FROM outbox WHERE uai = $1 AND year = $2 AND date = $3";
    Ok(0 < tx.number(sql, values![school.uai, school.year, date]).await?)
}

/// The oldest letter to a school whose attempt is due.
///
/// # Errors
/// When the database cannot be used.
pub async fn due(tx: &mut Tx, school: SchoolKey, now: Timestamp) -> Result<Option<Waiting>, StoreError> {
    let sql = "SELECT date, message_id, subject, text, html, written_at_ms, attempts FROM outbox \
         WHERE uai = $1 AND year = $2 AND state = 'waiting' AND next_attempt_at_ms <= $3 ORDER BY date LIMIT 1";
    let row = tx.row(sql, values![school.uai, school.year, now]).await?;
    row.map(|row| {
        let mut cells = row.cells();
        let (date, message_id, subject) = (cells.date()?, cells.text()?, cells.text()?);
        let written = Written { message_id, subject, text: cells.text()?, html: cells.text()? };
        Ok(Waiting { school, date, written, written_at: cells.at()?, attempts: cells.u32()? })
    })
    .transpose()
}

/// Begins an attempt at a letter as `due` answered it, the next one following at `next_attempt_at` at the earliest;
/// answers whether it is ours to make: another process may have begun the same.
///
/// # Errors
/// When the database cannot be used.
pub async fn begin(tx: &mut Tx, letter: &Waiting, next_attempt_at: Timestamp) -> Result<bool, StoreError> {
    let sql = "UPDATE outbox SET attempts = attempts + 1, next_attempt_at_ms = $4, fault = NULL \
         WHERE uai = $1 AND year = $2 AND date = $3 AND state = 'waiting' AND attempts = $5";
    let Waiting { school, date, attempts, .. } = letter;
    Ok(tx.execute(sql, values![school.uai, school.year, *date, next_attempt_at, *attempts]).await? == 1)
}

/// Records how an attempt ended that `begin` began. What is over keeps its night, its Message-ID, and no content.
///
/// # Errors
/// When the database cannot be used.
pub async fn end(tx: &mut Tx, letter: &Waiting, state: LetterState, fault: Option<&str>) -> Result<(), StoreError> {
    let sql = "UPDATE outbox SET state = $4, fault = $5, \
         subject = CASE WHEN $4 = 'waiting' THEN subject END, text = CASE WHEN $4 = 'waiting' THEN text END, \
         html = CASE WHEN $4 = 'waiting' THEN html END \
         WHERE uai = $1 AND year = $2 AND date = $3 AND state = 'waiting'";
    let Waiting { school, date, .. } = letter;
    tx.execute(sql, values![school.uai, school.year, *date, state.as_str(), fault]).await?;
    Ok(())
}

/// The latest letter to a school.
///
/// # Errors
/// When the database cannot be used.
pub async fn latest(tx: &mut Tx, school: SchoolKey) -> Result<Option<LetterRow>, StoreError> {
    let sql = "SELECT date, state, attempts, fault FROM outbox WHERE uai = $1 AND year = $2 ORDER BY date DESC LIMIT 1";
    let row = tx.row(sql, values![school.uai, school.year]).await?;
    row.map(|row| {
        let mut cells = row.cells();
        let (date, state) = (cells.date()?, cells.text()?);
        let state = LetterState::ALL.into_iter().find(|known| known.as_str() == state);
        let state = state.ok_or(StoreError::Damaged("unknown state of a letter"))?;
        Ok(LetterRow { date, state, attempts: cells.u32()?, fault: cells.opt_text()? })
    })
    .transpose()
}

#[cfg(test)]
mod tests {
    use crate::crash::Point;
    use crate::domain::time::parse_date;
    use crate::store::outbox::*;
    use crate::store::test_support::{memory, noon, school, take};
    use crate::store::{Store, purge};

    fn tonight() -> Date {
        parse_date("2020-05-26").unwrap()
    }

    fn written(text: &str) -> Written {
        let own = |text: &str| text.to_owned();
        Written { message_id: own("<a@b>"), subject: own("1 à traiter"), text: own(text), html: own("<p>") }
    }

    async fn store_with_a_letter() -> Store {
        let store = memory().await;
        let lease = take(&store).await;
        let mut tx = store.write().await.unwrap();
        put(&mut tx, &lease, tonight(), &written("first"), noon()).await.unwrap();
        put(&mut tx, &lease, tonight(), &written("second"), noon().plus_s(60)).await.unwrap();
        tx.commit(Point::NightRecorded).await.unwrap();
        store
    }

    async fn letter_of(tx: &mut Tx) -> Waiting {
        due(tx, school(), noon()).await.unwrap().unwrap()
    }

    async fn latest_of(store: &Store) -> (LetterState, u32, Option<String>) {
        let row = latest(&mut store.read().await.unwrap(), school()).await.unwrap().unwrap();
        (row.state, row.attempts, row.fault)
    }

    #[tokio::test]
    async fn a_night_has_one_letter_and_an_attempt_at_it_is_made_by_one() {
        let store = store_with_a_letter().await;
        let mut tx = store.write().await.unwrap();
        assert!(has(&mut tx, school(), tonight()).await.unwrap());
        assert_eq!(due(&mut tx, school(), noon().plus_s(-1)).await.unwrap(), None);
        let letter = letter_of(&mut tx).await;
        assert_eq!((letter.written.text.as_str(), letter.written_at, letter.attempts), ("first", noon(), 0));
        let later = noon().plus_s(300);
        assert!(begin(&mut tx, &letter, later).await.unwrap());
        assert!(!begin(&mut tx, &letter, later).await.unwrap(), "another process has it");
        assert_eq!(due(&mut tx, school(), noon()).await.unwrap(), None);
        let again = due(&mut tx, school(), later).await.unwrap().unwrap();
        assert_eq!((&again.written, again.attempts), (&letter.written, 1), "the same letter after a crash");
    }

    #[tokio::test]
    async fn a_failed_attempt_is_told_and_what_is_over_keeps_no_content() {
        for (state, fault) in [(LetterState::HandedOver, None), (LetterState::GivenUp, Some("answered 550"))] {
            let store = store_with_a_letter().await;
            let mut tx = store.write().await.unwrap();
            let letter = letter_of(&mut tx).await;
            begin(&mut tx, &letter, noon()).await.unwrap();
            end(&mut tx, &letter, LetterState::Waiting, Some("answered 451")).await.unwrap();
            assert_eq!(letter_of(&mut tx).await.written, letter.written);
            tx.commit(Point::NightRecorded).await.unwrap();
            assert_eq!(latest_of(&store).await, (LetterState::Waiting, 1, Some("answered 451".to_owned())));
            let mut tx = store.write().await.unwrap();
            end(&mut tx, &letter, state, fault).await.unwrap();
            // A late word about it changes nothing any more.
            end(&mut tx, &letter, LetterState::Waiting, Some("late")).await.unwrap();
            let sql = "SELECT COUNT(*) FROM outbox WHERE subject IS NULL AND text IS NULL AND html IS NULL";
            assert_eq!(tx.number(sql, Vec::new()).await.unwrap(), 1);
            tx.commit(Point::NightRecorded).await.unwrap();
            assert_eq!(latest_of(&store).await, (state, 1, fault.map(str::to_owned)));
        }
    }

    #[tokio::test]
    async fn a_purged_year_sends_nothing_more() {
        let store = store_with_a_letter().await;
        let mut tx = store.write().await.unwrap();
        purge::year(&mut tx, school().year, noon()).await.unwrap();
        assert_eq!(due(&mut tx, school(), noon()).await.unwrap(), None);
        tx.commit(Point::Settled).await.unwrap();
        assert_eq!(latest_of(&store).await, (LetterState::GivenUp, 0, None));
    }
}
