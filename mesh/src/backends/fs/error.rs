//! placeholder, replaced on merge
use crate::ports::{Outcome, StorageError, StorageErrorKind};
use std::io;
pub(super) fn io_error(
    doing: &str,
    name: &str,
    outcome: Outcome,
    error: &io::Error,
) -> StorageError {
    StorageError {
        kind: match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StorageErrorKind::Full,
            _ => StorageErrorKind::Io,
        },
        what: format!("{doing} {name} failed: {error}"),
        next: "see".to_owned(),
        outcome,
    }
}
