//! Many schools side by side: so many at a time, begun in their order, one fault its own.

use tokio::task::{JoinError, JoinSet};
use tracing::error;

/// Does `work` for each of `items`, `at_once` at a time. A task that ends by a fault is missing from the answers, which come
/// in no order.
pub async fn each<I, T, F>(at_once: usize, items: I, mut work: impl FnMut(I::Item) -> F) -> Vec<T>
where
    I: IntoIterator,
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let (mut tasks, mut done) = (JoinSet::new(), Vec::new());
    for item in items {
        if at_once.max(1) <= tasks.len()
            && let Some(joined) = tasks.join_next().await
        {
            done.extend(kept(joined));
        }
        tasks.spawn(work(item));
    }
    while let Some(joined) = tasks.join_next().await {
        done.extend(kept(joined));
    }
    done
}

fn kept<T>(joined: Result<T, JoinError>) -> Option<T> {
    joined.inspect_err(|fault| error!(name: "job.panicked", "A school's task ended by a fault: {fault}")).ok()
}

#[cfg(test)]
mod tests {
    use crate::run::abreast::each;
    use std::sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    };

    #[tokio::test(flavor = "multi_thread")]
    async fn so_many_at_a_time_in_their_order_and_a_fault_is_its_own() {
        let (working, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let begun = Arc::new(Mutex::new(Vec::new()));
        let mut done = each(3, 0..50, |n| {
            begun.lock().unwrap().push(n);
            let (working, most) = (Arc::clone(&working), Arc::clone(&most));
            async move {
                most.fetch_max(working.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                working.fetch_sub(1, Ordering::SeqCst);
                assert!(n != 7, "the one with the fault");
                n
            }
        })
        .await;
        done.sort_unstable();
        assert_eq!(done, (0..50).filter(|n| *n != 7).collect::<Vec<_>>());
        assert_eq!(*begun.lock().unwrap(), (0..50).collect::<Vec<_>>());
        assert!(most.load(Ordering::SeqCst) <= 3);
    }
}
