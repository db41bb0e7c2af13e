//! The file of a generation, and how far it was read.

use std::io;

use crate::error::is_no_file;
use crate::folder::damage::Damage;
use crate::folder::names;
use crate::log::chain::Chain;
use crate::log::protocol::Standing;
use crate::log::record::Sum;
use crate::seam::{Access, FileId, FileSystem};
use mesh_core::{Limits, SnapshotBuilder};
use planted::promise;

/// How much the first read of a round asks for: a few entries, if there is anything
/// new at all. Each further read asks for twice as much.
const FIRST_READ: usize = 4 << 10;
/// The most that one read asks for, unless one record is larger.
const LARGEST_READ: usize = 256 << 10;

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

    /// Which log generation `number` belongs to.
    pub(crate) async fn log_id(
        fs: &F,
        limits: &'static Limits,
        number: u64,
    ) -> Result<Sum, ReadError> {
        let mut generation = Self::unread(fs, limits, number).await?;
        Ok(generation.read_head(fs).await?.log)
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
        })
    }

    /// Begins to look again: what was unfinished before may be a record by now.
    pub(crate) fn look_again(&mut self) {
        self.buffer.clear();
        self.used = 0;
        self.appetite = FIRST_READ;
        self.at_end = false;
        self.unfinished = false;
    }

    /// Passes over a record of this process's own, which counts, and which stands from
    /// `start` to `end`.
    pub(crate) fn pass_own(&mut self, start: u64, end: u64) {
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
        self.look_again();
    }

    /// Everything that was consumed so far counts up to here.
    pub(super) fn accept_here(&mut self) {
        promise!(
            self.accepted_end < self.position,
            "what is accepted was read, and is not empty"
        );
        self.accepted_end = self.position;
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
        // The first read of a round begins one byte early: where that byte is gone, the
        // file was cut, and what was read of it is no longer there.
        let known = usize::from(held == 0 && self.position > 0);
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
            return Err(error.into());
        }
        if got < known {
            return Err(self.damaged("is shorter than what was read of it"));
        }
        self.buffer.drain(..known);
        self.at_end = got < wanted;
        if self.at_end && self.buffer.len() < FIRST_READ {
            self.buffer.shrink_to(LARGEST_READ);
        }
        Ok(got > known)
    }

    /// The log breaks off where it must not: `durable` was acknowledged.
    pub(crate) fn breaks_off(&self, durable: u64) -> ReadError {
        let seq = self.standing.chain.seq;
        let what = format!("breaks off after entry {seq}, although entry {durable} was durable");
        let file = names::journal(self.standing.generation);
        ReadError::Damage(Damage::at(&file, self.accepted_end, &what))
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
