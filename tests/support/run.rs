//! Running a test on a runtime of its own, within limits.

use std::fmt::Display;
use std::future::{Future, poll_fn};
use std::task::Poll;
use std::time::Duration;

use tokio::task::LocalSet;

/// How long any one answer may take. Generous, since a loaded machine is no failure of
/// mesh; what promises to be prompt is held to a limit of its own.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a test on one thread, where its tasks need not be `Send`.
pub fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(LocalSet::new().run_until(test));
}

/// What `future` gives, within `limit`.
///
/// # Panics
///
/// With `what` when the time is up.
pub async fn in_time<T>(limit: Duration, what: impl Display, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(limit, future).await {
        Ok(value) => value,
        Err(_) => panic!("nothing after {limit:?}: {what}"),
    }
}

/// What all `futures` give, in their order; they run at the same time, on this thread.
pub async fn all<T>(futures: impl IntoIterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut running: Vec<_> = futures.into_iter().map(Box::pin).collect();
    let mut done: Vec<Option<T>> = running.iter().map(|_| None).collect();
    poll_fn(|context| {
        for (future, done) in running.iter_mut().zip(&mut done) {
            if done.is_none()
                && let Poll::Ready(value) = future.as_mut().poll(context)
            {
                *done = Some(value);
            }
        }
        if done.iter().all(Option::is_some) {
            Poll::Ready(done.drain(..).flatten().collect())
        } else {
            Poll::Pending
        }
    })
    .await
}
