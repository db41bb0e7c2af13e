//! Who uses mesh in the simulated world: a fleet of agents, and who looks after it.

mod agent;
mod auditors;

pub(crate) use agent::live;
pub(crate) use auditors::{audit, inspect};
