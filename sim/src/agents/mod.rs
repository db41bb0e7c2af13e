//! Who uses mesh in the simulated world: a fleet of agents, and who looks after it.

mod agent;
mod auditors;
mod calls;
mod claims;
mod finish;
mod life;
mod mail;
mod restored;
mod waits;

pub(crate) use auditors::{audit, inspect};
pub(crate) use life::live;
pub(crate) use restored::{newcomer, reader, veteran};
