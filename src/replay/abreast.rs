//! Plays several at once, and tells what came of each in their order.

use crate::replay::stage::StageFault;
use std::{collections::BTreeMap, thread};
use tokio::{runtime::Builder, task::JoinSet};

/// How many plays keep the machine busy: each waits about half of its time for its database.
pub fn at_once() -> usize {
    const PLAYS_A_CORE: usize = 2;
    thread::available_parallelism().map_or(1, usize::from) * PLAYS_A_CORE
}

/// Plays each of `items`, at most `at_once` at the same time, each on a thread and a runtime of its own: a database in
/// memory answers faster than a runtime of many threads changes them. `told` hears of each in the order of the items,
/// whichever ended first.
///
/// # Errors
/// The first of a play, or of `told`.
pub async fn abreast<I, T, P, E>(
    items: impl IntoIterator<Item = I>,
    at_once: usize,
    play: impl Fn(I) -> P + Clone + Send + 'static,
    mut told: impl FnMut(T) -> Result<(), E>,
) -> Result<(), E>
where
    I: Send + 'static,
    T: Send + 'static,
    P: Future<Output = Result<T, StageFault>>,
    E: From<StageFault>,
{
    let mut waiting = items.into_iter().enumerate();
    let (mut playing, mut ended, mut next) = (JoinSet::new(), BTreeMap::new(), 0);
    loop {
        while playing.len() < at_once.max(1) {
            let Some((nth, item)) = waiting.next() else { break };
            let play = play.clone();
            playing.spawn_blocking(move || (nth, alone(play(item))));
        }
        let Some(played) = playing.join_next().await else { return Ok(()) };
        let (nth, played) = played.map_err(|fault| StageFault::SetUp(fault.to_string()))?;
        ended.insert(nth, played?);
        while let Some(played) = ended.remove(&next) {
            told(played)?;
            next += 1;
        }
    }
}

fn alone<T>(play: impl Future<Output = Result<T, StageFault>>) -> Result<T, StageFault> {
    Builder::new_current_thread().enable_all().build()?.block_on(play)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Barrier};

    #[tokio::test]
    async fn plays_go_side_by_side_and_are_told_in_their_order() {
        // The first can't end before the second has begun.
        let both = Arc::new(Barrier::new(2));
        let play = move |n: u32| {
            let both = Arc::clone(&both);
            async move {
                if n < 2 {
                    both.wait();
                }
                Ok(n)
            }
        };
        let mut told = Vec::new();
        let mut hear = |n| {
            told.push(n);
            Ok::<(), StageFault>(())
        };
        abreast(0..5, 2, play, &mut hear).await.unwrap();
        assert_eq!(told, [0, 1, 2, 3, 4]);
    }

    #[tokio::test]
    async fn a_play_that_fails_ends_them() {
        let play = |n: u32| async move { if n == 1 { Err(StageFault::SetUp("no".to_owned())) } else { Ok(n) } };
        let fault = abreast(0..9, 1, play, |_| Ok::<(), StageFault>(())).await;
        assert_eq!(fault.unwrap_err().to_string(), "no");
    }
}
