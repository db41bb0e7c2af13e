//! The doctor: what is wrong with a folder, and what can still be saved of it.
//!
//! [`examine`] reads a folder through the very readers that serve production (records,
//! chain, checkpoints, watermark, format), over a view of the file system that cannot
//! write. So it cannot change anything, it may run while agents work, and what it calls
//! healthy is what a server opens. [`repair`] is for what a server refuses: it salvages
//! what is provable into a new generation and keeps every damaged file beside it.
//!
//! What is provable: whatever a whole checkpoint says; the entries behind it up to the
//! first break; and entries behind the break that others built on, or that the watermark
//! names. See `salvage` for what is done about the gap between.

mod examine;
mod missing;
mod names;
mod pile;
mod refusal;
mod repair;
mod report;
mod salvage;
mod surroundings;

pub use examine::examine;
#[cfg(test)]
pub(crate) use missing::GRANT_BYTES;
pub use repair::repair;
pub use report::{Contents, Finding, Remedy, Repair, Report, Severity};
pub use surroundings::{examine_folder, repair_folder};
