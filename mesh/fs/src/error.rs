//! From an error of the file system to something that a person can act on.
//!
//! An `io::Error` knows neither which file it was about nor what helps. Here, and
//! only here, both are added. What the failed operation may have done is not in the
//! error either: the caller knows, and says so.

use std::io::{self, Error, ErrorKind};

use mesh_coordinator::ports::{Outcome, StorageError, StorageErrorKind};

/// `ENFILE` and `EMFILE` have no stable `ErrorKind`; Linux and macOS agree on both.
const TOO_MANY_FILES: [i32; 2] = [23, 24];
/// `EIO`, likewise.
const DEVICE_ERROR: i32 = 5;

/// What `error` means for somebody who was `doing` something to `name`, such as
/// "append to" `journal.3`; `outcome` is what the operation may have done.
pub(crate) fn io_error(doing: &str, name: &str, outcome: Outcome, error: &Error) -> StorageError {
    StorageError {
        kind: kind(error),
        what: format!("cannot {doing} {name}: {error}"),
        next: next(error).to_owned(),
        outcome,
    }
}

/// What is wrong with a log whose numbers are used up. Nothing of it was written.
fn out_of_numbers(what: String) -> StorageError {
    StorageError {
        kind: StorageErrorKind::Spent,
        what,
        next: "what is there stays readable; take over what matters (`mesh status`, `mesh \
               inbox`), then delete the folder to start over"
            .to_owned(),
        outcome: Outcome::NoEffect,
    }
}

/// The log that ends in `journal` has an entry in its last place.
pub(crate) fn no_place(journal: &str, newest: u64) -> StorageError {
    out_of_numbers(format!(
        "cannot append to {journal}: entry {newest} was the last that there can be"
    ))
}

/// There is no number for a generation behind `journal`.
pub(crate) fn no_generation(journal: &str) -> StorageError {
    out_of_numbers(format!(
        "{journal} was the last generation that there can be"
    ))
}

/// What is wrong with an entry that no reader would take. Nothing of it was written.
pub(crate) fn unfit(what: String, next: &str) -> StorageError {
    StorageError {
        kind: StorageErrorKind::Unfit,
        what,
        next: next.to_owned(),
        outcome: Outcome::NoEffect,
    }
}

/// `ELOOP`, which has no stable `ErrorKind`: on Linux, and on macOS.
const LOOP: [i32; 2] = [40, 62];

/// Whether a file could not be opened because there is something else of its name: a
/// directory, a symbolic link, a device.
pub(crate) fn is_no_file(error: &Error) -> bool {
    let linked = error.raw_os_error().is_some_and(|n| LOOP.contains(&n));
    linked
        || matches!(
            error.kind(),
            ErrorKind::InvalidInput | ErrorKind::IsADirectory
        )
}

/// Logs that a courtesy to others failed. Who may only read leaves it to those who write,
/// and need not be told.
pub(crate) fn put_off(what: &str, error: &Error) {
    match error.kind() {
        ErrorKind::ReadOnlyFilesystem => tracing::debug!("{what} is left to others: {error}"),
        _ => tracing::warn!("{what} failed: {error}"),
    }
}

/// Whoever removes something is content if it is gone already.
pub(crate) fn ignore_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn kind(error: &Error) -> StorageErrorKind {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StorageErrorKind::Full,
        _ => StorageErrorKind::Io,
    }
}

fn next(error: &Error) -> &'static str {
    match error.kind() {
        ErrorKind::StorageFull => "free some space on that disk, then call again",
        ErrorKind::QuotaExceeded => {
            "free some of your disk quota or have it raised, then call again"
        }
        ErrorKind::FileTooLarge => {
            "raise the limit on file sizes (`ulimit -f`), then start mesh again"
        }
        ErrorKind::PermissionDenied => {
            "give this user read and write permission there, or set MESH_DIR to a folder of its own"
        }
        ErrorKind::ReadOnlyFilesystem => {
            "mount it writable, or set MESH_DIR to a folder on a writable disk"
        }
        ErrorKind::NotFound => {
            "see whether the mesh folder was moved or deleted; if it was meant to be, start mesh again"
        }
        ErrorKind::StaleNetworkFileHandle => "set MESH_DIR to a folder on a local disk",
        ErrorKind::OutOfMemory => "free some memory, then call again",
        _ => next_by_number(error),
    }
}

fn next_by_number(error: &Error) -> &'static str {
    match error.raw_os_error() {
        Some(number) if TOO_MANY_FILES.contains(&number) => {
            "close other programs or raise the limit on open files (`ulimit -n`), then call again"
        }
        Some(DEVICE_ERROR) => {
            "look for errors of the disk in the system log; once it is healthy, start mesh again"
        }
        _ => "call again; if it persists, check the disk and the permissions of the mesh folder",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(error: impl Into<Error>) -> StorageError {
        io_error("append to", "journal.3", Outcome::NoEffect, &error.into())
    }

    #[test]
    fn an_error_says_what_happened_to_what_and_what_to_do() {
        let error = io_error(
            "append to",
            "journal.3",
            Outcome::Unknown,
            &Error::from(ErrorKind::StorageFull),
        );
        assert_eq!(error.kind, StorageErrorKind::Full);
        assert_eq!(error.outcome, Outcome::Unknown);
        assert_eq!(error.what, "cannot append to journal.3: no storage space");
        assert_eq!(error.next, "free some space on that disk, then call again");
    }

    #[test]
    fn only_a_lack_of_room_is_full() {
        assert_eq!(hint(ErrorKind::QuotaExceeded).kind, StorageErrorKind::Full);
        assert_eq!(hint(ErrorKind::PermissionDenied).kind, StorageErrorKind::Io);
        assert_eq!(hint(ErrorKind::FileTooLarge).kind, StorageErrorKind::Io);
    }

    #[test]
    fn errors_without_a_kind_of_their_own_still_get_their_hint() {
        assert!(
            hint(Error::from_raw_os_error(24))
                .next
                .contains("ulimit -n")
        );
        assert!(
            hint(Error::from_raw_os_error(5))
                .next
                .contains("system log")
        );
        assert!(
            hint(ErrorKind::ReadOnlyFilesystem)
                .next
                .contains("MESH_DIR")
        );
    }
}
