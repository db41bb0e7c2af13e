//! Why a command failed.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::MeshError;
use crate::mcp::ServeError;
use crate::ports::StorageError;

/// Why a command failed, as it is told to a person.
#[derive(Debug)]
pub(super) enum Failure {
    /// What was typed makes no sense.
    Usage(String),
    /// What a client told its hook makes no sense. Not wrong usage, whose exit code a
    /// client would take for an objection.
    Hook(String),
    /// There is nothing to look at, and looking makes nothing.
    NoFolder(PathBuf),
    /// The folder refused, or could not be used.
    Mesh(MeshError),
    /// The server ended before its time.
    Serve(ServeError),
    /// The demo did not come out as narrated.
    Demo(String),
    /// Standard output does not take any more.
    Output(io::Error),
    /// The system failed us.
    System {
        /// What could not be done.
        what: &'static str,
        /// Why.
        error: io::Error,
    },
}

impl Failure {
    /// What could not be done, and the system's reason.
    pub(super) fn system(what: &'static str, error: io::Error) -> Self {
        Self::System { what, error }
    }

    /// The exit code.
    pub(super) fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            _ => 1,
        }
    }

    /// Whether all that happened is that nobody reads the output any more.
    pub(super) fn is_closed_output(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(what) | Self::Hook(what) => f.write_str(what),
            Self::NoFolder(path) => write!(
                f,
                "there is no mesh folder {}; the first `mesh register`, `claim` or `post`, or an \
                 agent that starts, makes it; MESH_DIR names another",
                path.display()
            ),
            Self::Mesh(error) => error.fmt(f),
            Self::Serve(error) => error.fmt(f),
            Self::Demo(error) => error.fmt(f),
            Self::Output(error) => write!(f, "cannot write to standard output: {error}"),
            Self::System { what, error } => write!(f, "{what}: {error}"),
        }
    }
}

impl std::error::Error for Failure {}

impl From<MeshError> for Failure {
    fn from(error: MeshError) -> Self {
        Self::Mesh(error)
    }
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        Self::Mesh(MeshError::Storage(error))
    }
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        Self::Serve(error)
    }
}
