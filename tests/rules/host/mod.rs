//! What runs a script's commands: the seam between the notation and the system.

mod core;
mod folder;

use mesh::core::{Command, Entry, Millis, Reply, Snapshot, State};

pub(crate) use self::core::CoreHost;
pub(crate) use folder::FolderHost;

/// A system that serves the commands of many processes from one log.
pub(crate) trait Host {
    /// Runs one command of a process whose clock shows `now`.
    ///
    /// # Errors
    ///
    /// The text of the error that the caller gets.
    fn call(&mut self, process: &str, now: Millis, command: &Command) -> Result<Reply, String>;

    /// The entries that the log has gained since this was last asked, in order.
    fn news(&mut self) -> Vec<Entry>;

    /// The state as the host itself has it, where it can be looked at.
    fn state(&self) -> Option<State>;

    /// Stops every process, and gives back what one that starts now finds.
    fn restart(&mut self) -> Snapshot;
}
