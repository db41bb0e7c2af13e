//! Mesh's ports over the simulated world: what a coordinator is given in place of an
//! operating system.

mod clock;
mod file_system;
mod log_client;
mod recording;

pub(crate) use clock::SimClock;
pub(crate) use file_system::SimFs;
pub(crate) use log_client::{LogClient, NoLock};
pub(crate) use recording::{Recording, RecordingLock};
