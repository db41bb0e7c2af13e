//! Taking over the folder of the Node mesh that came before (rule S3).
//!
//! Its whole state is one `state.json`: seven members, times in Unix seconds, no mark.
//! It is read under its own lock directory, turned into the checkpoint of generation
//! 1, and kept beside as `state.node.json`. What it got wrong is put right on the way:
//! a second ticket of one agent goes, a cursor that is no message's place becomes the
//! newest message, and a waiter that nothing stands in the way of is promoted.

mod convert;
mod file;
mod lock;
mod shapes;

pub(crate) use convert::{adopt, salvage};
pub(crate) use file::{check_surroundings, damaged, is_ours, read_predecessor, read_state};
pub(crate) use lock::{lock, unlock};
