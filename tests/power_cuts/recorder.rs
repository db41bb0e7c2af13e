//! A file system that does as it is told on the real disk, and writes down what that was.
//!
//! It stands at the seam, between the real `fs` backend and the real system calls, and
//! adds nothing but a chance for other processes to run before each operation. Only what
//! changes files or names is written down, and only if it succeeded.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::Poll;

use mesh::backends::fs::{Access, Appended, FileStat, FileSystem, OsFileSystem, ProcessId};
use mesh::ports::StorageError;

use super::facts::Fact;

/// The one file that is made below the seam.
const IGNORED: &str = ".gitignore";

/// A file, whatever its names. Numbers are never used twice, as inodes are.
pub type FileNumber = usize;

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Step {
    /// A file was made, empty, under a name.
    Create(FileNumber, String),
    /// Bytes were written at an offset.
    Write(FileNumber, u64, Vec<u8>),
    /// A file was synced.
    Sync(FileNumber),
    /// The folder was synced.
    SyncFolder,
    /// A file got another name.
    Link(String, String),
    /// A file or directory changed its name.
    Rename(String, String),
    /// The name of a file was removed.
    Remove(String),
    /// A directory was made.
    MakeDir(String),
    /// A directory was removed.
    RemoveDir(String),
    /// A client was told something.
    Told(Fact),
}

/// All that happened, in order, and what it led to so far.
#[derive(Debug, Default)]
pub struct Tape {
    /// What happened.
    pub steps: Vec<Step>,
    names: BTreeMap<String, FileNumber>,
    files: FileNumber,
}

impl Tape {
    fn create(&mut self, name: &str) -> FileNumber {
        let number = self.files;
        self.files += 1;
        self.names.insert(name.to_owned(), number);
        self.steps.push(Step::Create(number, name.to_owned()));
        number
    }

    /// What was in a directory is under its new name, too.
    fn rename(&mut self, from: &str, to: &str) {
        let inside = format!("{from}/");
        let moved: Vec<String> = self.names.keys().cloned().collect();
        for name in moved {
            let rest = match name.strip_prefix(&inside) {
                Some(rest) => format!("{to}/{rest}"),
                None if name == from => to.to_owned(),
                None => continue,
            };
            if let Some(number) = self.names.remove(&name) {
                self.names.insert(rest, number);
            }
        }
        let step = Step::Rename(from.to_owned(), to.to_owned());
        self.steps.push(step);
    }
}

/// The real file system of one process; clones and other processes share one tape.
#[derive(Clone, Debug)]
pub struct Recorder {
    real: OsFileSystem,
    tape: Rc<RefCell<Tape>>,
}

/// An open file.
#[derive(Debug)]
pub struct File {
    real: <OsFileSystem as FileSystem>::File,
    number: FileNumber,
}

impl Recorder {
    /// Records what is done to `real`. That it was opened, and is ignored by git, was the
    /// first thing, and is not durable either.
    #[must_use]
    pub fn new(real: OsFileSystem, tape: Rc<RefCell<Tape>>) -> Self {
        if !tape.borrow().names.contains_key(IGNORED) {
            let mut tape = tape.borrow_mut();
            let number = tape.create(IGNORED);
            tape.steps.push(Step::Write(number, 0, b"*\n".to_vec()));
        }
        Self { real, tape }
    }

    fn note(&self, step: Step) {
        self.tape.borrow_mut().steps.push(step);
    }
}

/// Lets other processes run. Whoever polls must poll again without being woken.
pub(super) async fn others_first() {
    let mut polled = false;
    poll_fn(|_| match std::mem::replace(&mut polled, true) {
        true => Poll::Ready(()),
        false => Poll::Pending,
    })
    .await;
}

impl FileSystem for Recorder {
    type File = File;

    async fn open(&self, name: &str, access: Access) -> io::Result<File> {
        others_first().await;
        let real = self.real.open(name, access).await?;
        let mut tape = self.tape.borrow_mut();
        let number = match tape.names.get(name) {
            Some(number) => *number,
            None => tape.create(name),
        };
        Ok(File { real, number })
    }

    async fn create(&self, name: &str) -> io::Result<File> {
        others_first().await;
        let real = self.real.create(name).await?;
        let number = self.tape.borrow_mut().create(name);
        Ok(File { real, number })
    }

    async fn read_at(&self, file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        others_first().await;
        self.real.read_at(&file.real, offset, buffer).await
    }

    async fn append(&self, file: &File, bytes: &[u8]) -> io::Result<Appended> {
        others_first().await;
        let appended = self.real.append(&file.real, bytes).await?;
        let offset = appended.end - appended.written as u64;
        let written = bytes[..appended.written].to_vec();
        self.note(Step::Write(file.number, offset, written));
        Ok(appended)
    }

    async fn write_at(&self, file: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
        others_first().await;
        self.real.write_at(&file.real, offset, bytes).await?;
        self.note(Step::Write(file.number, offset, bytes.to_vec()));
        Ok(())
    }

    async fn sync(&self, file: &File) -> io::Result<()> {
        others_first().await;
        self.real.sync(&file.real).await?;
        self.note(Step::Sync(file.number));
        Ok(())
    }

    async fn sync_dir(&self) -> io::Result<()> {
        others_first().await;
        self.real.sync_dir().await?;
        self.note(Step::SyncFolder);
        Ok(())
    }

    async fn stat(&self, file: &File) -> io::Result<FileStat> {
        others_first().await;
        self.real.stat(&file.real).await
    }

    async fn stat_name(&self, name: &str) -> io::Result<FileStat> {
        others_first().await;
        self.real.stat_name(name).await
    }

    async fn link(&self, from: &str, to: &str) -> io::Result<()> {
        others_first().await;
        self.real.link(from, to).await?;
        let mut tape = self.tape.borrow_mut();
        let number = tape.names.get(from).copied();
        if let Some(number) = number {
            tape.names.insert(to.to_owned(), number);
        }
        tape.steps.push(Step::Link(from.to_owned(), to.to_owned()));
        Ok(())
    }

    async fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        others_first().await;
        self.real.rename(from, to).await?;
        self.tape.borrow_mut().rename(from, to);
        Ok(())
    }

    async fn remove(&self, name: &str) -> io::Result<()> {
        others_first().await;
        self.real.remove(name).await?;
        self.tape.borrow_mut().names.remove(name);
        self.note(Step::Remove(name.to_owned()));
        Ok(())
    }

    async fn list(&self, name: Option<&str>) -> io::Result<Vec<String>> {
        others_first().await;
        self.real.list(name).await
    }

    async fn make_dir(&self, name: &str) -> io::Result<()> {
        others_first().await;
        self.real.make_dir(name).await?;
        self.note(Step::MakeDir(name.to_owned()));
        Ok(())
    }

    async fn remove_dir(&self, name: &str) -> io::Result<()> {
        others_first().await;
        self.real.remove_dir(name).await?;
        self.note(Step::RemoveDir(name.to_owned()));
        Ok(())
    }

    async fn try_lock(&self, file: &File) -> io::Result<bool> {
        others_first().await;
        self.real.try_lock(&file.real).await
    }

    async fn unlock(&self, file: &File) -> io::Result<()> {
        others_first().await;
        self.real.unlock(&file.real).await
    }

    async fn is_attached(&self) -> io::Result<bool> {
        others_first().await;
        self.real.is_attached().await
    }

    async fn reattach(&self) -> Result<(), StorageError> {
        others_first().await;
        self.real.reattach().await
    }

    async fn changed(&self, _: Option<&str>) {
        // Nobody waits in these workloads.
        std::future::pending::<()>().await;
    }

    fn unwatch(&self) {}

    /// One that will be dead once the power is back, as whoever wrote its name to the disk
    /// then is.
    fn this_process(&self) -> ProcessId {
        let mut process = self.real.this_process();
        process.started += 1;
        process
    }

    async fn is_dead(&self, _: &ProcessId) -> bool {
        // Until the cut everybody lives.
        false
    }
}
