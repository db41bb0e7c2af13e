//! mesh coordinates a fleet of coding agents that share a repository.
//!
//! It gives them *awareness* (who is alive, on what branch, doing what), *claims*
//! (leased locks with a rising fence, a fair queue, and self-healing) and *messages*
//! (durable, totally ordered, with a cursor for each reader). Any number of processes
//! share one folder; there is no daemon.
//!
#![cfg_attr(feature = "os", doc = "```no_run")]
#![cfg_attr(not(feature = "os"), doc = "```ignore")]
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
//! Each depends only on those below it; `docs/design.md` tells why.
//!
//! | module | what it is |
//! |---|---|
//! | `mcp`, `cli` (feature `server`) | MCP server and commands: arguments in, a command down, a reply out |
//! | [`tools`] | the nine tools, described once: schemas, and JSON arguments to commands |
//! | [`coordinator`] | one task that locks, catches up, decides, appends, syncs, replies |
//! | [`ports`] | what the coordinator needs of the world: `Clock`, `Storage`, `Lock` |
//! | [`backends`] | the ports on a file system and in memory |
//! | [`core`] | the rules: `decide` and `apply`, pure |
//!
//! # Features
//!
//! `os` adds the real file system and clock, and with them `Mesh::open`; `server`, which
//! is on by default, adds the MCP server and the command line. Without either, what is
//! left is pure and runs anywhere.

#[cfg(all(feature = "os", not(any(target_os = "linux", target_os = "macos"))))]
compile_error!("mesh runs on Linux and macOS; Windows and other systems are not supported");

pub mod backends;
#[cfg(feature = "server")]
pub mod cli;
pub mod coordinator;
pub mod core;
#[cfg(feature = "server")]
pub mod mcp;
#[cfg(feature = "os")]
mod observer;
#[cfg(feature = "os")]
mod open;
#[cfg(feature = "planted")]
pub mod planted;
#[cfg(not(feature = "planted"))]
mod planted;
pub mod ports;
pub mod tools;

pub use coordinator::{Mesh, MeshError, Parcel};
#[cfg(feature = "os")]
pub use observer::{Condition, Observer};
#[cfg(feature = "os")]
pub use open::Options;
