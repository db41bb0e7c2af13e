//! Time as a process sees it.

use mesh_core::Millis;

/// The two clocks of a process, neither of which is trusted for safety.
///
/// * [`now`](Clock::now) may be wrong by any amount, may stand still, and may step in
///   either direction at any call. It decides leases and liveness, nothing else.
/// * [`monotonic`](Clock::monotonic) never goes backwards within a process and
///   measures waiting. Its zero is arbitrary; values of two processes must never be
///   compared.
/// * [`sleep`](Clock::sleep) may return late by any amount, since the process may be
///   paused, but not early by `monotonic`. To drop the future does no harm.
#[allow(
    async_fn_in_trait,
    reason = "a coordinator stays on one thread, so its futures need not be Send"
)]
pub trait Clock {
    /// Wall time, in milliseconds since the Unix epoch.
    fn now(&self) -> Millis;

    /// Steady time, in milliseconds since an arbitrary point.
    fn monotonic(&self) -> Millis;

    /// Waits for `duration` of steady time.
    async fn sleep(&self, duration: Millis);

    /// Waits for `micros` microseconds of steady time before another attempt at
    /// something that others hold for far less than a millisecond. A clock that only
    /// has milliseconds rounds up, which is what is provided here.
    async fn back_off(&self, micros: u64) {
        self.sleep(micros.div_ceil(1000)).await;
    }
}
