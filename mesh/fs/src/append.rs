//! Appending a record, and finding out what became of it (rule G6).
//!
//! An append is one write, and its bytes stay in the file whatever comes of it. Where
//! they landed right behind what was read, they won. Otherwise the file tells: the
//! writer reads what came between, and meets either its own record as the next one
//! that counts, or another's.
//!
//! A record that lost is void only as long as the record that beat it is there. Until
//! that one is durable, a power cut could take it and let the lost record count. So
//! the loser is *exposed*, and while it is, no error may say that nothing happened
//! before a sync has said so ([`FsStorage::certain`]).

use std::io;

use super::chain::Link;
use super::generation::Step;
use super::names;
use super::record::{Sum, Tag, encode};
use super::seam::{Appended, FileSystem};
use super::storage::FsStorage;
use mesh_coordinator::ports::{Append, Clock, Outcome, StorageError, StorageErrorKind};
use planted::Bug;

impl<F: FileSystem, C: Clock> FsStorage<F, C> {
    /// Appends one record and finds out what became of it.
    pub(super) async fn append_record(
        &mut self,
        tag: Tag,
        link: Link,
        body: &impl serde::Serialize,
    ) -> Result<Append, StorageError> {
        let Some(log) = &mut self.log else {
            return Ok(Append::Lost);
        };
        let generation = &mut log.generation;
        if !generation.chain.accepts(generation.chain.last, link) {
            return Ok(Append::Lost);
        }
        let name = names::journal(generation.number);
        let (bytes, sum) = encode(generation.chain.last, tag, body)
            .map_err(|e| Self::io("append to", &name, Outcome::NoEffect, &e.into()))?;
        self.wrote = true;
        match self.fs.append(&generation.file, &bytes).await {
            Ok(landed) if landed.written == bytes.len() => self.landed(landed, link, sum).await,
            Ok(_) => {
                let error = io::Error::from(io::ErrorKind::StorageFull);
                Err(Self::io("append to", &name, Outcome::NoEffect, &error))
            }
            Err(error) => self.append_unknown(&name, link, sum, &error).await,
        }
    }

    /// All bytes are in the file: did they win?
    async fn landed(
        &mut self,
        landed: Appended,
        link: Link,
        sum: Sum,
    ) -> Result<Append, StorageError> {
        let Some(log) = &mut self.log else {
            return Ok(Append::Lost);
        };
        let generation = &mut log.generation;
        let start = landed.end - landed.written as u64;
        if start < generation.position {
            let error = generation.damaged("is shorter than what was read of it");
            let number = generation.number;
            let mut error = self.read_error(number, error).await;
            error.outcome = Outcome::Unknown;
            return Err(error);
        }
        let alone = start == generation.position && !generation.unfinished;
        if alone || planted::is(Bug::NoLookAtTheWinner) {
            // Nothing came between what was read and what was written.
            generation.extend(sum, link, landed.end);
            return Ok(Append::Committed);
        }
        self.look_for(link, sum).await
    }

    /// Reads on to see whether the record with `sum` is accepted.
    async fn look_for(&mut self, link: Link, sum: Sum) -> Result<Append, StorageError> {
        self.begin_reading().await?;
        if let Some(log) = &mut self.log {
            log.generation.look_again();
        }
        let won = self.read_up_to(link, sum).await?;
        // Behind a seal, the marks may speak of generations that are still to be read.
        if let Some(log) = &mut self.log
            && log.generation.chain.sealed
        {
            log.reading = false;
        } else {
            self.end_reading().await?;
        }
        let Some(log) = &mut self.log else {
            return Ok(Append::Lost);
        };
        if !won {
            log.exposed = true;
            return Ok(Append::Lost);
        }
        if matches!(link, Link::Entry { .. }) {
            // A committed entry counts as read. It was accepted at the place after the
            // newest that was delivered, so it is the first of those that were not.
            log.undelivered.pop_front();
        }
        Ok(Append::Committed)
    }

    /// Reads to the end of the file. Whether the record with `sum` is among what
    /// counts. All entries become undelivered ones, so that a failure loses none.
    async fn read_up_to(&mut self, link: Link, sum: Sum) -> Result<bool, StorageError> {
        let mut won = false;
        loop {
            match self.next_step().await? {
                Step::Entry(entry, found) => {
                    won |= found == sum;
                    if let Some(log) = &mut self.log {
                        log.undelivered.push_back(entry);
                    }
                }
                Step::Sealed(found) => {
                    return Ok(won || (found == sum && matches!(link, Link::Seal { .. })));
                }
                Step::Void => {}
                Step::End => return Ok(won),
            }
        }
    }

    /// An append failed without telling how far it came: the file tells.
    async fn append_unknown(
        &mut self,
        name: &str,
        link: Link,
        sum: Sum,
        error: &io::Error,
    ) -> Result<Append, StorageError> {
        if planted::is(Bug::UnknownAppendRetriedAnew) {
            return Ok(Append::Lost);
        }
        match self.look_for(link, sum).await {
            Ok(Append::Committed) => Ok(Append::Committed),
            Ok(Append::Lost) => Err(Self::io("append to", name, Outcome::NoEffect, error)),
            Err(_) => Err(Self::io("append to", name, Outcome::Unknown, error)),
        }
    }

    /// What of an error is certain. After a lost race, "no effect" is only true once
    /// the winner is durable; where that cannot be had, the outcome is unknown.
    ///
    /// Damage takes the log with it: the next call begins by reading everything again,
    /// so that no finding is ever passed over, and a folder that a person has mended
    /// is in use again.
    pub(super) async fn certain(&mut self, mut error: StorageError) -> StorageError {
        let exposed = self.log.as_ref().is_some_and(|log| log.exposed);
        if exposed && error.outcome == Outcome::NoEffect && self.settle_races().await.is_err() {
            error.outcome = Outcome::Unknown;
        }
        if matches!(
            error.kind,
            StorageErrorKind::Damaged | StorageErrorKind::Newer
        ) {
            self.log = None;
        }
        error
    }

    /// Makes durable what beat this process's lost records.
    async fn settle_races(&mut self) -> Result<(), StorageError> {
        self.check_poison(Outcome::Unknown)?;
        self.sync_names().await?;
        self.sync_entries().await
    }
}
