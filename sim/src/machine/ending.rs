//! How a world ends, and by when it must have.

use crate::trace::{Micros, Violation};

/// How the world ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// All agents came to their end, and the audit was made.
    Quiet,
    /// It went on for too long.
    Endless,
    /// Mesh panicked.
    Panicked(Violation),
}

/// The storm ends at the latest after so long.
pub(crate) const STORM: Micros = 600_000_000;
/// How long after the storm everything must have settled: the longest lease and
/// registration, the tolerance and the grace of bad clocks, and then some.
pub(crate) const SETTLING: Micros = 900_000_000;
/// How long the audit waits after the last agent, so that whatever lapses has lapsed.
pub(crate) const BEFORE_AUDIT: Micros = 400_000_000;
