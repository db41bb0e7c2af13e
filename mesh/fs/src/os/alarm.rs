//! Waking a future at a point of steady time, for whoever polls it.
//!
//! A process that has no file descriptor left must still be able to wait: timers that come
//! with a runtime or a reactor open some, and panic where there are none. This one is a
//! thread and a condition variable. The thread starts with the first sleep and sleeps
//! itself until somebody is due, so a process that waits for nothing never wakes for it.

#![allow(
    clippy::disallowed_methods,
    reason = "the clock of the operating system waits by it"
)]

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

/// How long a sleeper without a thread to wake it rests between two looks at the clock.
const WITHOUT_THREAD: Duration = Duration::from_millis(1);

/// Whom to wake, and when. Numbers tell those apart that are due at once.
type Key = (Instant, u64);

struct Due {
    sleepers: BTreeMap<Key, Waker>,
    numbers: u64,
    running: bool,
}

static DUE: Mutex<Due> = Mutex::new(Due {
    sleepers: BTreeMap::new(),
    numbers: 0,
    running: false,
});
/// Somebody is due earlier than all before.
static EARLIER: Condvar = Condvar::new();

fn due() -> MutexGuard<'static, Due> {
    DUE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ready once its time has come. To drop it is to be forgotten.
#[derive(Debug)]
pub(super) struct Sleep {
    /// `None`: further away than the clock counts.
    end: Option<Instant>,
    key: Option<Key>,
}

impl Sleep {
    /// A sleep of this duration, from now.
    pub(super) fn new(duration: Duration) -> Self {
        Self {
            end: Instant::now().checked_add(duration),
            key: None,
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Some(end) = self.end else {
            return Poll::Pending;
        };
        if Instant::now() >= end {
            return Poll::Ready(());
        }
        let mut due = due();
        let key = self.key.unwrap_or_else(|| {
            due.numbers += 1;
            (end, due.numbers)
        });
        self.key = Some(key);
        due.sleepers.insert(key, context.waker().clone());
        if !due.running {
            due.running = start();
        }
        if !due.running {
            drop(due);
            thread::sleep(WITHOUT_THREAD);
            context.waker().wake_by_ref();
        } else if due
            .sleepers
            .first_key_value()
            .is_some_and(|(first, _)| *first == key)
        {
            EARLIER.notify_one();
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            due().sleepers.remove(&key);
        }
    }
}

fn start() -> bool {
    let named = thread::Builder::new().name("mesh-alarm".to_owned());
    named.spawn(wake_all_in_time).is_ok()
}

fn wake_all_in_time() {
    let mut due = due();
    loop {
        let now = Instant::now();
        let first = due.sleepers.first_key_value().map(|(key, _)| *key);
        due = match first {
            None => EARLIER.wait(due).unwrap_or_else(PoisonError::into_inner),
            Some((end, _)) if end > now => {
                let waited = EARLIER.wait_timeout(due, end - now);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            Some(key) => {
                let waker = due.sleepers.remove(&key);
                // Whoever is woken may come here at once.
                drop(due);
                waker.into_iter().for_each(Waker::wake);
                self::due()
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use futures_executor::block_on;

    use super::*;

    #[test]
    fn sleepers_wake_in_the_order_of_their_ends_and_not_early() {
        let begin = Instant::now();
        let [long, short] = [40, 5].map(Duration::from_millis);
        let (mut late, mut early) = (Box::pin(Sleep::new(long)), Box::pin(Sleep::new(short)));
        let first = block_on(poll_fn(|context| {
            let late = late.as_mut().poll(context).is_ready();
            match early.as_mut().poll(context).is_ready() {
                false if !late => Poll::Pending,
                early => Poll::Ready((early, late)),
            }
        }));
        assert!(first.0 && begin.elapsed() >= short, "{first:?}");
        block_on(late);
        assert!(begin.elapsed() >= long);
    }

    #[test]
    fn a_dropped_sleep_is_forgotten() {
        let mut sleep = Sleep::new(Duration::from_secs(3600));
        let polled = Pin::new(&mut sleep).poll(&mut Context::from_waker(Waker::noop()));
        let key = sleep.key.expect("it was polled");
        assert!(polled.is_pending() && due().sleepers.contains_key(&key));
        drop(sleep);
        assert!(!due().sleepers.contains_key(&key));
    }

    #[test]
    fn a_sleep_beyond_all_time_never_ends() {
        let mut sleep = Sleep::new(Duration::MAX);
        let polled = Pin::new(&mut sleep).poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
    }
}
