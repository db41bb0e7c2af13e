//! Randomness from the operating system.

#![allow(
    clippy::disallowed_methods,
    reason = "this is the one place that asks the operating system for entropy"
)]

use std::process;

use super::SystemClock;
use mesh_coordinator::ports::Clock;

/// 64 unpredictable bits, for nonces and jitter.
///
/// Where the system has none to give (a sandbox without the call and without
/// `/dev/urandom`), process id and time must do: nothing that mesh promises rests on
/// a nonce that cannot be guessed, only on one that does not repeat.
#[must_use]
pub fn seed() -> u64 {
    getrandom::u64().unwrap_or_else(|_| {
        let pid = u64::from(process::id());
        SystemClock::new().now().rotate_left(24) ^ pid
    })
}
