//! Looking at a folder without taking part in it.
//!
//! An agent's calls reap, heartbeat and make what is missing. A person who watches the
//! fleet must not: an [`Observer`] reads the log and nothing else. It makes no folder,
//! registers nobody, adopts no predecessor, takes no lock and writes no byte.
//!
//! Guarantees: what it shows survives a power cut (rule G5), and damage is an error, not
//! an older state (rule G7). Left to others: what follows from the passing of time, such
//! as a lease that has ended but that nobody has reaped yet, since that takes a clock
//! ([`decide`](crate::core::decide) tells it, and changes nothing).

use std::path::{Path, PathBuf};

use crate::backends::fs::{FileSystem, journal_generation};
use crate::backends::fs::{Format, FsOptions, FsStorage, LockKind, OsFileSystem, ReadOnly};
use crate::backends::{SystemClock, seed};
use crate::core::{FenceCheck, Snapshot, check_fence};
use crate::ports::{Clock, Durability, News, Outcome, Storage, StorageError, StorageErrorKind};

type Files = ReadOnly<OsFileSystem>;

/// A folder that is only looked at.
pub struct Observer {
    path: PathBuf,
    fs: Files,
    storage: FsStorage<Files, SystemClock>,
    snapshot: Snapshot,
}

/// How a folder is doing, as far as its files tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The version of the folder's format.
    pub format: u32,
    /// The kind of the store's lock.
    pub lock: LockKind,
    /// The newest generation of the journal.
    pub generation: u64,
    /// How many bytes all of the journal takes.
    pub journal_bytes: u64,
}

impl Observer {
    /// Opens the folder `path` to look at it; `None` where there is no folder.
    /// `explicit` allows one that belongs to another user (rule S4).
    ///
    /// # Errors
    ///
    /// Where `path` is no folder that mesh would use.
    pub fn open(path: &Path, explicit: bool) -> Result<Option<Self>, StorageError> {
        let Some(fs) = OsFileSystem::look_at(path, explicit)? else {
            return Ok(None);
        };
        let clock = SystemClock::new();
        Ok(Some(Self {
            path: path.to_owned(),
            storage: FsStorage::new(fs.clone(), clock, FsOptions::default(), seed()),
            fs,
            snapshot: Snapshot::default(),
        }))
    }

    /// What the log says now.
    ///
    /// # Errors
    ///
    /// Where the folder cannot be read, is damaged, or holds no journal (yet).
    pub fn look(&mut self) -> Result<&Snapshot, StorageError> {
        futures_executor::block_on(self.catch_up())?;
        Ok(&self.snapshot)
    }

    /// Whether `fence` is that of a live holder of `resource`, now: by the log, and by this
    /// machine's clock. See [`check_fence`] for what it does not promise.
    ///
    /// # Errors
    ///
    /// As [`look`](Self::look).
    pub fn check_fence(&mut self, resource: &str, fence: u64) -> Result<FenceCheck, StorageError> {
        let state = &self.look()?.state;
        let now = SystemClock::new().now();
        Ok(check_fence(state, now, resource, fence))
    }

    /// How the folder is doing.
    ///
    /// # Errors
    ///
    /// Where it cannot be listed, or has no format.
    pub fn condition(&self) -> Result<Condition, StorageError> {
        futures_executor::block_on(self.examine())
    }

    async fn catch_up(&mut self) -> Result<(), StorageError> {
        self.format().await?;
        loop {
            match self.storage.read_on().await? {
                News::Reset(snapshot) => self.snapshot = *snapshot,
                News::Entries(entries) => {
                    entries.iter().for_each(|entry| self.snapshot.apply(entry));
                }
                // What is gone by the time of the barrier must not be shown.
                News::CaughtUp => match self.storage.sync().await? {
                    Durability::Durable => return Ok(()),
                    Durability::Reset => {}
                },
            }
        }
    }

    /// A folder without a format is one that no mesh has finished making: an empty one, or
    /// a predecessor's. To make it one is for those who take part.
    async fn format(&self) -> Result<Format, StorageError> {
        Format::read(&self.fs).await?.ok_or_else(|| StorageError {
            kind: StorageErrorKind::Refused,
            what: format!(
                "{} holds no journal of this mesh yet, and looking does not make one",
                self.path.display()
            ),
            next: "run `mesh upgrade`, which does, and takes over the state of an older mesh"
                .to_owned(),
            outcome: Outcome::NoEffect,
        })
    }

    async fn examine(&self) -> Result<Condition, StorageError> {
        let format = self.format().await?;
        let mut condition = Condition {
            format: format.format,
            lock: format.lock,
            generation: 0,
            journal_bytes: 0,
        };
        let names = self.fs.list(None).await.unwrap_or_default();
        for name in &names {
            let Some(generation) = journal_generation(name) else {
                continue;
            };
            condition.generation = condition.generation.max(generation);
            // A generation may be retired between the listing and this look.
            let bytes = self.fs.stat_name(name).await.map_or(0, |stat| stat.len);
            condition.journal_bytes += bytes;
        }
        Ok(condition)
    }
}
