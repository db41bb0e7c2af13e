//! A view of a file system that cannot change anything.

use std::io;

use super::super::seam::{Access, Appended, FileStat, FileSystem, ProcessId};
use crate::ports::{Outcome, StorageError, StorageErrorKind};

/// The files of a folder, to be read only: every file is opened for reading, whatever
/// was asked for, and every operation that would change something fails.
///
/// With a suffix, `name` stands for the file `<name><suffix>`: so the readers of the
/// journal read one that was put aside.
#[derive(Clone)]
pub(super) struct ReadOnly<F> {
    fs: F,
    suffix: String,
}

impl<F: FileSystem> ReadOnly<F> {
    pub(super) fn new(fs: F) -> Self {
        Self::with_suffix(fs, String::new())
    }

    pub(super) fn with_suffix(fs: F, suffix: String) -> Self {
        Self { fs, suffix }
    }

    fn name(&self, name: &str) -> String {
        format!("{name}{}", self.suffix)
    }
}

fn refused<T>() -> io::Result<T> {
    let message = "the doctor only reads";
    Err(io::Error::new(io::ErrorKind::PermissionDenied, message))
}

impl<F: FileSystem> FileSystem for ReadOnly<F> {
    type File = F::File;

    async fn open(&self, name: &str, _: Access) -> io::Result<F::File> {
        self.fs.open(&self.name(name), Access::Read).await
    }

    async fn create(&self, _: &str) -> io::Result<F::File> {
        refused()
    }

    async fn read_at(&self, file: &F::File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.fs.read_at(file, offset, buffer).await
    }

    async fn append(&self, _: &F::File, _: &[u8]) -> io::Result<Appended> {
        refused()
    }

    async fn write_at(&self, _: &F::File, _: u64, _: &[u8]) -> io::Result<()> {
        refused()
    }

    async fn sync(&self, _: &F::File) -> io::Result<()> {
        refused()
    }

    async fn sync_dir(&self) -> io::Result<()> {
        refused()
    }

    async fn stat(&self, file: &F::File) -> io::Result<FileStat> {
        self.fs.stat(file).await
    }

    async fn stat_name(&self, name: &str) -> io::Result<FileStat> {
        self.fs.stat_name(&self.name(name)).await
    }

    async fn link(&self, _: &str, _: &str) -> io::Result<()> {
        refused()
    }

    async fn rename(&self, _: &str, _: &str) -> io::Result<()> {
        refused()
    }

    async fn remove(&self, _: &str) -> io::Result<()> {
        refused()
    }

    async fn list(&self, name: Option<&str>) -> io::Result<Vec<String>> {
        let names = self.fs.list(name).await?;
        if name.is_some() || self.suffix.is_empty() {
            return Ok(names);
        }
        let ours = names
            .iter()
            .filter_map(|name| name.strip_suffix(&self.suffix));
        Ok(ours.map(str::to_owned).collect())
    }

    async fn make_dir(&self, _: &str) -> io::Result<()> {
        refused()
    }

    async fn remove_dir(&self, _: &str) -> io::Result<()> {
        refused()
    }

    async fn try_lock(&self, _: &F::File) -> io::Result<bool> {
        refused()
    }

    async fn unlock(&self, _: &F::File) -> io::Result<()> {
        refused()
    }

    async fn is_attached(&self) -> io::Result<bool> {
        self.fs.is_attached().await
    }

    async fn reattach(&self) -> Result<(), StorageError> {
        Err(StorageError {
            kind: StorageErrorKind::Io,
            what: "the folder was moved or deleted while it was examined".to_owned(),
            next: "run the doctor again".to_owned(),
            outcome: Outcome::NoEffect,
        })
    }

    fn this_process(&self) -> ProcessId {
        self.fs.this_process()
    }

    async fn is_dead(&self, process: &ProcessId) -> bool {
        self.fs.is_dead(process).await
    }
}
