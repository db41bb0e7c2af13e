//! Runs that are worth telling, and their pictures: a lane for each process, one for the
//! log, and one for whatever else a story is about.
//!
//! A story is a tape with a sentence. Some show mesh as it is, and must meet what they
//! tell; others show a planted bug, and must break the rule that the bug breaks, and
//! nothing without it. So a picture cannot go on telling what is no longer so.

mod caption;
mod draw;
mod focus;
mod incidents;
mod picture;
mod rows;
mod spans;

mod svg;
mod table;
mod tale;
mod telling;
mod words;

pub use draw::draw;
pub use focus::{Focus, On};
pub use table::STORIES;
pub use tale::{Story, Tells};
