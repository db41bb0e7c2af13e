//! The simulated world: one disk, some processes with clocks, and time that jumps.
//!
//! Everything that processes share is in here, behind one `RefCell`: the simulator is
//! single-threaded, and no borrow is ever held across an await point. A task that
//! waits leaves the moment at which it goes on, and who runs the world picks the next.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use mesh::core::Millis;

use super::clock::ClockFace;
use super::disk::{Disk, Inode};
use super::knobs::Knobs;
use super::memory::Memory;
use super::network_knobs::NetworkKnobs;
use super::tape::Tape;
use crate::trace::{Coverage, Incident, Ledger, Micros, ProcessNumber, Record, Trace};

/// The world, as all its inhabitants reach it.
pub(crate) type Shared = Rc<RefCell<World>>;

/// A task of a process: 0 is its coordinator, the others are its agents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TaskId {
    pub(crate) process: ProcessNumber,
    pub(crate) task: usize,
}

/// The task of a process that is its coordinator.
pub(crate) const COORDINATOR: usize = 0;

/// What the world knows of a process.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) incarnation: u32,
    pub(crate) alive: bool,
    /// Whether the storm left it dead for good.
    pub(crate) restart_at: Option<Micros>,
    pub(crate) paused_until: Micros,
    /// How many operations of the seam it has begun.
    pub(crate) operations: u32,
    pub(crate) clock: ClockFace,
    /// When each task goes on; `None` for one that waits for another of its process.
    pub(crate) wakes: Vec<Option<Micros>>,
    /// The newest reading of the wall clock, and when it was taken.
    pub(crate) last_now: Millis,
    pub(crate) clock_read_at: Micros,
    /// When the storage last said that there is nothing new.
    pub(crate) caught_up_at: Micros,
    /// What an answer is decided on, from when a sync is asked for: the first and last
    /// entry that it may be, and the wall clock.
    pub(crate) decided: Option<(u64, u64, Millis)>,
    /// How many batches of calls were answered.
    pub(crate) batch: u64,
    /// The entries that it proposed, by their ids.
    pub(crate) proposed: Vec<String>,
    /// Whether a caller went away that may have been in the batch that is being decided.
    pub(crate) left: bool,
    /// Whether an answer was taken.
    pub(crate) answered: bool,
    /// Calls without an answer, and how many of them wait.
    pub(crate) open_calls: usize,
    pub(crate) waiting_calls: usize,
    /// Whether it waits for an answer from the network.
    pub(crate) asking: bool,
    /// The tasks whose wait also ends when another task of the process has run.
    pub(crate) attentive: BTreeSet<usize>,
    /// Whether its coordinator watches the folder.
    pub(crate) watches: bool,
    /// Whether it waits to be told of a change right now.
    pub(crate) listens: bool,
    /// When it is told of the next one.
    pub(crate) told_at: Option<Micros>,
}

/// How a process, or all of them, are about to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doom {
    Crash(ProcessNumber),
    PowerCut,
}

/// A backup that is about to be restored under a running process.
#[derive(Clone, Debug)]
pub(crate) struct Restoring {
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    pub(crate) way: Way,
    /// The process that goes on all the while.
    pub(crate) veteran: ProcessNumber,
    /// After how many operations of it.
    pub(crate) after: u32,
    /// Whether it stands still then, until everybody else is through.
    pub(crate) stands_still: bool,
    /// Whether no link can be made until then.
    pub(crate) no_links: bool,
}

/// How a backup is restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Into the files that are there.
    InPlace,
    /// As other files under their names.
    Anew,
    /// Into the files that are there, but for the marks.
    WithoutMarks,
    /// As copies of the files that are there, which take their names.
    Copied,
}

/// Who has the lock directory.
#[derive(Clone, Debug)]
pub(crate) struct LockOwner {
    pub(crate) process: ProcessNumber,
    pub(crate) incarnation: u32,
    pub(crate) since: Micros,
}

/// An append that is half done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Writing {
    pub(crate) task: TaskId,
    pub(crate) until: Micros,
}

/// A resource outside of mesh that agents write to under their claims.
#[derive(Clone, Debug, Default)]
pub(crate) struct Guarded {
    /// The highest fence that it accepted, and whose.
    pub(crate) fence: u64,
    pub(crate) by: String,
    /// The same, for the resource beside it that accepts everything.
    pub(crate) unfenced: u64,
}

/// Everything.
pub(crate) struct World {
    pub(crate) now: Micros,
    pub(crate) tape: Tape,
    pub(crate) knobs: Knobs,
    pub(crate) disk: Disk,
    pub(crate) processes: Vec<Process>,
    pub(crate) doom: Option<Doom>,
    pub(crate) storm: bool,
    /// When the storm ended.
    pub(crate) calm_since: Option<Micros>,
    pub(crate) calls_left: u32,
    /// The kernel's lock on files, by inode: which handle has it.
    pub(crate) locks: BTreeMap<Inode, (TaskId, u64)>,
    pub(crate) handles: u64,
    /// The open files, by handle; and those that have yet to be told that a sync of their
    /// file failed, each once.
    pub(crate) open: BTreeMap<u64, Inode>,
    pub(crate) untold: BTreeSet<u64>,
    pub(crate) writing: BTreeMap<Inode, Writing>,
    pub(crate) torn: BTreeSet<Inode>,
    pub(crate) lock_owners: BTreeMap<String, LockOwner>,
    /// Owners of the store's lock that were robbed: whose lock, and by whom.
    pub(crate) robbed: BTreeMap<String, (usize, usize)>,
    pub(crate) sealers: BTreeMap<String, ProcessNumber>,
    pub(crate) guarded: BTreeMap<String, Guarded>,
    pub(crate) believers: BTreeMap<String, BTreeSet<String>>,
    pub(crate) memories: BTreeMap<String, Memory>,
    pub(crate) trace: Trace,
    pub(crate) ledger: Ledger,
    pub(crate) seen: Coverage,
    /// When the power fails, after a device has lied.
    pub(crate) cut_at: Option<Micros>,
    /// A backup that is about to be restored.
    pub(crate) restoring: Option<Restoring>,
    /// Whether files were replaced by copies, and nothing is taken back.
    pub(crate) copied: bool,
    pub(crate) steps: u64,
}

impl World {
    pub(crate) fn new(mut tape: Tape) -> Self {
        let knobs = Knobs::draw(&mut tape);
        let trace = Trace {
            deaf: knobs.deaf,
            limits: knobs.limits(),
            ..Trace::default()
        };
        Self {
            now: 0,
            tape,
            calls_left: knobs.calls,
            knobs,
            disk: Disk::default(),
            processes: Vec::new(),
            doom: None,
            storm: true,
            calm_since: None,
            locks: BTreeMap::new(),
            handles: 0,
            open: BTreeMap::new(),
            untold: BTreeSet::new(),
            writing: BTreeMap::new(),
            torn: BTreeSet::new(),
            lock_owners: BTreeMap::new(),
            robbed: BTreeMap::new(),
            sealers: BTreeMap::new(),
            guarded: BTreeMap::new(),
            believers: BTreeMap::new(),
            memories: BTreeMap::new(),
            trace,
            ledger: Ledger::default(),
            seen: Coverage::default(),
            cut_at: None,
            restoring: None,
            copied: false,
            steps: 0,
        }
    }

    /// Notes something in the trace.
    pub(crate) fn record(&mut self, process: ProcessNumber, record: Record) {
        self.trace.push(self.now, process, record);
    }

    /// Notes what befalls a process, or all of them.
    pub(crate) fn incident(&mut self, process: ProcessNumber, incident: Incident) {
        self.record(process, Record::Incident(incident));
    }

    /// A journal changed: coordinators that watch the log are told of it, a moment
    /// later.
    pub(crate) fn journal_changed(&mut self) {
        if self.knobs.deaf {
            return;
        }
        for number in 0..self.processes.len() {
            if self.processes[number].watches {
                let delay = Micros::from(self.tape.below(1 << 10));
                let process = &mut self.processes[number];
                let told = *process.told_at.get_or_insert(self.now + 1 + delay);
                // One that is busy hears of it when it listens again.
                if process.listens {
                    let wake = &mut process.wakes[COORDINATOR];
                    *wake = wake.map(|at| at.min(told));
                }
            }
        }
    }

    /// The names of the agents that a process serves.
    pub(crate) fn agents_of(&self, process: ProcessNumber) -> Vec<String> {
        let each = self.knobs.agents_each;
        let names = (0..each).map(|n| format!("a{}", process * each + n));
        names.collect()
    }

    /// A seed that no other incarnation has. Not from the tape, so that shrinking does
    /// not change it.
    pub(crate) fn nonce_seed(process: ProcessNumber, incarnation: u32, part: u64) -> u64 {
        let mix = (process as u64) << 40 | u64::from(incarnation) << 8 | part;
        mix.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x005e_edf0_0d00
    }

    /// The network's knobs, in a world that has one.
    pub(crate) fn network(&self) -> NetworkKnobs {
        self.knobs.network.unwrap_or_default()
    }
}
