//! Implementations of the [ports](crate::ports).

pub use mesh_coordinator::conformance;
pub use mesh_coordinator::memory::{ManualClock, MemoryLock, MemoryLog, MemoryStorage};
pub use mesh_fs as fs;
pub use mesh_fs::{SystemClock, seed};
