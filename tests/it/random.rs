//! Random campaigns: generated scenarios, audited after every step. `navette replay --random` plays as
//! many more as are asked for.

use navette::replay::random::{scenario, trial};
use tokio::task::JoinSet;

/// Plays seeds, two at once, and names those that fail.
async fn play(seeds: std::ops::Range<u64>) {
    let mut seeds = seeds;
    let mut playing = JoinSet::new();
    let mut failed = Vec::new();
    loop {
        while let Some(seed) = (playing.len() < 2).then(|| seeds.next()).flatten() {
            playing.spawn(async move { (seed, trial(&scenario(seed).unwrap()).await) });
        }
        let Some(played) = playing.join_next().await else { break };
        let (seed, trial) = played.unwrap();
        let found = trial.unwrap().findings;
        if !found.is_empty() {
            failed.push(format!("seed {seed}: {found:?}"));
        }
    }
    assert!(failed.is_empty(), "`navette replay --random 1 --from SEED` shrinks:\n{}", failed.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dozens_of_seeds_hold() {
    play(1..25).await;
}
