//! Who polls: the one thing in which the plain runner and the one under turmoil differ.
//!
//! The [executor](super::executor) decides whose turn it is, and a runtime gives that
//! task its turn. Everything else is the same code, so that traces must be equal for
//! equal tapes: where they are not, something in mesh leans on how it is polled.

use std::any::Any;
use std::pin::Pin;
use std::task::{Context, Waker};

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

    /// Gives a task its turn that waits for another one of its process, if it was woken
    /// or if that cannot be told.
    fn poll_idle(&mut self, task: TaskId);

    /// Whether a task has not come to its end.
    fn is_running(&self, task: TaskId) -> bool;

    /// How many tasks a process has; none while it is dead.
    fn tasks(&self, process: usize) -> usize;

    /// Drops the tasks of a process.
    fn kill(&mut self, process: usize);
}

/// Polls by hand: no wakers, no runtime, nothing but futures.
#[derive(Default)]
pub(crate) struct ByHand {
    processes: Vec<Vec<Option<Task>>>,
}

impl Runtime for ByHand {
    fn start(&mut self, process: usize, tasks: Vec<Task>) {
        if process == self.processes.len() {
            self.processes.push(Vec::new());
        }
        self.processes[process] = tasks.into_iter().map(Some).collect();
    }

    fn poll(&mut self, task: TaskId) {
        let Some(slot) = self.processes[task.process].get_mut(task.task) else {
            return;
        };
        let Some(future) = slot else { return };
        let mut context = Context::from_waker(Waker::noop());
        if future.as_mut().poll(&mut context).is_ready() {
            *slot = None;
        }
    }

    fn poll_idle(&mut self, task: TaskId) {
        self.poll(task);
    }

    fn is_running(&self, task: TaskId) -> bool {
        let slot = self.processes[task.process].get(task.task);
        slot.is_some_and(Option::is_some)
    }

    fn tasks(&self, process: usize) -> usize {
        self.processes[process].len()
    }

    fn kill(&mut self, process: usize) {
        self.processes[process].clear();
    }
}
