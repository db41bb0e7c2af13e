//! The coordinator: one task that owns the state and speaks to the ports.
//!
//! Everything goes the same way: take what waits in the queue as one batch, take the
//! store's lock, catch up with the log, decide, append one entry, give the lock back,
//! sync, reply. What waits together therefore shares one append and one sync, and
//! while the disk is busy the next batch gathers.
//!
//! Guarantees, given a [`Storage`](ports::Storage) that keeps its contract:
//!
//! * No reply leaves before a sync that covers everything it tells (rules G4 and G5).
//!   That includes rejections and denials, since they, too, tell what was read.
//! * Nothing depends on the store's lock. An append that lost its race is decided
//!   again on the state as it is then, with the time as it is then.
//! * A pure reader takes no lock and writes nothing.
//!
//! The task runs on any executor: its channels need no runtime. It is meant for a
//! thread of its own, since the real ports block.
//!
//! Beside it stand the [`ports`], whose documentation is the contract for backends, the
//! [`conformance`] body that holds every backend to it, and the [`memory`] backend.

pub mod conformance;
mod error;
mod handle;
mod held;
pub mod memory;
mod nonces;
mod parcel;
pub mod ports;
mod serve;
mod signal;
mod task;
#[cfg(test)]
mod tests;

pub use error::MeshError;
pub use handle::{Call, Handle, Request, Served};
pub use nonces::Nonces;
pub use parcel::Parcel;
pub use serve::serve;
pub use task::Coordinator;
