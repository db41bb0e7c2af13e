//! A mesh folder on a file system.
//!
//! [`FsStorage`] is the log, written over the [`FileSystem`] seam; the two store locks
//! and the real file system stand beside it. `docs/design.md` tells the protocol,
//! `docs/file-format.md` the bytes.

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
compile_error!("mesh runs on Linux and macOS; Windows and other systems are not supported");

mod adopt;
mod append;
mod barrier;
mod chain;
mod damage;
pub mod doctor;
mod error;
mod export;
mod format;
mod generation;
mod locate;
mod lock;
mod names;
mod open;
mod os;
mod read_only;
mod record;
mod rotation;
mod seam;
mod storage;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod turn;
mod upgrade;
mod watermark;
mod write;

pub use chain::{Chain, Link};
pub use export::pieces as state_json;
pub use format::Format;
pub use locate::{Location, locate};
pub use lock::{KernelLock, LockDirectory, LockKind, StoreLock};
pub use mesh_coordinator::Nonces;
pub use names::parse_journal as journal_generation;
pub use os::{FileKind, OsFileSystem, Survey, SurveyEntry, SystemClock, seed};
pub use read_only::ReadOnly;
pub use record::{Record, Scanned, Sum, Tag, encode, scan};
pub use seam::{Access, Appended, FileId, FileStat, FileSystem, ProcessId};
pub use storage::{FsOptions, FsStorage};
pub use upgrade::{Upgrade, upgrade_folder};
