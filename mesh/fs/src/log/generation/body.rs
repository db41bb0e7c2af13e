//! What stands inside the records of a generation.

use mesh_core::{Entry, Event, Limits, Millis};
use serde::{Deserialize, Serialize};

use crate::log::record::Sum;

/// The version of the records in a generation.
pub(crate) const RECORD_VERSION: u32 = 1;

/// The first record of a generation.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CheckpointHead {
    /// The version of the records that follow.
    pub(crate) version: u32,
    /// Drawn once for each log: all its generations carry it, and those of a folder
    /// that was emptied and made anew carry another.
    pub(crate) log: Sum,
    /// Which generation this is.
    pub(crate) generation: u64,
    /// The newest entry that the checkpoint includes.
    pub(crate) seq: u64,
    /// That entry's checksum.
    pub(crate) tip: Sum,
}

/// The last record of a checkpoint.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Ready {
    /// How many parts came before.
    pub(crate) parts: u64,
}

/// An entry as it stands in the journal.
#[derive(Serialize)]
pub(crate) struct EntryBody<'a> {
    pub(crate) seq: u64,
    /// The newest entry that the writer knew to be durable.
    pub(crate) durable: u64,
    pub(crate) id: &'a str,
    pub(crate) at: Millis,
    pub(crate) events: &'a [Event],
}

/// The same, read back.
#[derive(Deserialize)]
pub(crate) struct StoredEntry {
    pub(crate) seq: u64,
    pub(crate) durable: u64,
    pub(crate) id: String,
    pub(crate) at: Millis,
    pub(crate) events: Vec<Event>,
}

impl From<StoredEntry> for Entry {
    fn from(stored: StoredEntry) -> Self {
        Self {
            seq: stored.seq,
            id: stored.id,
            at: stored.at,
            events: stored.events,
        }
    }
}

/// What of an entry or seal matters for the chain alone.
#[derive(Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) seq: u64,
    pub(crate) durable: u64,
}

/// Whether an entry for the place `seq` has only numbers that mesh can have given: what
/// readers refuse, and no writer may write.
pub(crate) fn is_in_range(limits: &Limits, seq: u64, events: &[Event]) -> bool {
    seq <= limits.places && events.iter().all(|event| event.is_in_range(limits))
}

/// What is said of numbers that mesh cannot have given.
pub(super) const OUT_OF_RANGE: &str = "has a number that is out of range";
