//! mesh coordinates a fleet of coding agents that share a repository.

#[cfg(all(feature = "os", not(any(target_os = "linux", target_os = "macos"))))]
compile_error!("mesh runs on Linux and macOS; Windows and other systems are not supported");

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
