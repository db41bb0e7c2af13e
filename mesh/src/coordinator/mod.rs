//! The coordinator: one task that owns the state and speaks to the ports.

mod handle;

pub use handle::{Mesh, MeshError};
