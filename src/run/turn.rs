//! A place among the schools that run at once. Whoever only waits for a far side gives it back before its task is over.

use std::{
    cell::Cell,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

tokio::task_local! {
    static PLACE: Cell<Option<OwnedSemaphorePermit>>;
}

/// Asks for a place now, so that those who asked first have theirs first, whenever their tasks begin.
pub fn ask(gate: Arc<Semaphore>) -> impl Future<Output = Result<OwnedSemaphorePermit, AcquireError>> + Send {
    let mut place = Box::pin(gate.acquire_owned());
    let had = place.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    async move {
        match had {
            Poll::Ready(place) => place,
            Poll::Pending => place.await,
        }
    }
}

/// Works in a place, which is free again when the work is over, or when it calls `end`.
pub async fn within<T>(place: OwnedSemaphorePermit, work: impl Future<Output = T>) -> T {
    PLACE.scope(Cell::new(Some(place)), pin!(work)).await
}

/// Gives this task's place to the next one; whoever works alone has none to give.
pub fn end() {
    // Outside of `within` there is nothing to give back.
    let _ = PLACE.try_with(Cell::take);
}

#[cfg(test)]
mod tests {
    use crate::run::turn::*;
    use std::sync::Mutex;
    use tokio::{sync::Barrier, task::JoinSet};

    #[tokio::test(flavor = "multi_thread")]
    async fn who_asks_first_comes_first() {
        let gate = Arc::new(Semaphore::new(1));
        let held = Arc::clone(&gate).acquire_owned().await.unwrap();
        let came = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        for n in 0..50 {
            let (place, came) = (ask(Arc::clone(&gate)), Arc::clone(&came));
            tasks.spawn(async move { within(place.await.unwrap(), async { came.lock().unwrap().push(n) }).await });
        }
        drop(held);
        tasks.join_all().await;
        assert_eq!(*came.lock().unwrap(), (0..50).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn who_only_waits_gives_its_place_back() {
        // Ten meet, though only one at a time may work.
        let (gate, all) = (Arc::new(Semaphore::new(1)), Arc::new(Barrier::new(10)));
        let mut tasks = JoinSet::new();
        for _ in 0..10 {
            let (place, all) = (ask(Arc::clone(&gate)), Arc::clone(&all));
            tasks.spawn(async move {
                let work = async {
                    end();
                    all.wait().await;
                };
                within(place.await.unwrap(), work).await;
            });
        }
        assert_eq!(tasks.join_all().await.len(), 10);
        end();
    }
}
