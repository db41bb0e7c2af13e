//! The log on files.
//!
//! The protocol in one paragraph. A generation is one file: a checkpoint, then
//! entries. An append is one write; the order of the file is the order of the log, and
//! the first valid record that continues the chain wins its place (see
//! [`chain`]). A writer whose bytes did not land where it expected reads what came between,
//! and so learns whether it won. Nothing is acknowledged or revealed before the file, and
//! the directory once in each generation, is synced; how far that went is noted in the
//! watermark. A generation ends with a seal, and the state at the seal is the next one's
//! checkpoint, so anybody can finish a rotation that a crash cut short.
//!
//! No lock is needed for any of this. What a lock adds is that writers seldom lose.
//!
//! | file | what it is |
//! |---|---|
//! | `storage` | the port: a log that is open, or is to be opened |
//! | `protocol` | the order of the steps, pure |
//! | `open_log`, `append`, `barrier`, `group_commit`, `rotation`, `retirement` | the steps, with real calls |
//! | `env`, `sync_leader` | what a log is opened in, and what outlives it |
//! | `exporting` | the copy for people |
//! | `opening`, `creation` | from a folder to an open log |
//! | `record`, `chain`, `generation`, `watermark` | what stands in the files, and what of it counts |

mod append;
mod barrier;
pub(crate) mod chain;
pub(crate) mod creation;
pub(crate) mod env;
mod exporting;
pub(crate) mod generation;
mod group_commit;
mod open_log;
pub(crate) mod opening;
pub mod protocol;
pub(crate) mod record;
mod retirement;
mod rotation;
pub(crate) mod storage;
pub(crate) mod sync_leader;
pub(crate) mod watermark;
