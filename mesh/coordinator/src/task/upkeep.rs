//! Keeping level with the log: reading it on, making it durable, and giving it a new
//! checkpoint when the storage wants one.

use super::Coordinator;
use crate::ports::{
    Append, CheckpointNeed, Clock, Durability, Lock, News, Outcome, Storage, StorageError,
    StorageErrorKind,
};
use mesh_core::{Millis, prune};

/// How long after a checkpoint that failed or was lost the next one is tried.
const CHECKPOINT_RETRY: Millis = 5_000;
/// How many checkpoints are tried where the log cannot be synced.
const MOST_RESCUES: u32 = 4;
/// How often the log may begin anew before it has an end.
const MOST_RESETS: u32 = 64;

impl<C: Clock, S: Storage, L: Lock> Coordinator<C, S, L> {
    pub(super) async fn catch_up(&mut self) -> Result<(), StorageError> {
        let mut resets = 0;
        while resets < MOST_RESETS {
            match self.storage.read_on().await? {
                News::Reset(snapshot) => {
                    resets += 1;
                    self.snapshot = *snapshot;
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
        Err(StorageError {
            kind: StorageErrorKind::Io,
            what: format!("cannot read the log: it began anew {resets} times"),
            next: "see who else changes the mesh folder, then call again".to_owned(),
            outcome: Outcome::NoEffect,
        })
    }

    /// A barrier. Where the log cannot be synced any more, what is in memory goes into
    /// a checkpoint of its own, and that is synced.
    pub(super) async fn make_durable(&mut self) -> Result<Durability, StorageError> {
        for _ in 0..MOST_RESCUES {
            let failed = match self.storage.sync().await {
                Err(error) if self.storage.checkpoint_need() == CheckpointNeed::Required => error,
                other => return other,
            };
            self.lock.acquire().await;
            let saved = self.checkpoint().await;
            self.lock.release().await;
            // Where another entry came first, it is in memory by the next attempt.
            if saved.is_err() {
                return Err(failed);
            }
        }
        self.storage.sync().await
    }

    /// Writes a checkpoint, without what has expired.
    pub(super) async fn checkpoint(&mut self) -> Result<Append, StorageError> {
        self.catch_up().await?;
        if self.storage.checkpoint_need() == CheckpointNeed::None {
            // Another process wrote one in the meantime.
            return Ok(Append::Committed);
        }
        let now = self.clock.now();
        let events = prune(&self.snapshot.state, now);
        if !events.is_empty() && self.storage.checkpoint_need() != CheckpointNeed::Required {
            let mut state = self.snapshot.state.clone();
            events.iter().for_each(|event| state.apply(now, event));
            if self.append(events, now, state).await? == Append::Lost {
                return Ok(Append::Lost);
            }
        }
        self.storage.checkpoint(&self.snapshot).await
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
            Ok(Append::Committed) => return,
            // Others write faster than this one does. They may write the checkpoint, too.
            Ok(Append::Lost) => tracing::debug!("the checkpoint is put off: another entry came"),
            Err(error) => tracing::warn!("the checkpoint is put off: {error}"),
        }
        self.next_checkpoint = self.clock.monotonic() + CHECKPOINT_RETRY;
    }
}
