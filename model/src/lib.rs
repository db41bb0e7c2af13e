//! The models: every interleaving, not only the unlucky ones.
pub mod claims;
pub mod commit;
pub mod run;
mod witness;

pub use run::{Failure, Report, Story, counterexample, exhaust};
