//! No switch: nothing is ever planted, and the compiler removes what would stand behind it.

use super::Bug;

/// Whether a bug is planted: never, in this build.
#[inline]
#[must_use]
pub const fn is(_: Bug) -> bool {
    false
}

/// Whether assertions are silent: never, in this build.
#[inline]
#[must_use]
pub const fn is_silent() -> bool {
    false
}
