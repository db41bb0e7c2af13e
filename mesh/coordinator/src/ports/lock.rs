//! The store's lock: a courtesy between writers.

/// Spares writers from losing races for the same place in the log.
///
/// What may fail: everything. A lock can be lost without its holder noticing, stolen
/// from a live but paused holder, or believed held by two processes at once. Nothing
/// may depend on it; the log alone is safe ("the lock is for speed, the log is for
/// safety"). That frees the contract to promise progress instead:
///
/// * [`acquire`](Lock::acquire) returns within a bounded time of the caller's own
///   monotonic clock, whoever died, stopped or crashed while holding. When its
///   patience ends it returns `false`, and the caller goes on *without* the lock.
///   Errors of the environment count as `false` too: where a lock cannot be had, the
///   append will say what is wrong.
/// * [`release`](Lock::release) gives back only what this value acquired. It must
///   never free a lock that somebody else holds by now, however long the caller was
///   paused in between.
/// * A holder that dies does not keep others out for more than a bounded time.
#[allow(
    async_fn_in_trait,
    reason = "a coordinator stays on one thread, so its futures need not be Send"
)]
pub trait Lock {
    /// Waits for the lock, within bounds. `true`: held, as far as anybody can know.
    async fn acquire(&mut self) -> bool;

    /// Gives the lock back; does nothing where it is not held.
    async fn release(&mut self);
}
