//! The seam: mesh's `FileSystem` over the simulated disk.

mod append;
mod names;
mod port;
mod seam;
mod watch;

pub(crate) use seam::SimFs;
