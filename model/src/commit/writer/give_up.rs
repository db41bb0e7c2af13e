//! Giving a command up, and what its client is told by that.
//!
//! Whatever a process does for a command can fail, and then it refuses the command: nothing
//! happened. That is only true once no entry that it wrote for it can come to count. One that
//! lost its race is void as long as what beat it is there, so that is made durable first.

use mesh::backends::fs::Link;
use mesh::backends::fs::protocol::{Appending, Rotating, Syncing};

use super::{Effect, Phase, Task, Writer};
use crate::commit::bounds::{Bounds, Fault};
use crate::commit::disk::Disk;

impl Writer {
    /// Whether it serves a command of which an entry lost its race, and is about to do
    /// something that can fail without a trace.
    pub(in crate::commit) fn may_give_up(&self) -> bool {
        let may_fail = matches!(
            self.phase,
            Phase::Idle
                | Phase::Reading(Task::Append)
                | Phase::Appending(Appending::Write(Link::Entry { .. }))
                | Phase::Rotating(Rotating::WriteSuccessor)
        );
        may_fail && !self.lost.is_empty()
    }

    /// Fails at the present command.
    pub(in crate::commit) fn give_up(&mut self, disk: &mut Disk, bounds: &Bounds) -> Effect {
        let settled = !self.standing.exposed || bounds.fault == Some(Fault::RefuseUnsettled);
        let next = if settled {
            Syncing::Over
        } else {
            Syncing::begin(&self.standing)
        };
        self.settled(next, disk);
        Effect::None
    }

    /// Takes a step towards making durable what beat its lost entries.
    pub(super) fn settle(&mut self, step: Syncing, disk: &mut Disk) -> Effect {
        match step {
            Syncing::Names => disk.sync_dir(),
            _ => disk.sync(self.file),
        }
        let next = step.synced(&mut self.standing);
        self.settled(next, disk);
        match step {
            Syncing::Names => Effect::Named,
            _ => Effect::None,
        }
    }

    /// Settling has come so far: once there is nothing more to sync, the client hears.
    fn settled(&mut self, next: Syncing, disk: &mut Disk) {
        self.phase = match next {
            Syncing::Names | Syncing::Entries => Phase::Settling(next),
            Syncing::Confirm | Syncing::Over => {
                self.end_command(disk);
                self.locks = false;
                Phase::Idle
            }
        };
    }

    /// The client of the present command hears what became of it. What was written for it
    /// and lost has no effect, whether the command is refused or done by another entry.
    pub(super) fn end_command(&mut self, disk: &mut Disk) {
        self.commands -= 1;
        for (file, sum) in std::mem::take(&mut self.lost) {
            if let Some(record) = disk.record_mut(file, sum) {
                record.refused = true;
            }
        }
    }

    /// Forgets the entries whose files nobody can reach any more: they never count.
    pub(in crate::commit) fn forget_what_is_gone(&mut self, disk: &mut Disk) {
        self.lost
            .retain(|(file, sum)| disk.record_mut(*file, *sum).is_some());
    }
}
