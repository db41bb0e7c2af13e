//! The one place where the command line meets the library: which folder it opens.

use crate::Mesh;
use crate::mcp::Folder;
use crate::ports::{Outcome, StorageError, StorageErrorKind};

/// Opens the folder that the working directory and `MESH_DIR` lead to (rule S4).
pub(super) fn open_folder() -> Folder {
    Err(StorageError {
        kind: StorageErrorKind::Refused,
        what: "this build of mesh has no storage".to_owned(),
        next: "build it with the fs backend".to_owned(),
        outcome: Outcome::NoEffect,
    })
}

/// Closes the folder in order, which writes `state.json` for people to read (rule S2).
pub(super) async fn close_folder(folder: Folder) {
    if let Ok(mesh) = folder {
        close(mesh).await;
    }
}

async fn close(_mesh: Mesh) {}
