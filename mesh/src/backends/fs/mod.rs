//! A mesh folder on a file system.

mod error;
#[cfg(feature = "os")]
mod locate;
mod lock;
#[cfg(feature = "os")]
mod os;
mod seam;
#[cfg(test)]
pub(crate) mod testing;

#[cfg(feature = "os")]
pub use locate::{Location, locate};
pub use lock::{KernelLock, LockDirectory, LockKind, StoreLock};
#[cfg(feature = "os")]
pub use os::OsFileSystem;
pub use seam::{Access, Appended, FileId, FileStat, FileSystem, ProcessId};
