//! Response files that a person brings: taken as those of a night are, then carried on to the téléservice.

use crate::domain::time::Timestamp;

use crate::run::{
    context::{Context, Served},
    give,
    outcome::Done,
    read_and_enforce, release,
    responses::{self, Arrived, Carry, Taken},
    settled,
    step::StepError,
};

use crate::store::lease;

/// Takes the files in the order given; answers what became of each (nothing when another run holds the school).
pub async fn brought(ctx: &Context, served: &Served, files: Vec<Arrived>, now: Timestamp) -> (Vec<Taken>, Done) {
    let mut taken = Vec::new();
    let done = settled(ctx, served, take(ctx, served, files, &mut taken, now)).await;
    (taken, done)
}

async fn take(
    ctx: &Context,
    served: &Served,
    files: Vec<Arrived>,
    taken: &mut Vec<Taken>,
    now: Timestamp,
) -> Result<Done, StepError> {
    let mut done = Done::default();
    let lease = match lease::take(&ctx.store, served.school.key, &ctx.holder, now, ctx.settings.lease_stale_s()).await?
    {
        Ok(lease) => lease,
        Err(held) => {
            done.busy = Some(held);
            return Ok(done);
        }
    };
    let far = read_and_enforce(ctx, served, now, &mut done).await?;
    for file in files {
        taken.push(responses::take(ctx, &lease, far, file, now, &mut done).await?);
    }
    responses::carry(ctx, &lease, Carry::Everything, now).await?;
    give(ctx, served, now, &mut done).await?;
    release(ctx, &lease).await?;
    Ok(done)
}
