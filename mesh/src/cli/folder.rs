//! The one place where the command line meets the library: which folder it opens.

use std::env;

use crate::Mesh;
use crate::backends::fs::locate;
use crate::mcp::Folder;
use crate::ports::{Outcome, StorageError, StorageErrorKind};

/// Opens the folder that the working directory and `MESH_DIR` lead to (rule S4).
pub(super) fn open_folder() -> Folder {
    let cwd = env::current_dir().map_err(|error| StorageError {
        kind: StorageErrorKind::Io,
        what: format!("the working directory cannot be found: {error}"),
        next: "start mesh in a directory that exists, or set MESH_DIR".to_owned(),
        outcome: Outcome::NoEffect,
    })?;
    let location = locate(&cwd, |name| env::var_os(name))?;
    Ok(Mesh::options(location.path)
        .explicit(location.explicit)
        .open())
}

/// Closes the folder in order, which writes `state.json` for people to read (rule S2).
pub(super) async fn close_folder(folder: Folder) {
    if let Ok(mesh) = folder {
        mesh.close().await;
    }
}
