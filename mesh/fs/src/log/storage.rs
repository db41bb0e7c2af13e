//! The log on files as the coordinator's [`Storage`].
//!
//! A value is a folder ([`Env`]) and, once it was read, an open log ([`OpenLog`]). What the
//! port asks for is a step of the open log; this file says what each call means where there
//! is none, and when one is let go: where it was damaged, removed, or left behind.

use super::env::Env;
use super::open_log::{OpenLog, takes_the_log};
use crate::folder::names;
use crate::options::FsOptions;
use crate::seam::FileSystem;
use mesh_coordinator::ports::{
    Append, CheckpointNeed, Clock, Durability, News, Storage, StorageError,
};
use mesh_core::{Entry, Snapshot};
use planted::promise;

/// How many pieces of news are read before the state is exported at the end.
const MOST_NEWS: usize = 10_000;

/// A mesh folder as a log.
pub struct FsStorage<F: FileSystem, C: Clock> {
    env: Env<F, C>,
    log: Option<OpenLog<F>>,
}

impl<F: FileSystem, C: Clock> FsStorage<F, C> {
    /// The folder behind `fs`. Nothing is read before the first call of
    /// [`Storage::read_on`]. `seed` must differ from every other process's.
    pub fn new(fs: F, clock: C, options: FsOptions, seed: u64) -> Self {
        Self {
            env: Env::new(fs, clock, options, seed),
            log: None,
        }
    }

    /// What a call of the port gives, once what is certain of a failure is found out.
    ///
    /// Damage takes the log with it: the next call begins by reading everything again,
    /// so that no finding is ever passed over, and a folder that a person has mended
    /// is in use again.
    async fn conclude<T>(&mut self, done: Result<T, StorageError>) -> Result<T, StorageError> {
        let done = match (done, &mut self.log) {
            (Err(error), Some(log)) => {
                let error = log.certain(&mut self.env, error).await;
                if takes_the_log(&error) || log.left_behind {
                    self.let_go();
                }
                Err(error)
            }
            // There is nothing to sync that would make it certain.
            (Err(error), None) if self.env.exposed => Err(error.of_unknown_outcome()),
            (done, _) => done,
        };
        if cfg!(debug_assertions)
            && !planted::is_silent()
            && let Some(log) = &self.log
        {
            log.invariants();
        }
        done
    }

    /// Opens the log, and starts over from its newest checkpoint.
    async fn open(&mut self) -> Result<News, StorageError> {
        self.let_go();
        let (mut log, snapshot) = OpenLog::open(&mut self.env).await?;
        if std::mem::take(&mut self.env.exposed) {
            log.standing_mut().lose_race();
        }
        self.log = Some(log);
        Ok(News::Reset(Box::new(snapshot)))
    }

    /// Lets the log go, but not what its writer is exposed to: the record that beat a lost
    /// one is durable once what is opened next is.
    fn let_go(&mut self) {
        let log = self.log.take();
        self.env.exposed |= log.is_some_and(|log| log.standing().exposed);
    }

    /// Brings a snapshot up to the end of the log.
    async fn newest(&mut self, snapshot: &Snapshot) -> Result<Snapshot, StorageError> {
        let mut newest = snapshot.clone();
        for _ in 0..MOST_NEWS {
            match self.read_on().await? {
                News::Reset(snapshot) => newest = *snapshot,
                News::Entries(entries) => entries.iter().for_each(|entry| newest.apply(entry)),
                News::CaughtUp => break,
            }
        }
        // Where others write faster than this one reads, they export what comes then.
        Ok(newest)
    }
}

impl<F: FileSystem, C: Clock> Storage for FsStorage<F, C> {
    async fn read_on(&mut self) -> Result<News, StorageError> {
        let news = match &mut self.log {
            Some(log) => log.read_news(&mut self.env).await,
            None => Ok(None),
        };
        let news = match news {
            Ok(None) => self.open().await,
            Ok(Some(news)) => Ok(news),
            Err(error) => Err(error),
        };
        self.conclude(news).await
    }

    async fn changed(&mut self) {
        // A generation that goes on tells of its own end. What comes after that end is
        // another file.
        let open = self.log.as_ref();
        let goes_on = open.filter(|log| !log.standing().chain.sealed);
        let name = goes_on.map(|log| names::journal(log.standing().generation));
        self.env.fs.changed(name.as_deref()).await;
    }

    fn unwatch(&mut self) {
        self.env.fs.unwatch();
    }

    async fn append(&mut self, entry: &Entry) -> Result<Append, StorageError> {
        let appended = match &mut self.log {
            Some(log) => {
                let appended = log.append_entry(&mut self.env, entry).await;
                promise!(
                    appended != Ok(Append::Committed)
                        || log.standing().chain.seq >= entry.seq && log.has_delivered(entry),
                    "a committed entry counts as read"
                );
                appended
            }
            // Nothing was read, so nothing can be next.
            None => Ok(Append::Lost),
        };
        self.conclude(appended).await
    }

    async fn sync(&mut self) -> Result<Durability, StorageError> {
        let synced = match &mut self.log {
            Some(log) => {
                let synced = log.barrier(&mut self.env).await;
                promise!(
                    synced != Ok(Durability::Durable) || log.standing().is_synced(),
                    "behind a barrier everything that was read or appended is durable"
                );
                synced
            }
            // What was read is no log any more.
            None => Ok(Durability::Reset),
        };
        let synced = match synced {
            Ok(Durability::Reset) => {
                self.let_go();
                let reattached = self.env.fs.reattach().await;
                // What was appended is in the folder that was moved away, or deleted.
                let reattached = reattached.map_err(StorageError::of_unknown_outcome);
                reattached.map(|()| Durability::Reset)
            }
            synced => synced,
        };
        self.conclude(synced).await
    }

    fn checkpoint_need(&self) -> CheckpointNeed {
        match &self.log {
            Some(log) if log.is_spent() => CheckpointNeed::Required,
            Some(log) if log.has_outgrown(self.env.options.rotate_bytes) => {
                CheckpointNeed::Worthwhile
            }
            Some(_) | None => CheckpointNeed::None,
        }
    }

    async fn checkpoint(&mut self, snapshot: &Snapshot) -> Result<Append, StorageError> {
        let written = match &mut self.log {
            Some(log) => {
                let written = log.rotate(&mut self.env, snapshot).await;
                promise!(
                    written != Ok(Append::Committed) || log.standing().base == snapshot.seq,
                    "a generation begins at the state that was given"
                );
                written
            }
            None => Ok(Append::Lost),
        };
        self.conclude(written).await
    }

    async fn close(&mut self, snapshot: &Snapshot) -> Result<(), StorageError> {
        if self.log.is_none() || !self.env.wrote {
            return Ok(());
        }
        // Others may have gone on: people must not find an older state than before.
        let newest = self.newest(snapshot).await?;
        match &self.log {
            Some(log) => {
                let generation = log.standing().generation;
                self.env.export(log.id(), generation, &newest).await
            }
            None => Ok(()),
        }
    }
}
