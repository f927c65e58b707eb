//! Shrinks a failing scenario: steps, then schools and pupils are taken away as long as the same check still fires.

use crate::replay::{
    audit::Check,
    random::{Trial, trial},
    scenario::{Scenario, Step},
};

/// Plays at most, so that shrinking ends in reasonable time.
const PLAYS_MAX: u32 = 600;

/// The shortest scenario found that still fails the same check, with what came of it.
pub struct Shrunk {
    /// The scenario, without its quiet end.
    pub body: Scenario,
    /// What came of it.
    pub trial: Trial,
    plays: u32,
    check: Option<Check>,
}

/// Shrinks a scenario that failed as `failed` says.
pub async fn shrink(body: Scenario, failed: Trial) -> Shrunk {
    let check = failed.check();
    let mut shrunk = Shrunk { body, trial: failed, plays: 0, check };
    let played = Scenario { steps: first(&shrunk.body.steps, shrunk.trial.played + 1), ..shrunk.body.clone() };
    shrunk.attempt(played).await;
    shrunk.without_steps().await;
    shrunk.without_schools().await;
    shrunk.without_pupils().await;
    shrunk.without_steps().await;
    shrunk
}

fn first(steps: &[Step], count: usize) -> Vec<Step> {
    steps.iter().take(count).cloned().collect()
}

impl Shrunk {
    /// Takes `smaller` when it still fails the same check.
    async fn attempt(&mut self, smaller: Scenario) -> bool {
        if PLAYS_MAX <= self.plays {
            return false;
        }
        self.plays += 1;
        match trial(&smaller).await {
            Ok(played) if played.check() == self.check => {
                (self.body, self.trial) = (smaller, played);
                true
            }
            Ok(_) | Err(_) => false,
        }
    }

    async fn without_steps(&mut self) {
        let mut size = self.body.steps.len().div_ceil(2);
        while 0 < size {
            let mut at = 0;
            while at < self.body.steps.len() {
                let kept = |(nth, _): &(usize, &Step)| *nth < at || at + size <= *nth;
                let steps = self.body.steps.iter().enumerate().filter(kept).map(|(_, step)| step.clone()).collect();
                if !self.attempt(Scenario { steps, ..self.body.clone() }).await {
                    at += size;
                }
            }
            size = if size == 1 { 0 } else { size.div_ceil(2) };
        }
    }

    async fn without_schools(&mut self) {
        for uai in self.body.schools.iter().map(|school| school.uai).collect::<Vec<_>>() {
            let mut smaller = self.body.clone();
            smaller.schools.retain(|school| school.uai != uai);
            smaller.campaigns.retain(|campaign| campaign.uai != uai);
            smaller.steps.retain(|step| step.uai != uai);
            if !smaller.schools.is_empty() {
                self.attempt(smaller).await;
            }
        }
        for nth in (0..self.body.campaigns.len()).rev() {
            let mut smaller = self.body.clone();
            let gone = smaller.campaigns.remove(nth);
            smaller.steps.retain(|step| step.uai != gone.uai || step.phase != Some(gone.phase));
            self.attempt(smaller).await;
        }
    }

    async fn without_pupils(&mut self) {
        let ids = self.body.schools.iter().flat_map(|school| &school.pupils).map(|pupil| pupil.id.clone());
        for id in ids.collect::<Vec<_>>() {
            let mut smaller = self.body.clone();
            for school in &mut smaller.schools {
                school.pupils.retain(|pupil| pupil.id != id);
            }
            smaller.steps.retain(|step| step.action.pupil() != Some(&id));
            self.attempt(smaller).await;
        }
    }
}
