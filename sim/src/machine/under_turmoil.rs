//! The same world under turmoil: every process is a host with a tokio runtime.
//!
//! A kill is turmoil's `crash`, which drops the runtime with all that it holds, and a
//! restart its `bounce`. Tasks are spawned on the host and woken by tokio's own wakers.
//!
//! Turmoil runs all hosts side by side, in an order of its own, and never jumps in
//! time. The order must come from the tape, so each task stands behind a [`Gate`] that
//! lets it run only when it has the turn; one step of turmoil is one turn. And virtual
//! time is the world's, not turmoil's, so it jumps here as it does elsewhere.
//!
//! What this adds to the plain runner: tokio's tasks and their wakers in place of bells. A
//! waker that another runtime would lose, or a destructor that does something when a runtime
//! goes down, makes another trace.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use turmoil::Sim;

use super::runtime::{Panic, Runtime, Task};
use crate::world::TaskId;

/// How far turmoil's own clocks go in one turn. Nobody looks at them.
const TICK: Duration = Duration::from_millis(1);

/// Hosts under turmoil, one for each process.
pub(crate) struct UnderTurmoil {
    sim: Sim<'static>,
    hosts: Vec<Host>,
}

struct Host {
    name: String,
    /// What the host takes over when its software starts.
    starting: Rc<RefCell<Vec<Gate>>>,
    slices: Vec<Rc<HostSlice>>,
}

/// What the driver and a gate tell each other.
#[derive(Default)]
struct HostSlice {
    /// The driver: you may run, once.
    given: Cell<bool>,
    /// The gate: tokio polled me, and I had no turn.
    woken: Cell<bool>,
    done: Cell<bool>,
    waker: RefCell<Option<Waker>>,
    panic: RefCell<Option<Panic>>,
}

/// A task that runs only when it has the turn.
struct Gate {
    task: Task,
    slice: Rc<HostSlice>,
}

impl Future for Gate {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let slice = self.slice.clone();
        slice
            .waker
            .borrow_mut()
            .get_or_insert_with(|| context.waker().clone());
        if !slice.given.replace(false) {
            slice.woken.set(true);
            return Poll::Pending;
        }
        slice.woken.set(false);
        // Tokio would keep the panic to itself.
        let polled = catch_unwind(AssertUnwindSafe(|| self.task.as_mut().poll(context)));
        let polled = polled.unwrap_or_else(|panic| {
            slice.panic.replace(Some(panic));
            Poll::Ready(())
        });
        slice.done.set(polled.is_ready());
        polled
    }
}

impl UnderTurmoil {
    pub(crate) fn new() -> Self {
        let sim = turmoil::Builder::new()
            .rng_seed(0)
            .epoch(SystemTime::UNIX_EPOCH)
            .tick_duration(TICK)
            .build();
        Self {
            sim,
            hosts: Vec::new(),
        }
    }

    fn slice(&self, task: TaskId) -> Option<Rc<HostSlice>> {
        self.hosts[task.process].slices.get(task.task).cloned()
    }

    fn give(&mut self, slice: &HostSlice) {
        slice.given.set(true);
        if let Some(waker) = &*slice.waker.borrow() {
            waker.wake_by_ref();
        }
        let stepped = self.sim.step();
        assert!(stepped.is_ok(), "no host ends with an error: {stepped:?}");
        assert!(!slice.given.get(), "tokio polls a task that was woken");
        if let Some(panic) = slice.panic.take() {
            resume_unwind(panic);
        }
    }
}

/// The software of a host: all its tasks, until they are done.
async fn serve(gates: Vec<Gate>) -> turmoil::Result {
    let tasks: Vec<_> = gates.into_iter().map(tokio::task::spawn_local).collect();
    for task in tasks {
        task.await?;
    }
    Ok(())
}

impl Runtime for UnderTurmoil {
    fn start(&mut self, process: usize, tasks: Vec<Task>) {
        let gates: Vec<Gate> = tasks
            .into_iter()
            .map(|task| Gate {
                task,
                slice: Rc::default(),
            })
            .collect();
        let slices = gates.iter().map(|gate| gate.slice.clone()).collect();
        if let Some(host) = self.hosts.get_mut(process) {
            host.slices = slices;
            host.starting.replace(gates);
            self.sim.bounce(host.name.as_str());
            return;
        }
        let name = format!("process-{process}");
        let starting = Rc::new(RefCell::new(gates));
        let software = starting.clone();
        self.sim.host(name.as_str(), move || serve(software.take()));
        self.hosts.push(Host {
            name,
            starting,
            slices,
        });
    }

    fn poll(&mut self, task: TaskId) {
        if let Some(slice) = self.slice(task).filter(|slice| !slice.done.get()) {
            self.give(&slice);
        }
    }

    fn poll_idle(&mut self, task: TaskId) {
        let woken = |slice: &Rc<HostSlice>| slice.woken.get() && !slice.done.get();
        if let Some(slice) = self.slice(task).filter(woken) {
            self.give(&slice);
        }
    }

    fn is_woken(&self, task: TaskId) -> bool {
        self.slice(task).is_some_and(|slice| slice.woken.get())
    }

    fn is_running(&self, task: TaskId) -> bool {
        self.slice(task).is_some_and(|slice| !slice.done.get())
    }

    fn tasks(&self, process: usize) -> usize {
        self.hosts[process].slices.len()
    }

    fn kill(&mut self, process: usize) {
        let host = &mut self.hosts[process];
        host.slices.clear();
        self.sim.crash(host.name.as_str());
    }
}
