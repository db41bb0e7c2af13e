//! One sync for several processes.
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

use super::env::Env;
use super::open_log::OpenLog;
use crate::lock::Backoff;
use crate::seam::{Access, FileSystem};
use mesh_coordinator::ports::{Clock, StorageError};
use mesh_core::Millis;
use planted::{Bug, sound};

/// The name of the file.
pub(crate) const SYNC_LEADER: &str = "sync.flock";
/// For how long somebody else's sync is waited for.
const PATIENCE: Millis = 20;
const FIRST_WAIT_MICROS: u64 = 50;
const LONGEST_WAIT_MICROS: u64 = 150;
/// From so many entries of others between two syncs on, a sync is shared. With one it
/// would cover nobody else, and to agree on who does it costs more than it spares.
const BUSY: usize = 2;

/// The group of processes that share syncs, as one of them sees it.
pub(crate) struct GroupCommit<F: FileSystem> {
    /// Kept open from one sync to the next.
    file: Option<F::File>,
    leads: bool,
    patience: Millis,
    /// How many entries of others were read since this process last synced.
    foreign: usize,
}

/// Waiting for somebody else's sync.
struct Wait {
    since: Millis,
    backoff: Backoff,
}

impl<F: FileSystem> GroupCommit<F> {
    pub(super) fn new() -> Self {
        Self {
            file: None,
            leads: false,
            patience: PATIENCE,
            foreign: 0,
        }
    }

    /// So many entries of others were read.
    pub(super) fn read_of_others(&mut self, entries: usize) {
        self.foreign += entries;
    }

    /// Whether several others write as well. Counts anew from here.
    fn is_busy(&mut self) -> bool {
        std::mem::take(&mut self.foreign) >= BUSY
    }

    /// Leads, unless somebody else does.
    async fn lead(&mut self, fs: &F) -> bool {
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
    async fn wait(&mut self, clock: &impl Clock, wait: &mut Wait) -> bool {
        if clock.monotonic().saturating_sub(wait.since) >= self.patience {
            self.patience = 0;
            return false;
        }
        clock.back_off(wait.backoff.next_micros()).await;
        true
    }
}

impl Wait {
    fn begin(clock: &impl Clock, seed: u64) -> Self {
        Self {
            since: clock.monotonic(),
            backoff: Backoff::new(FIRST_WAIT_MICROS, LONGEST_WAIT_MICROS, seed),
        }
    }
}

impl<F: FileSystem> OpenLog<F> {
    /// Where several others write as well, sees to it that one syncs for all: leads, or
    /// waits until another one has synced.
    pub(super) async fn share_sync<C: Clock>(
        &mut self,
        env: &mut Env<F, C>,
    ) -> Result<(), StorageError> {
        if !env.group.is_busy() || self.standing().is_synced() {
            return Ok(());
        }
        let mut wait = Wait::begin(&env.clock, env.nonces.draw());
        loop {
            let leads = env.group.lead(&env.fs).await;
            env.marks.read_all(&env.fs).await?;
            // The marks may speak of entries that were not read yet.
            self.reading = false;
            let seq = self.standing().chain.seq;
            let marked = env.marks.highest().map_or(0, |mark| mark.seq.min(seq));
            let left = if leads { marked } else { seq };
            self.credit(marked, sound!(marked, Bug::SyncLeftToOthers => left));
            let synced = self.standing().is_synced();
            if leads || synced || !env.group.wait(&env.clock, &mut wait).await {
                return Ok(());
            }
        }
    }
}
