//! The predecessor's file: read, told from one of ours, and kept.

use std::io;

use serde::Deserialize;

use super::convert::adopt;
use crate::error::{io_error, is_no_file};
use crate::folder::damage::no_file;
use crate::folder::export::MARK;
use crate::folder::names;
use crate::seam::{Access, FileSystem};
use mesh_coordinator::ports::{Clock, Outcome, StorageError, StorageErrorKind};
use mesh_core::{Limits, Snapshot};

/// The longest file that is adopted. The predecessor reads and writes its file as one
/// string, and its runtime has none of 512 MiB.
const MAX_STATE_BYTES: u64 = 512 << 20;

/// The bytes of a `state.json` that may be a predecessor's.
pub(crate) async fn read_state<F: FileSystem>(fs: &F) -> Result<Option<Vec<u8>>, StorageError> {
    let failed = |e: &io::Error| io_error("read", names::STATE, Outcome::NoEffect, e);
    let file = match fs.open(names::STATE, Access::Read).await {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if is_no_file(&error) => return Err(no_file(names::STATE)),
        Err(error) => return Err(failed(&error)),
    };
    match read_whole(fs, &file).await {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            Err(damaged(&error.to_string()))
        }
        Err(error) => Err(failed(&error)),
    }
}

/// The predecessor's state, under the predecessor's lock; `None` if it was taken over
/// meanwhile. The original is kept.
pub(crate) async fn read_predecessor<F: FileSystem, C: Clock>(
    fs: &F,
    limits: &'static Limits,
    clock: &C,
) -> Result<Option<Snapshot>, StorageError> {
    let Some(bytes) = read_state(fs).await? else {
        return Ok(None);
    };
    if is_ours(&bytes) {
        return Ok(None);
    }
    let snapshot = adopt(limits, &bytes, clock.now()).map_err(|what| damaged(&what))?;
    keep_original(fs).await?;
    // Behind the generation that is linked next, ours takes the original's name: after a
    // power cut the second name must not be the one that is missing.
    let synced = fs.sync_dir().await;
    synced.map_err(|e| io_error("sync", "the folder", Outcome::NoEffect, &e))?;
    Ok(Some(snapshot))
}

/// Gives the original a second name, since ours will take its first.
async fn keep_original<F: FileSystem>(fs: &F) -> Result<(), StorageError> {
    match fs.link(names::STATE, names::STATE_NODE).await {
        Ok(()) => Ok(()),
        // An adoption that was cut short got as far as this.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && is_kept(fs).await? => Ok(()),
        Err(error) => Err(cannot_keep(&error)),
    }
}

/// Whether the original has its second name already. Another file of that name is in the way.
async fn is_kept<F: FileSystem>(fs: &F) -> Result<bool, StorageError> {
    let kept = match fs.stat_name(names::STATE_NODE).await {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        kept => kept.map_err(|e| cannot_keep(&e))?,
    };
    let original = fs.stat_name(names::STATE).await;
    if original.map_err(|e| cannot_keep(&e))?.id == kept.id {
        return Ok(true);
    }
    Err(StorageError {
        kind: StorageErrorKind::Io,
        what: format!(
            "{} cannot be adopted: its original would be kept as {}, and there is \
             another file of that name",
            names::STATE,
            names::STATE_NODE
        ),
        next: format!("move {} away, then call again", names::STATE_NODE),
        outcome: Outcome::NoEffect,
    })
}

fn cannot_keep(error: &io::Error) -> StorageError {
    let doing = "keep the original as";
    io_error(doing, names::STATE_NODE, Outcome::NoEffect, error)
}

/// Refuses what an adoption refuses beside what is wrong with the file itself, and changes
/// nothing.
pub(crate) async fn check_surroundings<F: FileSystem>(fs: &F) -> Result<(), StorageError> {
    super::lock::check(fs).await?;
    is_kept(fs).await.map(drop)
}

/// The whole of a `state.json`. Its length is looked at before anything is read, since
/// a file of a stranger may claim to be longer than any memory.
async fn read_whole<F: FileSystem>(fs: &F, file: &F::File) -> io::Result<Vec<u8>> {
    let len = fs.stat(file).await?.len;
    if len > MAX_STATE_BYTES {
        let message = format!("it has {len} bytes, and at most {MAX_STATE_BYTES} are read");
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    let mut bytes = vec![0; len as usize];
    let read = fs.read_at(file, 0, &mut bytes).await?;
    bytes.truncate(read);
    Ok(bytes)
}

/// Whether a `state.json` carries our mark. One that cannot be read carries none.
pub(crate) fn is_ours(bytes: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Marked {
        mesh: serde::de::IgnoredAny,
    }
    debug_assert_eq!(MARK, "mesh");
    serde_json::from_slice::<Marked>(bytes)
        .map(|marked| marked.mesh)
        .is_ok()
}

pub(crate) fn damaged(what: &str) -> StorageError {
    StorageError {
        kind: StorageErrorKind::Damaged,
        what: format!(
            "{} of an earlier mesh cannot be adopted: {what}",
            names::STATE
        ),
        next: "nothing was changed: mend the file, or move it away to start with nothing"
            .to_owned(),
        outcome: Outcome::NoEffect,
    }
}
