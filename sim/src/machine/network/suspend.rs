//! Stops a whole process, which turmoil cannot do.
//!
//! Every task of a process stands behind the same brake. While it is on, none of them is
//! polled: the machine goes on and its network with it, as under a `SIGSTOP`.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::machine::runtime::{Panic, Task};

/// The brake of one incarnation of a process.
#[derive(Default)]
pub(super) struct Brake {
    on: Cell<bool>,
    /// Of each task, once it was polled.
    wakers: RefCell<Vec<Option<Waker>>>,
    /// How many tasks are not done.
    running: Cell<usize>,
    panic: RefCell<Option<Panic>>,
}

impl Brake {
    /// Puts tasks behind a new brake.
    pub(super) fn on_all(tasks: Vec<Task>) -> (Rc<Self>, Vec<Braked>) {
        let brake = Rc::new(Self::default());
        brake.running.set(tasks.len());
        brake.wakers.borrow_mut().resize(tasks.len(), None);
        let braked = tasks.into_iter().enumerate().map(|(number, task)| Braked {
            task,
            number,
            brake: brake.clone(),
        });
        let braked = braked.collect();
        (brake, braked)
    }

    /// Puts the brake on, or lets go.
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

/// A task behind a brake.
pub(super) struct Braked {
    task: Task,
    number: usize,
    brake: Rc<Brake>,
}

impl Future for Braked {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let brake = self.brake.clone();
        brake.wakers.borrow_mut()[self.number] = Some(context.waker().clone());
        if brake.on.get() {
            return Poll::Pending;
        }
        // Tokio would keep the panic to itself.
        let polled = catch_unwind(AssertUnwindSafe(|| self.task.as_mut().poll(context)));
        let polled = polled.unwrap_or_else(|panic| {
            brake.panic.replace(Some(panic));
            Poll::Ready(())
        });
        if polled.is_ready() {
            brake.running.set(brake.running.get() - 1);
        }
        polled
    }
}
