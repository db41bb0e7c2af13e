//! How much of the world a claims model contains.

use mesh::core::Millis;

/// One tick of the clock. As long as an agent stays stale, so that all three kinds of
/// liveness are a tick apart, and half of what a bad clock is forgiven (C12).
pub const TICK: Millis = 30_000;
/// The TTL of every registration: alive for a tick, stale for another, then dead.
pub const TTL_SECONDS: u64 = TICK / 1000;

/// How an agent lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Role {
    /// Whether it registers; one that never does has no liveness (C9).
    pub registers: bool,
    /// How many ticks its clock is ahead (or behind, where negative).
    pub clock: i64,
}

/// An agent that registers, with a right clock.
pub const REGISTERED: Role = Role {
    registers: true,
    clock: 0,
};
/// An agent that never registers, with a right clock.
pub const ANONYMOUS: Role = Role {
    registers: false,
    clock: 0,
};

/// The bounds of a claims model. Time is not among them: see [`View`](super::View).
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The agents, `a`, `b`, `c`.
    pub agents: &'static [Role],
    /// How many resources there are.
    pub resources: usize,
    /// How many ticks a lease lasts: with 1 it ends before its silent holder is dead,
    /// with 4 it does not.
    pub lease: u64,
    /// By how many ticks the clock of an observer is off, who only looks (and so reaps).
    pub observer: Option<i64>,
    /// Whether claims without waiting, releases of others' claims and explicit modes on
    /// what one has already are explored too.
    pub thorough: bool,
}

impl Bounds {
    /// The slowest clock of anybody, in ticks.
    pub fn slowest(&self) -> i64 {
        let clocks = self.agents.iter().map(|role| role.clock);
        clocks.chain(self.observer).chain([0]).min().unwrap_or(0)
    }

    /// The fastest clock of anybody, in ticks.
    pub fn fastest(&self) -> i64 {
        let clocks = self.agents.iter().map(|role| role.clock);
        clocks.chain(self.observer).chain([0]).max().unwrap_or(0)
    }
}

/// The name of agent number `n`.
pub(super) fn agent(n: usize) -> &'static str {
    ["a", "b", "c", "d"][n]
}

/// The name of resource number `n`.
pub(super) fn resource(n: usize) -> &'static str {
    ["r", "s", "t"][n]
}
