//! Whose turn it is to sync, where several processes write.
//!
//! A sync makes durable whatever anybody has written, so of several processes that want
//! one at the same time one can do it for all: it takes the turn, and whoever finds the
//! turn taken waits until a mark tells that its own entries are durable as well.
//!
//! Nothing depends on it but time. The turn is the kernel's lock on a file that holds
//! nothing, so it ends with its process. From one that is stopped it cannot be taken; then
//! patience ends, and the others sync for themselves, without waiting again until they
//! have seen the turn free.

use std::io;

use super::lock::Backoff;
use super::seam::{Access, FileSystem};
use mesh_coordinator::ports::Clock;
use mesh_core::Millis;

/// The name of the file.
pub(super) const SYNC_TURN: &str = "sync.flock";
/// For how long somebody else's sync is waited for.
const PATIENCE: Millis = 20;
const FIRST_WAIT_MICROS: u64 = 50;
const LONGEST_WAIT_MICROS: u64 = 150;

/// The turn to sync, as one process sees it.
pub(super) struct Turn<F: FileSystem> {
    /// Kept open from one turn to the next.
    file: Option<F::File>,
    taken: bool,
    patience: Millis,
}

/// Waiting for somebody else's sync.
pub(super) struct Wait {
    since: Millis,
    backoff: Backoff,
}

impl<F: FileSystem> Turn<F> {
    pub(super) fn new() -> Self {
        Self {
            file: None,
            taken: false,
            patience: PATIENCE,
        }
    }

    /// Takes the turn, if nobody has it.
    pub(super) async fn take(&mut self, fs: &F) -> bool {
        // Whatever keeps it from being taken: one more sync does no harm.
        self.taken = self.try_take(fs).await.unwrap_or(false);
        if self.taken {
            self.patience = PATIENCE;
        }
        self.taken
    }

    async fn try_take(&mut self, fs: &F) -> io::Result<bool> {
        let file = match self.file.take() {
            Some(file) => file,
            None => fs.open(SYNC_TURN, Access::Overwrite).await?,
        };
        let taken = fs.try_lock(&file).await?;
        self.file = Some(file);
        Ok(taken)
    }

    /// Gives the turn on.
    pub(super) async fn give(&mut self, fs: &F) {
        if !std::mem::take(&mut self.taken) {
            return;
        }
        if let Some(file) = self.file.take() {
            // Where unlocking fails, dropping the file closes it, which unlocks too.
            if fs.unlock(&file).await.is_ok() {
                self.file = Some(file);
            }
        }
    }

    /// Begins to wait for whoever has the turn.
    pub(super) fn wait(clock: &impl Clock, seed: u64) -> Wait {
        Wait {
            since: clock.monotonic(),
            backoff: Backoff::new(FIRST_WAIT_MICROS, LONGEST_WAIT_MICROS, seed),
        }
    }

    /// Waits a little. `false`: patience has ended.
    pub(super) async fn rest(&mut self, clock: &impl Clock, wait: &mut Wait) -> bool {
        if clock.monotonic().saturating_sub(wait.since) >= self.patience {
            self.patience = 0;
            return false;
        }
        clock.back_off(wait.backoff.next_micros()).await;
        true
    }
}
