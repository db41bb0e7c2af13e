//! The simulated world: a disk, clocks, a network's log server, and what goes wrong.
//!
//! It knows nothing of mesh's coordinator, of the agents, or of who runs them: it is what
//! they all share. Every choice is a draw from one [`tape`], so that a failure replays.

pub(crate) mod aftermath;
mod clock;
mod clock_faults;
mod death;
pub mod disk;
mod faults;
pub mod knobs;
mod lock_monitor;
pub(crate) mod log_protocol;
pub(crate) mod log_server;
mod memory;
mod network_knobs;
pub mod planted;
mod predecessor;
pub(crate) mod restore;
mod state;
mod sync_error;
pub mod tape;
mod until;

pub use clock::ClockFace;
pub(crate) use death::{calm, cut_power, kill};
pub(crate) use faults::{DEVICE_ERROR, Fault};
pub(crate) use lock_monitor::is_seal;
pub(crate) use memory::Memory;
pub use network_knobs::NetworkKnobs;
pub(crate) use state::{Doom, LockOwner, Process, Shared, TaskId, World, Writing};
pub(crate) use until::{until, until_unless};
