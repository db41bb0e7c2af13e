//! The store's lock, twice: two ways to spare writers from losing races.
//!
//! The lock is for speed, the log is for safety: see the contract of
//! [`Lock`]. Both backends are written over the [`FileSystem`] seam and the [`Clock`]
//! port, so the simulator runs them as they are. All processes that share a folder
//! must use the same kind, or they do not spare each other anything; so the folder's
//! `format` file names it.

mod backoff;
mod directory;
mod kernel;
mod sweep;

use serde::{Deserialize, Serialize};

pub(super) use backoff::Backoff;
pub use directory::LockDirectory;
pub use kernel::KernelLock;
pub(super) use sweep::sweep_candidates;

use crate::seam::FileSystem;
use mesh_coordinator::ports::{Clock, Lock};

/// Which of the two locks a folder uses; `"kernel"` or `"directory"` in its `format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LockKind {
    /// `flock` on the file `lock.flock`: fast, and freed by the kernel when its holder
    /// dies, but it cannot be taken from a holder that is stopped.
    Kernel,
    /// The directory `lock`, renamed into place: works wherever renaming does, and can
    /// be stolen from a holder that is stopped.
    Directory,
}

/// The store's lock of a folder, of the kind that its `format` names.
pub enum StoreLock<F: FileSystem, C> {
    /// See [`LockKind::Kernel`].
    Kernel(KernelLock<F, C>),
    /// See [`LockKind::Directory`].
    Directory(LockDirectory<F, C>),
}

impl<F: FileSystem, C: Clock> StoreLock<F, C> {
    /// A lock that is not held. `seed` makes its nonces and jitter: no two values that
    /// ever use the same folder may share one.
    pub fn new(fs: F, clock: C, kind: LockKind, seed: u64) -> Self {
        match kind {
            LockKind::Kernel => Self::Kernel(KernelLock::new(fs, clock, seed)),
            LockKind::Directory => Self::Directory(LockDirectory::new(fs, clock, seed)),
        }
    }
}

impl<F: FileSystem, C: Clock> Lock for StoreLock<F, C> {
    async fn acquire(&mut self) -> bool {
        match self {
            Self::Kernel(lock) => lock.acquire().await,
            Self::Directory(lock) => lock.acquire().await,
        }
    }

    async fn release(&mut self) {
        match self {
            Self::Kernel(lock) => lock.release().await,
            Self::Directory(lock) => lock.release().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
    use std::thread;

    use tempfile::TempDir;

    use super::*;
    use crate::OsFileSystem;
    use crate::testing::block_on;
    use crate::{SystemClock, seed};

    const THREADS: u32 = 4;
    const ROUNDS: u32 = 100;

    /// No two live holders that nobody had reason to steal from are ever inside
    /// together, and everybody gets in.
    fn excludes(kind: LockKind) {
        let folder = TempDir::new().unwrap();
        let fs = OsFileSystem::open(folder.path(), false).unwrap();
        let (inside, entered) = (AtomicBool::new(false), AtomicU32::new(0));
        let work = || {
            let mut lock = StoreLock::new(fs.clone(), SystemClock::new(), kind, seed());
            for _ in 0..ROUNDS {
                assert!(
                    block_on(lock.acquire()),
                    "a lock that is given back is acquired"
                );
                assert!(!inside.swap(true, Ordering::SeqCst), "two holders at once");
                entered.fetch_add(1, Ordering::SeqCst);
                thread::yield_now();
                assert!(inside.swap(false, Ordering::SeqCst), "two holders at once");
                block_on(lock.release());
            }
        };
        thread::scope(|scope| (0..THREADS).for_each(|_| drop(scope.spawn(work))));
        assert_eq!(entered.into_inner(), THREADS * ROUNDS);
    }

    #[test]
    fn the_kernel_lock_excludes() {
        excludes(LockKind::Kernel);
    }

    #[test]
    fn the_lock_directory_excludes() {
        excludes(LockKind::Directory);
    }

    #[test]
    fn a_kind_is_written_in_snake_case() {
        assert_eq!(
            serde_json::to_string(&LockKind::Kernel).unwrap(),
            r#""kernel""#
        );
        assert_eq!(
            serde_json::to_string(&LockKind::Directory).unwrap(),
            r#""directory""#
        );
    }
}
