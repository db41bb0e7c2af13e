//! The three seams between the coordinator and the world.
//!
//! The coordinator is written against these traits alone, so the same code runs on a
//! real disk, on the simulator's disk, and on whatever engine comes later. Their
//! documentation is a contract for whoever implements them: it says first what may
//! fail and what must never happen. [`conformance`](crate::conformance) holds every
//! implementation to it.

mod clock;
mod error;
mod lock;
mod storage;

pub use clock::Clock;
pub use error::{Outcome, StorageError, StorageErrorKind};
pub use lock::Lock;
pub use storage::{Append, CheckpointNeed, Durability, News, Storage};
