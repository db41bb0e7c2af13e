//! A folder that is only looked at.
//!
//! Whoever watches a fleet must not take part in it: looking makes no folder, adopts no
//! predecessor, finishes nobody's rotation and leaves no mark. So every operation that
//! would change something is refused here, at the seam, whatever the code above it
//! attempts; and what is read is synced all the same, because syncing changes nothing
//! but what a power cut would take, and rule G5 asks for it.

use std::io;

use crate::seam::{Access, Appended, FileStat, FileSystem, ProcessId};
use mesh_coordinator::ports::{Outcome, StorageError, StorageErrorKind};

/// The file system `F`, without its changes.
///
/// With a suffix, `name` stands for the file `<name><suffix>`, so that the readers of
/// the journal also read one that was put aside.
#[derive(Clone, Debug)]
pub struct ReadOnly<F> {
    fs: F,
    suffix: String,
}

impl<F: FileSystem> ReadOnly<F> {
    /// Takes the changes away.
    pub fn new(fs: F) -> Self {
        Self::with_suffix(fs, String::new())
    }

    pub(crate) fn with_suffix(fs: F, suffix: String) -> Self {
        Self { fs, suffix }
    }

    /// The file that `name` stands for.
    pub(crate) fn shown(&self, name: &str) -> String {
        format!("{name}{}", self.suffix)
    }
}

fn refused<T>() -> io::Result<T> {
    Err(io::ErrorKind::ReadOnlyFilesystem.into())
}

impl<F: FileSystem> FileSystem for ReadOnly<F> {
    type File = F::File;

    /// Whatever for, it is opened to be read, and not made.
    async fn open(&self, name: &str, _access: Access) -> io::Result<F::File> {
        self.fs.open(&self.shown(name), Access::Read).await
    }

    async fn create(&self, _name: &str) -> io::Result<F::File> {
        refused()
    }

    async fn read_at(&self, file: &F::File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.fs.read_at(file, offset, buffer).await
    }

    async fn append(&self, _file: &F::File, _bytes: &[u8]) -> io::Result<Appended> {
        refused()
    }

    fn why_short(&self, end: u64) -> io::Error {
        self.fs.why_short(end)
    }

    async fn write_at(&self, _file: &F::File, _offset: u64, _bytes: &[u8]) -> io::Result<()> {
        refused()
    }

    async fn sync(&self, file: &F::File) -> io::Result<()> {
        self.fs.sync(file).await
    }

    async fn sync_dir(&self) -> io::Result<()> {
        self.fs.sync_dir().await
    }

    async fn stat(&self, file: &F::File) -> io::Result<FileStat> {
        self.fs.stat(file).await
    }

    async fn stat_name(&self, name: &str) -> io::Result<FileStat> {
        self.fs.stat_name(&self.shown(name)).await
    }

    async fn link(&self, _from: &str, _to: &str) -> io::Result<()> {
        refused()
    }

    async fn rename(&self, _from: &str, _to: &str) -> io::Result<()> {
        refused()
    }

    async fn remove(&self, _name: &str) -> io::Result<()> {
        refused()
    }

    async fn list(&self, name: Option<&str>) -> io::Result<Vec<String>> {
        let names = self.fs.list(name).await?;
        if name.is_some() || self.suffix.is_empty() {
            return Ok(names);
        }
        let ours = names.iter();
        let ours = ours.filter_map(|name| name.strip_suffix(&self.suffix));
        Ok(ours.map(str::to_owned).collect())
    }

    async fn make_dir(&self, _name: &str) -> io::Result<()> {
        refused()
    }

    async fn remove_dir(&self, _name: &str) -> io::Result<()> {
        refused()
    }

    /// A lock keeps others waiting, which is a change to them.
    async fn try_lock(&self, _file: &F::File) -> io::Result<bool> {
        refused()
    }

    async fn unlock(&self, _file: &F::File) -> io::Result<()> {
        refused()
    }

    async fn is_attached(&self) -> io::Result<bool> {
        self.fs.is_attached().await
    }

    /// There is nothing to turn to that would not have to be made.
    async fn reattach(&self) -> Result<(), StorageError> {
        Err(StorageError {
            kind: StorageErrorKind::Io,
            what: "the mesh folder was removed or replaced while it was looked at".to_owned(),
            next: "look again".to_owned(),
            outcome: Outcome::NoEffect,
        })
    }

    async fn changed(&self, name: Option<&str>) {
        self.fs.changed(name).await;
    }

    fn unwatch(&self) {
        self.fs.unwatch();
    }

    fn this_process(&self) -> ProcessId {
        self.fs.this_process()
    }

    async fn is_dead(&self, process: &ProcessId) -> bool {
        self.fs.is_dead(process).await
    }
}
