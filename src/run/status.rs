//! Where the schools stand: facts for `navette status`, the page and the metrics. Reads the store only.

use crate::domain::{
    campaign::{CampaignKey, Phase},
    pupil::Division,
    school::{School, SchoolKey},
    time::Timestamp,
};

use crate::guard::{Alert, Facts, FarSide, State, Watch, What};

use crate::nights::{self, NightOutcome};

use crate::run::{
    context::{Context, Served},
    facts,
    roster::{self, RosterStatus},
    step::StepError,
};

use crate::store::{
    Tx, anomalies,
    feed::{self, Cursor},
    holds,
    ledger::{self, LotRow, LotState},
    nights::{self as ledger_of_nights, NightRow},
    outbox::{self, LetterRow, LetterState},
    pupils,
    responses::{self, FileState},
    sides,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The instant of the next night, beside the guard's own.
pub const NIGHT: &str = "night";

/// So many schools are read in one transaction: whoever reads a country does not wait for its turn 7 000 times, and keeps no
/// connection from a night for long.
pub const READ_AT_ONCE: usize = 100;

/// What staff read of an instant that a status names.
pub fn instant_label(name: &str) -> &'static str {
    What::ALL.into_iter().find(|what| what.as_str() == name).map_or("prochaine nuit", What::label)
}

/// Where one school stands.
#[derive(Clone, Debug)]
pub struct SchoolStatus {
    /// The school.
    pub school: School,
    /// Its latest night.
    pub last_night: Option<NightRow>,
    /// How far its feed was read.
    pub feed: Cursor,
    /// Open anomalies.
    pub anomalies: u32,
    /// Plans and files that are held.
    pub held: u32,
    /// Lots in doubt.
    pub in_doubt: u32,
    /// SIECLE's own exports beside the téléservice, where they were loaded.
    pub roster: Option<RosterStatus>,
    /// Its campaigns.
    pub campaigns: Vec<CampaignStatus>,
    /// The latest nightly report.
    pub letter: Option<LetterRow>,
}

/// Where one campaign stands.
#[derive(Clone, Debug)]
pub struct CampaignStatus {
    /// The campaign.
    pub key: CampaignKey,
    /// Its state.
    pub state: State,
    /// Whether the téléservice is open, as far as was read.
    pub open: bool,
    /// The guard's flag.
    pub at_risk: bool,
    /// Pupils in procedure without entry, by division (R07).
    pub without_entry: BTreeMap<Division, u32>,
    /// The instants to come: names as in reports, in order.
    pub next: Vec<(&'static str, Timestamp)>,
    /// What needs a hand.
    pub alerts: Vec<Alert>,
}

/// Where all schools stand at `now`.
///
/// # Errors
/// The store's.
pub async fn of_all(ctx: &Context, now: Timestamp) -> Result<Vec<SchoolStatus>, StepError> {
    let schools: Vec<&Served> = ctx.schools.values().collect();
    let mut all = Vec::with_capacity(schools.len());
    for some in schools.chunks(READ_AT_ONCE) {
        let mut tx = ctx.store.read().await?;
        for served in some {
            all.push(with_facts(ctx, &mut tx, served, now).await?.0);
        }
    }
    Ok(all)
}

/// The document that `status --json` and `/api/status` show (cli.md).
pub fn json(schools: &[SchoolStatus], now: Timestamp) -> Value {
    let schools: Vec<Value> = schools.iter().map(SchoolStatus::json).collect();
    json!({ "at": now.rfc3339_utc(), "schools": schools })
}

/// Where one school stands at `now`.
///
/// # Errors
/// The store's.
pub async fn of_school(ctx: &Context, served: &Served, now: Timestamp) -> Result<SchoolStatus, StepError> {
    Ok(with_facts(ctx, &mut ctx.store.read().await?, served, now).await?.0)
}

/// The same within a transaction, with the facts of its campaigns.
///
/// # Errors
/// The store's.
pub async fn with_facts(
    ctx: &Context,
    tx: &mut Tx,
    served: &Served,
    now: Timestamp,
) -> Result<(SchoolStatus, Vec<Facts>), StepError> {
    let school = served.school.key;
    let last_night = ledger_of_nights::list(tx, school, 1).await?.into_iter().next();
    let cursor = feed::cursor(tx, school).await?;
    let lots = ledger::list(tx, Some(school)).await?;
    let slots = ledger_of_nights::ledger(tx, school).await?;
    let next_slot_at = nights::next_slot(served.school.zone, ctx.settings.slot, now);
    // A night that failed is tried again before the next slot.
    let closings = ledger_of_nights::closings(tx, school).await?;
    let next_night_at = nights::next(served.school.zone, ctx.settings.slot, &slots, &closings, now);
    let sides = sides::seen(tx, school).await?;
    let far = FarSide { reachable: sides.reachable, clock_skew_ms: sides.clock_skew_ms };
    let watch = Watch {
        last_night_failed: last_night.as_ref().is_some_and(|it| it.fact.outcome == Some(NightOutcome::Failed)),
        next_slot_at,
        feed_stopped: cursor.stopped.is_some(),
        refused_files: refused_files(tx, school).await?,
        rejected_lots: Vec::new(),
        set_up_refused: sides.teleservice_refuses || sides.siecle_refuses,
        enforced: ctx.settings.policy.enforce,
    };
    let (mut found, mut known) = (Vec::new(), Vec::new());
    for (facts, _) in facts::of_school(ctx, tx, school, far).await? {
        let key = facts.key();
        let rejected = rejected(&lots, key);
        let set_up_refused = watch.set_up_refused || rejected.iter().any(|lot| lot.refused_set_up());
        let rejected_lots = rejected.iter().map(|lot| lot.record.number).collect();
        let watch = Watch { rejected_lots, set_up_refused, ..watch.clone() };
        let without_entry = pupils::without_entry(tx, key).await?;
        let night = slots.first_calendar_at.map(|_| next_night_at);
        found.push(campaign(&facts, &watch, without_entry, night, now));
        known.push(facts);
    }
    let in_doubt = lots.iter().filter(|lot| lot.state == LotState::InDoubt).count();
    let status = SchoolStatus {
        school: served.school.clone(),
        last_night,
        feed: cursor,
        anomalies: anomalies::count_open(tx, school).await?,
        held: holds::count(tx, school).await?,
        in_doubt: u32::try_from(in_doubt).unwrap_or(u32::MAX),
        roster: roster::counts(tx, &served.school, now).await?,
        campaigns: found,
        letter: outbox::latest(tx, school).await?,
    };
    Ok((status, known))
}

fn campaign(
    facts: &Facts,
    watch: &Watch,
    without_entry: BTreeMap<Division, u32>,
    night: Option<Timestamp>,
    now: Timestamp,
) -> CampaignStatus {
    let state = facts.state(now);
    let night = night.filter(|_| state != State::Ended).map(|at| (NIGHT, at));
    let instants = facts.next_instants(now).into_iter().map(|(what, at)| (what.as_str(), at));
    let mut next: Vec<_> = night.into_iter().chain(instants).collect();
    next.sort_by_key(|(_, at)| *at);
    CampaignStatus {
        key: facts.key(),
        state,
        open: facts.open(),
        at_risk: facts.at_risk(now),
        without_entry,
        next,
        alerts: facts.alerts(now, watch),
    }
}

/// Files refused since the last one that was taken: a later good file makes them moot, for it holds all responses.
async fn refused_files(tx: &mut Tx, school: SchoolKey) -> Result<Vec<u32>, StepError> {
    let seen = responses::response_files_seen(tx, school).await?;
    let taken = seen.iter().filter(|(_, (_, state))| *state != FileState::Refused).map(|(number, _)| *number).max();
    let refused = seen.into_iter().filter(|(_, (_, state))| *state == FileState::Refused).map(|(number, _)| number);
    Ok(refused.filter(|number| taken.is_none_or(|taken| taken < *number)).collect())
}

/// Lots of the campaign that were rejected and that no later one made moot.
fn rejected(lots: &[LotRow], key: CampaignKey) -> Vec<&LotRow> {
    let own = || lots.iter().filter(|lot| lot.record.key == key);
    let newest = own().filter(|lot| lot.state != LotState::Rejected).map(|lot| lot.record.number).max();
    let rejected = own().filter(|lot| lot.state == LotState::Rejected);
    rejected.filter(|lot| newest.is_none_or(|newest| newest < lot.record.number)).collect()
}

impl SchoolStatus {
    /// The latest report, when it could not be handed over so far.
    pub fn undelivered(&self) -> Option<&LetterRow> {
        self.letter.as_ref().filter(|letter| letter.state != LetterState::HandedOver && letter.fault.is_some())
    }

    fn json(&self) -> Value {
        let report = self.undelivered().map(|letter| {
            json!({ "date": letter.date.to_string(), "state": letter.state.as_str(), "attempts": letter.attempts,
                    "fault": letter.fault })
        });
        let last_night = self.last_night.as_ref().map(|night| {
            let outcome = night.fact.outcome.map_or("running", NightOutcome::as_str);
            json!({ "date": night.date.to_string(), "outcome": outcome })
        });
        let campaigns: Vec<Value> = self.campaigns.iter().map(CampaignStatus::json).collect();
        json!({
            "uai": self.school.key.uai.as_str(),
            "year": self.school.key.year.get(),
            "last_night": last_night,
            "feed": { "seq": self.feed.seq, "stopped": self.feed.stopped.is_some() },
            "anomalies": self.anomalies,
            "held": self.held,
            "in_doubt": self.in_doubt,
            "report": report,
            "roster": self.roster.as_ref().map(RosterStatus::json),
            "campaigns": campaigns,
        })
    }
}

impl CampaignStatus {
    /// Its phase.
    pub const fn phase(&self) -> Phase {
        self.key.phase
    }

    /// What comes next: of a service that is closed already, no closing.
    pub fn coming(&self) -> Option<(&'static str, Timestamp)> {
        self.all_coming().next()
    }

    /// What comes after a night that comes next.
    pub fn coming_after_night(&self) -> Option<(&'static str, Timestamp)> {
        let after = self.all_coming().find(|(name, _)| *name != NIGHT);
        after.filter(|_| self.coming().is_some_and(|(name, _)| name == NIGHT))
    }

    fn all_coming(&self) -> impl Iterator<Item = (&'static str, Timestamp)> {
        let closes = |name: &str| [What::Closing, What::Deadline].iter().any(|what| what.as_str() == name);
        let opens_first = self.open || self.state == State::Planned;
        self.next.iter().filter(move |(name, _)| opens_first || !closes(name)).copied()
    }

    /// How many pupils have entered nothing.
    pub fn without_entry_total(&self) -> u32 {
        self.without_entry.values().sum()
    }

    fn json(&self) -> Value {
        let next: Vec<Value> =
            self.next.iter().map(|(what, at)| json!({ "what": what, "at": at.rfc3339_utc() })).collect();
        let alerts: Vec<Value> =
            self.alerts.iter().map(|alert| json!({ "code": alert.code.as_str(), "todo": alert.todo })).collect();
        json!({
            "level": self.key.level.code(),
            "phase": self.key.phase.code(),
            "state": self.state.as_str(),
            "open": self.open,
            "at_risk": self.at_risk,
            "without_entry": self.without_entry_total(),
            "next": next,
            "alerts": alerts,
        })
    }
}
