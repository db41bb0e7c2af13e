//! An open log: reading it on, and the promises that hold between two calls.
//!
//! The steps of the protocol are methods of [`OpenLog`], in one file for each: `append`,
//! `barrier`, `rotation`, `retirement`. In which order they come is decided by the machines of
//! [`protocol`](super::protocol); here are the calls that they stand for.

use std::collections::VecDeque;
use std::io;

use super::env::Env;
use super::generation::{Generation, ReadError, Step};
use super::protocol::Standing;
use super::record::Sum;
use crate::error::io_error;
use crate::folder::names;
use crate::seam::FileSystem;
use mesh_coordinator::ports::{Clock, News, Outcome, StorageError, StorageErrorKind};
use mesh_core::Entry;
use planted::{Bug, promise, sound};

/// A log, as one process has it open.
///
/// # Invariants
///
/// Between two calls of the port, [`OpenLog::invariants`] holds: that of the generation,
/// and what was read but not delivered lies directly before the accepted end.
pub(crate) struct OpenLog<F: FileSystem> {
    pub(super) generation: Generation<F>,
    /// Whether a round of reading has begun, with the marks read before it.
    pub(super) reading: bool,
    /// Entries that were read while an append looked for its own.
    pub(super) undelivered: VecDeque<Entry>,
    /// Whether the folder holds other files by now than this log's.
    pub(super) left_behind: bool,
    /// Whether the open generation was read to its end since it was opened.
    pub(super) read_once: bool,
}

/// Where the log goes on after a seal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Followed {
    /// In the next generation, which is open now.
    Next,
    /// Nowhere yet: the rotation was cut short.
    Missing,
    /// In a later generation, or in another log: this reader was left behind.
    Elsewhere,
}

impl<F: FileSystem> OpenLog<F> {
    pub(super) fn new(generation: Generation<F>) -> Self {
        Self {
            generation,
            reading: false,
            undelivered: VecDeque::new(),
            left_behind: false,
            read_once: false,
        }
    }

    pub(super) fn standing(&self) -> &Standing {
        &self.generation.standing
    }

    pub(super) fn standing_mut(&mut self) -> &mut Standing {
        &mut self.generation.standing
    }

    /// The name of the open generation.
    pub(super) fn name(&self) -> String {
        names::journal(self.standing().generation)
    }

    /// Reads on: see [`Storage::read_on`](mesh_coordinator::ports::Storage::read_on). `None`:
    /// this reader was left behind, and the log is to be opened again.
    pub(super) async fn read_news<C: Clock>(
        &mut self,
        env: &mut Env<F, C>,
    ) -> Result<Option<News>, StorageError> {
        loop {
            self.begin_reading(env).await?;
            let confirmed = self.read_entries(env).await?;
            if confirmed > 0 {
                env.foreign += confirmed;
                let entries = self.undelivered.drain(..confirmed).collect();
                return Ok(Some(News::Entries(entries)));
            }
            if !self.standing().chain.sealed {
                break;
            }
            match self.follow(env).await? {
                Followed::Next => {}
                Followed::Missing => break,
                Followed::Elsewhere => return Ok(None),
            }
        }
        self.end_reading(env).await?;
        Ok(Some(News::CaughtUp))
    }

    /// Begins a round of reading: the marks first, then the log.
    pub(super) async fn begin_reading<C>(
        &mut self,
        env: &mut Env<F, C>,
    ) -> Result<(), StorageError> {
        if !self.reading {
            env.marks.read_all(&env.fs).await?;
            self.hold_marks(env).await?;
            self.generation.look_again();
            self.reading = true;
        }
        Ok(())
    }

    /// Fails where a mark names another entry than was read or written in its place: what
    /// was acknowledged since stands in another log.
    pub(super) async fn hold_marks<C>(&self, env: &Env<F, C>) -> Result<(), StorageError> {
        let contradicts = env.marks.contradicts(|seq| self.generation.sum_of(seq));
        let Some(seq) = contradicts else {
            return Ok(());
        };
        let what = format!("has another entry {seq} than was acknowledged");
        let error = self.generation.damaged(&what);
        Err(self.read_error(env, error).await)
    }

    /// Reads entries up to the end of the file, or as many as one piece of news holds, and
    /// tells how many of those that were read may be handed over. What was read before a
    /// failure is kept for the next call.
    ///
    /// An entry is confirmed by what counts behind it, or by the marks where it is the last:
    /// where the one that counts was damaged, the loser of its race is read in its place,
    /// and only what follows tells.
    async fn read_entries<C>(&mut self, env: &mut Env<F, C>) -> Result<usize, StorageError> {
        let piece = env.options.limits.news;
        while self.undelivered.len() <= piece {
            match self.next_step(env).await? {
                Step::Entry(entry, _) => self.undelivered.push_back(entry),
                Step::Void => {}
                Step::Sealed(_) => break,
                Step::End => {
                    if !self.standing().chain.sealed {
                        self.reach_marks(env).await?;
                    }
                    break;
                }
            }
        }
        Ok(self.undelivered.len().min(piece))
    }

    /// The next step of reading, held against the marks.
    pub(super) async fn next_step<C>(&mut self, env: &Env<F, C>) -> Result<Step, StorageError> {
        promise!(self.reading, "the marks are read before the log");
        let step = match self.generation.step(&env.fs).await {
            Ok(step) => step,
            Err(error) => return Err(self.read_error(env, error).await),
        };
        if let Step::Entry(entry, sum) = &step
            && env.marks.contradict(entry.seq, *sum)
        {
            let what = format!("has another entry {} than was acknowledged", entry.seq);
            let error = self.generation.damaged(&what);
            return Err(self.read_error(env, error).await);
        }
        if matches!(step, Step::End | Step::Sealed(_)) {
            self.note_first_end();
        }
        Ok(step)
    }

    /// The open generation was read to its end.
    pub(super) fn note_first_end(&mut self) {
        if !std::mem::replace(&mut self.read_once, true) {
            self.standing_mut().first_read();
        }
    }

    /// Ends a round of reading at the end of the log, where the marks must be reached.
    pub(super) async fn end_reading<C>(&mut self, env: &mut Env<F, C>) -> Result<(), StorageError> {
        self.reading = false;
        let marked = self.reach_marks(env).await?;
        let seq = self.standing().chain.seq;
        self.credit(env, sound!(marked, Bug::RevealedUnsynced => seq));
        Ok(())
    }

    /// Fails where the log ends before what a mark tells to be durable. Gives what the marks
    /// tell.
    async fn reach_marks<C>(&self, env: &Env<F, C>) -> Result<u64, StorageError> {
        let marked = env.marks.highest().map_or(0, |mark| mark.seq);
        if sound!(marked > self.standing().chain.seq, Bug::EndNotHeldAgainstMarks => false) {
            let error = self.generation.breaks_off(marked);
            return Err(self.read_error(env, error).await);
        }
        Ok(marked)
    }

    /// Takes in that marks tell everything up to `seq` to be durable.
    pub(super) fn credit<C>(&mut self, env: &Env<F, C>, seq: u64) {
        let known = self.standing().durable;
        let marked = env.marks.highest().map_or(0, |mark| mark.seq);
        self.standing_mut().mark(seq);
        promise!(
            self.standing().durable <= known.max(marked),
            "only a sync or a mark tells what is durable"
        );
    }

    /// Goes on from a sealed generation to its successor.
    pub(super) async fn follow<C>(
        &mut self,
        env: &mut Env<F, C>,
    ) -> Result<Followed, StorageError> {
        let sealed = &self.generation;
        promise!(
            sealed.standing.chain.sealed,
            "only a sealed generation is followed"
        );
        promise!(
            self.undelivered.is_empty(),
            "everything that was read of a generation is delivered before the next one's"
        );
        let number = sealed.standing.generation + 1;
        let mut next = match Generation::open(&env.fs, env.options.limits, number, None).await {
            Ok(next) => next,
            Err(ReadError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
                return self.look_elsewhere(env, number).await;
            }
            Err(error) => return Err(env.read_error(number, error).await),
        };
        if next.log_id != sealed.log_id {
            // The folder was emptied and made anew: this one is not its successor.
            return Ok(Followed::Elsewhere);
        }
        let (ended, begins) = (sealed.standing.chain, next.standing.chain);
        if (begins.seq, begins.tip) != (ended.seq, ended.tip) {
            let error = next.damaged("does not begin where the generation before it ended");
            return Err(env.read_error(number, error).await);
        }
        next.standing = sealed.standing.succeeded_by(next.standing);
        next.remember_all(sealed);
        *self = Self::new(next);
        // A `watermark` that was removed meanwhile must not be written to for ever.
        env.marks.reopen();
        Ok(Followed::Next)
    }

    async fn look_elsewhere<C>(
        &self,
        env: &Env<F, C>,
        missing: u64,
    ) -> Result<Followed, StorageError> {
        let names = env.names().await?;
        if names::newest_journal(&names).is_none_or(|newest| newest >= missing) {
            // Others are further; or the sealed generation is gone as well, and the folder
            // was removed.
            return Ok(Followed::Elsewhere);
        }
        // A file that was restored or replaced is not sealed by what this one ends with.
        let has_name = self.has_name(env).await?;
        Ok(match has_name {
            true => Followed::Missing,
            false => Followed::Elsewhere,
        })
    }

    /// Whether the name of the open generation still leads to it.
    pub(super) async fn has_name<C>(&self, env: &Env<F, C>) -> Result<bool, StorageError> {
        let name = self.name();
        match env.fs.stat_name(&name).await {
            Ok(stat) => Ok(stat.id == self.generation.id),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(io_error("look at", &name, Outcome::NoEffect, &error)),
        }
    }

    /// Whether nothing up to this entry is left to be delivered.
    pub(super) fn has_delivered(&self, entry: &Entry) -> bool {
        let next = self.undelivered.front();
        next.is_none_or(|next| next.seq > entry.seq)
    }

    /// Which log it is.
    pub(super) fn id(&self) -> Sum {
        self.generation.log_id
    }

    /// Whether the generation has grown so much that a checkpoint pays for itself.
    pub(super) fn has_outgrown(&self, rotate_bytes: u64) -> bool {
        let grown = self.generation.position - self.generation.base_end;
        grown >= rotate_bytes.max(2 * self.generation.base_end)
    }

    /// Whether nothing can be appended or made durable before a checkpoint.
    pub(super) fn is_spent(&self) -> bool {
        self.standing().poisoned || self.standing().chain.sealed
    }

    /// The error to report where the open generation cannot be read.
    pub(super) async fn read_error<C>(&self, env: &Env<F, C>, error: ReadError) -> StorageError {
        env.read_error(self.standing().generation, error).await
    }

    /// Fails where an earlier sync failed: the next one may wrongly succeed, so
    /// nothing more of this file is acknowledged. Nor is anything that was found in it, and
    /// that nobody has marked.
    pub(super) fn check_poison(&self, outcome: Outcome) -> Result<(), StorageError> {
        if self.standing().poisoned {
            let error = io::Error::other(if self.standing().is_doubtful() {
                "nothing tells that what was found in it was ever synced"
            } else {
                "an earlier sync of it failed"
            });
            return Err(io_error("rely on", &self.name(), outcome, &error));
        }
        Ok(())
    }

    /// What of an error is certain. After a lost race, "no effect" is only true once
    /// the winner is durable; where that cannot be had, the outcome is unknown.
    pub(super) async fn certain<C>(
        &mut self,
        env: &mut Env<F, C>,
        mut error: StorageError,
    ) -> StorageError {
        if self.standing().exposed
            && error.outcome == Outcome::NoEffect
            && self.settle_races(env).await.is_err()
        {
            error.outcome = Outcome::Unknown;
        }
        error
    }

    /// Panics with the sentence that is broken, if one is.
    pub(super) fn invariants(&self) {
        self.generation.invariants();
        let seq = self.standing().chain.seq;
        if let (Some(first), Some(last)) = (self.undelivered.front(), self.undelivered.back()) {
            assert_eq!(
                last.seq, seq,
                "what is not delivered lies directly before the accepted end"
            );
            assert_eq!(
                last.seq - first.seq + 1,
                self.undelivered.len() as u64,
                "what is not delivered has no gap"
            );
        }
    }
}

/// Whether an error is about the log itself, which then needs a person.
pub(super) fn takes_the_log(error: &StorageError) -> bool {
    matches!(
        error.kind,
        StorageErrorKind::Damaged | StorageErrorKind::Newer
    )
}
