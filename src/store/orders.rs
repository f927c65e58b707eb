//! Orders to the téléservice: intended before they are sent, and known by their number until the feed, or its answer,
//! shows what became of them.

use crate::domain::{
    anomaly::{Anomaly, Code, Subject},
    campaign::{CampaignKey, Phase},
    lot::NUMBER_MAX,
    order::{Motive, ResponseOrder, WindowOrder},
    pupil::PupilId,
    school::SchoolKey,
    time::Timestamp,
};
use crate::guard::{OrderAction, Permit, WindowAction};
use crate::store::{
    StoreError, Tx, anomalies, campaigns,
    lease::Lease,
    texts,
    value::{Row, values},
};
use std::collections::BTreeSet;

/// An order that is not over yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingRow {
    /// Its number.
    pub number: u32,
    /// Its campaign.
    pub key: CampaignKey,
    /// What it says.
    pub kind: OrderKind,
    /// How far it got.
    pub state: PendingState,
    /// The `seq` that the téléservice answered; the feed was not read so far yet.
    pub answer_seq: Option<u64>,
    /// When it was intended.
    pub given_at: Timestamp,
}

/// What an order says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderKind {
    /// Opens or closes.
    Window(WindowOrder, OrderAction),
    /// Carries responses.
    Responses(ResponseOrder),
}

/// How far a pending order got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PendingState {
    /// Committed here, perhaps never sent.
    Intended,
    /// Sent.
    Sent,
}

/// What became of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderOutcome {
    /// It left; over folders the feed will tell.
    Sent,
    /// It was obeyed, by an answer over HTTP.
    Answered {
        /// The event that made it so, for a window.
        seq: Option<u64>,
    },
    /// It was refused as a whole: it may be given again under a new number.
    Refused {
        /// The téléservice's code.
        code: String,
    },
    /// It has gone, and the feed, read to its end, does not show it.
    Lost,
}

/// The number that the next order of the school and year gets; one counter for all kinds.
///
/// # Errors
/// `NumbersUsedUp`.
pub async fn next_number(tx: &mut Tx, school: SchoolKey) -> Result<u32, StoreError> {
    let sql = "SELECT COALESCE(MAX(number), 0) + 1 FROM far_order WHERE uai = $1 AND year = $2";
    let number = tx.number(sql, values![school.uai, school.year]).await?;
    let number = u32::try_from(number).ok().filter(|number| *number <= NUMBER_MAX);
    number.ok_or(StoreError::NumbersUsedUp(school))
}

/// Intends what the guard permits, and journals a dérogation.
///
/// # Errors
/// `NumbersUsedUp`.
pub async fn intend_window<A: WindowAction>(
    tx: &mut Tx,
    permit: Permit<A>,
    motive: Motive,
    by_hand: bool,
    now: Timestamp,
) -> Result<WindowOrder, StoreError> {
    let key = permit.campaign();
    let action = A::ORDER;
    campaigns::journal_derogation(tx, &permit, &format!("{} {}", action.as_str(), texts::campaign_words(key)), now)
        .await?;
    let order = WindowOrder { key, number: next_number(tx, key.school).await?, open: action.opens(), motive };
    let sql = "INSERT INTO far_order (uai, year, number, kind, level, phase, action, motive, by_hand, state, \
         given_at_ms, changed_at_ms) VALUES ($1, $2, $3, 'window', $4, $5, $6, $7, $8, 'intended', $9, $9)";
    let (school, action, motive) = (key.school, action.as_str(), motive.code());
    let values = values![school.uai, school.year, order.number, key.level, key.phase, action, motive, by_hand, now];
    tx.execute(sql, values).await?;
    Ok(order)
}

/// Intends an order that carries responses. Each of its pupils' responses is in it from now on.
///
/// # Errors
/// `LeaseLost`; `Conflict` when its number is used already.
pub async fn intend_responses(
    tx: &mut Tx,
    lease: &Lease,
    order: &ResponseOrder,
    now: Timestamp,
) -> Result<(), StoreError> {
    lease.check(tx).await?;
    let (key, school, number) = (order.key, order.key.school, order.number);
    let sql = "INSERT INTO far_order (uai, year, number, kind, level, phase, by_hand, payload, state, given_at_ms, \
         changed_at_ms) VALUES ($1, $2, $3, 'responses', $4, $5, 0, $6, 'intended', $7, $7) \
         ON CONFLICT (uai, year, number) DO NOTHING";
    let payload = texts::write_responses(&order.responses)?;
    let values = values![school.uai, school.year, number, key.level, key.phase, payload, now];
    if tx.execute(sql, values).await? == 0 {
        return Err(StoreError::Conflict { school, number });
    }
    let rows = order
        .responses
        .iter()
        .map(|response| values![school.uai, school.year, number, response.pupil, key.phase, response.demand_version]);
    let head = "INSERT INTO order_pupil (uai, year, number, pupil, phase, demand_version)";
    tx.insert(head, rows.collect(), "").await?;
    let mut rows = Vec::with_capacity(order.responses.len());
    for response in &order.responses {
        rows.push(values![response.pupil, response.entered_at, texts::write_verdicts(&response.verdicts)?]);
    }
    let head = "UPDATE response SET order_number = $4, refused_code = NULL, refused_at_ms = NULL";
    // A response that changed since the order was planned is not in it: the next order carries it.
    let planned = "WHERE uai = $1 AND year = $2 AND phase = $3 AND pupil = given.column1 \
         AND entered_at_ms = given.column2 AND verdicts = given.column3";
    tx.update_each(head, values![school.uai, school.year, key.phase, number], rows, planned).await?;
    Ok(())
}

/// Orders of the school that are not over, by number.
///
/// # Errors
/// When the database cannot be used.
pub async fn pending(tx: &mut Tx, school: SchoolKey) -> Result<Vec<PendingRow>, StoreError> {
    let sql = "SELECT level, phase, number, kind, state, answer_seq, given_at_ms, action, motive, payload \
         FROM far_order WHERE uai = $1 AND year = $2 AND state IN ('intended', 'sent') ORDER BY number";
    let rows = tx.rows(sql, values![school.uai, school.year]).await?;
    rows.iter().map(|row| read(row, school)).collect()
}

fn read(row: &Row, school: SchoolKey) -> Result<PendingRow, StoreError> {
    let mut cells = row.cells();
    let key = cells.campaign(school)?;
    let (number, kind, state) = (cells.u32()?, cells.text()?, cells.text()?);
    let (answer_seq, given_at) = (cells.opt_u64()?, cells.at()?);
    let (action, motive, payload) = (cells.opt_text()?, cells.opt_text()?, cells.opt_text()?);
    let kind = if kind == "window" {
        let action = action.as_deref().and_then(OrderAction::of_str).ok_or(StoreError::Damaged("unknown action"))?;
        let motive = motive.as_deref().and_then(Motive::of_code).ok_or(StoreError::Damaged("unknown motive"))?;
        OrderKind::Window(WindowOrder { key, number, open: action.opens(), motive }, action)
    } else {
        let payload = payload.ok_or(StoreError::Damaged("an order that is not over lost its content"))?;
        OrderKind::Responses(ResponseOrder { key, number, responses: texts::read_responses(&payload)? })
    };
    let state = if state == "sent" { PendingState::Sent } else { PendingState::Intended };
    Ok(PendingRow { number, key, kind, state, answer_seq, given_at })
}

/// Records what became of an order. An order that is over stays so.
///
/// # Errors
/// When the database cannot be used.
pub async fn record(
    tx: &mut Tx,
    school: SchoolKey,
    number: u32,
    outcome: &OrderOutcome,
    now: Timestamp,
) -> Result<(), StoreError> {
    let own = values![school.uai, school.year, number, now];
    let and = |more| own.iter().cloned().chain(more).collect();
    match outcome {
        OrderOutcome::Sent => {
            let sql = "UPDATE far_order SET state = 'sent', changed_at_ms = $4 \
                 WHERE uai = $1 AND year = $2 AND number = $3 AND state = 'intended'";
            tx.execute(sql, own).await?;
        }
        OrderOutcome::Answered { seq } => {
            let sql = "UPDATE far_order SET state = 'sent', answer_seq = $5, changed_at_ms = $4 \
                 WHERE uai = $1 AND year = $2 AND number = $3 AND state IN ('intended', 'sent')";
            tx.execute(sql, and(values![*seq])).await?;
            let sql = "SELECT COALESCE(MAX(feed_seq), 0) FROM school WHERE uai = $1 AND year = $2";
            let read = tx.number(sql, values![school.uai, school.year]).await?;
            shown_up_to(tx, school, u64::try_from(read).unwrap_or_default(), now).await?;
        }
        OrderOutcome::Refused { code } => {
            let sql = "UPDATE far_order SET state = 'refused', refused_code = $5, payload = NULL, changed_at_ms = $4 \
                 WHERE uai = $1 AND year = $2 AND number = $3 AND state IN ('intended', 'sent')";
            tx.execute(sql, and(values![code])).await?;
        }
        OrderOutcome::Lost => {
            let sql = "UPDATE far_order SET state = 'lost', payload = NULL, changed_at_ms = $4 \
                 WHERE uai = $1 AND year = $2 AND number = $3 AND state IN ('intended', 'sent')";
            tx.execute(sql, own).await?;
        }
    }
    Ok(())
}

/// The téléservice answered an order of responses: all are applied there but `applied_except` and those `refused`, each
/// of which is raised as `REJET`.
///
/// # Errors
/// When the database cannot be used.
pub async fn confirm_responses(
    tx: &mut Tx,
    school: SchoolKey,
    number: u32,
    applied_except: &BTreeSet<PupilId>,
    refused: &[(PupilId, String)],
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = "SELECT pupil, phase FROM order_pupil WHERE uai = $1 AND year = $2 AND number = $3 ORDER BY pupil";
    let rows = tx.rows(sql, values![school.uai, school.year, number]).await?;
    let refused_pupils: BTreeSet<PupilId> = refused.iter().map(|(pupil, _)| *pupil).collect();
    let mut applied = Vec::new();
    for row in &rows {
        let mut cells = row.cells();
        let (pupil, phase) = (cells.pupil()?, cells.phase()?);
        if !applied_except.contains(&pupil) && !refused_pupils.contains(&pupil) {
            applied.push(Applied { pupil, phase, order: number, at: now });
        }
    }
    confirm_applied(tx, school, &applied).await?;
    refuse_responses(tx, school, number, refused, now).await
}

/// The téléservice refused these responses of an order, each with its code: `REJET`. The others are not touched.
///
/// # Errors
/// When the database cannot be used.
pub async fn refuse_responses(
    tx: &mut Tx,
    school: SchoolKey,
    number: u32,
    refused: &[(PupilId, String)],
    now: Timestamp,
) -> Result<(), StoreError> {
    for (pupil, code) in refused {
        let sql = "UPDATE response SET refused_code = $5, refused_at_ms = $6 WHERE uai = $1 AND year = $2 \
             AND pupil = $3 AND order_number = $4 AND confirmed_at_ms IS NULL AND refused_code IS NULL";
        let touched = tx.execute(sql, values![school.uai, school.year, *pupil, number, code, now]).await?;
        if touched == 0 {
            continue;
        }
        let sql = "SELECT phase FROM far_order WHERE uai = $1 AND year = $2 AND number = $3";
        let row = tx.row(sql, values![school.uai, school.year, number]).await?;
        let phase = row.map(|row| row.cells().phase()).transpose()?;
        let subject = Subject::Pupil(*pupil, phase);
        let anomaly = Anomaly { code: Code::Rejet, subject, at: now, detail: code.clone() };
        anomalies::raise(tx, school, &anomaly).await?;
    }
    close_when_answered(tx, school, number, now).await
}

/// A response that was applied there, by this order or by a later one than carried what stands here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Applied {
    /// Whose.
    pub pupil: PupilId,
    /// Of which phase.
    pub phase: Phase,
    /// By which order.
    pub order: u32,
    /// When.
    pub at: Timestamp,
}

/// Responses were applied there; each pupil and phase stands once among them.
pub(crate) async fn confirm_applied(tx: &mut Tx, school: SchoolKey, applied: &[Applied]) -> Result<(), StoreError> {
    let own = values![school.uai, school.year];
    let rows = || applied.iter().map(|it| values![it.pupil, it.phase, it.order, it.at]).collect();
    let given = "WHERE uai = $1 AND year = $2 AND phase = given.column2 AND pupil = given.column1";
    tx.update_each("UPDATE response SET transferred = 1", own.clone(), rows(), given).await?;
    let head = "UPDATE response SET confirmed_at_ms = given.column4, refused_code = NULL, refused_at_ms = NULL";
    let open = format!("{given} AND order_number <= given.column3 AND confirmed_at_ms IS NULL");
    tx.update_each(head, own, rows(), &open).await?;
    Ok(())
}

/// An order of responses is over once none of them waits for its answer.
pub(crate) async fn close_when_answered(
    tx: &mut Tx,
    school: SchoolKey,
    number: u32,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = "UPDATE far_order SET state = 'done', payload = NULL, changed_at_ms = $4 \
         WHERE uai = $1 AND year = $2 AND number = $3 AND kind = 'responses' AND state IN ('intended', 'sent', 'lost') \
         AND NOT EXISTS (SELECT 1 FROM response r WHERE r.uai = far_order.uai AND r.year = far_order.year \
         AND r.order_number = far_order.number AND r.confirmed_at_ms IS NULL AND r.refused_code IS NULL)";
    tx.execute(sql, values![school.uai, school.year, number, now]).await?;
    Ok(())
}

/// The feed shows this window order.
pub(crate) async fn shown(tx: &mut Tx, key: CampaignKey, number: u32, now: Timestamp) -> Result<(), StoreError> {
    let school = key.school;
    let sql = "UPDATE far_order SET state = 'done', changed_at_ms = $6 WHERE uai = $1 AND year = $2 AND number = $3 \
         AND kind = 'window' AND level = $4 AND phase = $5 AND state <> 'done'";
    tx.execute(sql, values![school.uai, school.year, number, key.level, key.phase, now]).await?;
    Ok(())
}

/// The feed was read up to `seq`: window orders that were answered with an event up to there are over.
pub(crate) async fn shown_up_to(tx: &mut Tx, school: SchoolKey, seq: u64, now: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE far_order SET state = 'done', changed_at_ms = $4 WHERE uai = $1 AND year = $2 \
         AND kind = 'window' AND state = 'sent' AND answer_seq <= $3";
    tx.execute(sql, values![school.uai, school.year, seq, now]).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::crash::Point;
    use crate::domain::{response::Response, track::Track};
    use crate::guard::{Close, Open};
    use crate::store::orders::*;
    use crate::store::test_support::{
        arrives, at, demands, import, key, load_calendar, locked, noon, permit, read, response, school, stores,
        switched, take,
    };
    use crate::store::{Store, facts, feed, lease, responses};
    use rstest::rstest;
    use std::collections::BTreeMap;

    const BY_ITSELF: bool = false;

    async fn open_campaigns() -> Vec<Store> {
        let stores = stores().await;
        for store in &stores {
            load_calendar(store, at("2020-05-04 08:00")).await;
        }
        stores
    }

    async fn intend_open(store: &Store) -> WindowOrder {
        let permit = permit(store, Open, noon()).await;
        let mut tx = store.write().await.unwrap();
        let order = intend_window(&mut tx, permit, Motive::Opening, BY_ITSELF, noon()).await.unwrap();
        tx.commit(Point::OrderIntended).await.unwrap();
        order
    }

    async fn pending_of(store: &Store) -> Vec<PendingRow> {
        pending(&mut store.read().await.unwrap(), school()).await.unwrap()
    }

    async fn recorded(store: &Store, number: u32, outcome: OrderOutcome) {
        let mut tx = store.write().await.unwrap();
        record(&mut tx, school(), number, &outcome, noon()).await.unwrap();
        tx.commit(Point::OrderRecorded).await.unwrap();
    }

    #[tokio::test]
    async fn an_order_waits_until_the_feed_shows_it() {
        for store in open_campaigns().await {
            let order = intend_open(&store).await;
            assert_eq!(order, WindowOrder { key: key(), number: 1, open: true, motive: Motive::Opening });
            let row = PendingRow {
                number: 1,
                key: key(),
                kind: OrderKind::Window(order, OrderAction::Open),
                state: PendingState::Intended,
                answer_seq: None,
                given_at: noon(),
            };
            assert_eq!(pending_of(&store).await, std::slice::from_ref(&row));
            for _ in 0..2 {
                recorded(&store, 1, OrderOutcome::Sent).await;
                assert_eq!(pending_of(&store).await, [PendingRow { state: PendingState::Sent, ..row.clone() }]);
            }
            read(&store, noon(), vec![switched(true, Some(1))]).await;
            assert_eq!(pending_of(&store).await, []);
            recorded(&store, 1, OrderOutcome::Lost).await;
            let permit = permit(&store, Close, noon()).await;
            let mut tx = store.write().await.unwrap();
            let next = intend_window(&mut tx, permit, Motive::Hand, BY_ITSELF, noon()).await.unwrap();
            assert_eq!((next.number, next.open), (2, false));
        }
    }

    #[tokio::test]
    async fn an_answer_is_enough_once_the_feed_was_read_so_far() {
        for store in open_campaigns().await {
            let order = intend_open(&store).await;
            recorded(&store, order.number, OrderOutcome::Answered { seq: Some(2) }).await;
            assert_eq!(pending_of(&store).await[0].answer_seq, Some(2));
            // A person had opened before: no event will name the order.
            read(&store, noon(), vec![switched(true, None), switched(true, None)]).await;
            assert_eq!(pending_of(&store).await, []);
            read(&store, noon(), vec![switched(false, None)]).await;
            let again = intend_open(&store).await;
            recorded(&store, again.number, OrderOutcome::Answered { seq: Some(3) }).await;
            assert_eq!(pending_of(&store).await, [], "the feed was there already");
        }
    }

    #[rstest]
    #[case(OrderOutcome::Lost)]
    #[case(OrderOutcome::Refused { code: "ORDRE".to_owned() })]
    #[tokio::test]
    async fn an_order_that_is_over_is_pending_no_more(#[case] outcome: OrderOutcome) {
        for store in open_campaigns().await {
            let order = intend_open(&store).await;
            recorded(&store, order.number, outcome.clone()).await;
            assert_eq!(pending_of(&store).await, []);
            recorded(&store, order.number, OrderOutcome::Sent).await;
            assert_eq!(pending_of(&store).await, [], "it stays over");
        }
    }

    async fn carry(store: &Store, list: Vec<Response>) -> u32 {
        let lease = take(store).await;
        let mut tx = store.write().await.unwrap();
        let number = next_number(&mut tx, school()).await.unwrap();
        let order = ResponseOrder { key: key(), number, responses: list };
        intend_responses(&mut tx, &lease, &order, noon()).await.unwrap();
        let twice = intend_responses(&mut tx, &lease, &order, noon()).await;
        assert!(matches!(twice, Err(StoreError::Conflict { .. })));
        lease::release(&mut tx, &lease).await.unwrap();
        tx.commit(Point::OrderIntended).await.unwrap();
        number
    }

    async fn carried(store: &Store) -> (Vec<i64>, u32, u32) {
        let mut tx = store.read().await.unwrap();
        let open = responses::to_carry(&mut tx, key()).await.unwrap();
        let facts = facts::of(&mut tx, key()).await.unwrap().journal.responses;
        let transferred = responses::transferred_count(&mut tx, key()).await.unwrap();
        (open.iter().map(|(response, _)| response.pupil.0).collect(), facts.pending_transfer, transferred)
    }

    #[tokio::test]
    async fn responses_are_confirmed_by_an_answer_and_refused_one_by_one() {
        for store in stores().await {
            let list: Vec<Response> = (100..104).map(|id| response(id, noon(), true)).collect();
            import(&store, 1, list.clone(), noon()).await;
            assert_eq!(carried(&store).await, (vec![100, 101, 102, 103], 4, 0));
            let number = carry(&store, list.clone()).await;
            assert_eq!(carried(&store).await, (vec![], 4, 0), "they are on their way");
            let OrderKind::Responses(order) = pending_of(&store).await.remove(0).kind else { panic!("a window") };
            assert_eq!(order, ResponseOrder { key: key(), number, responses: list });
            for _ in 0..2 {
                let mut tx = store.write().await.unwrap();
                let except = BTreeSet::from([PupilId(101)]);
                let refused = [(PupilId(102), "INCONNU".to_owned())];
                confirm_responses(&mut tx, school(), number, &except, &refused, noon()).await.unwrap();
                tx.commit(Point::OrderRecorded).await.unwrap();
                assert_eq!(carried(&store).await, (vec![], 1, 2));
            }
            assert_eq!(pending_of(&store).await.len(), 1, "one of them waits");
            let kinds = vec![arrives(101, "3 A"), demands(101, 1, 1, Track::SecondeGt), locked(101, number)];
            read(&store, noon(), kinds).await;
            assert_eq!((carried(&store).await, pending_of(&store).await), ((vec![], 0, 3), vec![]));
            let open = anomalies::list(&mut store.read().await.unwrap(), None, true).await.unwrap();
            assert_eq!(open.iter().map(|it| it.2.code).collect::<Vec<_>>(), [Code::Rejet]);
        }
    }

    #[rstest]
    #[case(OrderOutcome::Lost)]
    #[case(OrderOutcome::Refused { code: "OUVERT".to_owned() })]
    #[tokio::test]
    async fn an_order_that_failed_whole_is_carried_again(#[case] outcome: OrderOutcome) {
        for store in stores().await {
            import(&store, 1, vec![response(100, noon(), true)], noon()).await;
            let number = carry(&store, vec![response(100, noon(), true)]).await;
            recorded(&store, number, outcome.clone()).await;
            assert_eq!(carried(&store).await, (vec![100], 1, 0));
            let next = carry(&store, vec![response(100, noon(), true)]).await;
            assert_eq!((next, carried(&store).await.0), (number + 1, vec![]));
        }
    }

    #[tokio::test]
    async fn what_was_refused_whole_goes_again_between_nights_only_once_something_changed() {
        async fn soon(store: &Store) -> bool {
            let uncarried = responses::uncarried(&mut store.read().await.unwrap(), school()).await.unwrap();
            uncarried == BTreeMap::from([(key(), true)])
        }
        for store in stores().await {
            let standing = || vec![response(100, noon(), true)];
            import(&store, 1, standing(), noon()).await;
            assert!(soon(&store).await, "no order carried it yet");
            let number = carry(&store, standing()).await;
            assert!(!soon(&store).await, "it is on its way");
            recorded(&store, number, OrderOutcome::Refused { code: "OUVERT".to_owned() }).await;
            read(&store, noon().plus_s(-60), vec![switched(true, None)]).await;
            assert!(!soon(&store).await, "the window moved before");
            read(&store, noon().plus_s(60), vec![switched(false, None)]).await;
            assert!(soon(&store).await, "the window moved since");
            let again = carry(&store, standing()).await;
            let mut tx = store.write().await.unwrap();
            let refused = OrderOutcome::Refused { code: "ORDRE".to_owned() };
            record(&mut tx, school(), again, &refused, noon().plus_s(120)).await.unwrap();
            tx.commit(Point::OrderRecorded).await.unwrap();
            assert!(!soon(&store).await);
            import(&store, 2, vec![response(100, noon().plus_s(180), false)], noon().plus_s(180)).await;
            assert!(soon(&store).await, "the council corrected it");
        }
    }

    #[tokio::test]
    async fn a_correction_goes_its_own_way_and_an_older_lock_does_not_confirm_it() {
        for store in stores().await {
            read(&store, noon(), vec![arrives(100, "3 A")]).await;
            import(&store, 1, vec![response(100, noon(), true)], noon()).await;
            let first = carry(&store, vec![response(100, noon(), true)]).await;
            let corrected = response(100, noon().plus_s(60), false);
            import(&store, 2, vec![corrected.clone()], noon()).await;
            assert_eq!(carried(&store).await, (vec![100], 1, 0));
            read(&store, noon(), vec![locked(100, first)]).await;
            assert_eq!(carried(&store).await, (vec![100], 1, 1), "the older one is there");
            let mut tx = store.read().await.unwrap();
            assert_eq!(responses::to_carry(&mut tx, key()).await.unwrap(), [(corrected.clone(), true)]);
            assert_eq!(pending(&mut tx, school()).await.unwrap(), []);
            drop(tx);
            let second = carry(&store, vec![corrected]).await;
            read(&store, noon(), vec![locked(100, second)]).await;
            assert_eq!(carried(&store).await, (vec![], 0, 1));
        }
    }

    #[tokio::test]
    async fn after_a_reread_what_the_far_side_lost_is_carried_again() {
        for store in stores().await {
            let kinds = |ids: &[i64]| ids.iter().map(|id| arrives(*id, "3 A")).collect::<Vec<_>>();
            read(&store, noon(), kinds(&[100, 101])).await;
            let list = vec![response(100, noon(), true), response(101, noon(), true)];
            import(&store, 1, list.clone(), noon()).await;
            let number = carry(&store, list).await;
            read(&store, noon(), vec![locked(100, number), locked(101, number)]).await;
            assert_eq!(carried(&store).await, (vec![], 0, 2));
            let mut tx = store.write().await.unwrap();
            feed::begin_epoch(&mut tx, school(), noon()).await.unwrap();
            tx.commit(Point::FeedApplied).await.unwrap();
            let again = kinds(&[100, 101]).into_iter().chain([locked(100, number)]).collect();
            read(&store, noon(), again).await;
            assert_eq!(carried(&store).await, (vec![101], 1, 1));
        }
    }
}
