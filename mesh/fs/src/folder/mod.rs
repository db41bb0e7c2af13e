//! What stands in a mesh folder beside the log, and how the folder is found.

pub(crate) mod damage;
pub(crate) mod export;
pub(crate) mod format;
mod locate;
pub(crate) mod names;
pub(crate) mod write;

pub use locate::{Location, locate};
