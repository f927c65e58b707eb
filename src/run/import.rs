//! Response files that a person brings: taken as those of a night are, then carried on to the téléservice.

use crate::codec::Fault;
use crate::domain::{anomaly::Code, lot::FileName, time::Timestamp};

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

/// Refuses a file of a school, or of a school year, that is not configured. Another year stands as an anomaly at the
/// school, in the latest of its years, as when the file comes with a night.
///
/// # Errors
/// The store's.
pub async fn strange(ctx: &Context, name: &FileName, now: Timestamp) -> Result<Fault, StepError> {
    let found = name.key.school;
    let Some(own) = ctx.schools.keys().rfind(|own| own.uai == found.uai) else {
        let message = format!("{} is not in the configuration: bring this file where its school is served", found.uai);
        return Ok(Fault::new(0, Code::Etablissement.as_str(), message));
    };
    responses::stray(ctx, *own, name, now, &mut Done::default()).await?;
    let message = format!("this file is of school year {}, not of {}: bring the right one", found.year, own.year);
    Ok(Fault::new(0, Code::Annee.as_str(), message))
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
