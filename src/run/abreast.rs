//! Many schools side by side: so many at a time, begun in their order, one fault its own.

use std::sync::Arc;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
};
use tracing::error;

/// Tasks that may wait beside those whose turn it is, at most: each keeps some memory.
const WAITING_MAX: usize = 1_000;

/// A place among those that work. Whoever only waits for a far side gives it back before its task is over.
#[derive(Debug)]
pub struct Turn(Option<OwnedSemaphorePermit>);

impl Turn {
    /// The turn of somebody who works alone.
    pub const fn alone() -> Self {
        Self(None)
    }

    /// Lets the next one begin.
    pub fn end(&mut self) {
        self.0 = None;
    }
}

/// Does `work` for each of `items`, `at_once` at a time, each begun when the one before it has its turn. A task that ends
/// by a fault is missing from the answers, which come in no order.
pub async fn each<I, T, F>(at_once: usize, items: I, mut work: impl FnMut(I::Item, Turn) -> F) -> Vec<T>
where
    I: IntoIterator,
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let gate = Arc::new(Semaphore::new(at_once.max(1)));
    let (mut tasks, mut done) = (JoinSet::new(), Vec::new());
    for item in items {
        while let Some(joined) = tasks.try_join_next() {
            done.extend(kept(joined));
        }
        if WAITING_MAX <= tasks.len()
            && let Some(joined) = tasks.join_next().await
        {
            done.extend(kept(joined));
        }
        // The gate is never closed, so that waiting for it can't fail.
        let turn = Turn(Arc::clone(&gate).acquire_owned().await.ok());
        tasks.spawn(work(item, turn));
    }
    while let Some(joined) = tasks.join_next().await {
        done.extend(kept(joined));
    }
    done
}

fn kept<T>(joined: Result<T, tokio::task::JoinError>) -> Option<T> {
    joined.inspect_err(|fault| error!("A school's task ended by a fault: {fault}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    };
    use tokio::sync::Barrier;

    #[tokio::test(flavor = "multi_thread")]
    async fn so_many_at_a_time_in_their_order_and_a_fault_is_its_own() {
        let (working, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let begun = Arc::new(Mutex::new(Vec::new()));
        let mut done = each(3, 0..50, |n, _turn| {
            begun.lock().unwrap().push(n);
            let (working, most) = (Arc::clone(&working), Arc::clone(&most));
            async move {
                most.fetch_max(working.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                working.fetch_sub(1, Ordering::SeqCst);
                assert!(n != 7, "the one with the fault");
                drop(_turn);
                n
            }
        })
        .await;
        done.sort_unstable();
        assert_eq!(done, (0..50).filter(|n| *n != 7).collect::<Vec<_>>());
        assert_eq!(*begun.lock().unwrap(), (0..50).collect::<Vec<_>>());
        assert!(most.load(Ordering::SeqCst) <= 3);
    }

    #[tokio::test]
    async fn who_only_waits_gives_its_turn_back() {
        // Ten meet, though only one at a time may work.
        let all = Arc::new(Barrier::new(10));
        let met = each(1, 0..10, |_, mut turn| {
            let all = Arc::clone(&all);
            async move {
                turn.end();
                all.wait().await;
            }
        });
        assert_eq!(met.await.len(), 10);
    }
}
