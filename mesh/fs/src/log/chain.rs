//! Which records of a generation count: the acceptance rule of the log.
//!
//! Any number of writers append to one file, and the order of the file is the order
//! of the log. A record counts if it is the *first* valid one that continues the
//! chain; every other one is void. This file is that rule and nothing else: the `fs`
//! backend and the commit model both call it.

use crate::log::record::Sum;
use planted::promise;

/// What a record adds to the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Link {
    /// The entry for a place.
    Entry {
        /// The place.
        seq: u64,
    },
    /// The end of the generation, after the entry at a place.
    Seal {
        /// The place.
        seq: u64,
    },
}

impl Link {
    /// The place.
    #[must_use]
    pub fn seq(self) -> u64 {
        match self {
            Self::Entry { seq } | Self::Seal { seq } => seq,
        }
    }
}

/// The accepted end of a generation.
///
/// # Invariants
///
/// 1. `seq` only grows, by one for each accepted entry.
/// 2. Nothing is accepted after a seal.
/// 3. Two readers of the same bytes accept the same records, since the rule looks at
///    nothing but the bytes so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Chain {
    /// The newest entry.
    pub seq: u64,
    /// The checksum of the newest entry.
    pub tip: Sum,
    /// The checksum of the newest record, which the next one must carry.
    pub last: Sum,
    /// Whether the generation has ended.
    pub sealed: bool,
}

impl Chain {
    /// The chain behind a checkpoint of the entry `seq`, whose checksum is `tip`;
    /// `last` is the checksum of the checkpoint's own last record.
    pub fn after_checkpoint(seq: u64, tip: Sum, last: Sum) -> Self {
        Self {
            seq,
            tip,
            last,
            sealed: false,
        }
    }

    /// Whether a valid record that carries `prev` is the next to count.
    ///
    /// The place alone would not do: after a power cut, a record of an entry that was
    /// decided on lost predecessors could otherwise take its place among others. Nor
    /// would the checksum alone: the place is what callers count on.
    pub fn accepts(&self, prev: Sum, link: Link) -> bool {
        prev == self.last && self.continues(link)
    }

    /// Whether a record that adds this is in its place here.
    fn continues(&self, link: Link) -> bool {
        let in_place = match link {
            Link::Entry { seq } => seq == self.seq + 1,
            Link::Seal { seq } => seq == self.seq,
        };
        in_place && !self.sealed
    }

    /// Takes the record with checksum `sum` in, which must be [accepted](Self::accepts).
    pub fn extend(&mut self, sum: Sum, link: Link) {
        promise!(!self.sealed, "nothing is accepted after a seal");
        promise!(
            self.continues(link),
            "an accepted record takes the place behind the newest"
        );
        self.last = sum;
        match link {
            Link::Entry { seq } => {
                self.seq = seq;
                self.tip = sum;
            }
            Link::Seal { .. } => self.sealed = true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain() -> Chain {
        Chain::after_checkpoint(4, Sum(40), Sum(44))
    }

    #[test]
    fn the_first_record_that_continues_the_chain_wins() {
        let mut chain = chain();
        assert!(chain.accepts(Sum(44), Link::Entry { seq: 5 }));
        chain.extend(Sum(50), Link::Entry { seq: 5 });
        assert!(
            !chain.accepts(Sum(44), Link::Entry { seq: 5 }),
            "the second one is void"
        );
        assert!(chain.accepts(Sum(50), Link::Entry { seq: 6 }));
    }

    #[test]
    fn a_record_out_of_place_or_chain_is_void() {
        assert!(!chain().accepts(Sum(44), Link::Entry { seq: 6 }), "a gap");
        assert!(
            !chain().accepts(Sum(40), Link::Entry { seq: 5 }),
            "another predecessor"
        );
        assert!(
            !chain().accepts(Sum(44), Link::Seal { seq: 3 }),
            "a seal of the past"
        );
    }

    #[test]
    fn nothing_counts_after_a_seal() {
        let mut chain = chain();
        assert!(chain.accepts(Sum(44), Link::Seal { seq: 4 }));
        chain.extend(Sum(45), Link::Seal { seq: 4 });
        assert!(!chain.accepts(Sum(45), Link::Entry { seq: 5 }));
        assert!(!chain.accepts(Sum(45), Link::Seal { seq: 4 }));
        assert_eq!(chain.tip, Sum(40), "a seal is no entry");
    }
}
