//! A folder as the library reads it: the state, and the trail of what led to it.

use std::path::Path;

use mesh::backends::fs::{FsOptions, FsStorage, OsFileSystem};
use mesh::backends::{SystemClock, seed};
use mesh::core::Snapshot;
use mesh::ports::{News, Storage};

/// What the log of a folder says.
///
/// # Panics
///
/// Where it cannot be read.
pub async fn read(folder: &Path) -> Snapshot {
    let fs = OsFileSystem::open(folder, true).expect("a mesh folder");
    let mut storage = FsStorage::new(fs, SystemClock::new(), FsOptions::default(), seed());
    let mut snapshot = Snapshot::default();
    loop {
        match storage.read_on().await.expect("a readable log") {
            News::Reset(newest) => snapshot = *newest,
            News::Entries(entries) => entries.iter().for_each(|entry| snapshot.apply(entry)),
            News::CaughtUp => break,
        }
    }
    let sound = snapshot.state.invariants();
    assert_eq!(sound, Ok(()), "a state that keeps its invariants");
    snapshot
}
