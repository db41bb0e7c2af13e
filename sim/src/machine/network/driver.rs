//! The network world: agents on machines of their own, the log behind a network.
//!
//! The same coordinators, agents and checkers as in the other world; but the storage is
//! a client of a log server, over turmoil's simulated network, and nobody
//! shares a disk or a lock. Links break, one way or both, hold messages back, or take
//! longer than a client waits; machines and the server crash; processes stand still. So
//! appends happen whose outcome their writer does not learn, and requests arrive that
//! were given up long ago. It shows that the ports are enough for a distributed engine.
//!
//! Here tokio decides who runs, on turmoil's clock, in steps of a millisecond. Virtual
//! time runs along with it, and jumps when nobody waits for the network. What turmoil
//! draws comes from a seed, and that from the tape, like every other choice.

use std::cell::RefCell;
use std::panic::resume_unwind;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use turmoil::Sim;

use super::faults::{self, NetworkFault, machine};
use super::suspend::{Suspend, Suspendable};
use crate::agents;
use crate::machine::ending::{BEFORE_AUDIT, End, SETTLING, STORM};
use crate::machine::process;
use crate::machine::runtime::Task;
use crate::trace::{Broken, Doing, Incident, Micros, Seen};
use crate::world::log_protocol::SERVER;
use crate::world::log_server::{self, Log};
use crate::world::{NetworkKnobs, Shared, calm, kill};

const TICK: Duration = Duration::from_millis(1);
/// More steps than any honest world takes.
const MAX_TICKS: u64 = 400_000;

/// A machine with the process on it.
struct Machine {
    host: String,
    suspend: Rc<Suspend>,
    /// What the host takes over when its software starts.
    starting: Rc<RefCell<Vec<Suspendable>>>,
}

/// Runs a network world to its end.
pub(crate) struct Network {
    world: Shared,
    sim: Sim<'static>,
    machines: Vec<Machine>,
    /// What is wrong with each machine's link, and until when. These three are moments of
    /// turmoil's time, which passes only while somebody waits for the network.
    broken: Vec<Option<(Broken, Micros)>>,
    server_back: Option<Micros>,
    next_fault: Micros,
    /// How far virtual time jumped, in all.
    jumped: Micros,
    audited: bool,
}

impl Network {
    pub(crate) fn new(world: Shared) -> Self {
        let sim = {
            let mut world = world.borrow_mut();
            let knobs = NetworkKnobs::draw(&mut world.tape);
            world.knobs.network = Some(knobs);
            // The server tells nobody that the log went on.
            (world.knobs.deaf, world.trace.deaf) = (true, true);
            // The server has limits of its own.
            world.knobs.cramped = false;
            world.trace.limits = world.knobs.limits();
            // There is no folder that a predecessor could have left.
            (world.knobs.predecessor, world.trace.adopts) = (false, false);
            turmoil::Builder::new()
                .rng_seed(u64::from(world.tape.draw()))
                .epoch(SystemTime::UNIX_EPOCH)
                .tick_duration(TICK)
                .min_message_latency(TICK)
                .max_message_latency(Duration::from_millis(knobs.latency_ms))
                .build()
        };
        Self {
            world,
            sim,
            machines: Vec::new(),
            broken: Vec::new(),
            server_back: None,
            next_fault: 0,
            jumped: 0,
            audited: false,
        }
    }

    /// Runs until everything has come to its end.
    pub(crate) fn run(&mut self) -> End {
        let log = Rc::new(RefCell::new(Log::default()));
        let world = self.world.clone();
        self.sim.host(SERVER, move || {
            log_server::serve(log.clone(), world.clone())
        });
        let count = self.world.borrow().knobs.processes;
        for number in 0..count {
            self.broken.push(None);
            let tasks = process::start(&self.world, number, process::on_a_network);
            self.start(number, tasks);
        }
        let end = self.run_on();
        // The futures hold the world, and the world must be told first.
        for process in &mut self.world.borrow_mut().processes {
            process.alive = false;
        }
        end
    }

    fn run_on(&mut self) -> End {
        let mut settle_by = Micros::MAX;
        for _ in 0..MAX_TICKS {
            let now = self.tell_time();
            let (storm, over) = {
                let world = self.world.borrow();
                (world.storm, world.calls_left == 0 || now > STORM)
            };
            if now > settle_by {
                return End::Endless;
            }
            if storm && over {
                settle_by = now + SETTLING;
                self.calm();
            }
            self.mend();
            self.strike();
            self.restart(now);
            self.wake(now);
            self.step();
            if !self.is_done() {
                self.jump(now);
            } else if self.audited {
                return End::Quiet;
            } else {
                settle_by = now + 2 * SETTLING;
                self.audit();
            }
        }
        End::Endless
    }

    /// How long turmoil has run.
    fn elapsed(&self) -> Micros {
        self.sim.elapsed().as_micros() as Micros
    }

    fn tell_time(&self) -> Micros {
        let now = self.elapsed() + self.jumped;
        self.world.borrow_mut().now = now;
        now
    }

    /// One step of turmoil: a millisecond of every machine.
    fn step(&mut self) {
        let stepped = self.sim.step();
        assert!(stepped.is_ok(), "no host ends with an error: {stepped:?}");
        for machine in &self.machines {
            if let Some(panic) = machine.suspend.take_panic() {
                resume_unwind(panic);
            }
        }
        // A coordinator that has answered cannot decide anew before a reply of the
        // server, which takes another step.
        for process in &mut self.world.borrow_mut().processes {
            if std::mem::take(&mut process.answered) {
                process.decided = None;
                process.left = false;
                process.batch += 1;
            }
        }
    }

    fn start(&mut self, number: usize, tasks: Vec<Task>) {
        let (suspend, tasks) = Suspend::on_all(tasks);
        if let Some(machine) = self.machines.get_mut(number) {
            machine.suspend = suspend;
            machine.starting.replace(tasks);
            self.sim.bounce(machine.host.as_str());
            return;
        }
        let host = machine(number);
        let starting = Rc::new(RefCell::new(tasks));
        let software = starting.clone();
        let serve = move || run_all(software.take());
        self.sim.host(host.as_str(), serve);
        self.machines.push(Machine {
            host,
            suspend,
            starting,
        });
    }

    /// Lets go of whoever stands still no more, and wakes whoever's moment has come.
    fn wake(&self, now: Micros) {
        let mut world = self.world.borrow_mut();
        for (process, machine) in world.processes.iter_mut().zip(&self.machines) {
            let stands_still = process.paused_until > now;
            machine.suspend.set(stands_still);
            if stands_still || !process.alive {
                continue;
            }
            for (task, wake) in process.wakes.iter_mut().enumerate() {
                if wake.is_some_and(|at| at <= now) {
                    *wake = None;
                    machine.suspend.wake(task);
                }
            }
        }
    }

    /// Jumps to the next moment at which anything happens, if nobody waits for the network.
    fn jump(&mut self, now: Micros) {
        let world = self.world.borrow();
        let mut next = Micros::MAX;
        for process in &world.processes {
            if let Some(at) = process.restart_at {
                next = next.min(at);
            }
            if !process.alive {
                continue;
            }
            if process.paused_until > now {
                next = next.min(process.paused_until);
            } else if process.asking {
                return;
            } else {
                let wakes = process.wakes.iter().flatten();
                next = wakes.fold(next, |next, at| next.min(*at));
            }
        }
        if next < Micros::MAX {
            self.jumped += next.saturating_sub(now);
        }
    }

    /// Whether everybody has come to an end, or is dead for good.
    fn is_done(&self) -> bool {
        let world = self.world.borrow();
        let mut all = world.processes.iter().zip(&self.machines);
        all.all(|(process, machine)| match process.alive {
            true => machine.suspend.is_done(),
            false => process.restart_at.is_none(),
        })
    }

    /// When all is quiet, somebody comes who looks at everything.
    fn audit(&mut self) {
        self.audited = true;
        self.jumped += BEFORE_AUDIT;
        if self.world.borrow().storm {
            self.calm();
        }
        self.tell_time();
        let number = self.machines.len();
        let ports = process::on_a_network;
        let auditor = process::start_auditor(&self.world, number, ports, agents::audit);
        self.start(number, auditor);
    }
}

/// The faults, and their end.
impl Network {
    /// Lets the next fault strike, when its moment has come.
    fn strike(&mut self) {
        let elapsed = self.elapsed();
        let mut world = self.world.borrow_mut();
        if !world.storm || elapsed < self.next_fault {
            return;
        }
        let gap = Micros::from(1 + world.tape.below(1_000));
        self.next_fault = elapsed + gap * world.network().fault_every_ms;
        let fault = faults::draw(&mut world);
        match fault {
            Some(NetworkFault::Link(number, broken, lasts)) if self.broken[number].is_none() => {
                self.broken[number] = Some((broken, elapsed + lasts));
                faults::break_link(&self.sim, &mut world, number, broken);
            }
            Some(NetworkFault::ServerCrash(lasts)) if self.server_back.is_none() => {
                self.server_back = Some(elapsed + lasts);
                world.seen.hit(Seen::LogServerCrashed);
                world.incident(0, Incident::LogServerCrashed);
                drop(world);
                self.sim.crash(SERVER);
            }
            Some(NetworkFault::Crash(number)) if world.processes[number].alive => {
                let doing = Doing::Anything;
                let crashed = Incident::Crashed {
                    after_effect: false,
                    doing,
                };
                world.incident(number, crashed);
                kill(&mut world, number);
                drop(world);
                self.sim.crash(self.machines[number].host.as_str());
            }
            Some(NetworkFault::Pause(number, micros)) if world.processes[number].alive => {
                let doing = Doing::Anything;
                world.processes[number].paused_until = world.now + micros;
                world.incident(number, Incident::Paused { micros, doing });
            }
            Some(NetworkFault::StepClock(number, magnitude)) => world.step_clock(number, magnitude),
            _ => {}
        }
    }

    /// Starts again what comes back now.
    fn restart(&mut self, now: Micros) {
        for number in 0..self.machines.len() {
            let due = {
                let mut world = self.world.borrow_mut();
                let restart_at = &mut world.processes[number].restart_at;
                restart_at.take_if(|at| *at <= now).is_some()
            };
            if due {
                let tasks = process::start(&self.world, number, process::on_a_network);
                self.start(number, tasks);
            }
        }
    }

    /// Mends what is broken no longer.
    fn mend(&mut self) {
        let now = self.elapsed();
        let mut world = self.world.borrow_mut();
        for (number, link) in self.broken.iter_mut().enumerate() {
            if let Some((broken, _)) = link.take_if(|(_, until)| *until <= now) {
                faults::mend_link(&self.sim, &mut world, number, broken);
            }
        }
        if self.server_back.take_if(|at| *at <= now).is_some() {
            world.incident(0, Incident::LogServerCameBack);
            drop(world);
            self.sim.bounce(SERVER);
        }
    }

    /// The storm is over: everything is mended at once.
    fn calm(&mut self) {
        calm(&mut self.world.borrow_mut());
        for (_, until) in self.broken.iter_mut().flatten() {
            *until = 0;
        }
        self.server_back = self.server_back.map(|_| 0);
        self.mend();
    }
}

/// The software of a machine: all its tasks, until they are done.
async fn run_all(tasks: Vec<Suspendable>) -> turmoil::Result {
    let tasks: Vec<_> = tasks.into_iter().map(tokio::task::spawn_local).collect();
    for task in tasks {
        task.await?;
    }
    Ok(())
}
