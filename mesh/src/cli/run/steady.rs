//! Time that two processes agree on, that nobody sets, and that goes on while the machine
//! sleeps: a lease ends behind a closed lid too.
//!
//! [`Clock::monotonic`](crate::ports::Clock::monotonic) has an origin in each process, so it
//! cannot tell another process when something is due.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Time since this machine's start.
pub(super) fn now() -> Duration {
    #[cfg(target_os = "linux")]
    let clock = ClockId::Boottime;
    // Here it counts the time asleep.
    #[cfg(not(target_os = "linux"))]
    let clock = ClockId::Monotonic;
    Duration::try_from(clock_gettime(clock)).unwrap_or_default()
}

/// How long there is until `end`.
pub(super) fn left(end: Duration) -> Duration {
    end.saturating_sub(now())
}
