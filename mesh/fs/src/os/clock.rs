//! The clocks of this machine.

#![allow(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the clocks of the operating system"
)]

use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::alarm::Sleep;
use mesh_coordinator::ports::Clock;
use mesh_core::Millis;

/// Wall time from the system, waiting time from its steady clock.
///
/// A sleep wakes whoever polls it, on any executor. A moment's
/// [`back_off`](Clock::back_off) *blocks the thread*: a coordinator owns its thread and
/// has nothing else to do while it waits for the store's lock, and it wakes as precisely
/// as the kernel can.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    /// A clock whose steady time starts at zero, now.
    #[must_use]
    pub fn new() -> Self {
        Self {
            origin: Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Millis {
        // A clock before 1970 is as wrong as any other wrong clock: it reads 0.
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        millis(since)
    }

    fn monotonic(&self) -> Millis {
        millis(self.origin.elapsed())
    }

    async fn sleep(&self, duration: Millis) {
        Sleep::new(Duration::from_millis(duration)).await;
    }

    async fn back_off(&self, micros: u64) {
        let time = Duration::from_micros(micros);
        if time > LONGEST_YIELDING {
            return thread::sleep(time);
        }
        let begin = Instant::now();
        while begin.elapsed() < time {
            thread::yield_now();
        }
    }
}

/// A thread that sleeps comes back some 50 µs late, by the kernel's own slack. Up to this
/// long, the processor is left to others again and again instead.
const LONGEST_YIELDING: Duration = Duration::from_micros(100);

fn millis(duration: Duration) -> Millis {
    Millis::try_from(duration.as_millis()).unwrap_or(Millis::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_executor::block_on;

    #[test]
    fn a_sleep_never_ends_early_by_the_steady_clock() {
        let clock = SystemClock::new();
        let before = clock.monotonic();
        block_on(clock.sleep(3));
        assert!(clock.monotonic() - before >= 3);
    }

    #[test]
    fn wall_time_is_counted_from_1970() {
        let year_2020 = 1_577_836_800_000;
        assert!(SystemClock::new().now() > year_2020);
    }
}
