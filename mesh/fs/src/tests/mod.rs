//! Stories of folders that are damaged, full, removed, shared and adopted, on a real
//! disk.

#![allow(
    clippy::disallowed_methods,
    reason = "the tests look at the real disk behind the seam's back"
)]

mod adoption;
mod conformance;
mod cost;
mod damage;
mod docs;
mod doctor;
mod endless;
mod errors;
mod exports;
mod fences;
mod fuzz;
mod hostile;
mod interleaving;
mod outcomes;
mod promises;
mod ranges;
mod removed;
mod repairs;
mod restored;
mod rotation;
mod surroundings;
mod sync_leader;
mod unread;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{FsOptions, FsStorage, OsFileSystem};
use crate::testing::{FakeClock, Fault, FaultyFs, Process, block_on, on_disk};

type Disk = FaultyFs<OsFileSystem>;
type Member = Process<FsStorage<Disk, FakeClock>>;

/// A mesh folder.
struct Folder {
    dir: TempDir,
}

impl Folder {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        fs::create_dir(dir.path().join(".mesh")).unwrap();
        Self { dir }
    }

    /// A folder in which one process committed these messages, and was killed.
    fn with(bodies: &[&str]) -> Self {
        let folder = Self::new();
        let mut process = folder.open();
        block_on(process.look()).unwrap();
        for body in bodies {
            block_on(process.commit(body)).unwrap();
        }
        folder
    }

    /// Another folder with the same files in it.
    fn copy(&self) -> Self {
        let copy = Self::new();
        for (name, bytes) in self.contents() {
            copy.write(&name, bytes);
        }
        copy
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join(".mesh")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    fn fs(&self) -> OsFileSystem {
        OsFileSystem::open(&self.path(), false).unwrap()
    }

    /// Another process, which has read nothing yet.
    fn open(&self) -> Member {
        self.faulty(|_, _| Fault::None).0
    }

    /// Another process, whose file system does as `plan` says.
    fn faulty(&self, plan: impl FnMut(&str, &str) -> Fault + 'static) -> (Member, Disk) {
        let fs = FaultyFs::new(self.fs(), plan);
        (
            on_disk(fs.clone(), FsOptions::default(), FakeClock::new()),
            fs,
        )
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.file(name)).unwrap()
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.file(name), bytes).unwrap();
    }

    /// Everything in the folder, byte by byte.
    fn contents(&self) -> BTreeMap<String, Vec<u8>> {
        contents(&self.path())
    }

    fn names(&self) -> Vec<String> {
        self.contents().into_keys().collect()
    }
}

fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap();
    entries
        .map(|entry| {
            let entry = entry.unwrap();
            let bytes = match entry.file_type().unwrap().is_file() {
                true => fs::read(entry.path()).unwrap(),
                false => Vec::new(),
            };
            (entry.file_name().into_string().unwrap(), bytes)
        })
        .collect()
}

/// Ends of the records in a file: the offsets just past each newline.
fn record_ends(bytes: &[u8]) -> Vec<usize> {
    let newlines = bytes.iter().enumerate().filter(|(_, b)| **b == b'\n');
    newlines.map(|(at, _)| at + 1).collect()
}
