//! What was read last of a generation, to be held against the file.
//!
//! A reader goes on where it stopped, and takes it that what it read before still stands in
//! front. A person can take that away: a backup is restored in place, a file is replaced, or
//! cut and grown again. What follows then belongs to another log, in which this reader's
//! entries never were; and whoever goes on all the same would have a log of its own, with
//! its own holders under the same fences.
//!
//! So each look begins with the last record that counts. Its checksum chains everything
//! before it, so where it stands unaltered in its place, so does the log up to there. Of a
//! long record only both ends are compared: in front is the checksum, and a file that was
//! cut, or restored from a copy that was, lacks the end.
//!
//! The newest entries are remembered by their checksums as well, since a mark that speaks
//! of one of them and names another tells the same of a file that lies elsewhere.

use crate::log::chain::Chain;
use crate::log::record::Sum;
use planted::promise;

/// A record that is not longer is compared as a whole.
const WHOLE: usize = 1 << 10;
/// Of a longer one, so many bytes at either end: the first 54 have its checksum.
const END: usize = 64;
/// How many entries are remembered: more than there are marks.
const RECENT: usize = 64;

/// The last record that counts, as it was read, and the newest entries.
pub(super) struct Footing {
    /// Where a long record begins, and its first bytes; none of a short one.
    head: Place,
    /// Where its last bytes begin, and they; of a short one, all.
    tail: Place,
    /// Entry n at n mod [`RECENT`].
    recent: Vec<(u64, Sum)>,
}

/// Bytes, and where they stand.
#[derive(Default)]
pub(super) struct Place {
    pub(super) at: u64,
    pub(super) bytes: Vec<u8>,
}

impl Place {
    fn set(&mut self, at: u64, bytes: &[u8]) {
        self.at = at;
        self.bytes.clear();
        self.bytes.extend_from_slice(bytes);
    }
}

impl Footing {
    pub(super) fn none() -> Self {
        Self {
            head: Place::default(),
            tail: Place::default(),
            recent: vec![(0, Sum::default()); RECENT],
        }
    }

    /// A record was read that counts, and ends at `end`.
    pub(super) fn stand_on(&mut self, record: &[u8], end: u64) {
        promise!(!record.is_empty(), "a record that counts has bytes");
        let begin = end - record.len() as u64;
        if record.len() <= WHOLE {
            self.head.set(begin, &[]);
            self.tail.set(begin, record);
        } else {
            self.head.set(begin, &record[..END]);
            let last = &record[record.len() - END..];
            self.tail.set(end - END as u64, last);
        }
    }

    /// Remembers the newest entry.
    pub(super) fn remember(&mut self, chain: &Chain) {
        self.recent[chain.seq as usize % RECENT] = (chain.seq, chain.tip);
    }

    /// Remembers what was known of the entries before this generation.
    pub(super) fn remember_all(&mut self, earlier: &Self) {
        for (mine, theirs) in self.recent.iter_mut().zip(&earlier.recent) {
            *mine = (*mine).max(*theirs);
        }
    }

    /// The checksum of an entry, if it is among those that are remembered.
    pub(super) fn sum_of(&self, seq: u64) -> Option<Sum> {
        let (known, sum) = self.recent[seq as usize % RECENT];
        (known == seq && seq > 0).then_some(sum)
    }

    /// The first bytes of a long record.
    pub(super) fn head(&self) -> Option<&Place> {
        Some(&self.head).filter(|head| !head.bytes.is_empty())
    }

    /// The last bytes of the record; none before the first.
    pub(super) fn tail(&self) -> &Place {
        &self.tail
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_record_is_held_as_a_whole_and_a_long_one_by_both_ends() {
        let mut footing = Footing::none();
        let record: Vec<u8> = (0..=255).cycle().take(WHOLE + 1).collect();
        footing.stand_on(&record[..WHOLE], 5_000);
        assert!(footing.head().is_none());
        assert_eq!(footing.tail().at, 5_000 - WHOLE as u64);
        assert_eq!(footing.tail().bytes, record[..WHOLE]);

        footing.stand_on(&record, 5_000);
        let head = footing.head().unwrap();
        assert_eq!((head.at, head.bytes.len()), (5_000 - WHOLE as u64 - 1, END));
        assert_eq!(footing.tail().at, 5_000 - END as u64);
        assert_eq!(footing.tail().bytes, record[record.len() - END..]);
    }

    #[test]
    fn the_newest_entries_are_remembered_over_generations() {
        let chain = |seq| Chain::after_checkpoint(seq, Sum(seq + 1), Sum(0));
        let mut earlier = Footing::none();
        for seq in 1..=RECENT as u64 + 2 {
            earlier.remember(&chain(seq));
        }
        let mut footing = Footing::none();
        footing.remember(&chain(RECENT as u64 + 3));
        footing.remember_all(&earlier);
        assert_eq!(footing.sum_of(3), None, "it was long ago");
        assert_eq!(footing.sum_of(4), Some(Sum(5)));
        assert_eq!(
            footing.sum_of(RECENT as u64 + 3),
            Some(Sum(RECENT as u64 + 4))
        );
    }
}
