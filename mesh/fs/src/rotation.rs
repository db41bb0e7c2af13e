//! From one generation to the next.
//!
//! A sealed generation accepts nothing more, so the state at its seal is the same for
//! everybody, and whoever comes first writes it down as the next generation's
//! checkpoint. The order of the steps is the whole safety of it:
//!
//! 1. The new file is written under a temporary name of its own, and synced. Then the
//!    present generation is sealed, where it is not yet.
//! 2. *Then* the sealed generation's name is looked at: if it is gone, others are
//!    further already, and a link now could bring a retired generation back.
//! 3. The file is *linked* to its name, which fails if that exists. A rename would
//!    replace a generation in which others have committed.
//! 4. The directory is synced before anything in the new file is acknowledged.
//! 5. Older generations are retired, lowest first: once every lower name is gone for
//!    good, all temporary files that could become the generation are removed, then it.

use std::io;

use super::chain::Link;
use super::error::put_off;
use super::export;
use super::generation::{CheckpointHead, Generation, Place, RECORD_VERSION, ReadError, Ready};
use super::lock::sweep_candidates;
use super::names;
use super::record::{Tag, encode};
use super::seam::FileSystem;
use super::storage::{Followed, FsStorage, Log};
use super::write::write_whole;
use mesh_coordinator::ports::{Append, Clock, Outcome, StorageError};
use mesh_core::Snapshot;
use planted::Bug;

/// The bytes of a new generation's checkpoint, piece by piece.
pub(super) fn checkpoint_pieces(
    head: CheckpointHead,
    snapshot: &Snapshot,
) -> impl Iterator<Item = io::Result<Vec<u8>>> + '_ {
    let mut parts = snapshot.parts();
    let mut written = 0;
    let mut last = head.tip;
    let mut stage = 0;
    std::iter::from_fn(move || {
        let encoded = match stage {
            0 => {
                stage = 1;
                encode(last, Tag::Checkpoint, &head)
            }
            1 => match parts.next() {
                Some(part) => {
                    written += 1;
                    encode(last, Tag::Part, &part)
                }
                None => {
                    stage = 2;
                    encode(last, Tag::Ready, &Ready { parts: written })
                }
            },
            _ => return None,
        };
        Some(encoded.map_err(io::Error::from).map(|(bytes, sum)| {
            last = sum;
            bytes
        }))
    })
}

impl<F: FileSystem, C: Clock> FsStorage<F, C> {
    /// Ends the present generation at `snapshot`, and makes its successor, or finds
    /// that somebody else did; retires what came before.
    ///
    /// The successor is written *before* the seal: where there is no room for it, the
    /// present generation goes on as if nothing had been tried.
    pub(super) async fn rotate(&mut self, snapshot: &Snapshot) -> Result<Append, StorageError> {
        let Some(log) = &self.log else {
            return Ok(Append::Lost);
        };
        let (chain, number) = (log.generation.chain, log.generation.number + 1);
        if !log.undelivered.is_empty() || snapshot.seq != chain.seq {
            return Ok(Append::Lost);
        }
        let head = CheckpointHead {
            version: RECORD_VERSION,
            log: log.generation.log_id,
            generation: number,
            seq: snapshot.seq,
            tip: chain.tip,
        };
        let temporary = names::temporary(number, self.nonces.draw());
        let written = write_whole(&self.fs, &temporary, checkpoint_pieces(head, snapshot)).await;
        written.map_err(|e| Self::io("write", &temporary, Outcome::NoEffect, &e))?;
        let succeeded = self.succeed(&temporary).await;
        // Linked or not, this name has served. A leftover is swept with its generation.
        let _ = self.fs.remove(&temporary).await;
        if succeeded? == Append::Lost {
            return Ok(Append::Lost);
        }
        match self.follow().await? {
            Followed::Next => {}
            Followed::Missing | Followed::Elsewhere => return Ok(Append::Lost),
        }
        self.sync_names().await?;
        self.retire().await;
        if let Err(error) = self.export(snapshot).await {
            tracing::warn!("{error}");
        }
        Ok(Append::Committed)
    }

    /// Seals the present generation, and gives `temporary` the name of the next one.
    async fn succeed(&mut self, temporary: &str) -> Result<Append, StorageError> {
        let Some(log) = &self.log else {
            return Ok(Append::Lost);
        };
        let (seq, durable) = (log.generation.chain.seq, log.durable);
        let (number, id) = (log.generation.number, log.generation.id);
        if !log.generation.chain.sealed {
            let body = Place { seq, durable };
            let sealed = self.append_record(Tag::Seal, Link::Seal { seq }, &body);
            if sealed.await? == Append::Lost {
                return Ok(Append::Lost);
            }
        }
        let next = names::journal(number + 1);
        let linked = match self.fs.stat_name(&names::journal(number)).await {
            Ok(_) if planted::is(Bug::RenameInsteadOfLink) => {
                self.fs.rename(temporary, &next).await
            }
            Ok(stat) if stat.id == id => self.fs.link(temporary, &next).await,
            Ok(_) => Err(io::ErrorKind::NotFound.into()),
            Err(error) => Err(error),
        };
        match linked {
            // Somebody else made the successor, or is further already.
            Err(error)
                if !matches!(
                    error.kind(),
                    io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound
                ) =>
            {
                Err(Self::io("create", &next, Outcome::NoEffect, &error))
            }
            _ => Ok(Append::Committed),
        }
    }

    /// Goes on from a sealed generation to its successor.
    pub(super) async fn follow(&mut self) -> Result<Followed, StorageError> {
        let Some(log) = &self.log else {
            return Ok(Followed::Elsewhere);
        };
        let sealed = &log.generation;
        let number = sealed.number + 1;
        let next = match Generation::open(&self.fs, number, None).await {
            Ok(next) => next,
            Err(ReadError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
                return self.look_elsewhere(number).await;
            }
            Err(error) => return Err(self.read_error(number, error).await),
        };
        if next.log_id != sealed.log_id {
            // The folder was emptied and made anew: this one is not its successor.
            return Ok(Followed::Elsewhere);
        }
        if (next.chain.seq, next.chain.tip) != (sealed.chain.seq, sealed.chain.tip) {
            let error = next.damaged("does not begin where the generation before it ended");
            return Err(self.read_error(number, error).await);
        }
        let mut next = Log::new(next);
        next.durable = log.durable;
        next.exposed = log.exposed;
        self.log = Some(next);
        // A `watermark` that was removed meanwhile must not be written to for ever.
        self.marks.reopen();
        Ok(Followed::Next)
    }

    async fn look_elsewhere(&self, missing: u64) -> Result<Followed, StorageError> {
        let names = self.names().await?;
        let newest = names
            .iter()
            .filter_map(|name| names::parse_journal(name))
            .max();
        Ok(match newest {
            Some(newest) if newest >= missing => Followed::Elsewhere,
            // The sealed generation itself is gone as well: the folder was removed.
            None => Followed::Elsewhere,
            Some(_) => Followed::Missing,
        })
    }

    /// Removes the generations before the present one, temporary files that could become
    /// one of them, and what dead processes prepared to be the lock. What cannot be removed
    /// now is removed next time.
    pub(super) async fn retire(&mut self) {
        let Some(log) = &self.log else { return };
        let present = log.generation.number;
        if let Err(error) = self.retire_before(present).await {
            put_off("removing old generations", &error);
        }
    }

    async fn retire_before(&self, present: u64) -> io::Result<()> {
        loop {
            let names = self.fs.list(None).await?;
            let generations = names.iter().filter_map(|name| names::parse_journal(name));
            let Some(lowest) = generations.filter(|g| *g < present).min() else {
                return Ok(());
            };
            // All lower names are gone: now for good.
            self.fs.sync_dir().await?;
            let leftover = |name: &&String| {
                names::parse_temporary(name).is_some_and(|generation| generation <= lowest)
            };
            for name in names.iter().filter(leftover) {
                ignore_missing(self.fs.remove(name).await)?;
            }
            sweep_candidates(&self.fs, &names).await;
            ignore_missing(self.fs.remove(&names::journal(lowest)).await)?;
        }
    }

    /// Writes `state.json`, for people.
    pub(super) async fn export(&mut self, snapshot: &Snapshot) -> Result<(), StorageError> {
        let Some(log) = &self.log else { return Ok(()) };
        let temporary = names::temporary(log.generation.number, self.nonces.draw());
        let written = write_whole(&self.fs, &temporary, export::pieces(snapshot)).await;
        let renamed = match written {
            Ok(()) => self.fs.rename(&temporary, names::STATE).await,
            Err(error) => Err(error),
        };
        renamed.map_err(|e| Self::io("write", names::STATE, Outcome::NoEffect, &e))
    }
}

pub(super) fn ignore_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
