//! The log: a conditional append, and everything that follows from it.

use super::error::StorageError;
use mesh_core::{Entry, Snapshot};

/// What a reader of the log finds next.
#[derive(Debug)]
pub enum News {
    /// Start over from here: the newest checkpoint. It comes first after opening, and
    /// again whenever the log was trimmed past the reader, or replaced (the folder was
    /// deleted and made anew). A new log begins with the empty snapshot.
    Reset(Box<Snapshot>),
    /// The entries that follow what was read before, in order, without gaps.
    Entries(Vec<Entry>),
    /// Nothing new right now.
    CaughtUp,
}

/// What became of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Append {
    /// The entry has its place in the log, for good, unless a power cut comes before
    /// the next successful [`Storage::sync`].
    Committed,
    /// Another writer's entry has that place, or the reader's log is not the newest
    /// any more. Nothing of the entry remains. Read on, and decide again.
    Lost,
}

/// What a barrier found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// All that was read or appended so far survives a power cut.
    Durable,
    /// What was read or appended is no longer the log: somebody removed it. Nothing of
    /// it may be acknowledged or revealed. Read on (the next news is a reset), and
    /// decide again.
    Reset,
}

/// How much a log needs a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckpointNeed {
    /// Not now.
    None,
    /// The log has grown so much that one would pay for itself.
    Worthwhile,
    /// Nothing can be appended or made durable before one: a rotation was cut short, or
    /// a sync failed and only what is in memory can be trusted.
    Required,
}

/// A log in which the first writer of a place wins, for any number of writers that
/// trust neither each other's locks nor clocks.
///
/// A value of this trait is one reader and writer with a position in the log: "read"
/// below means read through this value. Entries have consecutive places from 1.
///
/// What may fail: any call, with a [`StorageError`] that says whether it took effect.
/// The caller may call again afterwards; an implementation that needs to reopen or
/// reread does so by itself.
///
/// What must never happen:
///
/// * Two entries are accepted for one place, by any two readers, ever.
/// * An entry that was durable is missing or altered, and the reader is not told by
///   [`Damaged`](super::StorageErrorKind::Damaged). Never is it replaced by an older
///   or an empty state.
/// * An append whose failure was reported with
///   [`NoEffect`](super::Outcome::NoEffect) takes effect later.
///
/// Two traps, both met for real. "Place n is empty" is not the condition for an
/// append: after a trim, a stale writer would succeed at an old n, so the condition is
/// that n - 1 is the newest. And an append may fail with its outcome unknown: an
/// implementation that can look at place n finds out by the entry's id whether it is
/// its own, and proposes the *same* entry again only where the place is still empty.
#[allow(
    async_fn_in_trait,
    reason = "a coordinator stays on one thread, so its futures need not be Send"
)]
pub trait Storage {
    /// Reads on from the present position. Bounded in memory: many entries come in
    /// several pieces, until [`News::CaughtUp`]. Costs nothing that grows with the log
    /// when there is nothing new.
    async fn read_on(&mut self) -> Result<News, StorageError>;

    /// Waits until the log may have gone on past what was read, by whoever's doing: the
    /// caller then reads on to find out. What happened since the last
    /// [`read_on`](Self::read_on) counts too.
    ///
    /// It may return early or for nothing, and it may be late, or never return where
    /// there is no way to notice: who waits also looks from time to time. To stop
    /// waiting and drop the future does no harm.
    async fn changed(&mut self);

    /// Nobody waits for changes any more: lets go of whatever it takes to notice them.
    fn unwatch(&mut self);

    /// Appends `entry`, whose place must be the one after the newest entry read, if
    /// that still is the newest of the log. Not durable before the next
    /// [`sync`](Storage::sync). A committed entry counts as read. One that no reader would
    /// take is refused before anything of it is written, as
    /// [`Unfit`](super::StorageErrorKind::Unfit): the caller may divide what it says.
    async fn append(&mut self, entry: &Entry) -> Result<Append, StorageError>;

    /// A barrier: on [`Durability::Durable`] all that was read or appended so far
    /// survives a power cut. Cheap when nothing is new since the last one. Its failure takes
    /// nothing back: what was appended is in the log, for all that is known.
    async fn sync(&mut self) -> Result<Durability, StorageError>;

    /// Whether a checkpoint is called for, as far as was read.
    fn checkpoint_need(&self) -> CheckpointNeed;

    /// Writes a checkpoint of everything read so far, and trims the log before it.
    ///
    /// `snapshot` is the state at the newest entry read. `Lost` if that is not the
    /// newest of the log any more: read on, and perhaps try again. A failure leaves
    /// the log as usable as it was.
    async fn checkpoint(&mut self, snapshot: &Snapshot) -> Result<Append, StorageError>;

    /// Leaves the folder tidy for people, after the last call: what a clean exit adds.
    async fn close(&mut self, snapshot: &Snapshot) -> Result<(), StorageError>;
}
