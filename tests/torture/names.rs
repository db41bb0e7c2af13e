//! What agents, resources and the topic are called.

/// The resources that everybody wants; the last one is shared by half of the agents.
pub(crate) const RESOURCES: [&str; 5] = ["r0", "r1", "r2", "r3", "shared"];
/// The topic that everybody posts to.
pub(crate) const TOPIC: &str = "topic:torture";

/// The name of the agent with this number.
pub(crate) fn name(number: usize) -> String {
    format!("agent-{number}")
}
