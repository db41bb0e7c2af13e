//! Who syncs for all.
//!
//! A sync makes durable whatever anybody has written, so of several processes that want
//! one at the same time one can do it for all: it becomes the leader, and whoever finds
//! that there is one waits until a mark tells that its own entries are durable as well.
//!
//! Nothing depends on it but time. To lead is to hold the kernel's lock on a file that holds
//! nothing, so it ends with its process. From one that is stopped it cannot be taken; then
//! patience ends, and the others sync for themselves, without waiting again until they
//! have seen that nobody leads.

use std::io;

use crate::lock::Backoff;
use crate::seam::{Access, FileSystem};
use mesh_coordinator::ports::Clock;
use mesh_core::Millis;

/// The name of the file.
pub(crate) const SYNC_LEADER: &str = "sync.flock";
/// For how long somebody else's sync is waited for.
const PATIENCE: Millis = 20;
const FIRST_WAIT_MICROS: u64 = 50;
const LONGEST_WAIT_MICROS: u64 = 150;

/// Who syncs for all, as one process sees it.
pub(crate) struct SyncLeader<F: FileSystem> {
    /// Kept open from one sync to the next.
    file: Option<F::File>,
    leads: bool,
    patience: Millis,
}

/// Waiting for somebody else's sync.
pub(super) struct Wait {
    since: Millis,
    backoff: Backoff,
}

impl<F: FileSystem> SyncLeader<F> {
    pub(super) fn new() -> Self {
        Self {
            file: None,
            leads: false,
            patience: PATIENCE,
        }
    }

    /// Leads, unless somebody else does.
    pub(super) async fn lead(&mut self, fs: &F) -> bool {
        // Whatever keeps it from leading: one more sync does no harm.
        self.leads = self.try_lead(fs).await.unwrap_or(false);
        if self.leads {
            self.patience = PATIENCE;
        }
        self.leads
    }

    async fn try_lead(&mut self, fs: &F) -> io::Result<bool> {
        let file = match self.file.take() {
            Some(file) => file,
            None => fs.open(SYNC_LEADER, Access::Overwrite).await?,
        };
        let taken = fs.try_lock(&file).await?;
        self.file = Some(file);
        Ok(taken)
    }

    /// Leads no longer.
    pub(super) async fn resign(&mut self, fs: &F) {
        if !std::mem::take(&mut self.leads) {
            return;
        }
        if let Some(file) = self.file.take() {
            // Where unlocking fails, dropping the file closes it, which unlocks too.
            if fs.unlock(&file).await.is_ok() {
                self.file = Some(file);
            }
        }
    }

    /// Waits a little for the leader. `false`: patience has ended.
    pub(super) async fn wait(&mut self, clock: &impl Clock, wait: &mut Wait) -> bool {
        if clock.monotonic().saturating_sub(wait.since) >= self.patience {
            self.patience = 0;
            return false;
        }
        wait.pause(clock).await;
        true
    }
}

impl Wait {
    /// Waits for a moment.
    pub(super) async fn pause(&mut self, clock: &impl Clock) {
        clock.back_off(self.backoff.next_micros()).await;
    }

    pub(super) fn begin(clock: &impl Clock, seed: u64) -> Self {
        Self {
            since: clock.monotonic(),
            backoff: Backoff::new(FIRST_WAIT_MICROS, LONGEST_WAIT_MICROS, seed),
        }
    }
}
