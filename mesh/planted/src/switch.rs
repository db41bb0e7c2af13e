//! The switch, compiled in.

use std::cell::Cell;

use super::Bug;

thread_local! {
    static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
    static SILENT: Cell<bool> = const { Cell::new(false) };
}

/// Plants a bug in all that this thread runs, or none. The assertions inside mesh are silent
/// meanwhile, since it is the checkers that are tried.
pub fn plant(bug: Option<Bug>) {
    PLANTED.set(bug);
    SILENT.set(bug.is_some());
}

/// Plants a bug, and leaves the assertions on: it is they that are tried.
pub fn plant_under_assertions(bug: Bug) {
    PLANTED.set(Some(bug));
    SILENT.set(false);
}

/// Does some work with silent assertions: what it breaks is for a checker to see.
pub fn silently<T>(work: impl FnOnce() -> T) -> T {
    let before = SILENT.replace(true);
    let done = work();
    SILENT.set(before);
    done
}

/// Whether this bug is planted.
#[inline]
#[must_use]
pub fn is(bug: Bug) -> bool {
    let planted = PLANTED.get() == Some(bug);
    if planted {
        mark(bug);
    }
    planted
}

/// Whether assertions are silent.
#[inline]
#[must_use]
pub fn is_silent() -> bool {
    SILENT.get()
}

/// This text in a binary is the mark that the feature was compiled in.
#[cold]
fn mark(bug: Bug) {
    tracing::trace!("planted bug: {}", bug.name());
}
