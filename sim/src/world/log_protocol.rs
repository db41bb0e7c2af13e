//! What a log client and the log server say to each other: one datagram each way.
//!
//! Datagrams, since they bring out the worst: each may be lost, and a request that was
//! given up may still arrive, long after. A connection would hide that until it breaks,
//! and then show the same.

use mesh::core::{Entry, Part, Snapshot, SnapshotBuilder};
use serde::{Deserialize, Serialize};

/// The name of the log server's host, and its port.
pub(crate) const SERVER: &str = "log";
pub(crate) const PORT: u16 = 7_000;
/// More than any datagram of these worlds has.
pub(crate) const MOST_BYTES: usize = 1 << 20;

/// A request, or the reply to it, with the number that the client gave it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Numbered<T> {
    pub(crate) number: u64,
    pub(crate) body: T,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Request {
    /// What follows entry `after`? `None`: I have read nothing yet.
    Read { after: Option<u64> },
    /// Append, if the entry before it is the newest.
    Append(Entry),
    /// What became of an entry?
    Look { seq: u64, id: String },
    /// Trim the log to this state, if it is the newest.
    Checkpoint(Saved),
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Reply {
    /// To a read: start over from here.
    Reset(Saved),
    /// To a read: what follows; nothing where that is empty.
    Entries(Vec<Entry>),
    /// To all others.
    Place(Place),
}

/// What stands at a place of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Place {
    /// The entry that was asked for, or now appended.
    Yours,
    /// Another one; or the place cannot be filled yet.
    Others,
    /// Nothing.
    Empty,
    /// It was trimmed away, and nobody can tell any more.
    Trimmed,
}

/// A snapshot on its way.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Saved {
    pub(crate) seq: u64,
    parts: Vec<Part>,
}

impl From<&Snapshot> for Saved {
    fn from(snapshot: &Snapshot) -> Self {
        Self {
            seq: snapshot.seq,
            parts: snapshot.parts().collect(),
        }
    }
}

impl Saved {
    /// Puts the snapshot together again; `None` where parts contradict each other.
    pub(crate) fn restore(self) -> Option<Snapshot> {
        let mut builder = SnapshotBuilder::new(self.seq);
        for part in self.parts {
            builder.add(part).ok()?;
        }
        Some(builder.finish())
    }
}

/// Writes a message.
pub(crate) fn encode<T: Serialize>(number: u64, body: &T) -> Vec<u8> {
    let numbered = Numbered { number, body };
    let bytes = serde_json::to_vec(&numbered).expect("messages have nothing that JSON lacks");
    assert!(bytes.len() < MOST_BYTES, "a datagram holds any message");
    bytes
}

/// Reads a message.
pub(crate) fn decode<T: for<'a> Deserialize<'a>>(bytes: &[u8]) -> Numbered<T> {
    serde_json::from_slice(bytes).expect("the network loses messages, but alters none")
}
