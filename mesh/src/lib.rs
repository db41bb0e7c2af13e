//! mesh coordinates a fleet of coding agents that share a repository.

pub mod backends;
#[cfg(feature = "server")]
pub mod cli;
pub mod coordinator;
pub mod core;
#[cfg(feature = "server")]
pub mod mcp;
pub mod ports;
pub mod tools;
pub use coordinator::{Mesh, MeshError};
