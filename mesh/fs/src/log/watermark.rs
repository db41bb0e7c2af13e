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
//!
//! A mark names its log. A process that stood still while the folder was emptied and made
//! anew may write one of the former log into the new one's file, where it must say nothing.
//! But where *all* marks are of another log than the journal, that journal is not the one
//! which was acknowledged here. Marks that name no log were made by mesh 0.3, and are taken
//! for marks of the log that is there.

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
/// `["seq","sum","log","check"]`, 16 digits each, spaces, and a newline. All values are
/// strings of one width, so that a slot can be overwritten in place.
const SLOT_BYTES: usize = 80;

/// What is said of a journal that all marks are of another log than.
pub(crate) const ANOTHER_LOG: &str = "belongs to another log than was acknowledged here";

/// What was durable once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mark {
    /// An entry that was synced.
    pub(crate) seq: u64,
    /// The entry's checksum.
    pub(crate) sum: Sum,
    /// The log that it is an entry of; `None` where mesh 0.3 made the mark.
    pub(crate) log: Option<Sum>,
}

/// A slot as mesh 0.3 wrote it.
#[derive(Serialize, Deserialize)]
struct Unnamed {
    seq: Sum,
    sum: Sum,
    check: Sum,
}

impl Mark {
    /// The checksum over everything else in the slot.
    fn check(self) -> Sum {
        let log = self.log.map(|log| log.to_string()).unwrap_or_default();
        Sum::of(format!("{:016x}{}{log}", self.seq, self.sum).as_bytes())
    }

    fn encode(self) -> [u8; SLOT_BYTES] {
        let (seq, sum, check) = (Sum(self.seq), self.sum, self.check());
        let json = match self.log {
            Some(log) => format!("[\"{seq}\",\"{sum}\",\"{log}\",\"{check}\"]"),
            None => format!("{{\"seq\":\"{seq}\",\"sum\":\"{sum}\",\"check\":\"{check}\"}}"),
        };
        let mut slot = [b' '; SLOT_BYTES];
        slot[..json.len()].copy_from_slice(json.as_bytes());
        slot[SLOT_BYTES - 1] = b'\n';
        slot
    }

    /// The mark in a slot; `None` where it is torn, foreign or was never written.
    fn decode(slot: &[u8]) -> Option<Self> {
        let (seq, sum, log, check) = if slot.first() == Some(&b'[') {
            let [seq, sum, log, check]: [Sum; 4] = serde_json::from_slice(slot).ok()?;
            (seq, sum, Some(log), check)
        } else {
            let slot: Unnamed = serde_json::from_slice(slot).ok()?;
            (slot.seq, slot.sum, None, slot.check)
        };
        let mark = Self {
            seq: seq.0,
            sum,
            log,
        };
        (mark.check() == check).then_some(mark)
    }

    /// Whether it may be about this log. As long as that is not known, it may.
    fn may_be_of(self, log: Option<Sum>) -> bool {
        self.log.zip(log).is_none_or(|(mine, log)| mine == log)
    }
}

/// The marks of a folder: all that were ever read or made through this value.
pub(crate) struct Watermark<F: FileSystem> {
    /// The log that the marks are about, once it is known.
    log_id: Option<Sum>,
    file: Option<F::File>,
    bytes: [u8; SLOTS * SLOT_BYTES],
    marks: [Option<Mark>; SLOTS],
    /// The newest entry that this process itself knew to be durable.
    own: Option<Mark>,
    /// An entry that two marks name differently.
    disputed: Option<u64>,
}

impl<F: FileSystem> Watermark<F> {
    pub(crate) fn new() -> Self {
        Self {
            log_id: None,
            file: None,
            bytes: [0; SLOTS * SLOT_BYTES],
            marks: [None; SLOTS],
            own: None,
            disputed: None,
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
                let found = Mark::decode(&bytes[range]);
                let found = found.filter(|mark| mark.may_be_of(self.log_id));
                self.take(slot, found);
            }
        }
        self.bytes = bytes;
        Ok(())
    }

    /// Takes in what else is said of the entries of a slot.
    fn take(&mut self, slot: usize, found: Option<Mark>) {
        let known = self.marks[slot];
        if let Some((known, found)) = known.zip(found)
            && known.seq == found.seq
            && known.sum != found.sum
        {
            self.disputed = Some(known.seq);
        }
        self.marks[slot] = known.max(found);
    }

    /// This process knows everything up to `mark` to be durable.
    pub(crate) fn know(&mut self, mark: Mark) {
        self.own = self.own.filter(|own| own.log == mark.log).max(Some(mark));
    }

    /// All that was ever read or known.
    fn all(&self) -> impl Iterator<Item = Mark> {
        self.marks.iter().chain([&self.own]).flatten().copied()
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
        self.all().max()
    }

    /// Whether a slot says as much already.
    pub(crate) fn is_noted(&self, mark: Mark) -> bool {
        let highest = self.marks.iter().flatten().max();
        highest.is_some_and(|highest| highest.seq >= mark.seq)
    }

    /// Whether a mark names exactly this entry.
    pub(crate) fn confirms(&self, seq: u64, sum: Sum) -> bool {
        let mut marks = self.marks.iter().flatten();
        marks.any(|mark| (mark.seq, mark.sum) == (seq, sum))
    }

    /// Whether a mark says that entry `seq` is another one than that with `sum`.
    pub(crate) fn contradict(&self, seq: u64, sum: Sum) -> bool {
        self.disputed == Some(seq) || self.all().any(|mark| mark.seq == seq && mark.sum != sum)
    }

    /// The first entry that a mark names another one for than `of`, as far as that knows.
    pub(crate) fn contradicts(&self, of: impl Fn(u64) -> Option<Sum>) -> Option<u64> {
        let contradicts = |mark: &Mark| of(mark.seq).is_some_and(|sum| sum != mark.sum);
        let found = self.all().find(contradicts).map(|mark| mark.seq);
        self.disputed.or(found)
    }

    /// Whether there are marks, and all of them are of other logs than this one.
    pub(crate) fn are_of_another(&self, log: Sum) -> bool {
        let mut marks = self.marks.iter().flatten().peekable();
        marks.peek().is_some() && !marks.any(|mark| mark.may_be_of(Some(log)))
    }

    /// These are marks of the log with this id: forgets those of others. Takes over what
    /// earlier ones say, if they are about the same log.
    pub(crate) fn take_over(&mut self, earlier: &Self, log_id: Sum) {
        self.belong_to(log_id);
        if earlier.log_id == self.log_id {
            for (slot, theirs) in earlier.marks.into_iter().enumerate() {
                self.take(slot, theirs);
            }
            self.own = earlier.own;
        }
    }

    /// These are marks of the log with this id.
    pub(crate) fn belong_to(&mut self, log_id: Sum) {
        self.log_id = Some(log_id);
        for mark in &mut self.marks {
            *mark = mark.filter(|mark| mark.may_be_of(self.log_id));
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
        self.take(index, Some(mark));
        if self.file.is_none() {
            self.file = Some(fs.open(WATERMARK, Access::Overwrite).await?);
        }
        let Some(file) = &self.file else {
            return Ok(());
        };
        let offset = index * SLOT_BYTES;
        let mut present = [0; SLOT_BYTES];
        fs.read_at(file, offset as u64, &mut present).await?;
        let present = Mark::decode(&present);
        if present.is_some_and(|present| !present.may_be_of(mark.log) || present.seq >= mark.seq) {
            // It says more; or this process was left behind, and another log is marked there.
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

    fn mark(seq: u64, log: Option<u64>) -> Mark {
        Mark {
            seq,
            sum: Sum(0xfeed),
            log: log.map(Sum),
        }
    }

    /// G7: a torn or altered slot is no mark.
    #[test]
    fn a_slot_reads_back_and_a_changed_one_does_not() {
        for mark in [mark(71, Some(0xca11)), mark(71, None)] {
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
        }
        assert_eq!(Mark::decode(&[0; SLOT_BYTES]), None);
    }

    /// What mesh 0.3 wrote names no log, and may be of any.
    #[test]
    fn a_slot_of_mesh_0_3_is_read() {
        let slot =
            br#"{"seq":"0000000000000001","sum":"ce3d9794a9e99a8c","check":"4baecfd48585d9eb"} "#;
        let found = Mark::decode(slot).unwrap();
        assert_eq!((found.seq, found.log), (1, None));
        assert!(found.may_be_of(Some(Sum(7))));
        assert!(!mark(1, Some(6)).may_be_of(Some(Sum(7))));
    }
}
