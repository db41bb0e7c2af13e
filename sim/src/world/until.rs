//! How a task of the simulated world waits: until a moment of virtual time.

use std::pin::Pin;
use std::task::{Context, Poll};

use super::state::{COORDINATOR, Shared, TaskId};
use crate::trace::Micros;

/// Waits until a moment of virtual time, and as long as the process stands still.
pub(crate) fn until(world: &Shared, task: TaskId, at: Micros) -> Until<'_> {
    Until {
        world,
        task,
        at,
        armed: false,
    }
}

/// See [`until`].
pub(crate) struct Until<'a> {
    world: &'a Shared,
    task: TaskId,
    at: Micros,
    armed: bool,
}

impl Future for Until<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        let world = self.world;
        let TaskId { process, task } = self.task;
        let wake = &mut world.borrow_mut().processes[process].wakes[task];
        // Whoever runs the world takes the moment away when it has come.
        if self.armed {
            let came = wake.is_none();
            self.armed = !came;
            return if came { Poll::Ready(()) } else { Poll::Pending };
        }
        *wake = Some(self.at);
        self.armed = true;
        Poll::Pending
    }
}

impl Drop for Until<'_> {
    fn drop(&mut self) {
        if self.armed {
            let TaskId { process, task } = self.task;
            // While mesh panics, somebody may have the world.
            if let Ok(mut world) = self.world.try_borrow_mut() {
                world.processes[process].wakes[task] = None;
            }
        }
    }
}

/// The same for a task that waits for another one of its process, too.
pub(crate) async fn until_unless(world: &Shared, task: TaskId, at: Micros) {
    struct Attentive<'a>(&'a Shared, TaskId);
    impl Drop for Attentive<'_> {
        fn drop(&mut self) {
            if let Ok(mut world) = self.0.try_borrow_mut() {
                let process = &mut world.processes[self.1.process];
                process.attentive.remove(&self.1.task);
            }
        }
    }
    let _attentive = Attentive(world, task);
    let told_at = {
        let process = &mut world.borrow_mut().processes[task.process];
        process.attentive.insert(task.task);
        let listens = task.task == COORDINATOR && process.listens;
        process.told_at.filter(|_| listens)
    };
    until(world, task, told_at.map_or(at, |told| told.min(at))).await;
}
