//! Implementations of the [ports](crate::ports).

#[cfg(feature = "os")]
mod alarm;
#[cfg(feature = "os")]
mod clock;
pub mod conformance;
#[cfg(feature = "os")]
mod entropy;
pub mod fs;
mod memory;

#[cfg(feature = "os")]
pub use clock::SystemClock;
#[cfg(feature = "os")]
pub use entropy::seed;
pub use memory::{ManualClock, MemoryLock, MemoryLog, MemoryStorage};
