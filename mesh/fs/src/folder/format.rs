//! The file `format`: proof that the folder is not new, and how it may be used.
//!
//! It is made once the directory is known to hold generation 1 for good. From then on
//! a folder without a generation is not new but damaged, which is what keeps a removed
//! journal from being replaced by an empty one. It also says what all processes must
//! agree on: the version, the kind of the store's lock, and the newest kind of event
//! that may be written, so that a newer mesh does not lock out the older ones that
//! share the folder.

use std::io;

use serde::{Deserialize, Serialize};

use crate::error::{io_error, is_no_file};
use crate::folder::damage::{NEXT, no_file};
use crate::folder::names;
use crate::folder::write::{write_over, write_whole};
use crate::lock::LockKind;
use crate::seam::{Access, FileSystem};
use mesh_coordinator::ports::{Outcome, StorageError, StorageErrorKind};
use mesh_core::escape;

/// The version of the folder that this mesh writes.
const FORMAT_VERSION: u32 = 1;
/// The set of event kinds that this mesh knows.
const EVENTS_VERSION: u32 = 1;
/// No `format` is longer.
const MAX_BYTES: usize = 4096;

/// What `format` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Format {
    /// The version of the folder.
    pub format: u32,
    /// The set of event kinds that may be written.
    pub events: u32,
    /// The kind of the store's lock.
    pub lock: LockKind,
}

impl Format {
    /// What this mesh writes into a new folder.
    pub(crate) fn new(lock: LockKind) -> Self {
        Self {
            format: FORMAT_VERSION,
            events: EVENTS_VERSION,
            lock,
        }
    }

    /// Reads the folder's format; `None` where there is none yet.
    ///
    /// # Errors
    ///
    /// Where it cannot be read, is damaged, or is a newer mesh's.
    pub async fn read<F: FileSystem>(fs: &F) -> Result<Option<Self>, StorageError> {
        let failed = |e: &io::Error| io_error("read", names::FORMAT, Outcome::NoEffect, e);
        let file = match fs.open(names::FORMAT, Access::Read).await {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if is_no_file(&error) => return Err(no_file(names::FORMAT)),
            Err(error) => return Err(failed(&error)),
        };
        let mut bytes = vec![0; MAX_BYTES];
        let read = fs
            .read_at(&file, 0, &mut bytes)
            .await
            .map_err(|e| failed(&e))?;
        Self::parse(&bytes[..read]).map(Some)
    }

    fn parse(bytes: &[u8]) -> Result<Self, StorageError> {
        #[derive(Deserialize)]
        struct Versions {
            format: u32,
            events: u32,
        }
        let versions: Versions = serde_json::from_slice(bytes).map_err(|e| damaged(&e))?;
        if versions.format > FORMAT_VERSION || versions.events > EVENTS_VERSION {
            return Err(StorageError {
                kind: StorageErrorKind::Newer,
                what: format!(
                    "the folder has format {} with events {}, and this mesh knows {} and {}",
                    versions.format, versions.events, FORMAT_VERSION, EVENTS_VERSION
                ),
                next: "install the mesh that wrote it, or a newer one".to_owned(),
                outcome: Outcome::NoEffect,
            });
        }
        serde_json::from_slice(bytes).map_err(|e| damaged(&e))
    }

    /// Whether this mesh knows kinds of events that the folder does not allow yet.
    pub(crate) fn is_behind(&self) -> bool {
        self.format < FORMAT_VERSION || self.events < EVENTS_VERSION
    }

    /// Allows all that this mesh knows, in place of what the folder said before.
    pub(crate) async fn raise<F: FileSystem>(
        &self,
        fs: &F,
        temporary: &str,
    ) -> Result<Self, StorageError> {
        let failed = |e: &io::Error| io_error("write", names::FORMAT, Outcome::NoEffect, e);
        let raised = Self::new(self.lock);
        let mut json = serde_json::to_vec(&raised).map_err(|e| failed(&e.into()))?;
        json.push(b'\n');
        let written = write_over(fs, temporary, names::FORMAT, std::iter::once(Ok(json))).await;
        written.map_err(|e| failed(&e))?;
        fs.sync_dir().await.map_err(|e| failed(&e))?;
        Ok(raised)
    }

    /// Writes the folder's format, unless another process has done so. The directory
    /// must have been synced with a generation in it.
    pub(crate) async fn create<F: FileSystem>(
        &self,
        fs: &F,
        temporary: &str,
    ) -> Result<(), StorageError> {
        let failed = |e: &io::Error| io_error("create", names::FORMAT, Outcome::NoEffect, e);
        let mut json = serde_json::to_vec(self).map_err(|e| failed(&e.into()))?;
        json.push(b'\n');
        write_whole(fs, temporary, std::iter::once(Ok(json)))
            .await
            .map_err(|e| failed(&e))?;
        let linked = fs.link(temporary, names::FORMAT).await;
        // It has served; a leftover is swept with its generation.
        let _ = fs.remove(temporary).await;
        // Somebody else's format is as good, and so is a swept temporary file: both mean
        // that others have come further than this process.
        let benign = [io::ErrorKind::AlreadyExists, io::ErrorKind::NotFound];
        match linked {
            Err(error) if !benign.contains(&error.kind()) => Err(failed(&error)),
            _ => Ok(()),
        }
    }
}

fn damaged(error: &serde_json::Error) -> StorageError {
    StorageError {
        kind: StorageErrorKind::Damaged,
        what: format!(
            "{}, line {}, byte {}: {}",
            names::FORMAT,
            error.line(),
            error.column(),
            escape(&error.to_string())
        ),
        next: NEXT.to_owned(),
        outcome: Outcome::NoEffect,
    }
}
