//! The file of a generation, and how far it was read.

use std::io;

use super::body::CheckpointHead;
use super::footing::Footing;
use crate::error::is_no_file;
use crate::folder::damage::Damage;
use crate::folder::names;
use crate::log::chain::Chain;
use crate::log::protocol::Standing;
use crate::log::record::Sum;
use crate::seam::{Access, FileId, FileSystem};
use mesh_core::{Limits, SnapshotBuilder};
use planted::{Bug, promise, sound};

/// How much the first read of a round asks for: a few entries, if there is anything
/// new at all. Each further read asks for twice as much.
const FIRST_READ: usize = 4 << 10;
/// The most that one read asks for, unless one record is larger.
const LARGEST_READ: usize = 256 << 10;

/// What is said of a file that was restored or replaced where it stands.
const OTHER_FILE: &str = "holds something else than was read of it: it was restored or replaced \
                          while this process had it open";

/// Why a generation cannot be read.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// The file system failed.
    Io(io::Error),
    /// The file is not what was acknowledged, or was written by a newer mesh.
    Damage(Damage),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// An open generation, with a place up to which it was read.
///
/// # Invariants
///
/// [`Generation::invariants`] checks them, beside those of [`Standing`]:
///
/// 1. What counts was read: `accepted_end` is at most `position`.
/// 2. The checkpoint was read first: `base_end` is at most `accepted_end`.
/// 3. No more is taken from the buffer than was read into it.
pub(crate) struct Generation<F: FileSystem> {
    /// Where this process stands in the log.
    pub(crate) standing: Standing,
    pub(crate) file: F::File,
    /// What the log stays within.
    pub(crate) limits: &'static Limits,
    pub(crate) id: FileId,
    pub(crate) log_id: Sum,
    /// Where the checkpoint ends.
    pub(crate) base_end: u64,
    /// The first byte that is not read yet.
    pub(crate) position: u64,
    /// Where the newest record that counts ends: damage begins here.
    pub(crate) accepted_end: u64,
    /// Whether the bytes from `position` to the end were seen, and were no record.
    pub(crate) unfinished: bool,
    /// What was read from `position` on.
    buffer: Vec<u8>,
    used: usize,
    /// How much the next read asks for.
    appetite: usize,
    /// Whether the end of the file was seen in this round.
    at_end: bool,
    /// What the next round begins with.
    footing: Footing,
    /// Whether this round has begun.
    held: bool,
}

impl<F: FileSystem> Generation<F> {
    /// Opens generation `number`, and reads its checkpoint. With a `builder`, the
    /// parts are put together in it; without, they are only checked.
    pub(crate) async fn open(
        fs: &F,
        limits: &'static Limits,
        number: u64,
        builder: Option<&mut Option<SnapshotBuilder>>,
    ) -> Result<Self, ReadError> {
        let mut generation = Self::unread(fs, limits, number).await?;
        generation.read_checkpoint(fs, builder).await?;
        Ok(generation)
    }

    /// What generation `number` begins with: which log it belongs to, and where in it.
    pub(crate) async fn head(
        fs: &F,
        limits: &'static Limits,
        number: u64,
    ) -> Result<CheckpointHead, ReadError> {
        let mut generation = Self::unread(fs, limits, number).await?;
        generation.read_head(fs).await
    }

    /// Opens generation `number` without reading anything.
    pub(crate) async fn unread(
        fs: &F,
        limits: &'static Limits,
        number: u64,
    ) -> Result<Self, ReadError> {
        let name = names::journal(number);
        let file = match fs.open(&name, Access::Append).await {
            Err(error) if is_no_file(&error) => {
                let what = "is not a file, but something else of that name";
                return Err(ReadError::Damage(Damage::at(&name, 0, what)));
            }
            file => file?,
        };
        let id = fs.stat(&file).await?.id;
        let nothing = Chain::after_checkpoint(0, Sum::default(), Sum::default());
        Ok(Self {
            standing: Standing::at_checkpoint(number, nothing),
            file,
            limits,
            id,
            log_id: Sum::default(),
            base_end: 0,
            position: 0,
            accepted_end: 0,
            unfinished: false,
            buffer: Vec::new(),
            used: 0,
            appetite: FIRST_READ,
            at_end: false,
            footing: Footing::none(),
            held: false,
        })
    }

    /// Begins to look again, right behind the last record that counts: what was unfinished
    /// before may be a record by now, and what was void is gone where the file was restored.
    pub(crate) fn look_again(&mut self) {
        self.buffer.clear();
        self.used = 0;
        self.appetite = FIRST_READ;
        self.at_end = false;
        self.unfinished = false;
        self.position = self.accepted_end;
        self.held = false;
    }

    /// Passes over a record of this process's own, which counts, and which ends at `end`.
    pub(crate) fn pass_own(&mut self, record: &[u8], end: u64) {
        let start = end - record.len() as u64;
        promise!(
            start == self.position,
            "a record that won unseen stands right behind what was read"
        );
        promise!(
            !self.unfinished,
            "a record that won unseen has nothing unfinished before it"
        );
        self.position = end;
        self.accepted_end = end;
        self.footing.stand_on(record, end);
        self.footing.remember(&self.standing.chain);
        self.look_again();
    }

    /// Everything that was consumed so far counts up to here, the last `len` bytes as one
    /// record.
    pub(super) fn accept_here(&mut self, len: usize) {
        promise!(
            self.accepted_end < self.position,
            "what is accepted was read, and is not empty"
        );
        self.accepted_end = self.position;
        let record = &self.buffer[self.used - len..self.used];
        self.footing.stand_on(record, self.position);
        self.footing.remember(&self.standing.chain);
    }

    /// Remembers what was known of the entries before this generation.
    pub(crate) fn remember_all(&mut self, earlier: &Self) {
        self.footing.remember_all(&earlier.footing);
    }

    /// The checksum of an entry, if it is one of the newest.
    pub(crate) fn sum_of(&self, seq: u64) -> Option<Sum> {
        self.footing.sum_of(seq)
    }

    /// Fails unless the last record that counts still stands where it was read.
    pub(crate) async fn hold(&self, fs: &F) -> Result<(), ReadError> {
        let tail = &self.footing.tail().bytes;
        let mut found = vec![0; tail.len()];
        let got = fs
            .read_at(&self.file, self.footing.tail().at, &mut found)
            .await?;
        self.compare(&found[..got], tail)?;
        self.hold_head(fs).await
    }

    async fn hold_head(&self, fs: &F) -> Result<(), ReadError> {
        let Some(head) = self.footing.head() else {
            return Ok(());
        };
        let mut found = vec![0; head.bytes.len()];
        let got = fs.read_at(&self.file, head.at, &mut found).await?;
        self.compare(&found[..got], &head.bytes)
    }

    /// Holds what stands in the file against what was read there.
    fn compare(&self, found: &[u8], read: &[u8]) -> Result<(), ReadError> {
        if found.len() < read.len() {
            return Err(self.damaged("is shorter than what was read of it"));
        }
        if sound!(found != read, Bug::FileNotHeldToWhatWasRead => false) {
            return Err(self.damaged(OTHER_FILE));
        }
        Ok(())
    }

    pub(super) fn rest(&self) -> &[u8] {
        &self.buffer[self.used..]
    }

    pub(super) fn consume(&mut self, len: usize) {
        promise!(
            self.used + len <= self.buffer.len(),
            "only what was read is consumed"
        );
        self.used += len;
        self.position += len as u64;
    }

    /// Reads more behind what is unread. `false`: there is no more right now.
    pub(super) async fn fill(&mut self, fs: &F) -> Result<bool, ReadError> {
        if self.at_end {
            return Ok(false);
        }
        if self.buffer.len() - self.used > self.limits.record_bytes {
            return Err(self.damaged("has more bytes than any record, and no end of one"));
        }
        self.buffer.drain(..self.used);
        self.used = 0;
        let held = self.buffer.len();
        // A round begins with what was read last.
        let begins = !std::mem::replace(&mut self.held, true);
        promise!(
            !begins || held == 0 && self.position == self.accepted_end,
            "a round begins right behind the last record that counts"
        );
        let known = if begins {
            self.footing.tail().bytes.len()
        } else {
            0
        };
        // Doubling keeps the search for the end of a long record linear.
        let wanted = self.appetite.max(held) + known;
        self.appetite = (self.appetite * 2).min(LARGEST_READ);
        self.buffer.resize(held + wanted, 0);
        let offset = self.position + held as u64 - known as u64;
        let read = fs
            .read_at(&self.file, offset, &mut self.buffer[held..])
            .await;
        let got = *read.as_ref().unwrap_or(&0);
        self.buffer.truncate(held + got);
        if let Err(error) = read {
            self.held = !begins;
            return Err(error.into());
        }
        if begins {
            self.hold_round(fs, known.min(got)).await?;
        }
        self.buffer.drain(..known);
        self.at_end = got < wanted;
        if self.at_end && self.buffer.len() < FIRST_READ {
            self.buffer.shrink_to(LARGEST_READ);
        }
        Ok(got > known)
    }

    /// Holds the beginning of a round, of which so much was read, against what was read last.
    async fn hold_round(&mut self, fs: &F, known: usize) -> Result<(), ReadError> {
        let mut held = self.compare(&self.buffer[..known], &self.footing.tail().bytes);
        if held.is_ok() {
            held = self.hold_head(fs).await;
        }
        if held.is_err() {
            // Nothing of it is to be read on.
            self.look_again();
        }
        held
    }

    /// The log breaks off where it must not: `durable` was acknowledged.
    pub(crate) fn breaks_off(&self, durable: u64) -> ReadError {
        let seq = self.standing.chain.seq;
        let what = format!("breaks off after entry {seq}, although entry {durable} was durable");
        let file = names::journal(self.standing.generation);
        ReadError::Damage(Damage::at(&file, self.accepted_end, &what))
    }

    /// Damage of the file as a whole.
    pub(crate) fn damaged_from_start(&self, what: &str) -> ReadError {
        let file = names::journal(self.standing.generation);
        ReadError::Damage(Damage::at(&file, 0, what))
    }

    /// Damage at the present position.
    pub(crate) fn damaged(&self, what: &str) -> ReadError {
        ReadError::Damage(Damage::at(
            &names::journal(self.standing.generation),
            self.position,
            what,
        ))
    }

    pub(super) fn newer(&self, what: &str) -> ReadError {
        ReadError::Damage(Damage::newer(
            &names::journal(self.standing.generation),
            self.position,
            what,
        ))
    }

    /// Panics with the sentence that is broken, if one is.
    pub(crate) fn invariants(&self) {
        self.standing.invariants();
        assert!(self.accepted_end <= self.position, "what counts was read");
        assert!(
            self.base_end <= self.accepted_end,
            "the checkpoint was read first"
        );
        assert!(
            self.used <= self.buffer.len(),
            "no more is taken from the buffer than was read into it"
        );
    }
}
