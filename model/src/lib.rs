//! The models: every interleaving, not only the unlucky ones.
//!
//! Where the simulator tries many random schedules of the real system, a model explores
//! *all* of a smaller world, and calls the very rules that production runs: `decide` for
//! claims and messages, the journal's acceptance rule for commits. `docs/models.md` says
//! what each covers, within which bounds, and what it does not show.

pub mod cases;
pub mod claims;
pub mod commit;
pub mod messages;
pub mod naive;
pub mod planted;
pub mod run;
pub mod stories;
mod witness;

pub use run::{Failure, Report, Story, counterexample, exhaust};
