//! Power cuts on the real code path.
//!
//! The real coordinator and the real `fs` backend run on the real disk, and a [recorder] at
//! the seam writes down every operation, with what clients were told in between. From that
//! the disk [images] are built that a cut behind each operation may leave, and each is
//! opened as a process would after the power is back:
//!
//! * **G4, G5**: all that anybody was told until the cut is there;
//! * **G7**: what was never acknowledged is no reason to refuse the folder; a process goes
//!   on from there, and the next one finds what that acknowledged; and where bytes that
//!   were durable are flipped or cut off, that is told, or does no harm.
//!
//! Most images are opened by the library in this process, and a sample by the program.
//!
//! This is a second opinion on what the simulator says of power cuts. It shares no code with
//! it: the model of the disk, the workload and the checks are written anew, and the calls
//! below the seam are real. What it leaves to the simulator: processes that are killed or
//! paused, failing operations, and a cut during the recovery from a cut.

pub mod explore;
pub mod facts;
pub mod images;
mod open;
pub mod recorder;
pub mod workload;

use std::path::PathBuf;

pub use explore::{Bounds, Summary, explore};
pub use images::Forgetful;
pub use workload::{Plan, record};

/// Where images are best put: in memory, where there is a file system for that. Nothing of
/// what a cut does depends on it, and most of the time goes into syncing them.
#[must_use]
pub fn scratch() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    match memory.is_dir() {
        true => memory,
        false => std::env::temp_dir(),
    }
}
