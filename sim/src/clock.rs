//! The clocks of a process, none of which is right.
//!
//! Each process has its own: a wall clock with an offset that may step either way, and
//! a steady clock that starts anywhere. Both run at the process's own rate. Reading a
//! clock takes no time and cannot fail; sleeping is an await point like any other.

use mesh::core::Millis;
use mesh::ports::Clock;

use crate::trace::Micros;
use crate::world::{Shared, TaskId, until, until_unless};

/// When the simulated world begins, by a clock that is right.
pub const EPOCH_MS: u64 = 1_700_000_000_000;
/// A hundred years.
pub const CENTURY_MS: i64 = 100 * 365 * 24 * 3600 * 1000;

/// The rate of the fastest clock of a storm.
pub const FASTEST_RATE: u64 = 2000;

/// How the clocks of one process run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockFace {
    /// How far the wall clock is off, in milliseconds.
    pub offset_ms: i64,
    /// How fast both clocks run: 1000 is right.
    pub rate: u64,
    /// What the steady clock showed when the process started.
    pub steady_start_ms: u64,
    /// When the process started, in virtual time.
    pub started: Micros,
}

impl ClockFace {
    /// A clock that is right.
    pub fn right(started: Micros) -> Self {
        Self {
            offset_ms: 0,
            rate: 1000,
            steady_start_ms: 0,
            started,
        }
    }

    /// The wall clock at a moment.
    pub fn wall(&self, at: Micros) -> Millis {
        let run = at * self.rate / 1_000_000;
        (EPOCH_MS + run).saturating_add_signed(self.offset_ms)
    }

    /// The steady clock at a moment.
    pub fn steady(&self, at: Micros) -> Millis {
        self.steady_start_ms + (at - self.started) * self.rate / 1_000_000
    }

    /// Sets the clocks right. The steady one goes on from where it is.
    pub fn set_right(&mut self, now: Micros) {
        *self = Self {
            steady_start_ms: self.steady(now),
            ..Self::right(now)
        };
    }

    /// How much virtual time passes while the process measures `micros`.
    pub fn virtual_micros(&self, micros: u64) -> Micros {
        micros * 1000 / self.rate + 1
    }
}

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
