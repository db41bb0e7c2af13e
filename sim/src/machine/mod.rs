//! What runs a world: its processes, and who of them goes on when.

mod ending;
mod executor;
mod network;
mod process;
mod runtime;
mod under_turmoil;

pub(crate) use ending::End;
pub(crate) use executor::Executor;
pub(crate) use network::Network;
pub(crate) use runtime::{ByHand, Panic, Runtime};
pub(crate) use under_turmoil::UnderTurmoil;
