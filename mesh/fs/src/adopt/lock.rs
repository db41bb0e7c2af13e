//! The predecessor's lock directory.

use std::io;

use crate::error::{ignore_missing, io_error, is_no_file};
use crate::folder::names;
use crate::seam::FileSystem;
use mesh_coordinator::ports::{Clock, Outcome, StorageError, StorageErrorKind};
use mesh_core::Millis;

/// How long the predecessor's lock may stand before it is taken from a dead holder,
/// as the predecessor itself does.
const STALE_LOCK: Millis = 5_000;
const LOCK_POLL: Millis = 20;
/// How often it is looked at: for a minute, if nobody leaves it standing.
const LOOKS: usize = 3_000;

/// Takes the lock directory of the predecessor. One that stands unchanged for as
/// long as the predecessor itself would wait is taken from its dead holder.
///
/// The predecessor's waiters measure how long *they* have waited, and so rob a
/// holder that came a moment ago. Here each new directory gets its full time: it is told
/// from the one before by its number and, since numbers are used again, by when it changed.
pub(crate) async fn lock<F: FileSystem, C: Clock>(fs: &F, clock: &C) -> Result<(), StorageError> {
    let failed = |e: &io::Error| io_error("take", names::NODE_LOCK, Outcome::NoEffect, e);
    let mut watched = None;
    for _ in 0..LOOKS {
        match fs.make_dir(names::NODE_LOCK).await {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(&error)),
        }
        let now = clock.monotonic();
        // One that is gone by now is free at the next look.
        let seen = fs.stat_name(names::NODE_LOCK).await;
        let seen = seen.ok().map(|stat| (stat.id, stat.changed));
        match watched {
            Some((before, since)) if seen == Some(before) => {
                if now.saturating_sub(since) > STALE_LOCK {
                    if let Err(error) = ignore_missing(fs.remove_dir(names::NODE_LOCK).await) {
                        check(fs).await?;
                        return Err(failed(&error));
                    }
                    watched = None;
                    continue;
                }
            }
            _ => watched = seen.map(|seen| (seen, now)),
        }
        clock.sleep(LOCK_POLL).await;
    }
    Err(failed(&io::Error::other("it keeps passing between others")))
}

/// Refuses what has the lock's name and is none: the predecessor makes an empty directory,
/// and anything else stands in the way of every adoption.
pub(crate) async fn check<F: FileSystem>(fs: &F) -> Result<(), StorageError> {
    match fs.list(Some(names::NODE_LOCK)).await {
        Ok(inside) if inside.is_empty() => Ok(()),
        Ok(_) => Err(in_the_way("is a directory with something in it")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory || is_no_file(&error) => {
            Err(in_the_way("is not a directory"))
        }
        Err(error) => {
            let doing = "look at";
            Err(io_error(doing, names::NODE_LOCK, Outcome::NoEffect, &error))
        }
    }
}

fn in_the_way(what: &str) -> StorageError {
    StorageError {
        kind: StorageErrorKind::Io,
        what: format!(
            "cannot take {}: it {what}, and so no lock of an earlier mesh",
            names::NODE_LOCK
        ),
        next: format!("move {} away, then call again", names::NODE_LOCK),
        outcome: Outcome::NoEffect,
    }
}

/// Frees the predecessor's lock.
pub(crate) async fn unlock<F: FileSystem>(fs: &F) {
    // Where this fails the predecessor's own rule frees it after 5 s.
    let _ = fs.remove_dir(names::NODE_LOCK).await;
}
