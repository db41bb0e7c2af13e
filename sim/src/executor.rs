//! The executor: whoever is next in virtual time runs, and time jumps to it.
//!
//! One thread. A task that waits for the world has left its moment in it; a task that
//! waits for another one of its own process (an agent for its answer, a coordinator for
//! a request) has left none, and is looked at whenever its process has run. How a task
//! gets its turn is the [runtime](crate::runtime)'s business.

use crate::checkers::Violation;
use crate::disk::Damage;
use crate::epilogue;
use crate::mutants::{self, SimBug};
use crate::process;
use crate::runtime::Runtime;
use crate::sometimes::Seen;
use crate::trace::{Micros, Turn};
use crate::visitors;
use crate::world::{Doom, Shared, TaskId, World};

/// How the world ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// All agents came to their end, and the audit was made.
    Quiet,
    /// It went on for too long.
    Endless,
    /// A device lied about a sync, and an acknowledged entry was lost by it.
    Deceived,
    /// Mesh panicked.
    Panicked(Violation),
}

/// More operations of the seam than any honest world takes.
const MAX_STEPS: u64 = 400_000;
/// The storm ends at the latest after so long.
pub(crate) const STORM: Micros = 600_000_000;
/// How long after the storm everything must have settled: the longest lease and
/// registration, the tolerance and the grace of bad clocks, and then some.
pub(crate) const SETTLING: Micros = 900_000_000;
/// How long the audit waits after the last agent, so that whatever lapses has lapsed.
pub(crate) const BEFORE_AUDIT: Micros = 400_000_000;

/// Runs a world to its end.
pub(crate) struct Executor<R> {
    world: Shared,
    runtime: R,
    /// How many visitors have come since all agents came to their end.
    visitors: usize,
}

impl<R: Runtime> Executor<R> {
    pub(crate) fn new(world: Shared, runtime: R) -> Self {
        Self {
            world,
            runtime,
            visitors: 0,
        }
    }

    /// Runs until everything has come to its end.
    pub(crate) fn run(&mut self) -> End {
        let count = self.world.borrow().knobs.processes;
        for number in 0..count {
            let tasks = process::start(&self.world, number, process::on_files);
            self.runtime.start(number, tasks);
        }
        let end = self.run_on();
        // The futures hold the world, and the world must be told first.
        let processes = {
            let mut world = self.world.borrow_mut();
            let all = &mut world.processes;
            all.iter_mut().for_each(|process| process.alive = false);
            all.len()
        };
        (0..processes).for_each(|number| self.runtime.kill(number));
        end
    }

    fn run_on(&mut self) -> End {
        let mut settle_by = Micros::MAX;
        loop {
            {
                let mut world = self.world.borrow_mut();
                if world.deceived {
                    return End::Deceived;
                }
                if world.steps > MAX_STEPS || world.now > settle_by {
                    return End::Endless;
                }
                if world.storm && (world.calls_left == 0 || world.now > STORM) {
                    calm(&mut world);
                    settle_by = world.now + SETTLING;
                }
            }
            if !self.step() {
                if !self.has_next_visitor() {
                    return End::Quiet;
                }
                let number = {
                    let mut world = self.world.borrow_mut();
                    if world.storm {
                        calm(&mut world);
                    }
                    world.now += BEFORE_AUDIT;
                    settle_by = world.now + 2 * SETTLING;
                    world.processes.len()
                };
                let visitor = match self.visitors {
                    0 => process::start_visitor(
                        &self.world,
                        number,
                        process::on_files,
                        visitors::audit,
                    ),
                    _ => process::start_visitor(
                        &self.world,
                        number,
                        process::on_files,
                        visitors::inspect,
                    ),
                };
                self.visitors += 1;
                self.runtime.start(number, visitor);
            }
        }
    }

    /// First the auditor looks whether all is well. Then, in some worlds, something is
    /// done to the folder, and an inspector looks whether that is noticed.
    fn has_next_visitor(&self) -> bool {
        match self.visitors {
            0 => true,
            1 => epilogue::happens(&mut self.world.borrow_mut()),
            _ => false,
        }
    }

    /// Runs whoever is next. `false`: nobody is.
    fn step(&mut self) -> bool {
        let Some((at, task)) = self.next() else {
            return false;
        };
        {
            let mut world = self.world.borrow_mut();
            world.now = world.now.max(at);
            if let Some(task) = task {
                world.processes[task.process].wakes[task.task] = None;
            }
        }
        match task {
            Some(task) => self.poll(task),
            None => self.restart(),
        }
        let doom = self.world.borrow_mut().doom.take();
        match doom {
            Some(Doom::Crash(process)) => self.crash(process),
            Some(Doom::PowerCut) => self.power_cut(),
            None => {}
        }
        true
    }

    /// The earliest moment at which something happens: a task goes on, or (`None`) a
    /// process comes back.
    fn next(&self) -> Option<(Micros, Option<TaskId>)> {
        let world = self.world.borrow();
        let mut next: Option<(Micros, Option<TaskId>)> = None;
        let mut offer = |at: Micros, task: Option<TaskId>| {
            if next.is_none_or(|(earliest, _)| at < earliest) {
                next = Some((at, task));
            }
        };
        for (number, process) in world.processes.iter().enumerate() {
            if let Some(at) = process.restart_at {
                offer(at, None);
            }
            if !process.alive {
                continue;
            }
            for (task, wake) in process.wakes.iter().enumerate() {
                if let Some(at) = wake
                    && *at < Micros::MAX
                {
                    let process = number;
                    offer(
                        (*at).max(world.processes[number].paused_until),
                        Some(TaskId { process, task }),
                    );
                }
            }
        }
        next
    }

    /// Polls a task, and then all others of its process that wait for one another,
    /// until nothing moves any more.
    ///
    /// A coordinator that has answered cannot come as far as the next sync before the
    /// agents have taken their answers, since that takes an await point. So what the
    /// answers were decided on is theirs until then, and nobody's afterwards.
    fn poll(&mut self, task: TaskId) {
        self.poll_while_moving(task);
        let mut world = self.world.borrow_mut();
        let process = &mut world.processes[task.process];
        if std::mem::take(&mut process.answered) {
            process.decided = None;
            process.left = false;
            process.batch += 1;
        }
    }

    fn poll_while_moving(&mut self, task: TaskId) {
        let process = task.process;
        self.runtime.poll(task);
        loop {
            let before = self.world.borrow().trace.records.len();
            let mut moved = false;
            for task in 0..self.runtime.tasks(process) {
                let other = TaskId { process, task };
                let (wake, attentive) = {
                    let world = self.world.borrow();
                    if world.doom.is_some() {
                        return;
                    }
                    let process = &world.processes[process];
                    (process.wakes[task], process.attentive.contains(&task))
                };
                if (wake.is_none() || attentive) && self.runtime.is_running(other) {
                    self.runtime.poll_idle(other);
                    let world = self.world.borrow();
                    moved |= world.processes[process].wakes[task] != wake;
                }
            }
            // A call that was made or answered leaves a record.
            if !moved && self.world.borrow().trace.records.len() == before {
                return;
            }
        }
    }

    /// Kills one process. The page cache stays.
    fn crash(&mut self, number: usize) {
        {
            let mut world = self.world.borrow_mut();
            kill(&mut world, number);
        }
        self.runtime.kill(number);
    }

    /// Kills all processes, and with them what was not synced.
    fn power_cut(&mut self) {
        let processes = {
            let mut world = self.world.borrow_mut();
            let all = world.processes.len();
            (0..all).for_each(|number| kill(&mut world, number));
            cut_power(&mut world);
            all
        };
        (0..processes).for_each(|number| self.runtime.kill(number));
    }

    fn restart(&mut self) {
        let number = {
            let mut world = self.world.borrow_mut();
            let now = world.now;
            let due = |p: &crate::world::Process| p.restart_at.is_some_and(|at| at <= now);
            let number = world.processes.iter().position(due);
            if let Some(number) = number {
                world.processes[number].restart_at = None;
            }
            number
        };
        if let Some(number) = number {
            let tasks = process::start(&self.world, number, process::on_files);
            self.runtime.start(number, tasks);
        }
    }
}

/// Marks a process dead, and says when it comes back, if it does.
pub(crate) fn kill(world: &mut World, number: usize) {
    if !world.processes[number].alive {
        return;
    }
    let stays_dead = world
        .tape
        .chance(world.knobs.stay_dead_of_ten * 0x1_0000 / 10);
    let delay = 1_000 + Micros::from(world.tape.below(1 << 22));
    // Somebody must be left.
    let others = world.processes.iter().enumerate();
    let others = others.filter(|(n, p)| *n != number && (p.alive || p.restart_at.is_some()));
    let last = others.count() == 0;
    let now = world.now;
    let process = &mut world.processes[number];
    process.alive = false;
    (process.open_calls, process.waiting_calls) = (0, 0);
    process.wakes.fill(None);
    process.restart_at = (last || !stays_dead).then_some(now + delay);
    world.locks.retain(|_, (task, _)| task.process != number);
    world
        .writing
        .retain(|_, writing| writing.task.process != number);
    for agent in process::agents_of(world, number) {
        for believers in world.believers.values_mut() {
            believers.remove(&agent);
        }
    }
}

fn cut_power(world: &mut World) {
    let World {
        disk, tape, knobs, ..
    } = world;
    let dirty = disk.list(None).unwrap_or_default().into_iter().any(|name| {
        let journal = name.starts_with("journal.");
        journal && disk.lookup(&name).is_some_and(|inode| disk.is_dirty(inode))
    });
    let damage = match mutants::is(SimBug::DiskKeepsEverything) {
        true => Damage::default(),
        false => disk.power_cut(tape, knobs.page, knobs.names_reorder),
    };
    world.ledger.power_cut();
    if dirty {
        world.seen.hit(Seen::CutBeforeSync);
    }
    if damage.names {
        world.seen.hit(Seen::NameLost);
    }
    if damage.deceived {
        world.seen.hit(Seen::Deceived);
        world.deceived = true;
    }
    let turn = Turn::PowerCameBack {
        torn: damage.torn,
        names_lost: damage.names,
    };
    world.turn(0, turn);
}

/// Faults stop: clocks are set right, and whoever stands still goes on.
pub(crate) fn calm(world: &mut World) {
    world.storm = false;
    let now = world.now;
    world.calm_since = Some(now);
    for process in &mut world.processes {
        process.paused_until = process.paused_until.min(now);
        process.clock.set_right(now);
    }
    world.turn(0, Turn::StormEnded);
}
