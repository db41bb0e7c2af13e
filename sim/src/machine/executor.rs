//! The executor: whoever is next in virtual time runs, and time jumps to it.
//!
//! One thread. A task that waits for the world has left its moment in it; a task that
//! waits for another one of its own process (an agent for its answer, a coordinator for
//! a request) has left none, and is looked at whenever its process has run. How a task
//! gets its turn is the [runtime](super::runtime)'s business.

use super::ending::{BEFORE_AUDIT, End, SETTLING, STORM};
use super::process;
use super::runtime::Runtime;
use crate::agents;
use crate::trace::Micros;
use crate::world::knobs::Aftermath;
use crate::world::{Doom, Process, Shared, TaskId, aftermath, calm, cut_power, kill, restore};

/// More operations of the seam than any honest world takes.
const MAX_STEPS: u64 = 400_000;
/// Runs a world to its end.
pub(crate) struct Executor<R> {
    world: Shared,
    runtime: R,
    /// How many auditors have come since all agents came to their end.
    auditors: usize,
}

impl<R: Runtime> Executor<R> {
    pub(crate) fn new(world: Shared, runtime: R) -> Self {
        Self {
            world,
            runtime,
            auditors: 0,
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
                if world.steps > MAX_STEPS || world.now > settle_by {
                    return End::Endless;
                }
                if world.storm && (world.calls_left == 0 || world.now > STORM) {
                    calm(&mut world);
                    settle_by = world.now + SETTLING;
                }
            }
            if !self.step() {
                if !self.has_next_auditor() {
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
                self.start_auditors(number);
                self.auditors += 1;
            }
        }
    }

    fn start_auditors(&mut self, number: usize) {
        let world = self.world.clone();
        let files = process::on_files;
        let restored = world.borrow().knobs.epilogue == Aftermath::Restored;
        let started = match self.auditors {
            0 => process::start_auditor(&world, number, files, agents::audit),
            1 if restored => {
                restore::prepare(&mut world.borrow_mut(), number);
                let veteran = process::start_auditor(&world, number, files, agents::veteran);
                self.runtime.start(number, veteran);
                let number = number + 1;
                let newcomer = process::start_auditor(&world, number, files, agents::newcomer);
                self.runtime.start(number, newcomer);
                return;
            }
            1 => process::start_auditor(&world, number, files, agents::inspect),
            _ => process::start_auditor(&world, number, files, agents::reader),
        };
        self.runtime.start(number, started);
    }

    /// First the auditor looks whether all is well. Then, in some worlds, something is
    /// done to the folder, and an inspector looks whether that is noticed; or a backup is
    /// restored under a running process, and a reader looks what there is at last.
    fn has_next_auditor(&self) -> bool {
        let mut world = self.world.borrow_mut();
        let restored = world.knobs.epilogue == Aftermath::Restored;
        match self.auditors {
            0 => true,
            1 if restored => {
                world.ledger.close();
                true
            }
            1 => aftermath::happens(&mut world),
            2 => restored,
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
                if self.world.borrow().doom.is_some() {
                    return;
                }
                if self.is_idle(other) {
                    let wake = self.wake_of(other);
                    self.runtime.poll_idle(other);
                    moved |= self.wake_of(other) != wake;
                }
            }
            // A call that was made or answered leaves a record. One that found room in the
            // queue, or left some, does not, but wakes somebody.
            if !moved && self.world.borrow().trace.records.len() == before && !self.stirs(process) {
                return;
            }
        }
    }

    /// Whether a task waits for another one of its process.
    fn is_idle(&self, task: TaskId) -> bool {
        let waits = {
            let world = self.world.borrow();
            let process = &world.processes[task.process];
            process.wakes[task.task].is_none() || process.attentive.contains(&task.task)
        };
        waits && self.runtime.is_running(task)
    }

    fn wake_of(&self, task: TaskId) -> Option<Micros> {
        self.world.borrow().processes[task.process].wakes[task.task]
    }

    /// Whether somebody waits who was woken after the last turn.
    fn stirs(&self, process: usize) -> bool {
        let mut tasks = (0..self.runtime.tasks(process)).map(|task| TaskId { process, task });
        tasks.any(|task| self.runtime.is_woken(task) && self.is_idle(task))
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
            let due = |p: &Process| p.restart_at.is_some_and(|at| at <= now);
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
