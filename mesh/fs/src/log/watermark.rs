//! A lower bound of what is durable, so that loss can be told from a torn tail.
//!
//! A log whose end is missing looks like a log that was never longer. So whoever has
//! synced the log notes how far, in a file of its own, before it acknowledges. The
//! file is never synced: what it says was true when it was written, and it may lose
//! the newest notes, so it is always a lower bound, and a log that falls short of it is
//! damaged (rule G7).
//!
//! There are 16 slots, and entry n goes to slot n mod 16: a writer that was paused for
//! long, or a tear, spoils one slot and not the bound. Readers must read the marks
//! *before* the log: a mark made in between speaks of entries that they did not see.

use std::io;

use serde::{Deserialize, Serialize};

use crate::error::{io_error, is_no_file};
use crate::folder::damage::no_file;
use crate::log::record::Sum;
use crate::seam::{Access, FileSystem};
use mesh_coordinator::ports::{Outcome, StorageError};
use planted::promise;

/// The name of the file.
pub(crate) const WATERMARK: &str = "watermark";

const SLOTS: usize = 16;
/// `{"seq":"16 digits","sum":"16 digits","check":"16 digits"}` and a newline. All
/// values are strings of one width, so that a slot can be overwritten in place.
const SLOT_BYTES: usize = 80;

/// What was durable once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mark {
    /// An entry that was synced.
    pub(crate) seq: u64,
    /// The entry's checksum.
    pub(crate) sum: Sum,
}

#[derive(Serialize, Deserialize)]
struct Slot {
    seq: Sum,
    sum: Sum,
    check: Sum,
}

impl Mark {
    fn check(self) -> Sum {
        Sum::of(format!("{:016x}{}", self.seq, self.sum).as_bytes())
    }

    fn encode(self) -> [u8; SLOT_BYTES] {
        let (seq, sum, check) = (Sum(self.seq), self.sum, self.check());
        let json = format!("{{\"seq\":\"{seq}\",\"sum\":\"{sum}\",\"check\":\"{check}\"}}");
        let mut slot = [b' '; SLOT_BYTES];
        slot[..json.len()].copy_from_slice(json.as_bytes());
        slot[SLOT_BYTES - 1] = b'\n';
        slot
    }

    /// The mark in a slot; `None` where it is torn, foreign or was never written.
    fn decode(slot: &[u8]) -> Option<Self> {
        let slot: Slot = serde_json::from_slice(slot).ok()?;
        let mark = Self {
            seq: slot.seq.0,
            sum: slot.sum,
        };
        (mark.check() == slot.check).then_some(mark)
    }
}

/// The marks of a folder: all that were ever read or made through this value.
pub(crate) struct Watermark<F: FileSystem> {
    /// The log that the marks are about, once it is known.
    log_id: Option<Sum>,
    file: Option<F::File>,
    bytes: [u8; SLOTS * SLOT_BYTES],
    marks: [Option<Mark>; SLOTS],
}

impl<F: FileSystem> Watermark<F> {
    pub(crate) fn new() -> Self {
        Self {
            log_id: None,
            file: None,
            bytes: [0; SLOTS * SLOT_BYTES],
            marks: [None; SLOTS],
        }
    }

    /// Reads all marks. A missing file has none.
    pub(crate) async fn read_all(&mut self, fs: &F) -> Result<(), StorageError> {
        match self.read(fs).await {
            Err(error) if is_no_file(&error) => Err(no_file(WATERMARK)),
            Err(error) => Err(io_error("read", WATERMARK, Outcome::NoEffect, &error)),
            Ok(()) => Ok(()),
        }
    }

    pub(crate) async fn read(&mut self, fs: &F) -> io::Result<()> {
        let mut bytes = [0; SLOTS * SLOT_BYTES];
        if self.file.is_none() {
            match fs.open(WATERMARK, Access::Read).await {
                Ok(file) => drop(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(error),
            }
            self.file = Some(fs.open(WATERMARK, Access::Overwrite).await?);
        }
        if let Some(file) = &self.file {
            fs.read_at(file, 0, &mut bytes).await?;
        }
        for slot in 0..SLOTS {
            let range = slot * SLOT_BYTES..(slot + 1) * SLOT_BYTES;
            if self.bytes[range.clone()] != bytes[range.clone()] {
                // What was true once stays true: a slot that is torn or wiped now does
                // not take back what it said.
                self.marks[slot] = self.marks[slot].max(Mark::decode(&bytes[range]));
            }
        }
        self.bytes = bytes;
        Ok(())
    }

    /// Bytes of a slot.
    pub(crate) const SLOT: usize = SLOT_BYTES;

    /// Where the slots begin that were written to, and say nothing.
    pub(crate) fn torn(&self) -> impl Iterator<Item = usize> + use<F> {
        let slots = self.bytes;
        (0..SLOTS).map(|slot| slot * SLOT_BYTES).filter(move |at| {
            let slot = &slots[*at..*at + SLOT_BYTES];
            slot.iter().any(|byte| *byte != 0) && Mark::decode(slot).is_none()
        })
    }

    /// The highest mark that was read.
    pub(crate) fn highest(&self) -> Option<Mark> {
        self.marks.iter().flatten().copied().max()
    }

    /// Whether a mark names exactly this entry.
    pub(crate) fn confirms(&self, seq: u64, sum: Sum) -> bool {
        self.marks.contains(&Some(Mark { seq, sum }))
    }

    /// Whether a mark says that entry `seq` is another one than that with `sum`.
    pub(crate) fn contradict(&self, seq: u64, sum: Sum) -> bool {
        let mut marks = self.marks.iter().flatten();
        marks.any(|mark| mark.seq == seq && mark.sum != sum)
    }

    /// These are marks of the log with this id. Takes over what earlier ones say, if they
    /// are about the same log.
    pub(crate) fn take_over(&mut self, earlier: &Self, log_id: Sum) {
        self.log_id = Some(log_id);
        if earlier.log_id == self.log_id {
            for (mine, theirs) in self.marks.iter_mut().zip(earlier.marks) {
                *mine = (*mine).max(theirs);
            }
        }
    }

    /// Looks the file up by its name again before the next use.
    pub(crate) fn reopen(&mut self) {
        self.file = None;
    }

    /// Notes that everything up to `mark` is durable, unless its slot says more.
    pub(crate) async fn write(&mut self, fs: &F, mark: Mark) -> io::Result<()> {
        promise!(mark.seq > 0, "a mark is about an entry");
        let index = (mark.seq % SLOTS as u64) as usize;
        // Whatever becomes of the file: this process knows.
        self.marks[index] = self.marks[index].max(Some(mark));
        if self.file.is_none() {
            self.file = Some(fs.open(WATERMARK, Access::Overwrite).await?);
        }
        let Some(file) = &self.file else {
            return Ok(());
        };
        let offset = index * SLOT_BYTES;
        let mut present = [0; SLOT_BYTES];
        fs.read_at(file, offset as u64, &mut present).await?;
        if Mark::decode(&present).is_some_and(|present| present.seq >= mark.seq) {
            return Ok(());
        }
        let slot = mark.encode();
        promise!(
            Mark::decode(&slot) == Some(mark),
            "a mark reads back as it is written"
        );
        fs.write_at(file, offset as u64, &slot).await?;
        self.bytes[offset..offset + SLOT_BYTES].copy_from_slice(&slot);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// G7: a torn or altered slot is no mark.
    #[test]
    fn a_slot_reads_back_and_a_changed_one_does_not() {
        let mark = Mark {
            seq: 71,
            sum: Sum(0xfeed),
        };
        let slot = mark.encode();
        assert_eq!(Mark::decode(&slot), Some(mark));
        for at in 0..slot.len() {
            let mut changed = slot;
            changed[at] ^= 0x02;
            // Only the padding may change without a trace.
            assert!(
                Mark::decode(&changed).is_none_or(|m| m == mark),
                "byte {at}"
            );
        }
        assert_eq!(Mark::decode(&[0; SLOT_BYTES]), None);
    }
}
