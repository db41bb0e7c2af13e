//! The harness of the end-to-end tests: real processes, real clients, faults on demand.
//!
//! A test [`run`]s in a [`Sandbox`], a directory that is thrown away. It starts [`Process`]es
//! there, `mesh mcp` or any other command, and speaks to them through a [`Client`] (rmcp's
//! own, which sends only what is right) or a [`RawClient`] (raw [`json_rpc`], which sends
//! what it is told). [`Random`] makes choices that a seed repeats, and
//! [`log`] reads a folder as the library sees it.
//!
//! [`transcript`] runs what a page shows of a shell, which [`pages`] finds there.
//! [`citations`] finds who cites a rule of the contract.
//!
//! Guarantees:
//!
//! * **Nothing hangs.** Whatever is waited for has a limit, and a message that says what
//!   did not come, from whom, and what that process said on standard error.
//! * **Nothing is left behind.** A process that goes out of scope is killed and reaped, a
//!   sandbox removed.
//! * **Nothing sleeps and hopes.** Tests wait for what they need to see. Where time is
//!   the subject (a lease, a pause), it is measured, not guessed.
//!
//! The program under test is `mesh-under-test`, which is `mesh/src/main.rs` built as a
//! binary of this package: so `cargo test` alone builds it, in the tests' own profile,
//! and it can never be an older one that lay around. `MESH_BINARY` names another, such
//! as an installed release.

pub mod citations;
mod client;
pub mod json_rpc;
pub mod log;
mod process;
mod random;
mod raw_client;
mod run;
mod sandbox;
pub mod schema;
mod terminal;
pub mod transcript;

pub use client::{CallError, Client};
pub use process::Process;
pub use random::Random;
pub use raw_client::{NoMessage, RawClient};
pub use run::{PATIENCE, all, in_time, run};
pub use sandbox::{Sandbox, binary};
pub use terminal::Terminal;
