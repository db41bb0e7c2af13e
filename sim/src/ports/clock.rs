//! The clock port: whatever the clocks of a process show.
//!
//! Reading a clock takes no time and cannot fail; sleeping is an await point like any
//! other.

use mesh::core::Millis;
use mesh::ports::Clock;

use crate::trace::Micros;
use crate::world::{Shared, TaskId, until, until_unless};

/// The [`Clock`] that a process is given.
#[derive(Clone)]
pub(crate) struct SimClock {
    world: Shared,
    task: TaskId,
}

impl SimClock {
    pub(crate) fn new(world: Shared, task: TaskId) -> Self {
        Self { world, task }
    }

    /// When so much time will have passed for the process.
    fn after(&self, micros: u64) -> Micros {
        let world = self.world.borrow();
        let face = world.processes[self.task.process].clock;
        // A steady clock in milliseconds must have gone on by the whole time.
        world.now + face.virtual_micros(micros + 1000)
    }
}

impl Clock for SimClock {
    fn now(&self) -> Millis {
        let mut world = self.world.borrow_mut();
        let at = world.now;
        let process = &mut world.processes[self.task.process];
        process.clock_read_at = at;
        process.last_now = process.clock.wall(at);
        process.last_now
    }

    fn monotonic(&self) -> Millis {
        let world = self.world.borrow();
        world.processes[self.task.process].clock.steady(world.now)
    }

    async fn sleep(&self, duration: Millis) {
        let at = self.after(duration * 1000);
        until_unless(&self.world, self.task, at).await;
    }

    /// Stretched: the lock polls thousands of times while a holder stands still, and a
    /// sleep may always return late.
    async fn back_off(&self, micros: u64) {
        let stretch = self.world.borrow().knobs.stretch;
        let at = self.after(micros * stretch);
        until(&self.world, self.task, at).await;
    }
}
