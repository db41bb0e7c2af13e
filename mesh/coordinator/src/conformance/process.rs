//! A coordinator reduced to what the log sees of it: for the tests of backends.

use crate::ports::{Append, CheckpointNeed, Durability, News, Storage, StorageError};
use mesh_core::{AgentId, Entry, Event, MessageId, Snapshot};

/// An entry that posts one message; what it says tells entries apart.
pub fn posted(seq: u64, body: &str) -> Entry {
    let id: MessageId = format!("{seq:026}").parse().expect("26 digits are a ULID");
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
#[derive(Debug)]
pub struct Process<S> {
    /// The reader and writer.
    pub storage: S,
    /// What it has read and appended.
    pub snapshot: Snapshot,
    /// How often it had to start over, the first time included.
    pub resets: usize,
}

impl<S: Storage> Process<S> {
    /// A process that has read nothing yet.
    pub fn over(storage: S) -> Self {
        Self {
            storage,
            snapshot: Snapshot::default(),
            resets: 0,
        }
    }

    /// Reads to the end of the log. Asserts that entries come without gaps.
    ///
    /// # Errors
    ///
    /// Those of the storage.
    pub async fn catch_up(&mut self) -> Result<(), StorageError> {
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
    ///
    /// # Errors
    ///
    /// Those of the storage.
    pub async fn append(&mut self, body: &str) -> Result<Append, StorageError> {
        let entry = posted(self.snapshot.seq + 1, body);
        let appended = self.storage.append(&entry).await?;
        if appended == Append::Committed {
            self.snapshot.apply(&entry);
        }
        Ok(appended)
    }

    /// Commits a message as the coordinator does: read, finish a rotation, append, sync.
    ///
    /// # Errors
    ///
    /// Those of the storage.
    pub async fn commit(&mut self, body: &str) -> Result<(), StorageError> {
        loop {
            self.catch_up().await?;
            if self.storage.checkpoint_need() == CheckpointNeed::Required {
                self.storage.checkpoint(&self.snapshot).await?;
                self.catch_up().await?;
            }
            if self.append(body).await? == Append::Lost {
                continue;
            }
            if self.make_durable().await? == Durability::Durable {
                return Ok(());
            }
        }
    }

    /// A barrier; where the log cannot be synced any more, a checkpoint comes before it.
    async fn make_durable(&mut self) -> Result<Durability, StorageError> {
        for _ in 0..4 {
            let failed = match self.storage.sync().await {
                Err(error) if self.storage.checkpoint_need() == CheckpointNeed::Required => error,
                other => return other,
            };
            self.catch_up().await?;
            if self.storage.checkpoint_need() == CheckpointNeed::Required
                && self.storage.checkpoint(&self.snapshot).await.is_err()
            {
                return Err(failed);
            }
        }
        self.storage.sync().await
    }

    /// Answers a question as the coordinator does: read, and sync what it reveals.
    ///
    /// # Errors
    ///
    /// Those of the storage.
    pub async fn look(&mut self) -> Result<Vec<String>, StorageError> {
        loop {
            self.catch_up().await?;
            if self.make_durable().await? == Durability::Durable {
                return Ok(self.bodies());
            }
        }
    }

    /// Writes a checkpoint of what was read.
    ///
    /// # Errors
    ///
    /// Those of the storage.
    pub async fn checkpoint(&mut self) -> Result<Append, StorageError> {
        self.catch_up().await?;
        self.storage.checkpoint(&self.snapshot).await
    }

    /// What the messages say, in order.
    pub fn bodies(&self) -> Vec<String> {
        let messages = self.snapshot.state.mail().messages();
        messages
            .map(|(_, message)| message.body.to_string())
            .collect()
    }
}
