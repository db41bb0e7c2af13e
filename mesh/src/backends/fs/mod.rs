//! A mesh folder on a file system.

mod error;
mod seam;
#[cfg(test)]
pub(crate) mod testing;

pub use seam::{Access, Appended, FileId, FileStat, FileSystem, ProcessId};
