//! The log as all processes together saw it, and whether they agree.
//!
//! Every entry that any process committed or read is held against what others
//! committed or read at the same place. A power cut makes an exception, once: entries
//! that nobody was told of, and no sync had covered, may be gone after it. Whether they
//! are is not known before somebody reads on, so until then both is possible.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesh::core::Entry;

use super::violation::Violation;

/// What a newly seen entry did to the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noted {
    /// It was known.
    Known,
    /// It is the newest.
    New,
    /// It took the place of one that a power cut took, with all behind it.
    Replaced,
}

/// The accepted log.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// Entry n at n - 1.
    entries: Vec<Arc<Entry>>,
    /// Entries up to here may not vanish in a power cut: a sync covered them.
    durable: u64,
    /// Entries up to here are known to some caller.
    told: u64,
    /// Entries up to here were seen since the last power cut, or were durable at it.
    confirmed: u64,
    /// The entry that each proposed one was decided on, by the id of the proposal.
    proposals: BTreeMap<String, Option<Arc<Entry>>>,
    /// Entries that their writers were told are not in the log: until the next power cut,
    /// which may take the winner of a race; or for good, after an error without effect.
    lost: BTreeSet<String>,
    refused: BTreeSet<String>,
    /// Whether it is not kept any more.
    closed: bool,
    /// What was broken, in order.
    pub violations: Vec<Violation>,
}

impl Ledger {
    /// The entries, from the first.
    pub fn entries(&self) -> &[Arc<Entry>] {
        &self.entries
    }

    /// The newest entry.
    pub fn newest(&self) -> u64 {
        self.entries.len() as u64
    }

    /// The newest entry that some answer told of.
    pub fn told(&self) -> u64 {
        self.told
    }

    /// A process that has read the log up to `position` proposes an entry.
    pub fn proposed(&mut self, entry: &Entry, position: u64) {
        let last = position.checked_sub(1).map(|at| at as usize);
        let last = last.and_then(|at| self.entries.get(at)).cloned();
        self.proposals.insert(entry.id.clone(), last);
    }

    /// A writer was told that its entry lost its place.
    pub fn lost(&mut self, entry: &Entry) {
        self.lost.insert(entry.id.clone());
    }

    /// A writer was told that its entry took no effect, and never will.
    pub fn refused(&mut self, entry: &Entry) {
        self.refused.insert(entry.id.clone());
    }

    /// A process committed or read an entry.
    pub fn note(&mut self, process: usize, entry: &Entry) -> Noted {
        let seq = entry.seq;
        if self.closed {
            return Noted::Known;
        }
        if let Some(known) = self.entries.get(seq as usize - 1) {
            if **known == *entry {
                self.confirmed = self.confirmed.max(seq);
                return Noted::Known;
            }
            if seq <= self.confirmed {
                let rule = if seq <= self.durable { "G4" } else { "G6" };
                self.break_rule(
                    rule,
                    format!(
                        "process {process} has entry {} at place {seq}, where others have {}",
                        entry.id, known.id
                    ),
                );
                return Noted::Known;
            }
            self.entries.truncate(seq as usize - 1);
            self.push(entry);
            return Noted::Replaced;
        }
        if seq != self.newest() + 1 {
            let newest = self.newest();
            self.break_rule(
                "G6",
                format!("process {process} has entry {seq} although the newest is {newest}"),
            );
            return Noted::Known;
        }
        self.push(entry);
        Noted::New
    }

    fn push(&mut self, entry: &Entry) {
        if self.lost.contains(&entry.id) || self.refused.contains(&entry.id) {
            let what = format!(
                "entry {} counts at place {}, and its writer was told that it does not",
                entry.id, entry.seq
            );
            self.break_rule("G6", what);
        }
        if let Some(before) = self.proposals.get(&entry.id) {
            let kept = match (before, self.entries.last()) {
                (Some(before), Some(last)) => Arc::ptr_eq(before, last),
                (None, None) => true,
                _ => false,
            };
            if !kept {
                let (id, seq) = (&entry.id, entry.seq);
                let what = format!(
                    "entry {id} counts at place {seq} behind another entry than it was decided on"
                );
                self.break_rule("G6", what);
            }
        }
        self.entries.push(Arc::new(entry.clone()));
        self.confirmed = entry.seq;
    }

    /// A process has read to the end of the log, and that is `seq`.
    ///
    /// Reading to an end that is older than the newest entry is no fault by itself,
    /// since others go on meanwhile. What was durable when the reading began must be
    /// there.
    pub fn caught_up(&mut self, process: usize, seq: u64, durable_before: u64) {
        if seq < durable_before {
            self.break_rule(
                "G4",
                format!(
                    "process {process} finds the end of the log at entry {seq}, \
                     although entry {durable_before} was durable"
                ),
            );
        }
    }

    /// A process loaded or saved the state at entry `seq`; gives that entry.
    pub fn saw_state(&mut self, process: usize, seq: u64) -> Option<Arc<Entry>> {
        let tip = self.entries.get(seq.checked_sub(1)? as usize).cloned();
        match &tip {
            _ if self.closed => return None,
            Some(_) => self.confirmed = self.confirmed.max(seq),
            None => self.break_rule(
                "G6",
                format!("process {process} has the state at entry {seq}, which nobody committed"),
            ),
        }
        tip
    }

    /// A sync succeeded in a process that has read or written up to `seq`.
    pub fn synced(&mut self, seq: u64) {
        self.durable = self.durable.max(seq.min(self.newest()));
        self.confirmed = self.confirmed.max(self.durable);
    }

    /// What no power cut may take.
    pub fn durable(&self) -> u64 {
        self.durable
    }

    /// An answer told of entries up to `seq`.
    pub fn tell(&mut self, seq: u64) {
        self.told = self.told.max(seq.min(self.newest()));
    }

    /// The power failed.
    pub fn power_cut(&mut self) {
        self.confirmed = self.durable.max(self.told);
        self.lost.clear();
    }

    /// What a failed sync had left unwritten was dropped: nothing of it was durable.
    pub fn pages_dropped(&mut self) {
        self.confirmed = self.durable.max(self.told);
    }

    /// From here on there is more than one history, and none is kept.
    pub fn close(&mut self) {
        self.closed = true;
    }

    /// Whether it is not kept any more.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Records a broken rule.
    pub fn break_rule(&mut self, rule: &'static str, what: String) {
        if self.closed {
            return;
        }
        self.violations.push(Violation { rule, what });
    }
}
