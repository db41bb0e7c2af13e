//! A mesh folder on a file system.

mod seam;

pub use seam::{Access, Appended, FileId, FileStat, FileSystem, ProcessId};
