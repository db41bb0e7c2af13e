//! Reading the log.

use mesh::backends::fs::protocol::Standing;
use mesh::backends::fs::{Chain, Link};

use super::{Effect, Phase, Writer};
use crate::commit::bounds::{Bounds, Fault};
use crate::commit::disk::{Disk, File, Name, Record};

impl Writer {
    /// Starts up: opens the newest generation. The marks were read before.
    pub(in crate::commit) fn start(&mut self, disk: &Disk, bounds: &Bounds) -> Effect {
        let mark = disk.mark;
        let Some((number, file)) = disk.newest() else {
            return Effect::Damaged;
        };
        if disk.files[file].base_torn {
            return Effect::Damaged;
        }
        self.open(disk, beginning(number, &disk.files[file]), file);
        self.phase = Phase::Idle;
        self.read(disk, bounds);
        match self.standing.chain.seq < mark {
            true => Effect::Damaged,
            false => Effect::None,
        }
    }

    /// Opens a generation, to stand like this in it.
    fn open(&mut self, disk: &Disk, standing: Standing, file: usize) {
        self.standing = standing;
        self.file = file;
        self.history.clone_from(&disk.files[file].base);
        self.position = 0;
        self.unfinished = false;
    }

    /// Reads on to the end of the file, by the production acceptance rule.
    pub(super) fn read(&mut self, disk: &Disk, bounds: &Bounds) {
        let records = &disk.files[self.file].records;
        self.unfinished = false;
        while let Some(record) = records.get(self.position) {
            if !record.whole {
                // Void once something follows; until then, perhaps a record to be.
                let last = self.position + 1 == records.len();
                if last && bounds.fault != Some(Fault::UnfinishedIsVoid) {
                    self.unfinished = true;
                    return;
                }
            } else if accepts(&self.standing.chain, record, bounds) {
                self.standing.accept(record.sum, record.link);
                if let Link::Entry { .. } = record.link {
                    self.history.push(record.sum);
                }
            }
            if self.standing.chain.sealed {
                return;
            }
            self.position += 1;
        }
    }

    /// Reads on, also over the ends of generations. `Damaged` where the next one does not
    /// begin where the last one ended.
    pub(super) fn catch_up(&mut self, disk: &Disk, bounds: &Bounds) -> Effect {
        loop {
            self.read(disk, bounds);
            let newest = disk.newest().map_or(0, |(number, _)| number);
            let over = self.standing.chain.sealed || bounds.fault == Some(Fault::NoSeal);
            if !over || newest <= self.number() {
                return Effect::None;
            }
            if self.follow(disk, bounds) == Effect::Damaged {
                return Effect::Damaged;
            }
        }
    }

    /// Goes on to the next generation, or to the newest if that one is gone.
    pub(super) fn follow(&mut self, disk: &Disk, bounds: &Bounds) -> Effect {
        let next = self.number() + 1;
        match (disk.names.get(&Name::Journal(next)), disk.newest()) {
            (Some(file), _) => {
                let opened = &disk.files[*file];
                let differs = opened.base != self.history && self.standing.chain.sealed;
                if opened.base_torn || differs {
                    return Effect::Damaged;
                }
                let mut standing = self.standing.succeeded_by(beginning(next, opened));
                if bounds.fault == Some(Fault::ExposureLeftBehind) {
                    standing.exposed = false;
                }
                self.open(disk, standing, *file);
            }
            // It was left behind, and starts over.
            (None, Some((newest, file))) if newest > next => {
                let begins = beginning(newest, &disk.files[file]);
                self.open(disk, begins, file);
            }
            (None, Some(_)) => {}
            (None, None) => return Effect::Damaged,
        }
        Effect::None
    }
}

/// Where a process stands that has read the checkpoint of this file.
fn beginning(number: u8, file: &File) -> Standing {
    Standing::at_checkpoint(u64::from(number), file.chain())
}

/// The production acceptance rule; without the chain where that is left out.
pub(in crate::commit) fn accepts(chain: &Chain, record: &Record, bounds: &Bounds) -> bool {
    let prev = match bounds.fault {
        Some(Fault::NoChain) => chain.last,
        _ => record.prev,
    };
    chain.accepts(prev, record.link)
}
