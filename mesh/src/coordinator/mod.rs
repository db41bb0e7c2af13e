//! The coordinator: one task that owns the state and speaks to the ports.

#[cfg(all(test, feature = "server"))]
pub(crate) mod fake;
mod handle;

pub use handle::{Mesh, MeshError};
