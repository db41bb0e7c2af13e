//! The switch, compiled in.

use std::cell::Cell;

use super::Bug;

thread_local! {
    static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
}

/// Plants a bug in all that this thread runs, or none.
pub fn plant(bug: Option<Bug>) {
    PLANTED.set(bug);
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

/// Whether any bug is planted: the debug assertions then leave it to the checkers.
#[must_use]
pub fn any() -> bool {
    PLANTED.get().is_some()
}

/// This text in a binary is the mark that the feature was compiled in.
#[cold]
fn mark(bug: Bug) {
    tracing::trace!("planted bug: {}", bug.name());
}
