//! Appending a record.

use mesh::backends::fs::protocol::{Appending, Rotating, Syncing};
use mesh::backends::fs::{Link, Sum};
use mesh::ports::Append;

use super::{Effect, Phase, Task, Writer};
use crate::commit::bounds::{Bounds, Fault};
use crate::commit::disk::{Disk, Record};

impl Writer {
    /// A step of an append: of an entry, or of the seal of a rotation.
    pub(super) fn append(&mut self, step: Appending, disk: &mut Disk, bounds: &Bounds) -> Effect {
        match step {
            Appending::Write(link) => self.write(link, disk, bounds),
            Appending::FindWinner(link, sum) => {
                let won = self.find_winner(link, sum, disk, bounds);
                let over = step.found(&mut self.standing, won);
                if bounds.gives_up && !won && matches!(link, Link::Entry { .. }) {
                    self.lost.push((self.file, sum));
                }
                self.appended(link, over, bounds);
            }
            Appending::Over(_) => {}
        }
        Effect::None
    }

    fn write(&mut self, link: Link, disk: &mut Disk, bounds: &Bounds) {
        let file = &mut disk.files[self.file];
        let place = file.records.len();
        file.records.push(Record {
            sum: Sum(self.file as u64 * 100 + place as u64 + 1),
            prev: self.standing.chain.last,
            decided_on: self.history.last().copied().unwrap_or_default(),
            link,
            whole: !bounds.torn,
            synced: false,
            refused: false,
        });
        match bounds.torn {
            true => self.phase = Phase::Writing(link, place),
            false => self.landed(link, place, disk, bounds),
        }
    }

    /// The second half of a write.
    pub(super) fn finish_write(
        &mut self,
        link: Link,
        place: usize,
        disk: &mut Disk,
        bounds: &Bounds,
    ) -> Effect {
        disk.files[self.file].records[place].whole = true;
        self.landed(link, place, disk, bounds);
        Effect::None
    }

    /// All bytes are in the file, at `place`.
    fn landed(&mut self, link: Link, place: usize, disk: &Disk, bounds: &Bounds) {
        let sum = disk.files[self.file].records[place].sum;
        let alone = place == self.position && !self.unfinished
            || bounds.fault == Some(Fault::NoOffsetCheck);
        let next = Appending::Write(link).landed(&mut self.standing, sum, alone);
        if alone && matches!(link, Link::Entry { .. }) {
            self.history.push(sum);
            self.position = place + 1;
        }
        self.appended(link, next, bounds);
    }

    /// Reads what came in between, and so learns whether its record won.
    fn find_winner(&mut self, link: Link, sum: Sum, disk: &Disk, bounds: &Bounds) -> bool {
        self.read(disk, bounds);
        match link {
            Link::Entry { .. } => self.history.contains(&sum),
            Link::Seal { .. } => self.standing.chain.sealed && self.standing.chain.last == sum,
        }
    }

    /// An append has come so far.
    fn appended(&mut self, link: Link, next: Appending, bounds: &Bounds) {
        // The lock is given back behind an entry, and after a lost race; not behind a seal.
        match next {
            Appending::Over(Append::Committed) if matches!(link, Link::Seal { .. }) => {}
            Appending::Over(_) => self.locks = false,
            Appending::Write(_) | Appending::FindWinner(..) => {}
        }
        self.phase = match (link, next) {
            (Link::Seal { .. }, _) => Phase::Rotating(Rotating::sealing(next)),
            (_, Appending::Over(Append::Committed)) => {
                Phase::Syncing(Syncing::begin(&self.standing))
            }
            (_, Appending::Over(Append::Lost)) if bounds.lock => Phase::Idle,
            (_, Appending::Over(Append::Lost)) => Phase::Reading(Task::Append),
            _ => Phase::Appending(next),
        };
    }
}
