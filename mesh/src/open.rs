//! Opening a folder on this machine: the real ports, on a thread of their own.

use std::path::{Path, PathBuf};
use std::thread;

use crate::backends::fs::{Format, FsOptions, FsStorage, LockKind, OsFileSystem, StoreLock};
use crate::backends::{SystemClock, seed};
use crate::coordinator::{Call, Coordinator, Mesh, MeshError, Request, Served};
use crate::ports::{Clock, StorageError};

type OsCoordinator<C> = Coordinator<C, FsStorage<OsFileSystem, C>, StoreLock<OsFileSystem, C>>;

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
        let (mesh, served) = Mesh::queue();
        let serve = move || futures_executor::block_on(serve(&self, served));
        let spawned = thread::Builder::new().name("mesh".to_owned()).spawn(serve);
        if let Err(error) = spawned {
            // Every call will find the queue closed.
            tracing::error!("no thread for the coordinator: {error}");
        }
        mesh
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

/// Serves the queue. As long as the folder cannot be opened, every call tries again
/// and gets the reason.
async fn serve<C: Clock + Clone + Send + 'static>(options: &Options<C>, served: Served) {
    let mut first: Option<Call> = None;
    loop {
        match options.coordinator(served.clone()).await {
            Ok(mut coordinator) => {
                let Some(call) = first.take() else {
                    // Reading the log ahead of the first call makes that one fast. What
                    // keeps it from being read is told to whoever calls.
                    if let Err(error) = coordinator.load().await {
                        tracing::debug!("{}: {error}", shown(&options.path));
                    }
                    return coordinator.run().await;
                };
                let close = coordinator.serve(Some(call)).await;
                return coordinator.run_until(close).await;
            }
            Err(error) => {
                tracing::debug!("{}: {error}", shown(&options.path));
                if let Some(call) = first.take() {
                    call.answer(Err(MeshError::Storage(error)));
                }
            }
        }
        match served.next().await {
            Ok(Request::Call(call)) => first = Some(call),
            Ok(Request::Close(done)) => {
                served.close();
                let _ = done.try_send(());
                return;
            }
            Err(_) => return,
        }
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
