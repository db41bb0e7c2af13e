//! The file system of this machine, seen from one folder.
//!
//! Guarantees, beyond those of [`FileSystem`]:
//!
//! * **One folder.** Everything is relative to a descriptor of the folder that was
//!   opened, so the folder may be renamed, or its path replaced, without anything
//!   going astray. Once it is removed, creating fails with `NotFound`.
//! * **No symbolic links**, neither at the end of a name nor on the way to it, and
//!   only regular files: whoever can write into the folder cannot make mesh write, or
//!   hang, elsewhere.
//! * **Private.** Files are made 0600, directories 0700, and no descriptor leaks into
//!   a child process.
//!
//! Every operation is a blocking system call inside an `async fn` that never waits:
//! a coordinator owns its thread, and handing a 10 µs append to a pool would cost more
//! than the append. What a folder must be like to be opened at all is the business of
//! `folder`.

mod alarm;
mod clock;
mod entropy;
mod file_system;
mod folder;
mod process;
mod survey;
#[cfg(test)]
mod tests;
mod watch;

pub use clock::SystemClock;
pub use entropy::seed;
pub use survey::{FileKind, Survey, SurveyEntry};
pub(crate) use watch::WATCH_MORE;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use rustix::fs::{self, AtFlags, Dir, FileType, FlockOperation, Mode, OFlags, Stat};
use rustix::io::{Errno, pread, pwrite, retry_on_intr, write};
use rustix::process::{Resource, getrlimit};

use crate::error::io_error;
use crate::read_only::ReadOnly;
use crate::seam::{Access, Appended, FileId, FileStat, FileSystem, ProcessId};
use mesh_coordinator::ports::{Clock, Outcome, StorageError};
use mesh_core::Millis;
use watch::Watch;

/// How every file is opened. `NONBLOCK` means nothing to a regular file, and keeps a
/// planted FIFO from blocking the open until somebody writes to it.
const GUARDED: OFlags = OFlags::NOFOLLOW
    .union(OFlags::CLOEXEC)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY);
/// How every directory is opened.
const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);
const PRIVATE_FILE: Mode = Mode::RUSR.union(Mode::WUSR);
const PRIVATE_DIRECTORY: Mode = Mode::RWXU;
/// How often a folder is looked at that the system does not watch for us, in milliseconds.
const POLL: Millis = 100;

/// The files of one folder, through the system calls of this machine.
///
/// Cheap to clone; clones share the descriptor of the folder.
#[derive(Clone, Debug)]
pub struct OsFileSystem {
    folder: Arc<RwLock<Arc<Folder>>>,
    path: Arc<Path>,
    explicit: bool,
    process: ProcessId,
    watch: Arc<Mutex<Option<Watch>>>,
}

#[derive(Debug)]
struct Folder {
    dir: OwnedFd,
    /// Which directory `dir` is. An open one never becomes another.
    id: FileId,
}

impl OsFileSystem {
    /// Opens the mesh folder `path`, and makes it one where it is missing or empty:
    /// private (0700), and ignored by git (rule S4).
    ///
    /// `explicit` says that a person named this very folder (`MESH_DIR`), which allows
    /// one that belongs to another user.
    ///
    /// # Errors
    ///
    /// [`Refused`](mesh_coordinator::ports::StorageErrorKind::Refused) for a symbolic link,
    /// another user's folder, one with foreign files in it, and a file system that
    /// mesh cannot be safe on (rule S6);
    /// [`Full`](mesh_coordinator::ports::StorageErrorKind::Full) and
    /// [`Io`](mesh_coordinator::ports::StorageErrorKind::Io) where the system fails.
    pub fn open(path: &Path, explicit: bool) -> Result<Self, StorageError> {
        Ok(Self::with(Folder::open(path, explicit)?, path, explicit))
    }

    fn with(folder: Folder, path: &Path, explicit: bool) -> Self {
        Self {
            folder: Arc::new(RwLock::new(Arc::new(folder))),
            path: path.into(),
            explicit,
            process: process::this_process(),
            watch: Arc::default(),
        }
    }

    /// Opens the mesh folder `path` as it is, to be looked at; `None` where there is
    /// none. Nothing is made or changed, now or later.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), except that the content is not looked at.
    pub fn look_at(path: &Path, explicit: bool) -> Result<Option<ReadOnly<Self>>, StorageError> {
        let Some(dir) = folder::look_at(path, explicit)? else {
            return Ok(None);
        };
        let folder = Folder::of(dir, path)?;
        Ok(Some(ReadOnly::new(Self::with(folder, path, explicit))))
    }

    /// Where the folder was when it was opened, for messages to people.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder as it is held open now.
    fn folder(&self) -> Arc<Folder> {
        let folder = self.folder.read().unwrap_or_else(PoisonError::into_inner);
        folder.clone()
    }

    fn watch(&self) -> MutexGuard<'_, Option<Watch>> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open_regular(&self, name: &str, flags: OFlags) -> io::Result<OwnedFd> {
        let folder = self.folder();
        let at = folder.place(name)?;
        let irregular = || io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file");
        match retry_on_intr(|| fs::openat(&at.parent, at.leaf, flags | GUARDED, PRIVATE_FILE)) {
            Ok(file) if is_regular(&fs::fstat(&file)?) => Ok(file),
            Ok(_) => Err(irregular()),
            // A socket cannot be opened at all.
            Err(error @ (Errno::NXIO | Errno::OPNOTSUPP)) => {
                let found = fs::statat(&at.parent, at.leaf, AtFlags::SYMLINK_NOFOLLOW);
                Err(match found {
                    Ok(stat) if !is_regular(&stat) => irregular(),
                    _ => error.into(),
                })
            }
            Err(error) => Err(error.into()),
        }
    }
}

impl Folder {
    fn open(path: &Path, explicit: bool) -> Result<Self, StorageError> {
        Self::of(folder::open(path, explicit)?, path)
    }

    fn of(dir: OwnedFd, path: &Path) -> Result<Self, StorageError> {
        let stat = fs::fstat(&dir).map_err(|error| {
            let name = path.display().to_string();
            io_error("look at", &name, Outcome::NoEffect, &error.into())
        })?;
        let id = file_stat(&stat).id;
        Ok(Self { dir, id })
    }

    fn place<'a>(&'a self, name: &'a str) -> io::Result<Place<'a>> {
        let dir = self.dir.as_fd();
        let (directory, leaf) = match name.split_once('/') {
            None => (None, plain(name)?),
            Some((directory, leaf)) => (Some(plain(directory)?), plain(leaf)?),
        };
        let parent = match directory {
            None => Parent::Folder(dir),
            Some(directory) => Parent::Inner(open_directory(dir, directory)?),
        };
        Ok(Place { parent, leaf })
    }
}

/// A directory, and a name in it that has no further part. Opening the directory
/// first, instead of passing `<directory>/<file>` to the kernel, is what keeps a
/// symbolic link in the place of the directory from being followed.
struct Place<'a> {
    parent: Parent<'a>,
    leaf: &'a str,
}

enum Parent<'a> {
    Folder(BorrowedFd<'a>),
    Inner(OwnedFd),
}

impl AsFd for Parent<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Folder(dir) => *dir,
            Self::Inner(dir) => dir.as_fd(),
        }
    }
}

/// Refuses a name that would lead out of its directory.
fn plain(name: &str) -> io::Result<&str> {
    if matches!(name, "" | "." | "..") || name.contains('/') {
        let message = format!("{name:?} is not the name of a file in this folder");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    Ok(name)
}

fn open_directory(parent: BorrowedFd<'_>, name: &str) -> io::Result<OwnedFd> {
    Ok(retry_on_intr(|| {
        fs::openat(parent, name, DIRECTORY, Mode::empty())
    })?)
}

fn is_regular(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode).is_file()
}

#[allow(
    clippy::unnecessary_cast,
    clippy::cast_lossless,
    reason = "the widths of these fields differ between systems"
)]
fn file_stat(stat: &Stat) -> FileStat {
    FileStat {
        id: FileId {
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
        },
        len: stat.st_size as u64,
        links: stat.st_nlink as u64,
        changed: (stat.st_ctime as u128) << 32 | stat.st_ctime_nsec as u128,
    }
}

/// Names that are not UTF-8 are left out: mesh makes none, so they are not its own.
fn list(dir: BorrowedFd<'_>) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(dir)? {
        match entry?.file_name().to_str() {
            Err(_) | Ok("." | "..") => {}
            Ok(name) => names.push(name.to_owned()),
        }
    }
    Ok(names)
}

/// On macOS neither `fsync` nor `fdatasync` reaches the medium, only the cache of the
/// drive. There is no fallback: a drive that cannot be flushed cannot keep rule G4.
#[cfg(target_os = "macos")]
fn sync_file(file: BorrowedFd<'_>) -> io::Result<()> {
    Ok(retry_on_intr(|| fs::fcntl_fullfsync(file))?)
}

#[cfg(not(target_os = "macos"))]
fn sync_file(file: BorrowedFd<'_>) -> io::Result<()> {
    Ok(retry_on_intr(|| fs::fdatasync(file))?)
}

#[cfg(target_os = "macos")]
use sync_file as sync_directory;

#[cfg(not(target_os = "macos"))]
fn sync_directory(dir: BorrowedFd<'_>) -> io::Result<()> {
    Ok(retry_on_intr(|| fs::fsync(dir))?)
}

impl FileSystem for OsFileSystem {
    type File = OwnedFd;

    async fn open(&self, name: &str, access: Access) -> io::Result<OwnedFd> {
        let flags = match access {
            Access::Read => OFlags::RDONLY,
            Access::Append => OFlags::RDWR | OFlags::APPEND,
            Access::Overwrite => OFlags::RDWR | OFlags::CREATE,
        };
        self.open_regular(name, flags)
    }

    async fn create(&self, name: &str) -> io::Result<OwnedFd> {
        let flags = OFlags::RDWR | OFlags::APPEND | OFlags::CREATE | OFlags::EXCL;
        self.open_regular(name, flags)
    }

    async fn read_at(&self, file: &OwnedFd, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut read = 0;
        while read < buffer.len() {
            match retry_on_intr(|| pread(file, &mut buffer[read..], offset + read as u64))? {
                0 => break,
                n => read += n,
            }
        }
        Ok(read)
    }

    async fn append(&self, file: &OwnedFd, bytes: &[u8]) -> io::Result<Appended> {
        let written = retry_on_intr(|| write(file, bytes))?;
        // A write on an O_APPEND descriptor leaves the descriptor's own position just
        // past its last byte, wherever in the file that was; and since each open has a
        // position of its own, nobody else moves it in between.
        let end = fs::tell(file)?;
        Ok(Appended { end, written })
    }

    /// The kernel cuts a write at the process's limit on file sizes like one on a full disk,
    /// and only the next one, behind the limit, would be told the reason.
    fn why_short(&self, end: u64) -> io::Error {
        let limit = getrlimit(Resource::Fsize).current;
        match limit.is_some_and(|limit| end >= limit) {
            true => io::ErrorKind::FileTooLarge.into(),
            false => io::ErrorKind::StorageFull.into(),
        }
    }

    async fn write_at(&self, file: &OwnedFd, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut written = 0;
        while written < bytes.len() {
            match retry_on_intr(|| pwrite(file, &bytes[written..], offset + written as u64))? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                n => written += n,
            }
        }
        Ok(())
    }

    async fn sync(&self, file: &OwnedFd) -> io::Result<()> {
        sync_file(file.as_fd())
    }

    async fn sync_dir(&self) -> io::Result<()> {
        sync_directory(self.folder().dir.as_fd())
    }

    async fn stat(&self, file: &OwnedFd) -> io::Result<FileStat> {
        Ok(file_stat(&fs::fstat(file)?))
    }

    async fn stat_name(&self, name: &str) -> io::Result<FileStat> {
        let folder = self.folder();
        let at = folder.place(name)?;
        let stat = retry_on_intr(|| fs::statat(&at.parent, at.leaf, AtFlags::SYMLINK_NOFOLLOW))?;
        Ok(file_stat(&stat))
    }

    async fn link(&self, from: &str, to: &str) -> io::Result<()> {
        let folder = self.folder();
        let (from, to) = (folder.place(from)?, folder.place(to)?);
        // Without AT_SYMLINK_FOLLOW a symbolic link would be linked, not its target.
        let linked = retry_on_intr(|| {
            fs::linkat(
                &from.parent,
                from.leaf,
                &to.parent,
                to.leaf,
                AtFlags::empty(),
            )
        });
        Ok(linked?)
    }

    async fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let folder = self.folder();
        let (from, to) = (folder.place(from)?, folder.place(to)?);
        let renamed = retry_on_intr(|| fs::renameat(&from.parent, from.leaf, &to.parent, to.leaf));
        Ok(renamed?)
    }

    async fn remove(&self, name: &str) -> io::Result<()> {
        let folder = self.folder();
        let at = folder.place(name)?;
        Ok(retry_on_intr(|| {
            fs::unlinkat(&at.parent, at.leaf, AtFlags::empty())
        })?)
    }

    async fn list(&self, name: Option<&str>) -> io::Result<Vec<String>> {
        let folder = self.folder();
        let dir = folder.dir.as_fd();
        match name {
            None => list(dir),
            Some(name) => list(open_directory(dir, plain(name)?)?.as_fd()),
        }
    }

    async fn make_dir(&self, name: &str) -> io::Result<()> {
        let folder = self.folder();
        let at = folder.place(name)?;
        Ok(retry_on_intr(|| {
            fs::mkdirat(&at.parent, at.leaf, PRIVATE_DIRECTORY)
        })?)
    }

    async fn remove_dir(&self, name: &str) -> io::Result<()> {
        let folder = self.folder();
        let at = folder.place(name)?;
        Ok(retry_on_intr(|| {
            fs::unlinkat(&at.parent, at.leaf, AtFlags::REMOVEDIR)
        })?)
    }

    async fn try_lock(&self, file: &OwnedFd) -> io::Result<bool> {
        match retry_on_intr(|| fs::flock(file, FlockOperation::NonBlockingLockExclusive)) {
            Ok(()) => Ok(true),
            Err(Errno::WOULDBLOCK) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn unlock(&self, file: &OwnedFd) -> io::Result<()> {
        Ok(retry_on_intr(|| fs::flock(file, FlockOperation::Unlock))?)
    }

    async fn is_attached(&self) -> io::Result<bool> {
        match retry_on_intr(|| fs::lstat(&*self.path)) {
            Ok(found) => Ok(file_stat(&found).id == self.folder().id),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn reattach(&self) -> Result<(), StorageError> {
        let anew = Folder::open(&self.path, self.explicit)?;
        let mut folder = self.folder.write().unwrap_or_else(PoisonError::into_inner);
        *folder = Arc::new(anew);
        Ok(())
    }

    async fn changed(&self, name: Option<&str>) {
        let folder = self.folder().id;
        let changes = {
            let mut watch = self.watch();
            match &*watch {
                Some(watch) if watch.is_over(folder, name) => watch.changes.clone(),
                _ => {
                    // Let go of first, so that there are never two.
                    *watch = None;
                    *watch = Some(Watch::over(folder, &self.path, name));
                    // What came before it went unnoticed.
                    return;
                }
            }
        };
        match changes {
            // The sender lives as long as the watch; without it there is nothing to hear.
            Some(changes) if changes.recv().await.is_ok() => {}
            _ => {
                SystemClock::new().sleep(POLL).await;
            }
        }
    }

    fn unwatch(&self) {
        *self.watch() = None;
    }

    fn this_process(&self) -> ProcessId {
        self.process.clone()
    }

    async fn is_dead(&self, process: &ProcessId) -> bool {
        process::is_dead(&self.process, process)
    }
}
