//! Appending a record, with real calls: see [`Appending`].

use std::io;

use super::chain::Link;
use super::env::Env;
use super::generation::{EntryBody, Step, is_in_range};
use super::open_log::{OpenLog, takes_the_log};
use super::protocol::Appending;
use super::record::{Sum, Tag, encode_within};
use crate::error::{io_error, no_place, unfit};
use crate::seam::{Appended, FileSystem};
use mesh_coordinator::ports::{Append, Outcome, StorageError};
use mesh_core::Entry;
use planted::{Bug, promise, sound};

/// A record on its way into the file.
pub(super) struct Outgoing {
    bytes: Vec<u8>,
    sum: Sum,
    /// How the write failed, if it did.
    failure: Option<io::Error>,
}

impl<F: FileSystem> OpenLog<F> {
    /// Appends an entry: see [`Storage::append`](mesh_coordinator::ports::Storage::append).
    pub(super) async fn append_entry<C>(
        &mut self,
        env: &mut Env<F, C>,
        entry: &Entry,
    ) -> Result<Append, StorageError> {
        self.check_poison(Outcome::NoEffect)?;
        let mut appending = Appending::begin(self.standing(), Link::Entry { seq: entry.seq });
        if let Appending::Over(over) = appending {
            return Ok(over);
        }
        self.check_range(entry)?;
        let body = EntryBody {
            seq: entry.seq,
            durable: self.standing().durable,
            id: &entry.id,
            at: entry.at,
            events: &entry.events,
        };
        let mut record = self.encode(Tag::Entry, &body)?;
        loop {
            appending = match appending {
                Appending::Over(over) => {
                    promise!(
                        over == Append::Committed || self.standing().exposed,
                        "a record that was written and lost leaves its writer exposed"
                    );
                    return Ok(over);
                }
                step => self.take_append_step(env, step, &mut record).await?,
            };
        }
    }

    /// Refuses, before anything is written, what every reader of the record would refuse.
    /// `decide` keeps fences and epochs in range; only the log knows its own places.
    fn check_range(&self, entry: &Entry) -> Result<(), StorageError> {
        let limits = self.generation.limits;
        if is_in_range(limits, entry.seq, &entry.events) {
            return Ok(());
        }
        let (name, seq) = (self.name(), entry.seq);
        Err(if seq > limits.places {
            no_place(&name, seq - 1)
        } else {
            let what =
                format!("cannot append to {name}: entry {seq} would have a number out of range");
            unfit(
                what,
                "this is a bug in mesh: please report it; other calls go on",
            )
        })
    }

    /// A record that continues the chain.
    pub(super) fn encode(
        &self,
        tag: Tag,
        body: &impl serde::Serialize,
    ) -> Result<Outgoing, StorageError> {
        let last = self.standing().chain.last;
        let encoded = encode_within(self.generation.limits, last, tag, body);
        // Nothing else can be wrong with it.
        let (bytes, sum) = encoded.map_err(|too_long| {
            let what = format!("cannot append to {}: {too_long}", self.name());
            unfit(what, "ask for less at once: a shorter body, fewer claims")
        })?;
        Ok(Outgoing {
            bytes,
            sum,
            failure: None,
        })
    }

    /// Takes one step of an append.
    pub(super) async fn take_append_step<C>(
        &mut self,
        env: &mut Env<F, C>,
        step: Appending,
        record: &mut Outgoing,
    ) -> Result<Appending, StorageError> {
        match step {
            Appending::Write(_) => self.write(env, step, record).await,
            Appending::FindWinner(link, sum) => {
                let won = self.find_winner(env, link, sum).await;
                self.judge(step, won, record.failure.as_ref())
            }
            Appending::Over(_) => Ok(step),
        }
    }

    async fn write<C>(
        &mut self,
        env: &mut Env<F, C>,
        step: Appending,
        record: &mut Outgoing,
    ) -> Result<Appending, StorageError> {
        env.wrote = true;
        match env.fs.append(&self.generation.file, &record.bytes).await {
            Ok(landed) if landed.written == record.bytes.len() => {
                self.landed(env, step, landed, record).await
            }
            Ok(landed) => {
                let error = env.fs.why_short(landed.end);
                Err(io_error(
                    "append to",
                    &self.name(),
                    Outcome::NoEffect,
                    &error,
                ))
            }
            Err(error) => {
                record.failure = Some(error);
                Ok(sound!(
                    step.unknown(record.sum),
                    Bug::UnknownAppendRetriedAnew => Appending::Over(Append::Lost)
                ))
            }
        }
    }

    /// All bytes are in the file: did they win?
    async fn landed<C>(
        &mut self,
        env: &Env<F, C>,
        step: Appending,
        landed: Appended,
        record: &Outgoing,
    ) -> Result<Appending, StorageError> {
        let generation = &mut self.generation;
        let start = landed.end - landed.written as u64;
        if start < generation.position {
            let error = generation.damaged("is shorter than what was read of it");
            let mut error = self.read_error(env, error).await;
            error.outcome = Outcome::Unknown;
            return Err(error);
        }
        let alone = start == generation.position && !generation.unfinished;
        let alone = sound!(alone, Bug::NoLookAtTheWinner => true);
        if alone && let Err(error) = generation.hold(&env.fs).await {
            // It stands in the right place of another file.
            let error = self.read_error(env, error).await;
            return Err(error.of_unknown_outcome());
        }
        if alone {
            // What was read of it was all that there was.
            self.note_first_end();
        }
        let generation = &mut self.generation;
        let next = step.landed(&mut generation.standing, record.sum, alone);
        if alone {
            generation.pass_own(&record.bytes, landed.end);
        }
        Ok(next)
    }

    /// What the look at the file says of a record whose write may have failed. Where the
    /// look itself fails, the record may have won all the same.
    fn judge(
        &mut self,
        step: Appending,
        won: Result<bool, StorageError>,
        failure: Option<&io::Error>,
    ) -> Result<Appending, StorageError> {
        let name = self.name();
        let failed = |outcome, error| Err(io_error("append to", &name, outcome, error));
        match (won, failure) {
            (Ok(won), failure) => {
                let over = step.found(self.standing_mut(), won);
                match failure {
                    Some(error) if !won => failed(Outcome::NoEffect, error),
                    _ => Ok(over),
                }
            }
            // What needs a person is told before what a disk did.
            (Err(look), Some(_)) if takes_the_log(&look) => Err(look.of_unknown_outcome()),
            (Err(_), Some(error)) => failed(Outcome::Unknown, error),
            (Err(error), None) => Err(sound!(
                error.of_unknown_outcome(),
                Bug::FailedLookDenies => error
            )),
        }
    }

    /// Reads on to see whether the record with `sum` is among what counts.
    async fn find_winner<C>(
        &mut self,
        env: &mut Env<F, C>,
        link: Link,
        sum: Sum,
    ) -> Result<bool, StorageError> {
        self.begin_reading(env).await?;
        self.generation.look_again();
        let won = self.read_up_to(env, link, sum).await?;
        if self.standing().chain.sealed {
            // The marks may speak of generations that are still to be read.
            self.reading = false;
        } else {
            self.end_reading(env).await?;
        }
        if won && matches!(link, Link::Entry { .. }) {
            // A committed entry counts as read. It was accepted at the place after the
            // newest that was delivered, so it is the first of those that were not.
            let own = self.undelivered.pop_front();
            promise!(
                own.map(|entry| entry.seq) == Some(link.seq()),
                "an entry that won is the first that was not delivered"
            );
        }
        Ok(won)
    }

    /// Reads to the end of the file. Whether the record with `sum` is among what
    /// counts. All entries become undelivered ones, so that a failure loses none.
    async fn read_up_to<C>(
        &mut self,
        env: &Env<F, C>,
        link: Link,
        sum: Sum,
    ) -> Result<bool, StorageError> {
        let mut won = false;
        loop {
            match self.next_step(env).await? {
                Step::Entry(entry, found) => {
                    won |= found == sum;
                    self.undelivered.push_back(entry);
                }
                Step::Sealed(found) => {
                    return Ok(won || (found == sum && matches!(link, Link::Seal { .. })));
                }
                Step::Void => {}
                Step::End => return Ok(won),
            }
        }
    }
}
