//! `/healthz`: whether the work goes on. `/readyz`: whether it can, too. For supervision; one word each, and no names.

use crate::domain::time::{MINUTE_S, Timestamp};
use crate::run::live::{Live, Pulse};
use axum::{extract::State, http::StatusCode};

/// The work loop hears the alarm clock every minute: two that it missed are a fault.
const SILENT_S: i64 = 2 * MINUTE_S + MINUTE_S / 2;

/// Whether the work loop goes on.
pub async fn alive(State(live): State<Live>) -> (StatusCode, &'static str) {
    told(is_beating(&live.pulse().borrow(), live.ctx().clock.now()))
}

/// Whether it goes on, is not about to end, and the store can be read.
pub async fn ready(State(live): State<Live>) -> (StatusCode, &'static str) {
    let ctx = live.ctx();
    let (beating, stopping) = {
        let pulse = live.pulse();
        let pulse = pulse.borrow();
        (is_beating(&pulse, ctx.clock.now()), pulse.stopping)
    };
    told(beating && !stopping && ctx.store.read().await.is_ok())
}

fn is_beating(pulse: &Pulse, now: Timestamp) -> bool {
    pulse.ticked_at.is_some_and(|at| now <= at.plus_s(SILENT_S))
}

const fn told(well: bool) -> (StatusCode, &'static str) {
    if well { (StatusCode::OK, "ok\n") } else { (StatusCode::SERVICE_UNAVAILABLE, "not now\n") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::never_heard(None, false)]
    #[case::just_now(Some(0), true)]
    #[case::at_the_limit(Some(SILENT_S), true)]
    #[case::too_long_ago(Some(SILENT_S + 1), false)]
    #[case::the_clock_was_set_back(Some(-60), true)]
    fn the_work_loop_is_heard(#[case] ago_s: Option<i64>, #[case] beating: bool) {
        let now = Timestamp::from_epoch_ms(1_600_000_000_000);
        let pulse = Pulse { ticked_at: ago_s.map(|ago_s| now.plus_s(-ago_s)), ..Pulse::default() };
        assert_eq!(is_beating(&pulse, now), beating);
    }
}
