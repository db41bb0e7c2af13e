//! Opening a folder on this machine: the real ports, on a thread of their own.

use std::ops::Deref;
use std::path::PathBuf;
use std::thread;

use mesh_coordinator::ports::{Clock, StorageError};
use mesh_coordinator::{Coordinator, Handle, Served, serve};
use mesh_fs::{Format, FsOptions, FsStorage, LockKind, OsFileSystem, StoreLock};
use mesh_fs::{SystemClock, seed};

type OsCoordinator<C> = Coordinator<C, FsStorage<OsFileSystem, C>, StoreLock<OsFileSystem, C>>;

/// A mesh folder, opened: the nine methods of a [`Handle`], one for each tool.
///
/// Cheap to clone and usable from any thread and any executor.
#[derive(Clone, Debug)]
pub struct Mesh(Handle);

impl Deref for Mesh {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.0
    }
}

/// A handle to any coordinator serves as a mesh, whatever its ports are.
impl From<Handle> for Mesh {
    fn from(handle: Handle) -> Self {
        Self(handle)
    }
}

/// How to open a folder. Made by [`Mesh::options`].
#[derive(Clone, Debug)]
#[must_use = "options do nothing before `open`"]
pub struct Options<C = SystemClock> {
    path: PathBuf,
    explicit: bool,
    clock: C,
    storage: FsOptions,
}

impl Mesh {
    /// Opens the folder `path`, and makes it where it is missing.
    ///
    /// Returns at once: a thread of its own opens the folder and serves the handle. A
    /// folder that cannot be opened answers every call with the reason, and each call
    /// tries again.
    pub fn open(path: impl Into<PathBuf>) -> Self {
        Self::options(path).open()
    }

    /// The options with which [`Mesh::open`] opens `path`, to be changed first.
    pub fn options(path: impl Into<PathBuf>) -> Options {
        Options {
            path: path.into(),
            explicit: true,
            clock: SystemClock::new(),
            storage: FsOptions::default(),
        }
    }

    /// Ends the coordinator: see [`Handle::close`].
    pub async fn close(self) {
        self.0.close().await;
    }
}

impl<C: Clock + Clone + Send + 'static> Options<C> {
    /// Whether a person named this very folder, which allows one that belongs to
    /// another user (rule S4). On by default.
    pub fn explicit(mut self, explicit: bool) -> Self {
        self.explicit = explicit;
        self
    }

    /// Reads time from `clock` in place of the system's, for leases, liveness and
    /// waiting alike.
    pub fn clock<D: Clock + Clone + Send + 'static>(self, clock: D) -> Options<D> {
        Options {
            path: self.path,
            explicit: self.explicit,
            clock,
            storage: self.storage,
        }
    }

    /// The kind of the store's lock, where the folder is made anew; an existing one
    /// keeps its own.
    pub fn lock(mut self, kind: LockKind) -> Self {
        self.storage.lock = kind;
        self
    }

    /// How many bytes of entries are worth a checkpoint; 1 MiB by default.
    pub fn rotate_bytes(mut self, bytes: u64) -> Self {
        self.storage.rotate_bytes = bytes;
        self
    }

    /// Opens the folder; see [`Mesh::open`].
    pub fn open(self) -> Mesh {
        let (handle, served) = Handle::queue();
        let task = move || futures_executor::block_on(self.serve(served));
        let spawned = thread::Builder::new().name("mesh".to_owned()).spawn(task);
        if let Err(error) = spawned {
            // Every call will find the queue closed.
            tracing::error!("no thread for the coordinator: {error}");
        }
        Mesh(handle)
    }

    async fn serve(self, served: Served) {
        let name = self.path.display().to_string();
        serve(served, &name, async |served| self.coordinator(served).await).await;
    }

    async fn coordinator(&self, served: Served) -> Result<OsCoordinator<C>, StorageError> {
        let fs = OsFileSystem::open(&self.path, self.explicit)?;
        let kind = Format::read(&fs)
            .await?
            .map_or(self.storage.lock, |f| f.lock);
        let clock = self.clock.clone();
        let lock = StoreLock::new(fs.clone(), clock.clone(), kind, seed());
        let storage = FsStorage::new(fs, clock.clone(), self.storage.clone(), seed());
        Ok(Coordinator::serving(served, clock, storage, lock, seed()))
    }
}
