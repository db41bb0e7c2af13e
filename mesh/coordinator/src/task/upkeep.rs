//! Keeping level with the log: reading it on, making it durable, and giving it a new
//! checkpoint when the storage wants one.

use super::Coordinator;
use crate::ports::{Append, CheckpointNeed, Clock, Durability, Lock, News, Storage, StorageError};
use mesh_core::{Millis, prune};

/// How long after a checkpoint that failed or was lost the next one is tried.
const CHECKPOINT_RETRY: Millis = 5_000;

/// What became of a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Saved {
    Written,
    /// The log as it is now wants none: another process wrote one in the meantime.
    NotNeeded,
    /// Another writer came first.
    Lost,
}

impl<C: Clock, S: Storage, L: Lock> Coordinator<C, S, L> {
    pub(super) async fn catch_up(&mut self) -> Result<(), StorageError> {
        loop {
            match self.storage.read_on().await? {
                News::Reset(snapshot) => {
                    self.snapshot = *snapshot;
                    self.resets += 1;
                }
                News::Entries(entries) => {
                    for entry in &entries {
                        entry.events.iter().for_each(|event| self.held.note(event));
                        self.snapshot.apply(entry);
                    }
                }
                News::CaughtUp => return Ok(()),
            }
        }
    }

    /// A barrier. Where the log cannot be synced any more, what is in memory goes into
    /// a checkpoint of its own, and that is synced. That says nothing of what was to be made
    /// durable where memory was filled anew on the way, perhaps from another log.
    pub(super) async fn make_durable(&mut self) -> Result<Durability, StorageError> {
        let failed = match self.storage.sync().await {
            Err(error) if self.storage.checkpoint_need() == CheckpointNeed::Required => error,
            other => return other,
        };
        let resets = self.resets;
        self.lock.acquire().await;
        let saved = self.checkpoint().await;
        self.lock.release().await;
        match saved {
            Ok(Saved::Written | Saved::NotNeeded) if self.resets == resets => {
                self.storage.sync().await
            }
            Ok(_) | Err(_) => Err(failed),
        }
    }

    /// Writes a checkpoint, without what has expired.
    pub(super) async fn checkpoint(&mut self) -> Result<Saved, StorageError> {
        self.catch_up().await?;
        if self.storage.checkpoint_need() == CheckpointNeed::None {
            return Ok(Saved::NotNeeded);
        }
        let now = self.clock.now();
        let events = prune(&self.snapshot.state, now);
        if !events.is_empty() && self.storage.checkpoint_need() != CheckpointNeed::Required {
            let mut state = self.snapshot.state.clone();
            events.iter().for_each(|event| state.apply(now, event));
            if self.append(events, now, state).await? == Append::Lost {
                return Ok(Saved::Lost);
            }
        }
        Ok(match self.storage.checkpoint(&self.snapshot).await? {
            Append::Committed => Saved::Written,
            Append::Lost => Saved::Lost,
        })
    }

    /// What can wait until the callers have their answers.
    pub(super) async fn maintain(&mut self) {
        let due = self.storage.checkpoint_need() != CheckpointNeed::None;
        if !due || self.clock.monotonic() < self.next_checkpoint {
            return;
        }
        self.lock.acquire().await;
        let written = self.checkpoint().await;
        self.lock.release().await;
        match written {
            Ok(Saved::Written | Saved::NotNeeded) => return,
            // Others write faster than this one does. They may write the checkpoint, too.
            Ok(Saved::Lost) => tracing::debug!("the checkpoint is put off: another entry came"),
            Err(error) => tracing::warn!("the checkpoint is put off: {error}"),
        }
        self.next_checkpoint = self.clock.monotonic() + CHECKPOINT_RETRY;
    }
}
