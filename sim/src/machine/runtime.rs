//! Who polls: the one thing in which the plain runner and the one under turmoil differ.
//!
//! The [executor](super::executor) decides whose turn it is, and a runtime gives that
//! task its turn. Everything else is the same code, so that traces must be equal for
//! equal tapes: where they are not, something in mesh leans on how it is polled.

use std::any::Any;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};

use crate::world::TaskId;

/// A panic on its way to the driver.
pub(crate) type Panic = Box<dyn Any + Send>;

/// A task of a process.
pub(crate) type Task = Pin<Box<dyn Future<Output = ()>>>;

/// Holds the tasks of all processes, and polls the one whose turn it is.
pub(crate) trait Runtime {
    /// Starts a process, or a new incarnation of it.
    fn start(&mut self, process: usize, tasks: Vec<Task>);

    /// Gives a task its turn whose moment has come.
    fn poll(&mut self, task: TaskId);

    /// Gives a task its turn that waits for another one of its process, if it was woken.
    fn poll_idle(&mut self, task: TaskId);

    /// Whether another task has woken this one since its last turn.
    fn is_woken(&self, task: TaskId) -> bool;

    /// Whether a task has not come to its end.
    fn is_running(&self, task: TaskId) -> bool;

    /// How many tasks a process has; none while it is dead.
    fn tasks(&self, process: usize) -> usize;

    /// Drops the tasks of a process.
    fn kill(&mut self, process: usize);
}

/// Polls by hand: no runtime, nothing but futures and wakers that ring.
#[derive(Default)]
pub(crate) struct ByHand {
    processes: Vec<Vec<Slot>>,
}

/// A task, until it comes to its end.
struct Slot {
    task: Option<Task>,
    bell: Arc<Bell>,
    waker: Waker,
}

/// Rings when its task is woken.
#[derive(Default)]
struct Bell(AtomicBool);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Slot {
    fn new(task: Task) -> Self {
        let bell = Arc::new(Bell::default());
        Self {
            task: Some(task),
            waker: bell.clone().into(),
            bell,
        }
    }
}

impl ByHand {
    fn slot(&self, task: TaskId) -> Option<&Slot> {
        self.processes[task.process].get(task.task)
    }
}

impl Runtime for ByHand {
    fn start(&mut self, process: usize, tasks: Vec<Task>) {
        if process == self.processes.len() {
            self.processes.push(Vec::new());
        }
        self.processes[process] = tasks.into_iter().map(Slot::new).collect();
    }

    fn poll(&mut self, task: TaskId) {
        let Some(slot) = self.processes[task.process].get_mut(task.task) else {
            return;
        };
        let Some(future) = &mut slot.task else { return };
        slot.bell.0.store(false, Ordering::Relaxed);
        let mut context = Context::from_waker(&slot.waker);
        if future.as_mut().poll(&mut context).is_ready() {
            slot.task = None;
        }
    }

    fn poll_idle(&mut self, task: TaskId) {
        if self.is_woken(task) {
            self.poll(task);
        }
    }

    fn is_woken(&self, task: TaskId) -> bool {
        let slot = self.slot(task);
        slot.is_some_and(|slot| slot.bell.0.load(Ordering::Relaxed))
    }

    fn is_running(&self, task: TaskId) -> bool {
        self.slot(task).is_some_and(|slot| slot.task.is_some())
    }

    fn tasks(&self, process: usize) -> usize {
        self.processes[process].len()
    }

    fn kill(&mut self, process: usize) {
        self.processes[process].clear();
    }
}
