//! Going through worlds: one run, many of them, the smallest of them, and those with a bug
//! planted first.

pub mod matrix;
pub mod planted;
pub mod report;
mod run;
pub mod shrink;
pub mod sweep;

pub use run::{Outcome, Runner, run, run_on, run_seed};
