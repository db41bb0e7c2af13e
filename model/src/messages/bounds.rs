//! How much of the world a messages model contains.

use mesh::core::Millis;

/// One tick of the clock: half of the hour for which a key is remembered (M7), and the
/// whole life of a message or a registration that has a TTL.
pub const TICK: Millis = 1_800_000;

/// A clock, in ticks ahead of the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// How far it is ahead, or behind where negative.
    pub ahead: i64,
    /// How far it is ahead after it was set back, which may happen once, at any time.
    pub set_back_to: Option<i64>,
    /// How many milliseconds it is behind that: for errors of less than a tick.
    pub behind_ms: i64,
}

/// A clock that is right.
pub const RIGHT: Clock = Clock {
    ahead: 0,
    set_back_to: None,
    behind_ms: 0,
};

/// Where a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum To {
    /// To the agent after the sender.
    Next,
    /// To all.
    All,
    /// To the topic `t`.
    Topic,
}

/// A kind of message that is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Kind {
    /// Where it goes.
    pub to: To,
    /// Whether it lives for a tick only.
    pub expires: bool,
    /// Whether it carries the sender's one key, so that sending it again is a retry.
    pub key: bool,
}

/// The bounds of a messages model. Time is not among them: only differences count.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The clocks of the agents `a0`, `a1`, `a2`, each a writer and a reader.
    pub clocks: &'static [Clock],
    /// What is sent.
    pub kinds: &'static [Kind],
    /// How many messages at most.
    pub posts: usize,
    /// Whether agents may register, for a tick: so they are counted, and die.
    pub registers: bool,
}

impl Bounds {
    fn readings(&self) -> impl Iterator<Item = i64> {
        let all = self.clocks.iter();
        all.flat_map(|clock| [clock.ahead, clock.set_back_to.unwrap_or(clock.ahead)])
    }

    /// The slowest clock of anybody, in ticks.
    pub(super) fn slowest(&self) -> i64 {
        self.readings().chain([0]).min().unwrap_or(0)
    }

    /// The fastest clock of anybody, in ticks.
    pub(super) fn fastest(&self) -> i64 {
        self.readings().chain([0]).max().unwrap_or(0)
    }
}

/// The name of agent number `n`.
pub(super) fn agent(n: usize) -> &'static str {
    ["a0", "a1", "a2"][n]
}
