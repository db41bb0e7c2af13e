//! What must hold before anything is acknowledged or revealed (rules G4, G5, S2).
//!
//! In this order: the directory was synced with this generation in it; the file is
//! synced up to its accepted end; and both still are what the folder's path leads to.
//! Then the watermark says so, for whoever finds the folder damaged.

use std::io;

use super::error::put_off;
use super::generation::{Generation, ReadError};
use super::names;
use super::seam::{FileStat, FileSystem};
use super::storage::{FsStorage, Log};
use super::turn::Turn;
use super::watermark::{Mark, WATERMARK};
use mesh_coordinator::ports::{Clock, Durability, Outcome, StorageError, StorageErrorKind};
use planted::Bug;

/// How often a folder in which generations come and go is looked at again.
const ATTEMPTS: usize = 8;
/// From so many entries of others between two syncs on, a sync is shared. With one it
/// would cover nobody else, and to agree on who does it costs more than it spares.
const BUSY: usize = 2;

impl<F: FileSystem, C: Clock> FsStorage<F, C> {
    pub(super) async fn barrier(&mut self) -> Result<Durability, StorageError> {
        self.check_poison(Outcome::Unknown)?;
        self.sync_names().await?;
        let synced = match self.share_sync().await {
            Ok(()) => self.sync_and_note().await,
            Err(error) => Err(error),
        };
        // Whatever came of it: others wait for the turn.
        self.turn.give(&self.fs).await;
        synced
    }

    async fn sync_and_note(&mut self) -> Result<Durability, StorageError> {
        self.sync_entries().await?;
        if self.is_current().await? {
            self.note().await;
            return Ok(Durability::Durable);
        }
        self.log = None;
        self.fs.reattach().await?;
        Ok(Durability::Reset)
    }

    /// Fails where an earlier sync failed: the next one may wrongly succeed, so
    /// nothing more of this file is acknowledged.
    pub(super) fn check_poison(&self, outcome: Outcome) -> Result<(), StorageError> {
        match &self.log {
            Some(log) if log.poisoned => {
                let name = names::journal(log.generation.number);
                let error = io::Error::other("an earlier sync of it failed");
                Err(Self::io("rely on", &name, outcome, &error))
            }
            _ => Ok(()),
        }
    }

    /// Syncs the directory once in each generation, before anything in it counts.
    pub(super) async fn sync_names(&mut self) -> Result<(), StorageError> {
        let Some(log) = &mut self.log else {
            return Ok(());
        };
        if log.named {
            return Ok(());
        }
        if !planted::is(Bug::NoDirectorySync)
            && let Err(error) = self.fs.sync_dir().await
        {
            log.poisoned = true;
            return Err(Self::io("sync", "the folder", Outcome::Unknown, &error));
        }
        log.named = true;
        log.durable = log.durable.max(log.generation.base_seq);
        Ok(())
    }

    /// Where several others write as well, sees to it that one syncs for all: takes the turn to
    /// do it, or waits until another one has.
    async fn share_sync(&mut self) -> Result<(), StorageError> {
        let foreign = std::mem::take(&mut self.foreign);
        if foreign < BUSY || self.is_synced() {
            return Ok(());
        }
        let mut wait = Turn::<F>::wait(&self.clock, self.nonces.draw());
        loop {
            let mine = self.turn.take(&self.fs).await;
            self.marks.read_all(&self.fs).await?;
            let Some(log) = &mut self.log else {
                return Ok(());
            };
            // The marks may speak of entries that were not read yet.
            log.reading = false;
            let mut durable = self.marks.highest().map_or(0, |mark| mark.seq);
            if planted::is(Bug::SyncLeftToOthers) && !mine {
                durable = log.generation.chain.seq;
            }
            log.durable = log.durable.max(durable.min(log.generation.chain.seq));
            if mine || self.is_synced() || !self.turn.rest(&self.clock, &mut wait).await {
                return Ok(());
            }
        }
    }

    /// Whether everything that was read or written is known to be durable.
    fn is_synced(&self) -> bool {
        let synced = |log: &Log<F>| log.durable >= log.generation.chain.seq && !log.exposed;
        self.log.as_ref().is_none_or(synced)
    }

    /// Makes the file durable up to its accepted end.
    pub(super) async fn sync_entries(&mut self) -> Result<(), StorageError> {
        let Some(log) = &mut self.log else {
            return Ok(());
        };
        let chain = log.generation.chain;
        if log.durable >= chain.seq && !log.exposed {
            return Ok(());
        }
        let name = names::journal(log.generation.number);
        if !planted::is(Bug::NoFileSync)
            && let Err(error) = self.fs.sync(&log.generation.file).await
        {
            log.poisoned = true;
            return Err(Self::io("sync", &name, Outcome::Unknown, &error));
        }
        log.exposed = false;
        log.durable = chain.seq;
        Ok(())
    }

    /// Notes how far the log is durable. The note is a courtesy to whoever finds the
    /// folder damaged; without room for it, the entries are no less durable.
    async fn note(&mut self) {
        let Some(log) = &self.log else { return };
        let chain = log.generation.chain;
        let noted = self.marks.highest().is_some_and(|m| m.seq >= chain.seq);
        if log.durable == chain.seq && chain.seq > 0 && !noted {
            let mark = Mark {
                seq: chain.seq,
                sum: chain.tip,
            };
            if let Err(error) = self.marks.write(&self.fs, mark).await {
                put_off(&format!("writing {WATERMARK}"), &error);
            }
        }
    }

    /// Whether what was read still is the log: the generation has its name, or a later
    /// one took over from it.
    async fn is_current(&mut self) -> Result<bool, StorageError> {
        let Some(log) = &self.log else {
            return Ok(false);
        };
        let name = names::journal(log.generation.number);
        let failed = |e: &io::Error| Self::io("look at", &name, Outcome::Unknown, e);
        if !self.fs.is_attached().await.map_err(|e| failed(&e))? {
            return Ok(false);
        }
        match self.fs.stat_name(&name).await {
            Ok(FileStat { id, len, .. }) if id == log.generation.id => {
                if len >= log.generation.position {
                    return Ok(true);
                }
                let error = log
                    .generation
                    .damaged("is shorter than what was read of it");
                Err(self.read_error(log.generation.number, error).await)
            }
            Ok(_) => self.is_continued().await,
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.is_continued().await,
            Err(error) => Err(failed(&error)),
        }
    }

    /// The generation has lost its name: did a later one of the *same* log take over?
    /// A folder that was emptied and made anew holds another log, however many
    /// generations that one has.
    async fn is_continued(&self) -> Result<bool, StorageError> {
        let Some(log) = &self.log else {
            return Ok(false);
        };
        for _ in 0..ATTEMPTS {
            let names = self.names().await?;
            let newest = names.iter().filter_map(|name| names::parse_journal(name));
            let Some(newest) = newest.max() else {
                if names.iter().any(|name| name == names::FORMAT) {
                    continue;
                }
                return Ok(false);
            };
            match Generation::log_id(&self.fs, newest).await {
                Ok(id) => {
                    let same = id == log.generation.log_id;
                    return Ok(same && newest > log.generation.number);
                }
                // It was retired meanwhile, so there is a newer one.
                Err(ReadError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(self.read_error(newest, error).await),
            }
        }
        Err(StorageError {
            kind: StorageErrorKind::Damaged,
            what: format!(
                "{} was removed under this process",
                names::journal(log.generation.number)
            ),
            next: "nothing was changed: restore journal.* from a backup, save what is left \
                   with `mesh doctor --repair`, or delete the whole folder to start over"
                .to_owned(),
            outcome: Outcome::Unknown,
        })
    }
}
