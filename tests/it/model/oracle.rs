//! The second opinion: what guard.md permits, in plain arithmetic over the world. It shares no code with the guard.

use crate::model::{
    guards::{COUNCILS_S, Guard, OFFSETS_S},
    world::{LotState, PUPILS, World},
};

const DAY_S: i64 = 24 * 60 * 60;

/// Statement 2, in any state: an applied response and an unlocked demand never stand together.
pub fn responses_are_locked(world: &World) -> bool {
    (0..PUPILS).all(|pupil| world.applied[pupil] == 0 || world.locked[pupil])
}

/// Statement 3, in any state: once navette has nothing left to carry, or the guard holds the councils to be ready, Siècle
/// has the last version of every pupil who did not leave.
pub fn demands_are_carried(world: &World, guard: &Guard) -> bool {
    let read = world.read_seq == world.seq;
    let carried = (0..PUPILS).all(|pupil| world.left[pupil] || world.holds[pupil] == world.versions[pupil]);
    if !read || carried {
        return true;
    }
    let nothing_to_carry =
        world.lot.state == LotState::Acknowledged && world.acknowledged_versions == world.read_versions;
    let ready = !world.open && guard.answers(world).demands_in;
    !nothing_to_carry && !ready
}

/// Statement 1, after a tick: open from the deadline on only by a permitted reopening, which lasts until the end.
pub fn may_be_open(world: &World) -> bool {
    let deadline_s = COUNCILS_S[usize::from(world.calendar)].into_iter().min().unwrap() - DAY_S;
    !world.open || at_s(world.now) < deadline_s || world.legal
}

/// Statement 4: whether a reopening at `at` is permitted by what navette has read.
pub fn may_reopen(world: &World, at: u8, derogation: bool) -> bool {
    let last_council_s = COUNCILS_S[usize::from(world.calendar)].into_iter().max().unwrap();
    let Some(entered) = entered(world) else { return false };
    let there = world.received && !world.held && !world.to_carry.contains(&true);
    let there_by_then = there && 0 < world.confirmed && at_s(world.confirmed - 1) <= at_s(at);
    let waited = derogation || at_s(entered) + DAY_S <= at_s(at);
    last_council_s <= at_s(at) && there_by_then && waited && world.lot.state != LotState::InDoubt
}

/// The instant at which the responses were entered, once they all are.
fn entered(world: &World) -> Option<u8> {
    let expected = |pupil: &usize| 0 < world.acknowledged_versions[*pupil] && !world.read_left[*pupil];
    let latest = world.taken.into_iter().max().unwrap();
    let every = (0..PUPILS).filter(expected).all(|pupil| 0 < world.taken[pupil]);
    let known = 0 < world.taken_complete || ((0..PUPILS).any(|pupil| expected(&pupil)) && every);
    if known { latest.max(world.taken_complete).checked_sub(1) } else { None }
}

fn at_s(index: u8) -> i64 {
    OFFSETS_S[usize::from(index)]
}
