//! Where one process stands in the log.

use crate::log::chain::{Chain, Link};
use crate::log::record::Sum;
use planted::{Bug, promise, sound};

/// All that one process knows of the log, as far as it decides what it may do next.
///
/// # Invariants
///
/// [`Standing::invariants`] checks them, and its messages are these sentences:
///
/// 1. Nothing is durable that was not read or appended: `durable` is at most `chain.seq`.
/// 2. The log never goes back behind its checkpoint: `base` is at most `chain.seq`.
/// 3. What a named generation begins with is durable: if `named`, `durable` is at least
///    `base`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Standing {
    /// The generation that is open.
    pub generation: u64,
    /// The newest entry that its checkpoint includes.
    pub base: u64,
    /// Its accepted end, as far as it was read.
    pub chain: Chain,
    /// The newest entry that is known to survive a power cut.
    pub durable: u64,
    /// Whether the directory is known to have been synced with this generation in it.
    pub named: bool,
    /// Whether bytes of a lost append lie unsynced behind their winner. Were the winner
    /// lost in a power cut, they would count after all.
    pub exposed: bool,
    /// Whether a sync failed: nothing more of this file is acknowledged.
    pub poisoned: bool,
    /// The newest entry that may have stood in the file when it was opened. That its sync
    /// failed may have been told to others, and is told to nobody who came later.
    pub found: u64,
}

impl Standing {
    /// Right behind the checkpoint of a generation, where nothing is known to be durable.
    #[must_use]
    pub fn at_checkpoint(generation: u64, chain: Chain) -> Self {
        Self {
            generation,
            base: chain.seq,
            chain,
            durable: 0,
            named: false,
            exposed: false,
            poisoned: false,
            found: chain.seq,
        }
    }

    /// The file was read to its end for the first time: everything up to here may have stood
    /// in it when it was opened.
    pub fn first_read(&mut self) {
        self.found = sound!(self.chain.seq, Bug::LateDescriptorVouches => self.base);
    }

    /// Whether a sync of the open file would not tell all that it is asked for: an error is
    /// told once to each descriptor that was open, never to one that was opened later, and the
    /// pages count as written all the same. For what was found in the file, only those can
    /// vouch who had it open before, by a mark; or it is written anew.
    #[must_use]
    pub fn is_doubtful(&self) -> bool {
        self.durable < self.found
    }

    /// Whether everything that was read or appended is known to be durable, and no lost
    /// record can come to count.
    #[must_use]
    pub fn is_synced(&self) -> bool {
        self.durable >= self.chain.seq && !self.exposed
    }

    /// A mark says that everything up to `seq` was durable once. Marks are made after the
    /// directory was synced, too.
    pub fn mark(&mut self, seq: u64) {
        promise!(seq <= self.chain.seq, "a mark speaks of what was read");
        self.durable = self.durable.max(seq);
        self.named |= seq > self.base;
    }

    /// The directory was synced with this generation in it.
    pub fn names_synced(&mut self) {
        self.named = true;
        self.durable = self.durable.max(self.base);
    }

    /// The file was synced up to its accepted end.
    pub fn entries_synced(&mut self) {
        promise!(!self.poisoned, "no sync counts after one that failed");
        promise!(
            !self.is_doubtful(),
            "a sync vouches for nothing that was written before the file was opened"
        );
        self.exposed = false;
        self.durable = self.chain.seq;
    }

    /// A sync failed: the next one may wrongly succeed.
    pub fn sync_failed(&mut self) {
        self.poisoned = true;
    }

    /// Takes in a record that counts.
    pub fn accept(&mut self, sum: Sum, link: Link) {
        self.chain.extend(sum, link);
    }

    /// A record of this process lost its place to another one.
    pub fn lose_race(&mut self) {
        self.exposed = true;
    }

    /// Where the process stands in the next generation, of which `next` is the beginning.
    ///
    /// What is known to be durable stays so. A record that was lost in the file before may
    /// come to count there as long as its winner is not durable, and the winner is durable
    /// once this generation is: so its writer stays exposed until then.
    #[must_use]
    pub fn succeeded_by(&self, next: Self) -> Self {
        promise!(
            next.generation == self.generation + 1,
            "a generation is followed by the next one"
        );
        promise!(
            (next.chain.seq, next.chain.tip) == (self.chain.seq, self.chain.tip),
            "a generation begins where the one before it ended"
        );
        Self {
            durable: self.durable,
            exposed: self.exposed,
            ..next
        }
    }

    /// Panics with the sentence that is broken, if one is.
    pub fn invariants(&self) {
        assert!(
            self.durable <= self.chain.seq,
            "nothing is durable that was not read or appended"
        );
        assert!(
            self.base <= self.chain.seq,
            "the log never goes back behind its checkpoint"
        );
        assert!(
            !self.named || self.durable >= self.base,
            "what a named generation begins with is durable"
        );
    }
}
