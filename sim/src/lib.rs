//! The simulator: the whole machine in a box.
//!
//! A deterministic world in which the *real* coordinator and the *real* `fs` backend
//! run: a [`disk`] with a page cache and a durable image, [`clock`]s that are
//! wrong, processes that crash, pause and come back, and agents that use mesh
//! as a fleet does. Every choice is a draw from one [`tape`], so that a failure replays
//! and shrinks. The [`checkers`] hold what happened against the contract.
//!
//! The same world runs by hand, for bulk, and under turmoil, for a second opinion with
//! real runtimes and wakers ([`Runner`]). A second world puts agents on machines of
//! their own and the log behind turmoil's [`network`].
//!
//! What it cannot find: bugs in the real file-system backend below the seam, in the
//! kernel, and in what the disk model leaves out (torn rewrites of bytes that were
//! durable, network file systems).

mod agent;
pub mod checkers;
pub mod clock;
pub mod disk;
mod epilogue;
mod executor;
mod fs;
pub mod knobs;
pub mod mutants;
pub mod network;
mod predecessor;
mod process;
pub mod report;
mod run;
mod runtime;
pub mod shrink;
pub mod sometimes;
pub mod story;
pub mod sweep;
mod tap;
pub mod tape;
pub mod trace;
mod under_turmoil;
mod visitors;
mod weather;
mod witness;
mod world;

pub use run::{Outcome, Runner, run, run_on, run_seed};
