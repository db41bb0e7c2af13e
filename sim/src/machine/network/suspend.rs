//! Stops a whole process, which turmoil cannot do.
//!
//! Every task of a process stands behind the same switch. While it is on, none of them is
//! polled: the machine goes on and its network with it, as under a `SIGSTOP`.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::machine::runtime::{Panic, Task};

/// The switch of one incarnation of a process.
#[derive(Default)]
pub(super) struct Suspend {
    on: Cell<bool>,
    /// Of each task, once it was polled.
    wakers: RefCell<Vec<Option<Waker>>>,
    /// How many tasks are not done.
    running: Cell<usize>,
    panic: RefCell<Option<Panic>>,
}

impl Suspend {
    /// Puts tasks behind a new switch.
    pub(super) fn on_all(tasks: Vec<Task>) -> (Rc<Self>, Vec<Suspendable>) {
        let suspend = Rc::new(Self::default());
        suspend.running.set(tasks.len());
        suspend.wakers.borrow_mut().resize(tasks.len(), None);
        let tasks = tasks
            .into_iter()
            .enumerate()
            .map(|(number, task)| Suspendable {
                task,
                number,
                suspend: suspend.clone(),
            });
        let tasks = tasks.collect();
        (suspend, tasks)
    }

    /// Suspends all of them, or lets them go on.
    pub(super) fn set(&self, on: bool) {
        if self.on.replace(on) && !on {
            self.wakers
                .borrow()
                .iter()
                .flatten()
                .for_each(Waker::wake_by_ref);
        }
    }

    /// Wakes one task.
    pub(super) fn wake(&self, task: usize) {
        if let Some(Some(waker)) = self.wakers.borrow().get(task) {
            waker.wake_by_ref();
        }
    }

    /// Whether every task has come to its end.
    pub(super) fn is_done(&self) -> bool {
        self.running.get() == 0
    }

    /// The panic of a task, if there was one.
    pub(super) fn take_panic(&self) -> Option<Panic> {
        self.panic.take()
    }
}

/// A task behind the switch of its process.
pub(super) struct Suspendable {
    task: Task,
    number: usize,
    suspend: Rc<Suspend>,
}

impl Future for Suspendable {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let suspend = self.suspend.clone();
        suspend.wakers.borrow_mut()[self.number] = Some(context.waker().clone());
        if suspend.on.get() {
            return Poll::Pending;
        }
        // Tokio would keep the panic to itself.
        let polled = catch_unwind(AssertUnwindSafe(|| self.task.as_mut().poll(context)));
        let polled = polled.unwrap_or_else(|panic| {
            suspend.panic.replace(Some(panic));
            Poll::Ready(())
        });
        if polled.is_ready() {
            suspend.running.set(suspend.running.get() - 1);
        }
        polled
    }
}
