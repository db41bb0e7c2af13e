//! mesh coordinates a fleet of coding agents that share a repository.
//!
//! It gives them *awareness* (who is alive, on what branch, doing what), *claims*
//! (leased locks with a rising fence, a fair queue, and self-healing) and *messages*
//! (durable, totally ordered, with a cursor for each reader). Any number of processes
//! share one folder; there is no daemon.
//!
//! ```no_run
//! # async fn example() -> Result<(), mesh::MeshError> {
//! use mesh::Mesh;
//! use mesh::core::{Claim, ClaimStatus};
//!
//! let mesh = Mesh::open(".mesh");
//! let claim = Claim {
//!     agent_id: "a".into(),
//!     resource: "feature:auth".into(),
//!     ..Claim::default()
//! };
//! let reply = mesh.claim(claim).await?;
//! if reply.status == ClaimStatus::Granted {
//!     println!("mine until {:?}, under fence {}", reply.lease_expires_at, reply.fence);
//! }
//! mesh.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! # Layers
//!
//! Each is a crate of its own and depends only on those below it; `docs/design.md` tells
//! why.
//!
//! | module | crate | what it is |
//! |---|---|---|
//! | `mcp`, `cli` (feature `server`), [`tools`] | `mesh` | MCP server and commands over one table of the nine tools: arguments in, a command down, a reply out |
//! | [`backends::fs`] | `mesh-fs` | the ports on a folder |
//! | [`coordinator`], [`ports`], [`backends`] | `mesh-coordinator` | one task that locks, catches up, decides, appends, syncs, replies; what it needs of the world; the ports in memory |
//! | [`core`] | `mesh-core` | the rules: `decide` and `apply`, pure |
//!
//! # Features
//!
//! `server`, which is on by default, adds the MCP server and the command line.

pub mod backends;
#[cfg(feature = "server")]
pub mod cli;
#[cfg(feature = "server")]
pub mod mcp;
mod observer;
mod open;
pub mod tools;

#[cfg(feature = "planted")]
pub use ::planted;
pub use mesh_coordinator as coordinator;
pub use mesh_coordinator::{MeshError, Parcel, ports};
pub use mesh_core as core;
pub use observer::{Condition, Observer};
pub use open::{Mesh, Options};
