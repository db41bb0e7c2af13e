//! A mesh folder on a file system.

mod error;
mod lock;
#[cfg(feature = "os")]
mod os;
mod seam;
#[cfg(test)]
pub(crate) mod testing;

pub use lock::{KernelLock, LockDirectory, LockKind, StoreLock};
#[cfg(feature = "os")]
pub use os::OsFileSystem;
pub use seam::{Access, Appended, FileId, FileStat, FileSystem, ProcessId};
