//! Orders at the téléservice: windows and responses. Each is obeyed once; the same again answers the same.

use crate::domain::{
    campaign::CampaignKey,
    event::EventKind,
    order::{ResponseOrder, WindowOrder},
    pupil::PupilId,
    response::{Response, Verdicts},
    school::Level,
    time::Timestamp,
};
use crate::sandbox::{
    Problem,
    desk::{Desk, Move, Record},
};

/// Only opinions carry reasons.
const NO_REASON_NEEDED: bool = true;

/// An order that was obeyed, with what was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obeyed {
    /// A window.
    Window(WindowOrder, WindowAnswer),
    /// Responses, with the digest of the body.
    Responses(ResponseOrder, [u8; 32], ResponseAnswer),
}

/// Answer to a window order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowAnswer {
    /// As it stands.
    pub open: bool,
    /// When it came to stand so.
    pub at: Timestamp,
    /// The `seq` of the event that made it so; 0 for a window that was never opened.
    pub seq: u64,
}

/// Answer to an order that carries responses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseAnswer {
    /// Pupils applied and locked.
    pub applied: u32,
    /// Pupils refused, with the code.
    pub refused: Vec<(PupilId, &'static str)>,
}

impl Obeyed {
    /// Which campaign it was for.
    const fn order_key(&self) -> CampaignKey {
        match self {
            Self::Window(order, _) => order.key,
            Self::Responses(order, ..) => order.key,
        }
    }
}

impl Desk {
    /// Opens or closes a window. Saying what already is changes nothing.
    ///
    /// # Errors
    /// 409 when the number was used for something else, or a later order of the campaign was obeyed already.
    pub fn obey_window(&mut self, order: &WindowOrder, now: Timestamp) -> Result<WindowAnswer, Problem> {
        match self.obeyed.get(&order.number) {
            Some(Obeyed::Window(known, answer)) if known == order => return Ok(*answer),
            Some(Obeyed::Window(..) | Obeyed::Responses(..)) => {
                self.conflicts.insert(order.number);
                return Err(number_taken());
            }
            None => self.not_overtaken(order.key, order.number)?,
        }
        let (level, phase) = (order.key.level, order.key.phase);
        let answer = if self.is_open(level, phase) == order.open {
            self.last_move(level, phase).map_or(WindowAnswer { open: order.open, at: now, seq: 0 }, |last| {
                WindowAnswer { open: last.open, at: last.at, seq: last.seq }
            })
        } else {
            self.move_window(order.key, order.open, order.motive.code(), Some(order.number), now)
        };
        self.obeyed.insert(order.number, Obeyed::Window(*order, answer));
        Ok(answer)
    }

    /// Moves a window, and tells it in the feed.
    pub fn move_window(
        &mut self,
        key: CampaignKey,
        open: bool,
        motive: &str,
        order: Option<u32>,
        at: Timestamp,
    ) -> WindowAnswer {
        let (level, phase, motive) = (key.level, key.phase, motive.to_owned());
        let seq = self.tell(at, EventKind::Window { level, phase, open, motive, order });
        self.windows.entry((level, phase)).or_default().moves.push(Move { open, at, seq, order });
        WindowAnswer { open, at, seq }
    }

    /// Applies responses, each pupil alone: response and lock are one change (R11).
    ///
    /// # Errors
    /// 409 `OUVERT` while the campaign is open; 409 when the number was used with another digest or for something else,
    /// or a later order of the campaign was obeyed already.
    pub fn obey_responses(
        &mut self,
        order: &ResponseOrder,
        digest: [u8; 32],
        now: Timestamp,
    ) -> Result<ResponseAnswer, Problem> {
        match self.obeyed.get(&order.number) {
            Some(Obeyed::Responses(_, known, answer)) if *known == digest => return Ok(answer.clone()),
            Some(Obeyed::Window(..) | Obeyed::Responses(..)) => {
                self.conflicts.insert(order.number);
                return Err(number_taken());
            }
            None => self.not_overtaken(order.key, order.number)?,
        }
        if self.is_open(order.key.level, order.key.phase) {
            return Err(Problem::business(409, "OUVERT", "the campaign is open: close it first"));
        }
        let mut answer = ResponseAnswer::default();
        for response in &order.responses {
            match self.apply(order, response, now) {
                Ok(()) => answer.applied += 1,
                Err(code) => answer.refused.push((response.pupil, code)),
            }
        }
        self.obeyed.insert(order.number, Obeyed::Responses(order.clone(), digest, answer.clone()));
        Ok(answer)
    }

    fn apply(&mut self, order: &ResponseOrder, response: &Response, now: Timestamp) -> Result<(), &'static str> {
        let (level, phase) = (order.key.level, order.key.phase);
        let record = self.pupils.get_mut(&response.pupil).filter(|record| record.present);
        let record = record.filter(|record| record.pupil.level == level).ok_or("INCONNU")?;
        fits(record, level, response, order)?;
        let entry = record.phases.entry(phase).or_default();
        entry.response = Some(response.clone());
        entry.locked_by = Some(order.number);
        let pupil = response.pupil;
        self.tell(now, EventKind::Locked { pupil, level, phase, order: order.number });
        Ok(())
    }

    /// Orders are obeyed in the order of their numbers: one that a later one of its campaign overtook would undo it.
    fn not_overtaken(&self, key: CampaignKey, number: u32) -> Result<(), Problem> {
        let overtaken = self.obeyed.range(number..).any(|(_, later)| later.order_key() == key);
        let refused = || Problem::business(409, "DEPASSE", "a later order of this campaign was obeyed already");
        if overtaken { Err(refused()) } else { Ok(()) }
    }
}

/// Whether a response can stand beside what is known of the pupil.
fn fits(record: &Record, level: Level, response: &Response, order: &ResponseOrder) -> Result<(), &'static str> {
    if response.verdicts.phase() != order.key.phase {
        return Err("PHASE");
    }
    let of_level = match &response.verdicts {
        Verdicts::Opinions(all) => all.iter().all(|one| one.track.level() == level),
        Verdicts::Proposals(all) => all.iter().all(|one| one.track.level() == level),
    };
    if !of_level {
        return Err("VOIE");
    }
    let reasoned = match &response.verdicts {
        Verdicts::Opinions(all) => all.iter().all(|one| !one.value.needs_reason() || one.reason.is_some()),
        Verdicts::Proposals(_) => NO_REASON_NEEDED,
    };
    if !reasoned {
        return Err("MOTIF");
    }
    let applied = record.phases.get(&order.key.phase).and_then(|entry| entry.response.as_ref());
    if applied.is_some_and(|applied| response.entered_at < applied.entered_at) { Err("ANCIENNE") } else { Ok(()) }
}

fn number_taken() -> Problem {
    Problem::business(409, "NUM", "this number was given to another order")
}
