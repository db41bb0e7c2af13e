//! Coordinators that share a folder: each agent of a script has one of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_executor::block_on;
use mesh::Mesh;
use mesh::backends::fs::{FsOptions, FsStorage, OsFileSystem};
use mesh::backends::{SystemClock, seed};
use mesh::core::{Command, Entry, Millis, Reply, Snapshot, State};
use mesh::ports::{Clock, News, Storage};
use tempfile::TempDir;

use super::Host;

/// A wall clock that shows what it is told; it waits as the system's does.
#[derive(Clone)]
struct ToldClock {
    wall: Arc<AtomicU64>,
    steady: SystemClock,
}

impl Default for ToldClock {
    fn default() -> Self {
        Self {
            wall: Arc::default(),
            steady: SystemClock::new(),
        }
    }
}

impl Clock for ToldClock {
    fn now(&self) -> Millis {
        self.wall.load(Ordering::SeqCst)
    }

    fn monotonic(&self) -> Millis {
        self.steady.monotonic()
    }

    async fn sleep(&self, duration: Millis) {
        self.steady.sleep(duration).await;
    }
}

/// A folder, and the coordinators that share it.
pub(crate) struct FolderHost {
    folder: TempDir,
    processes: BTreeMap<String, (ToldClock, Mesh)>,
    /// One more reader of the log, which never writes.
    log: Reader,
}

type Reader = FsStorage<OsFileSystem, SystemClock>;

impl Default for FolderHost {
    fn default() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let mut log = reader(&folder);
        let nothing = everything(&mut log);
        assert_eq!(nothing, Snapshot::default(), "a new folder holds something");
        Self {
            folder,
            processes: BTreeMap::new(),
            log,
        }
    }
}

fn reader(folder: &TempDir) -> Reader {
    let files = OsFileSystem::open(&folder.path().join(".mesh"), true).expect("a mesh folder");
    FsStorage::new(files, SystemClock::new(), FsOptions::default(), seed())
}

/// What a process finds that opens the folder now.
fn everything(log: &mut Reader) -> Snapshot {
    let mut snapshot = Snapshot::default();
    loop {
        match block_on(log.read_on()).expect("a readable log") {
            News::Reset(checkpoint) => snapshot = *checkpoint,
            News::Entries(entries) => entries.iter().for_each(|entry| snapshot.apply(entry)),
            News::CaughtUp => return snapshot,
        }
    }
}

impl Host for FolderHost {
    fn call(&mut self, process: &str, now: Millis, command: &Command) -> Result<Reply, String> {
        let path = self.folder.path().join(".mesh");
        let start = || {
            let clock = ToldClock::default();
            (clock.clone(), Mesh::options(path).clock(clock).open())
        };
        let (clock, mesh) = self
            .processes
            .entry(process.to_owned())
            .or_insert_with(start);
        clock.wall.store(now, Ordering::SeqCst);
        block_on(mesh.call(command.clone())).map_err(|error| error.to_string())
    }

    fn news(&mut self) -> Vec<Entry> {
        let mut all = Vec::new();
        loop {
            match block_on(self.log.read_on()).expect("a readable log") {
                News::Reset(_) => panic!("the reader of the log was left behind"),
                News::Entries(entries) => all.extend(entries),
                News::CaughtUp => return all,
            }
        }
    }

    fn state(&self) -> Option<State> {
        None
    }

    fn restart(&mut self) -> Snapshot {
        for (_, mesh) in std::mem::take(&mut self.processes).into_values() {
            block_on(mesh.close());
        }
        everything(&mut reader(&self.folder))
    }
}
