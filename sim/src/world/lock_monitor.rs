//! What is seen from outside, at the seam: who robbed whom of the store's lock, and who
//! finished whose rotation.

use super::clock::FASTEST_RATE;
use super::disk::Inode;
use super::state::{TaskId, World};
use crate::trace::{Incident, Seen};

/// The age at which a lock directory may be taken from a live owner, in milliseconds
/// of the thief's own clock.
const STALE_LOCK_MS: u64 = 5_000;

impl World {
    /// A name in the lock directory goes: whose was it, and was that right?
    pub(crate) fn lock_freed(&mut self, by: TaskId, nonce: &str) {
        let Some(owner) = self.lock_owners.remove(nonce) else {
            return;
        };
        let process = &self.processes[owner.process];
        let alive = process.alive && process.incarnation == owner.incarnation;
        if alive && owner.process == by.process {
            return;
        }
        let from_live = alive;
        let both = (owner.process, by.process);
        self.robbed.insert(nonce.to_owned(), both);
        self.seen.hit(if from_live {
            Seen::LiveHolderRobbed
        } else {
            Seen::DeadHolderRobbed
        });
        let face = self.processes[by.process].clock;
        // A thief that began to wait in the storm may have measured by a faster clock.
        let rate = match self.calm_since {
            Some(calm) if owner.since < calm => FASTEST_RATE,
            _ => face.rate,
        };
        let age = (self.now - owner.since) * rate / 1_000_000;
        self.incident(by.process, Incident::StoreLockStolen { from_live });
        if from_live && age + 1 < STALE_LOCK_MS {
            let what = format!(
                "process {} frees the store's lock that process {} has had for {age} ms only",
                by.process, owner.process
            );
            self.ledger.break_rule("lock", what);
        }
    }

    /// A name in the lock directory was gone already when a process came to remove it. That
    /// is a thief that came too late, unless the name was its own.
    pub(crate) fn lock_gone(&mut self, by: TaskId, nonce: &str) {
        let robbed = self.robbed.get(nonce);
        if robbed.is_some_and(|(owner, thief)| *owner != by.process && *thief != by.process) {
            self.seen.hit(Seen::SecondThiefLate);
            self.incident(by.process, Incident::StoreLockMissed);
        }
    }

    /// Remembers who ended a generation.
    pub(crate) fn note_sealer(&mut self, inode: Inode, process: usize) {
        let names = self.disk.list(None).unwrap_or_default();
        for name in names
            .into_iter()
            .filter(|name| name.starts_with("journal."))
        {
            if self.disk.lookup(&name) == Some(inode) && !self.sealers.contains_key(&name) {
                self.sealers.insert(name.clone(), process);
                self.incident(process, Incident::Sealed { name });
            }
        }
    }

    /// A generation got its name: by whom was the one before it sealed?
    pub(crate) fn note_rotation(&mut self, process: usize, name: &str) {
        let number = name
            .strip_prefix("journal.")
            .and_then(|n| n.parse::<u64>().ok());
        let Some(number) = number.filter(|n| *n > 1) else {
            return;
        };
        self.seen.hit(Seen::Rotated);
        let followed = name.to_owned();
        self.incident(process, Incident::Followed { name: followed });
        let sealer = self.sealers.get(&format!("journal.{}", number - 1));
        if sealer.is_some_and(|sealer| *sealer != process) {
            self.seen.hit(Seen::RotationFinishedByOther);
        }
    }
}

pub(crate) fn is_seal(record: &[u8]) -> bool {
    let tag = b"\"seal\":";
    record
        .windows(tag.len())
        .take(80)
        .any(|window| window == tag)
}
