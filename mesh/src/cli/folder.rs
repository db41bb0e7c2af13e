//! The one place where the command line meets the library: which folder it opens, and
//! whether it may make one.

use std::env;

use crate::backends::fs::{Location, OsFileSystem, locate};
use crate::mcp::Folder;
use crate::ports::{Outcome, StorageError, StorageErrorKind};
use crate::{Mesh, Observer};

use super::failure::Failure;

/// Whether a folder that is missing is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// It is made.
    Made,
    /// It must be there, since asking about nothing should leave nothing behind.
    Existing,
}

/// Opens the folder that the working directory and `MESH_DIR` lead to (rule S4), for a
/// server: what is wrong with it is for the client to hear.
pub(super) fn open_served_folder() -> Folder {
    Ok(open(&location()?))
}

/// The same folder, for one command.
pub(super) fn open_folder(wanted: Wanted) -> Result<Mesh, Failure> {
    let location = location()?;
    if wanted == Wanted::Existing
        && OsFileSystem::look_at(&location.path, location.explicit)?.is_none()
    {
        return Err(Failure::NoFolder(location.path));
    }
    Ok(open(&location))
}

/// The same folder, only to be looked at.
pub(super) fn observe_folder() -> Result<(Observer, Location), Failure> {
    let location = location()?;
    match Observer::open(&location.path, location.explicit)? {
        Some(observer) => Ok((observer, location)),
        None => Err(Failure::NoFolder(location.path)),
    }
}

fn open(location: &Location) -> Mesh {
    Mesh::options(location.path.clone())
        .explicit(location.explicit)
        .open()
}

/// The folder that the working directory and `MESH_DIR` lead to (rule S4).
pub(super) fn location() -> Result<Location, StorageError> {
    let cwd = env::current_dir().map_err(|error| StorageError {
        kind: StorageErrorKind::Io,
        what: format!("the working directory cannot be found: {error}"),
        next: "start mesh in a directory that exists, or set MESH_DIR".to_owned(),
        outcome: Outcome::NoEffect,
    })?;
    locate(&cwd, |name| env::var_os(name))
}

/// Closes the folder in order, which writes `state.json` for people to read (rule S2).
pub(super) async fn close_folder(folder: Folder) {
    if let Ok(mesh) = folder {
        mesh.close().await;
    }
}
