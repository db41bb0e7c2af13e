//! The order of the steps: appending, syncing, rotating, retiring, without any I/O.
//!
//! The safety of the log is an order of calls to the file system, and of what a process
//! concludes from each. Here it is written once, as small machines: the value of one is the
//! step that comes next, and it is told what became of that step. The `fs` backend drives
//! them with real calls (`OpenLog`); the commit model drives them
//! over a disk of its own, with everything that others do in between, so that the order
//! which is explored is production's.
//!
//! A driver's duties: to take the step that the machine is at, whole, and to tell what came
//! of it truthfully; to stop where a step fails without anything to tell (the caller then
//! hears of the failure); and to begin anew after that, since a machine that was stopped
//! half-way holds nothing that [`Standing`] does not.
//!
//! Left to drivers: names, bytes, and courtesies such as locks, marks and shared syncs.

mod appending;
mod retiring;
mod rotating;
mod standing;
mod syncing;

pub use appending::Appending;
pub use retiring::Retiring;
pub use rotating::Rotating;
pub use standing::Standing;
pub use syncing::Syncing;

#[cfg(test)]
mod tests;
