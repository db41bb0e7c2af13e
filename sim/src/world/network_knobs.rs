//! What kind of network a seed makes.

use super::tape::Tape;

/// How the network behaves, and what can go wrong with it and with the machines. Times
/// are in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetworkKnobs {
    /// How long a message takes on a sound link, at most.
    pub latency_ms: u64,
    /// And on a slow one: longer than a client waits.
    pub slow_ms: u64,
    /// How long a client waits for a reply.
    pub patience_ms: u64,
    /// How many entries are worth a checkpoint.
    pub trim_entries: u64,
    /// The longest time between two faults, not counting when nobody waits for the network.
    pub fault_every_ms: u64,
    /// Whether links break, both ways or one way.
    pub partitions: bool,
    /// Whether links hold messages back.
    pub holds: bool,
    /// Whether links become slow.
    pub slow: bool,
    /// Whether the log server goes down for a while.
    pub server_crashes: bool,
    /// Whether machines go down.
    pub crashes: bool,
    /// Whether processes stand still.
    pub pauses: bool,
    /// Whether clocks step.
    pub clock_steps: bool,
}

impl NetworkKnobs {
    /// Draws a network. An empty tape gives one in which nothing goes wrong.
    pub(crate) fn draw(tape: &mut Tape) -> Self {
        let latency_ms = tape.pick(&[2, 1, 5, 20]);
        let patience_ms = 4 * latency_ms + tape.pick(&[50, 5, 20]);
        let mut exists = || tape.below(3) > 0;
        Self {
            latency_ms,
            slow_ms: patience_ms * 3,
            patience_ms,
            partitions: exists(),
            holds: exists(),
            slow: exists(),
            server_crashes: exists(),
            crashes: exists(),
            pauses: exists(),
            clock_steps: exists(),
            trim_entries: tape.pick(&[1_000, 5, 10, 20]),
            fault_every_ms: tape.pick(&[20, 5, 10, 40]),
        }
    }
}
