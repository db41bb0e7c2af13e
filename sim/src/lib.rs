//! The simulator: the whole machine in a box.
//!
//! A deterministic world in which the *real* coordinator and the *real* `fs` backend
//! run: a [disk](world::disk) with a page cache and a durable image, [clocks](world::ClockFace)
//! that are wrong, processes that crash, pause and come back, and agents that use mesh
//! as a fleet does. Every choice is a draw from one [tape](world::tape), so that a failure
//! replays and shrinks. The [`checkers`] hold what happened against the contract.
//!
//! The same world runs by hand, for bulk, and under turmoil, for a second opinion with
//! real runtimes and wakers ([`Runner`]). A second world puts agents on machines of
//! their own and the log behind turmoil's network.
//!
//! Each module is a room that uses only those before it: [`trace`], [`world`], `ports`,
//! `agents`, `machine`, [`checkers`] (which use the trace alone), [`explore`], [`story`].
//!
//! What it cannot find: bugs in the real file-system backend below the seam, in the
//! kernel, and in what the disk model leaves out (torn rewrites of bytes that were
//! durable, network file systems).

mod agents;
pub mod checkers;
pub mod explore;
mod machine;
mod ports;
pub mod story;
pub mod trace;
pub mod world;

pub use explore::{Outcome, Runner, run, run_on, run_seed};
