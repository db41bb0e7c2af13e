//! How a run ends, as exit codes.
//!
//! The command's own code is passed on, so those of mesh lie where the tools of this kind
//! (`env`, `timeout`, shells) have theirs.

use rustix::process::Signal;

/// The claim was not granted: `EX_TEMPFAIL`, unless `-E` names another.
pub(super) const NOT_GRANTED: u8 = 75;
/// The lease was lost while the command ran, or before it could start.
pub(super) const LOST: u8 = 124;
/// Mesh failed: the folder, the system.
pub(super) const FAILED: u8 = 125;
/// The command is there, but cannot be started.
pub(super) const NOT_STARTED: u8 = 126;
/// There is no such command.
pub(super) const NOT_FOUND: u8 = 127;

/// What a shell reports for whoever was ended by a signal.
pub(super) fn by_signal(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(u8::MAX)
}

/// Why there is nothing to run the command under.
#[derive(Debug)]
pub(super) enum Ungranted {
    /// Somebody else has it, and this is who.
    Taken(String),
    /// A signal ended the waiting.
    Cancelled(Signal),
    /// What was granted was lost while the rest was waited for.
    Lost(String),
    /// The folder or the system failed, or the wish makes no sense.
    Failed(crate::cli::failure::Failure),
}

impl<E: Into<crate::cli::failure::Failure>> From<E> for Ungranted {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}
