//! Counting steps, so that a test can say what something costs without a clock.
//!
//! Whatever walks over what may be many (holders, tickets, losses, expired messages) counts
//! what it comes past. A test counts what a command takes beside a little and beside a lot:
//! a bound on steps holds on every machine, where one on time holds on none. Counted in debug
//! builds only; in a release nothing is left of it.

#[cfg(debug_assertions)]
use std::cell::Cell;

#[cfg(debug_assertions)]
thread_local! {
    static TAKEN: Cell<u64> = const { Cell::new(0) };
}

/// Counts steps of this thread.
#[inline]
pub fn taken(steps: u64) {
    #[cfg(debug_assertions)]
    TAKEN.set(TAKEN.get() + steps);
    #[cfg(not(debug_assertions))]
    let _ = steps;
}

/// Counts each item that comes past.
#[inline]
pub fn each<I: IntoIterator>(items: I) -> impl Iterator<Item = I::Item> {
    items.into_iter().inspect(|_| taken(1))
}

/// How many steps some work takes.
#[cfg(debug_assertions)]
pub fn of<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let before = TAKEN.get();
    let done = work();
    (done, TAKEN.get() - before)
}

/// Does some work of an assertion, whose steps do not count.
pub fn uncounted<T>(work: impl FnOnce() -> T) -> T {
    #[cfg(debug_assertions)]
    let before = TAKEN.get();
    let done = work();
    #[cfg(debug_assertions)]
    TAKEN.set(before);
    done
}
