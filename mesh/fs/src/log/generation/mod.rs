//! One generation of the log: a file that holds a checkpoint and the entries after it,
//! and a reader's place in it.

mod body;
mod checkpoint;
mod file;
mod footing;
mod reader;

pub(crate) use body::{
    CheckpointHead, EntryBody, Place, RECORD_VERSION, Ready, StoredEntry, is_in_range,
};
pub(crate) use checkpoint::checkpoint_pieces;
pub(crate) use file::{Generation, ReadError};
pub(crate) use reader::{Loose, Step};
