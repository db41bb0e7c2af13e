//! What reaches a coordinator beside its requests.

use mesh_core::Release;

/// What a coordinator is told besides. It comes from destructors, which cannot wait for
/// room in the queue.
#[derive(Debug)]
pub(crate) enum Signal {
    /// A caller went away: look for the one.
    Gone,
    /// A reply never arrived; this gives back what it had granted.
    Undelivered(Release),
    /// Calls that are held are to be answered as things stand.
    EndWaits,
}
