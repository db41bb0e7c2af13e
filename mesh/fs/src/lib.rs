//! A mesh folder on a file system.
//!
//! [`FsStorage`] is the log, written over the [`FileSystem`] seam; the two store locks
//! and the real file system stand beside it. `docs/design.md` tells the protocol,
//! `docs/file-format.md` the bytes.

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
compile_error!("mesh runs on Linux and macOS; Windows and other systems are not supported");

mod adopt;
pub mod doctor;
mod error;
mod folder;
mod lock;
mod log;
mod options;
mod os;
mod read_only;
mod seam;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod upgrade;

pub use folder::export::pieces as state_json;
pub use folder::format::Format;
pub use folder::names::parse_journal as journal_generation;
pub use folder::{Location, locate};
pub use lock::{KernelLock, LockDirectory, LockKind, StoreLock};
pub use log::chain::{Chain, Link};
pub use log::protocol;
pub use log::record::{Record, Scanned, Sum, Tag, encode, scan};
pub use log::storage::FsStorage;
pub use options::FsOptions;
pub use os::{FileKind, OsFileSystem, Survey, SurveyEntry, SystemClock, seed};
pub use read_only::ReadOnly;
pub use seam::{Access, Appended, FileId, FileStat, FileSystem, ProcessId};
pub use upgrade::{Upgrade, upgrade_folder};
