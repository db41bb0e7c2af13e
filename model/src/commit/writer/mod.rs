//! One process: where it stands in the protocol, and its next step.
//!
//! What comes next is not written here: it is what production's machines say
//! ([`protocol`](mesh::backends::fs::protocol)). Here is what each of their steps does to the
//! disk of the model, and what the machine is told of it. An element of the protocol is left
//! out by telling that it was done.
//!
//! A step is one call to the file system, or a few that no other process can tell apart.
//! Between any two steps the process may be paused for as long as it pleases, killed, or
//! lose its power; so there is no action for a pause: it is all the steps of others that
//! come in between.

mod append;
mod give_up;
mod read;
mod rotate;

use mesh::backends::fs::protocol::{Appending, Rotating, Standing, Syncing};
use mesh::backends::fs::{Chain, Link, Sum};

pub(super) use self::read::accepts;
use super::bounds::{Bounds, Fault};
use super::disk::{Disk, Name};

/// Where a process stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Not running.
    Down,
    /// Between two commands.
    Idle,
    /// About to read the log, to do this next.
    Reading(Task),
    /// In an append of an entry.
    Appending(Appending),
    /// In the middle of the write of a record, at a place of its file.
    Writing(Link, usize),
    /// Before it answers.
    Syncing(Syncing),
    /// Before it refuses what it serves.
    Settling(Syncing),
    /// On the way to the next generation.
    Rotating(Rotating),
}

/// What a process reads the log for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Task {
    /// To append an entry.
    Append,
    /// To show what is there.
    Look,
    /// To seal and rotate.
    Rotate,
}

/// A process.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Writer {
    pub(super) phase: Phase,
    /// How many commands it still serves.
    pub(super) commands: u8,
    /// Whether the store's lock names it.
    pub(super) locks: bool,
    /// Where production's protocol stands.
    pub(super) standing: Standing,
    /// The file that it has open.
    pub(super) file: usize,
    /// The first record that it has not read.
    pub(super) position: usize,
    /// Whether it saw bytes there that were no record yet.
    pub(super) unfinished: bool,
    /// The log as it knows it.
    pub(super) history: Vec<Sum>,
    /// The nonce of its temporary file, while it rotates.
    pub(super) nonce: u8,
    /// The temporary names that it saw when it looked for generations to retire.
    pub(super) listed: Vec<Name>,
    /// The entries that it wrote for the present command and that lost their races, each
    /// with its file.
    pub(super) lost: Vec<(usize, Sum)>,
}

/// What a step shows to others than the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing.
    None,
    /// The whole history is acknowledged or revealed.
    Answered,
    /// The generation counts from now on.
    Named,
    /// All generations before it that may go are gone.
    Retired,
    /// The process calls the folder damaged.
    Damaged,
}

impl Writer {
    pub(super) fn down(commands: u8, locks: bool) -> Self {
        let nothing = Chain::after_checkpoint(0, Sum(0), Sum(0));
        Self {
            phase: Phase::Down,
            commands,
            locks,
            standing: Standing::at_checkpoint(0, nothing),
            file: usize::MAX,
            position: 0,
            unfinished: false,
            history: Vec::new(),
            nonce: 0,
            listed: Vec::new(),
            lost: Vec::new(),
        }
    }

    pub(super) fn is_up(&self) -> bool {
        self.phase != Phase::Down
    }

    /// The generation that it has open.
    pub(super) fn number(&self) -> u8 {
        self.standing.generation as u8
    }

    /// Whether the generation has taken so much that it is time for the next.
    fn should_rotate(&self, bounds: &Bounds) -> bool {
        let full = self.standing.chain.seq >= self.standing.base + bounds.rotate_after;
        (full || self.standing.chain.sealed) && self.number() < bounds.generations
    }

    /// Begins a command: reads the log, to do `task`.
    pub(super) fn begin(&mut self, task: Task, disk: &Disk, bounds: &Bounds) -> Effect {
        self.read_for(task, disk, bounds)
    }

    /// The next step of a process that is up and not idle.
    pub(super) fn step(&mut self, disk: &mut Disk, bounds: &Bounds) -> Effect {
        let effect = match self.phase {
            Phase::Down | Phase::Idle => Effect::None,
            Phase::Reading(task) => self.read_for(task, disk, bounds),
            Phase::Appending(step) => self.append(step, disk, bounds),
            Phase::Writing(link, place) => self.finish_write(link, place, disk, bounds),
            Phase::Syncing(step) => self.sync(step, disk, bounds),
            Phase::Settling(step) => self.settle(step, disk),
            Phase::Rotating(step) => self.rotate(step, disk, bounds),
        };
        self.pass_over(bounds);
        effect
    }

    fn read_for(&mut self, task: Task, disk: &Disk, bounds: &Bounds) -> Effect {
        let mark = disk.mark;
        if self.catch_up(disk, bounds) == Effect::Damaged || self.standing.chain.seq < mark {
            return Effect::Damaged;
        }
        self.standing.mark(mark);
        let seq = self.standing.chain.seq;
        let rotating = Phase::Rotating(Rotating::begin(&self.standing, seq));
        self.phase = match task {
            Task::Look if bounds.fault == Some(Fault::RevealBeforeSync) => {
                Phase::Syncing(Syncing::Confirm)
            }
            Task::Look => Phase::Syncing(Syncing::begin(&self.standing)),
            // A rotation was cut short: nothing can be appended before it is finished.
            _ if self.standing.chain.sealed => rotating,
            Task::Append => {
                let link = Link::Entry { seq: seq + 1 };
                Phase::Appending(Appending::begin(&self.standing, link))
            }
            Task::Rotate if !self.should_rotate(bounds) => Phase::Idle,
            Task::Rotate => rotating,
        };
        self.pass_over(bounds);
        Effect::None
    }

    /// A step of the barrier.
    fn sync(&mut self, step: Syncing, disk: &mut Disk, bounds: &Bounds) -> Effect {
        match step {
            Syncing::Names => disk.sync_dir(),
            Syncing::Entries => disk.sync(self.file),
            Syncing::Confirm | Syncing::Over => return self.answer(step, disk, bounds),
        }
        self.phase = Phase::Syncing(step.synced(&mut self.standing));
        match step {
            Syncing::Names => Effect::Named,
            _ => Effect::None,
        }
    }

    /// Looks whether the file still is the log, notes the mark, and answers.
    fn answer(&mut self, step: Syncing, disk: &mut Disk, bounds: &Bounds) -> Effect {
        let named = disk.names.get(&Name::Journal(self.number())) == Some(&self.file);
        let newer = disk
            .newest()
            .is_some_and(|(newest, _)| newest > self.number());
        if !named && !newer {
            return Effect::Damaged;
        }
        let _ = step.confirmed(&self.standing);
        if self.standing.durable == self.standing.chain.seq {
            disk.mark = disk.mark.max(self.standing.chain.seq);
        }
        self.end_command(disk);
        self.phase = match self.should_rotate(bounds) {
            true => Phase::Reading(Task::Rotate),
            false => Phase::Idle,
        };
        Effect::Answered
    }

    /// Passes over what is left out of the protocol, telling that it was done.
    fn pass_over(&mut self, bounds: &Bounds) {
        loop {
            self.phase = match (bounds.fault, self.phase) {
                (Some(Fault::NoDirSync), Phase::Syncing(step @ Syncing::Names))
                | (Some(Fault::NoSync), Phase::Syncing(step @ Syncing::Entries)) => {
                    Phase::Syncing(step.synced(&mut self.standing))
                }
                (Some(fault), Phase::Rotating(step)) => match self.left_out(fault, step) {
                    Some(next) => Phase::Rotating(next),
                    None => return,
                },
                _ => return,
            };
        }
    }
}
