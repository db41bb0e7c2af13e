//! A coordinator reduced to what the log sees of it.

#[cfg(feature = "os")]
use std::sync::atomic::{AtomicU64, Ordering};

#[cfg(feature = "os")]
use super::FakeClock;
#[cfg(feature = "os")]
use crate::backends::fs::{FileSystem, FsOptions, FsStorage};
use crate::core::{AgentId, Entry, Event, MessageId, Snapshot};
use crate::ports::{Append, CheckpointNeed, Durability, News, Storage, StorageError};

/// An entry that posts one message; what it says tells entries apart.
pub(crate) fn posted(seq: u64, body: &str) -> Entry {
    let id: MessageId = format!("{seq:026}").parse().unwrap();
    Entry {
        seq,
        id: format!("{body}.{seq}"),
        at: seq * 1000,
        events: vec![Event::Posted {
            message_id: id,
            from: AgentId::from("a"),
            to: "b".into(),
            subject: None,
            body: body.into(),
            reply_to: None,
            expires_at: None,
            key: None,
            fanout: 1,
        }],
    }
}

/// One reader and writer, with the state that it has folded.
pub(crate) struct Process<S> {
    pub(crate) storage: S,
    pub(crate) snapshot: Snapshot,
    /// How often it had to start over, the first time included.
    pub(crate) resets: usize,
}

#[cfg(feature = "os")]
impl<F: FileSystem> Process<FsStorage<F, FakeClock>> {
    pub(crate) fn on(fs: F, options: FsOptions) -> Self {
        Self::with_clock(fs, options, FakeClock::new())
    }

    pub(crate) fn with_clock(fs: F, options: FsOptions, clock: FakeClock) -> Self {
        static SEEDS: AtomicU64 = AtomicU64::new(1);
        let seed = SEEDS.fetch_add(1, Ordering::Relaxed) << 32;
        Self::over(FsStorage::new(fs, clock, options, seed))
    }
}

impl<S: Storage> Process<S> {
    pub(crate) fn over(storage: S) -> Self {
        Self {
            storage,
            snapshot: Snapshot::default(),
            resets: 0,
        }
    }

    /// Reads to the end of the log. Asserts that entries come without gaps.
    pub(crate) async fn catch_up(&mut self) -> Result<(), StorageError> {
        loop {
            match self.storage.read_on().await? {
                News::Reset(snapshot) => {
                    self.resets += 1;
                    self.snapshot = *snapshot;
                }
                News::Entries(entries) => {
                    for entry in entries {
                        assert_eq!(entry.seq, self.snapshot.seq + 1, "entries without gaps");
                        self.snapshot.apply(&entry);
                    }
                }
                News::CaughtUp => return Ok(()),
            }
        }
    }

    /// One attempt to append a message at the place after the newest entry read.
    pub(crate) async fn append(&mut self, body: &str) -> Result<Append, StorageError> {
        let entry = posted(self.snapshot.seq + 1, body);
        let appended = self.storage.append(&entry).await?;
        if appended == Append::Committed {
            self.snapshot.apply(&entry);
        }
        Ok(appended)
    }

    /// Commits a message as the coordinator does: read, finish a rotation, append, sync.
    pub(crate) async fn commit(&mut self, body: &str) -> Result<(), StorageError> {
        loop {
            self.catch_up().await?;
            if self.storage.checkpoint_need() == CheckpointNeed::Required {
                self.storage.checkpoint(&self.snapshot).await?;
                self.catch_up().await?;
            }
            if self.append(body).await? == Append::Lost {
                continue;
            }
            if self.storage.sync().await? == Durability::Durable {
                return Ok(());
            }
        }
    }

    /// Answers a question as the coordinator does: read, and sync what it reveals.
    pub(crate) async fn look(&mut self) -> Result<Vec<String>, StorageError> {
        loop {
            self.catch_up().await?;
            if self.storage.sync().await? == Durability::Durable {
                return Ok(self.bodies());
            }
        }
    }

    /// Writes a checkpoint of what was read.
    pub(crate) async fn checkpoint(&mut self) -> Result<Append, StorageError> {
        self.catch_up().await?;
        self.storage.checkpoint(&self.snapshot).await
    }

    /// What the messages say, in order.
    pub(crate) fn bodies(&self) -> Vec<String> {
        let messages = self.snapshot.state.mail().messages();
        messages
            .map(|(_, message)| message.body.to_string())
            .collect()
    }
}
