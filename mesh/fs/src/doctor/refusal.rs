//! Why a repair stops: what it cannot read, judge, number or put together.
//!
//! An error of the file system is told from damage here. Damage is a fact about the folder,
//! and what a repair is for. That a file cannot be read is a fact about this process: it says
//! nothing of the folder, so nothing may be put aside, or taken for absent, because of it.

use std::io;

use crate::error::io_error;
use crate::log::generation::ReadError;
use mesh_coordinator::ports::{Outcome, StorageError, StorageErrorKind};

/// Whether `error` says nothing of what a file holds, since it could not be read.
pub(super) fn is_unread(error: &StorageError) -> bool {
    use StorageErrorKind::{Damaged, Newer};
    !matches!(error.kind, Damaged | Newer)
}

pub(super) fn failed(doing: &str, name: &str, error: &io::Error) -> StorageError {
    io_error(doing, name, Outcome::NoEffect, error)
}

pub(super) fn newer() -> StorageError {
    StorageError {
        kind: StorageErrorKind::Newer,
        what: "a newer mesh wrote a part of this folder, so this one cannot tell what is damaged"
            .to_owned(),
        next: "install a newer mesh, and run its doctor; nothing was changed".to_owned(),
        outcome: Outcome::NoEffect,
    }
}

pub(super) fn no_number() -> StorageError {
    StorageError {
        kind: StorageErrorKind::Spent,
        what: "a file that an earlier repair kept has the last number that there is".to_owned(),
        next: "move the files with .damaged. in their names to another folder, then call again"
            .to_owned(),
        outcome: Outcome::NoEffect,
    }
}

/// Why nothing can be saved of the file `name`, or of all of them.
pub(super) fn unsalvageable(name: &str, error: &ReadError) -> StorageError {
    match error {
        ReadError::Io(error) => failed("read", name, error),
        ReadError::Damage(damage) if damage.is_newer() => newer(),
        ReadError::Damage(damage) => StorageError {
            kind: StorageErrorKind::Damaged,
            what: format!(
                "{}, byte {}: {}",
                damage.file(),
                damage.byte(),
                damage.what()
            ),
            next: "stop all mesh processes, and restore the folder from a backup, or delete it \
                   to start over; every file is still there"
                .to_owned(),
            outcome: Outcome::NoEffect,
        },
    }
}
