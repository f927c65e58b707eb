//! Every step of a run is run twice: the second call on the same world changes nothing, here or there.

use crate::night::{Night, Way, definitive, of_seconde, school};
use navette::{
    clock::Clock,
    domain::time::Timestamp,
    guard::FarSide,
    run::{
        context::{Context, Served},
        demands::{self, Wish},
        enforce, feed, night as nights, orders,
        outcome::Done,
        receipts, responses,
    },
    sandbox::hold,
    store::{
        anomalies,
        facts::{self, Known},
        lease::{self, Lease},
        ledger, nights as recorded, orders as ordered, responses as taken,
    },
};
use rstest::rstest;
use std::collections::BTreeSet;

/// The steps, in the order of a run.
#[derive(Clone, Copy, Debug)]
enum Step {
    Gone,
    Feed,
    Settle,
    Enforce,
    Deliver,
    Receipts,
    Fetch,
    TakeUp,
    Carry,
    Demands,
}

/// A run, as `run.rs` calls it: the feed is read again after every order.
const RUN: [Step; 16] = [
    Step::Feed,
    Step::Enforce,
    Step::Deliver,
    Step::Gone,
    Step::Feed,
    Step::Settle,
    Step::Receipts,
    Step::Fetch,
    Step::TakeUp,
    Step::Carry,
    Step::Deliver,
    Step::Gone,
    Step::Feed,
    Step::Settle,
    Step::Demands,
    Step::Receipts,
];

struct Actor<'n> {
    night: &'n Night,
    ctx: Context,
    served: Served,
    lease: Lease,
    now: Timestamp,
    gone: BTreeSet<u32>,
}

impl Actor<'_> {
    async fn play(&mut self, step: Step) -> Done {
        let Self { ctx, served, lease, now, .. } = &*self;
        let (now, mut done) = (*now, Done::default());
        match step {
            Step::Gone => self.gone = orders::gone(ctx, served, now, &mut done).await.unwrap(),
            Step::Feed => done = feed::read(ctx, served, now).await.unwrap(),
            Step::Settle => orders::settle(ctx, school(), &self.gone, now).await.unwrap(),
            Step::Enforce => enforce::enforce(ctx, served, FarSide::WELL, now).await.unwrap(),
            Step::Deliver => done = orders::deliver(ctx, served, now).await.unwrap(),
            Step::Receipts => receipts::settle(ctx, served, lease, now, &mut done).await.unwrap(),
            Step::Fetch => responses::fetch(ctx, served, lease, FarSide::WELL, now, &mut done).await.unwrap(),
            Step::TakeUp => responses::take_up(ctx, lease, responses::Held::Everything, FarSide::WELL, now, &mut done)
                .await
                .unwrap(),
            Step::Carry => responses::carry(ctx, lease, responses::Carry::Everything, now).await.unwrap(),
            Step::Demands => {
                for key in nights::campaigns_by_urgency(ctx, school(), FarSide::WELL).await.unwrap() {
                    let plan = demands::planned(ctx, key, Wish::Changed, now).await.unwrap();
                    done.add(demands::carry_out(ctx, served, lease, key, plan, now).await.unwrap());
                }
            }
        }
        done
    }

    /// All that a step could have changed, on either side.
    async fn world(&self) -> Vec<String> {
        let mut tx = self.ctx.store.read().await.unwrap();
        let mut told = Vec::new();
        told.extend(ledger::list(&mut tx, None).await.unwrap().iter().map(|lot| format!("{lot:?}")));
        told.extend(ordered::pending(&mut tx, school()).await.unwrap().iter().map(|order| format!("{order:?}")));
        told.push(format!("next order {}", ordered::next_number(&mut tx, school()).await.unwrap()));
        told.push(format!("{:?}", anomalies::list(&mut tx, None, bool::default()).await.unwrap()));
        told.push(format!("{:?}", taken::response_files_seen(&mut tx, school()).await.unwrap()));
        told.push(format!("{:?}", recorded::list(&mut tx, school(), 20).await.unwrap()));
        for Known { key, journal, .. } in facts::of_school(&mut tx, school()).await.unwrap() {
            told.push(format!("{journal:?}"));
            told.push(format!("{:?}", taken::to_carry(&mut tx, key).await.unwrap()));
            told.push(format!("{:?}", ledger::siecle_holds(&mut tx, key).await.unwrap()));
        }
        drop(tx);
        let teleservice = hold(&self.night.teleservice);
        let desk = teleservice.school(school()).unwrap();
        told.push(format!("{:?} {:?} {}", desk.windows, desk.obeyed.keys(), desk.feed.last()));
        told.push(format!("{:?}", hold(&self.night.siecle).school(school()).unwrap()));
        told
    }
}

#[rstest]
#[case(Way::Http)]
#[case(Way::Folders)]
fn a_step_that_is_run_again_changes_nothing(#[case] way: Way) {
    let night = Night::due(way);
    let ctx = night.context(Clock::Machine);
    let now = Clock::Machine.now();
    let lease =
        night.wait(lease::take(&ctx.store, school(), &ctx.holder, now, ctx.settings.lease_stale_s())).unwrap().unwrap();
    let served = ctx.schools[&school()].clone();
    let mut actor = Actor { night: &night, ctx, served, lease, now, gone: BTreeSet::new() };
    let begun = night.wait(actor.world());
    for (at, step) in RUN.into_iter().enumerate() {
        night.wait(actor.play(step));
        night.turn(now);
        let first = night.wait(actor.world());
        let again = night.wait(actor.play(step));
        night.turn(now);
        let second = night.wait(actor.world());
        assert_eq!(second, first, "step {at}, {step:?}, over {way:?}");
        let counts = [again.events, again.orders, again.receipts, again.response_files, again.responses, again.carried];
        assert_eq!((counts, again.lots.len(), again.failures), ([0; 6], 0, Vec::new()), "step {at}, {step:?}");
    }
    // The steps did a night's work: else they would have shown nothing.
    assert_ne!(night.wait(actor.world()), begun);
    let end = night.end();
    let (new, other) = ((definitive(), navette::domain::pupil::PupilId(2)), of_seconde());
    assert_eq!((end.held[&new].0, end.open[&definitive()], end.open[&other]), (1, false, !bool::default()));
    assert!(end.files.values().any(|state| state == "Held") && end.locked.values().any(|(locked, _)| *locked));
}
