//! Why a call failed: its caller, the environment, or the end of the coordinator.

use std::fmt;

use mesh_core::Rejection;

use crate::ports::StorageError;

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MeshError {
    /// The caller's fault; the state is unchanged.
    Rejected(Rejection),
    /// The environment's fault; says whether the outcome is known.
    Storage(StorageError),
    /// The coordinator is gone.
    Closed,
}

impl fmt::Display for MeshError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(rejection) => rejection.fmt(f),
            Self::Storage(error) => error.fmt(f),
            Self::Closed => f.write_str("the coordinator has shut down; open the folder again"),
        }
    }
}

impl std::error::Error for MeshError {}
