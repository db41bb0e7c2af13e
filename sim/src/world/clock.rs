//! The clocks of a process, none of which is right.
//!
//! Each process has its own: a wall clock with an offset that may step either way, and
//! a steady clock that starts anywhere. Both run at the process's own rate.

use mesh::core::Millis;

use crate::trace::{EPOCH_MS, Micros};

/// The rate of the fastest clock of a storm.
pub(crate) const FASTEST_RATE: u64 = 2000;

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
