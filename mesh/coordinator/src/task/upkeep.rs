//! Keeping level with the log: reading it on, making it durable, and giving it a new
//! checkpoint when the storage wants one.

use super::Coordinator;
use crate::ports::{
    Append, CheckpointNeed, Clock, Durability, Lock, News, Outcome, Storage, StorageError,
    StorageErrorKind,
};
use mesh_core::{Millis, has_expired, prune};

/// How long after a checkpoint that failed or was lost the next one is tried.
const CHECKPOINT_RETRY: Millis = 5_000;
/// How many checkpoints are tried where the log cannot be synced.
const MOST_RESCUES: u32 = 4;
/// How often the log may begin anew before it has an end.
const MOST_RESETS: u32 = 64;

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
        let mut begun = 0;
        while begun < MOST_RESETS {
            match self.storage.read_on().await? {
                News::Reset(snapshot) => {
                    begun += 1;
                    self.held.note_reset();
                    self.snapshot = *snapshot;
                    self.resets += 1;
                }
                News::Entries(entries) => {
                    for entry in &entries {
                        self.held.note(&self.snapshot.state, &entry.events);
                        self.snapshot.apply(entry);
                    }
                }
                News::CaughtUp => return Ok(()),
            }
        }
        Err(StorageError {
            kind: StorageErrorKind::Io,
            what: format!("cannot read the log: it began anew {begun} times"),
            next: "see who else changes the mesh folder, then call again".to_owned(),
            outcome: Outcome::NoEffect,
        })
    }

    /// A barrier. Where the log cannot be synced any more, what is in memory goes into
    /// a checkpoint of its own, and that is synced. That says nothing of what was to be made
    /// durable where memory was filled anew on the way, perhaps from another log.
    pub(super) async fn make_durable(&mut self) -> Result<Durability, StorageError> {
        for _ in 0..MOST_RESCUES {
            let failed = match self.storage.sync().await {
                Err(error) if self.storage.checkpoint_need() == CheckpointNeed::Required => error,
                other => return other,
            };
            let resets = self.resets;
            self.lock.acquire().await;
            let saved = self.checkpoint().await;
            self.lock.release().await;
            // Where another entry came first, it is in memory by the next attempt.
            if saved.is_err() || self.resets != resets {
                return Err(failed);
            }
        }
        self.storage.sync().await
    }

    /// Writes a checkpoint, without what has expired.
    pub(super) async fn checkpoint(&mut self) -> Result<Saved, StorageError> {
        self.catch_up().await?;
        if self.storage.checkpoint_need() == CheckpointNeed::None {
            return Ok(Saved::NotNeeded);
        }
        let now = self.clock.now();
        if self.storage.checkpoint_need() != CheckpointNeed::Required
            && self.append_pruning(now).await? == Append::Lost
        {
            return Ok(Saved::Lost);
        }
        Ok(match self.storage.checkpoint(&self.snapshot).await? {
            Append::Committed => Saved::Written,
            Append::Lost => Saved::Lost,
        })
    }

    /// What can wait until the callers have their answers.
    pub(super) async fn maintain(&mut self) {
        if self.clock.monotonic() < self.next_checkpoint {
            return;
        }
        if has_expired(&self.snapshot.state, self.clock.now()) {
            self.lock.acquire().await;
            let dropped = self.drop_expired().await;
            self.lock.release().await;
            if let Err(error) = dropped {
                tracing::warn!("messages that have expired stay for now: {error}");
                self.next_checkpoint = self.clock.monotonic() + CHECKPOINT_RETRY;
            }
        }
        self.maintain_checkpoint().await;
    }

    /// Drops messages that have expired. Each look at an inbox would walk past them, and a
    /// checkpoint may be far away.
    async fn drop_expired(&mut self) -> Result<(), StorageError> {
        self.catch_up().await?;
        let now = self.clock.now();
        if self.storage.checkpoint_need() == CheckpointNeed::Required
            || !has_expired(&self.snapshot.state, now)
        {
            return Ok(());
        }
        // If another writer came first, the next batch tries again.
        self.append_pruning(now).await.map(drop)
    }

    async fn append_pruning(&mut self, now: Millis) -> Result<Append, StorageError> {
        let events = prune(&self.snapshot.state, now);
        if events.is_empty() {
            return Ok(Append::Committed);
        }
        let mut state = self.snapshot.state.clone();
        events.iter().for_each(|event| state.apply(now, event));
        self.append(events, now, state).await
    }

    async fn maintain_checkpoint(&mut self) {
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
