//! A clock that does as it is told.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::ports::Clock;
use mesh_core::Millis;

/// A clock that stands still until somebody moves it. Clones are the same clock.
///
/// Wall time and steady time are two things, as in [`Clock`]: [`set`](Self::set) moves
/// wall time alone, in either direction, as a person or a time server would;
/// [`advance`](Self::advance) lets both pass. A sleep ends at once and lets steady time
/// pass alone, so that what waits for a lock neither hangs nor changes what the time is.
///
/// ```
/// use mesh_coordinator::memory::ManualClock;
/// use mesh_coordinator::ports::Clock;
///
/// let clock = ManualClock::at(1_000);
/// clock.advance(500);
/// assert_eq!((clock.now(), clock.monotonic()), (1_500, 500));
/// ```
#[derive(Clone, Debug, Default)]
pub struct ManualClock {
    times: Arc<Mutex<Times>>,
}

#[derive(Debug, Default)]
struct Times {
    now: Millis,
    steady: Millis,
}

impl ManualClock {
    /// A clock that shows `now`, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn at(now: Millis) -> Self {
        let clock = Self::default();
        clock.set(now);
        clock
    }

    /// Sets wall time, forwards or backwards.
    pub fn set(&self, now: Millis) {
        self.times().now = now;
    }

    /// Lets so many milliseconds pass, up to the end of time.
    pub fn advance(&self, duration: Millis) {
        let mut times = self.times();
        times.now = times.now.saturating_add(duration);
        times.steady = times.steady.saturating_add(duration);
    }

    fn times(&self) -> MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Millis {
        self.times().now
    }

    fn monotonic(&self) -> Millis {
        self.times().steady
    }

    async fn sleep(&self, duration: Millis) {
        let mut times = self.times();
        times.steady = times.steady.saturating_add(duration);
    }
}
