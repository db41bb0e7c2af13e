//! The narrow waist between the `fs` backend and a file system.
//!
//! Journal, rotation, checkpoint and lock code is written over this trait alone, so
//! the very same code runs on a real disk ([`OsFileSystem`](super::OsFileSystem)) and
//! on a simulated one that loses, tears and reorders what was not synced. Every
//! operation is an await point: a simulator may pause or kill the process between any
//! two of them.
//!
//! All names are relative to one folder, which the implementation keeps open: plain
//! file names, or `<directory>/<file>` one level down, for the lock directory. No
//! operation follows a symbolic link.

use std::io;

use serde::{Deserialize, Serialize};

use mesh_coordinator::ports::StorageError;

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// To read an existing file.
    Read,
    /// To read an existing file, and to append to its end.
    Append,
    /// To read and overwrite in place, created empty where it does not exist.
    Overwrite,
}

/// Which file it is, whatever its name: device and inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileId {
    /// The device.
    pub device: u64,
    /// The inode.
    pub inode: u64,
}

/// What a file system says about a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileStat {
    /// Which file it is.
    pub id: FileId,
    /// Its length in bytes.
    pub len: u64,
    /// How many names it has. 0: it is open, but no name leads to it any more.
    pub links: u64,
    /// When anything about it last changed, by the file system's own clock and in its own
    /// unit. A file that was given the number of one that is gone has changed since.
    pub changed: u128,
}

/// Where the bytes of an append went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The offset just past the last byte written.
    pub end: u64,
    /// How many bytes were written; fewer than given where there was no room for more.
    pub written: usize,
}

/// A process, so that a lock's owner can be found dead without a doubt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessId {
    /// The machine *and* its boot: a pid means nothing beyond either.
    pub host: String,
    /// The process id.
    pub pid: u32,
    /// When the process started, in the system's own unit, since pids are reused.
    pub started: u64,
}

/// The operations that the `fs` backend needs, with the guarantees it relies on.
///
/// What may fail: every operation, with any `io::Error`. `NotFound`, `AlreadyExists`
/// and `StorageFull` are told apart; `Interrupted` is retried by the implementation.
/// What is not [synced](FileSystem::sync) may be lost, torn and reordered by a power
/// cut, page by page; a name that is not [synced](FileSystem::sync_dir) may be lost or
/// come back. A process that is killed loses nothing that an operation returned for.
#[allow(
    async_fn_in_trait,
    reason = "a coordinator stays on one thread, so its futures need not be Send"
)]
pub trait FileSystem: Clone {
    /// An open file. Dropping it closes it.
    type File;

    /// Opens the regular file `name`.
    async fn open(&self, name: &str, access: Access) -> io::Result<Self::File>;

    /// Creates `name`, which must not exist, for reading and appending.
    async fn create(&self, name: &str) -> io::Result<Self::File>;

    /// Reads at `offset` into `buffer`; fewer bytes than asked for only at the end of
    /// the file. May see a part of an append that is in progress.
    async fn read_at(&self, file: &Self::File, offset: u64, buffer: &mut [u8])
    -> io::Result<usize>;

    /// Appends `bytes` in one write, atomically with respect to other appends: bytes
    /// of two writers never interleave. Its own bytes may be cut short.
    async fn append(&self, file: &Self::File, bytes: &[u8]) -> io::Result<Appended>;

    /// Why an append that ended at `end` was cut short, where it did not fail: a disk that
    /// filled up, unless the implementation knows better.
    fn why_short(&self, _end: u64) -> io::Error {
        io::ErrorKind::StorageFull.into()
    }

    /// Overwrites in place. A power cut may tear it at any byte.
    async fn write_at(&self, file: &Self::File, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Makes everything that any process wrote to `file` so far, and its length,
    /// survive a power cut (`fdatasync`; on macOS `F_FULLFSYNC`). After an error the
    /// pages may be gone, and the *next* sync may wrongly succeed.
    async fn sync(&self, file: &Self::File) -> io::Result<()>;

    /// Makes the folder's names as they are now survive a power cut.
    async fn sync_dir(&self) -> io::Result<()>;

    /// What there is to know about an open file.
    async fn stat(&self, file: &Self::File) -> io::Result<FileStat>;

    /// What there is to know about whatever `name` leads to; `NotFound` if nothing.
    async fn stat_name(&self, name: &str) -> io::Result<FileStat>;

    /// Gives the file `from` a second name `to`; `AlreadyExists` if that is taken.
    async fn link(&self, from: &str, to: &str) -> io::Result<()>;

    /// Renames `from` to `to` in one step. A file replaces a file. A directory
    /// replaces an *empty* directory and fails on any other thing.
    async fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes the name of a file.
    async fn remove(&self, name: &str) -> io::Result<()>;

    /// The names in the folder, in any order; or in its directory `name`. May or may
    /// not show names that come and go meanwhile, and may miss a file that is being
    /// renamed.
    async fn list(&self, name: Option<&str>) -> io::Result<Vec<String>>;

    /// Makes the directory `name`; `AlreadyExists` if there is anything of that name.
    async fn make_dir(&self, name: &str) -> io::Result<()>;

    /// Removes the directory `name`, which must be empty.
    async fn remove_dir(&self, name: &str) -> io::Result<()>;

    /// Takes the kernel's advisory lock on an open file if it is free right now
    /// (`flock`); it ends with the file or with the process.
    async fn try_lock(&self, file: &Self::File) -> io::Result<bool>;

    /// Gives the kernel's lock back.
    async fn unlock(&self, file: &Self::File) -> io::Result<()>;

    /// Whether the folder's path still leads to the folder that is held open. It does
    /// not after the folder was deleted or moved away.
    async fn is_attached(&self) -> io::Result<bool>;

    /// Turns to the folder that the path leads to now, made anew if there is none.
    /// Files that are open stay what they were. All clones turn together.
    async fn reattach(&self) -> Result<(), StorageError>;

    /// Waits until somebody may have changed the file `name` since the last call returned,
    /// by whatever way: an append, or its removal; without a name, until any journal
    /// changed, came or went. The first call, and the first one for another file or in
    /// another folder, returns at once, and so does any other now and then. A change may be
    /// noticed late, or missed. To drop the future does no harm.
    async fn changed(&self, name: Option<&str>);

    /// Nobody waits for changes any more; the next call of
    /// [`changed`](FileSystem::changed) is a first one.
    fn unwatch(&self);

    /// This process.
    fn this_process(&self) -> ProcessId;

    /// Whether `process` is gone beyond doubt: same host and boot, and no such pid, or
    /// one that started at another time. `false` where there is any doubt.
    async fn is_dead(&self, process: &ProcessId) -> bool;
}
