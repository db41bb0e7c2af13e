//! The ports without a machine: a log in memory, its lock, and a clock that obeys.
//!
//! For tests, examples and programs that want mesh's rules but no folder.
//!
//! Guarantees: everything that the ports ask for, between the threads of one process.
//! What it cannot give is durability; here "durable" means that it is in memory.

mod clock;
mod lock;
mod log;

pub use clock::ManualClock;
pub use lock::MemoryLock;
pub use log::{MemoryLog, MemoryStorage};
