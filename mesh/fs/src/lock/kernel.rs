//! The store's lock by `flock`.
//!
//! The kernel keeps it, so it costs about a microsecond, and it is free the moment its
//! holder dies. What it cannot do is be taken away: a holder that is stopped (Ctrl-Z, a
//! debugger, a suspended container) would keep everybody out for as long as it likes.
//! So waiting is bounded, and afterwards the caller writes *without* the lock, which
//! the log is safe against.
//!
//! Whoever has run out of patience once tries only once, without waiting, until it has
//! seen the lock free again. Otherwise each operation beside a stopped holder would
//! take as long as the first.
//!
//! The lock is tied to the open file, not to its name. Where the file was removed, two
//! processes could hold two locks of the same name, so a lock on a file without a name
//! does not count.

use super::backoff::Backoff;
use crate::seam::{Access, FileSystem};
use mesh_coordinator::ports::{Clock, Lock};
use mesh_core::Millis;

const NAME: &str = "lock.flock";
/// How long a holder is waited for before it counts as stopped.
const PATIENCE: Millis = 5_000;
const FIRST_WAIT_MICROS: u64 = 20;
const LONGEST_WAIT_MICROS: u64 = 250;

/// The store's lock on the kernel's advisory lock of one file.
pub struct KernelLock<F: FileSystem, C> {
    fs: F,
    clock: C,
    seed: u64,
    /// Kept open from one acquisition to the next.
    file: Option<F::File>,
    held: bool,
    patience: Millis,
}

enum Attempt {
    Acquired,
    Taken,
    /// The file that was locked has no name any more.
    Orphaned,
}

impl<F: FileSystem, C: Clock> KernelLock<F, C> {
    /// A lock that is not held; `seed` makes its jitter.
    pub fn new(fs: F, clock: C, seed: u64) -> Self {
        Self {
            fs,
            clock,
            seed,
            file: None,
            held: false,
            patience: PATIENCE,
        }
    }

    async fn contend(&mut self) -> std::io::Result<bool> {
        let started = self.clock.monotonic();
        let mut backoff = Backoff::new(FIRST_WAIT_MICROS, LONGEST_WAIT_MICROS, self.seed);
        loop {
            let attempt = self.attempt().await?;
            if matches!(attempt, Attempt::Acquired) {
                self.patience = PATIENCE;
                return Ok(true);
            }
            if self.clock.monotonic().saturating_sub(started) >= self.patience {
                self.patience = 0;
                return Ok(false);
            }
            // Finding the file without a name says nothing about who holds the lock now.
            if matches!(attempt, Attempt::Taken) {
                self.clock.back_off(backoff.next_micros()).await;
            }
        }
    }

    async fn attempt(&mut self) -> std::io::Result<Attempt> {
        let file = match self.file.take() {
            Some(file) => file,
            None => self.fs.open(NAME, Access::Overwrite).await?,
        };
        let locked = self.fs.try_lock(&file).await?;
        if locked && self.fs.stat(&file).await?.links == 0 {
            return Ok(Attempt::Orphaned);
        }
        self.file = Some(file);
        Ok(if locked {
            Attempt::Acquired
        } else {
            Attempt::Taken
        })
    }
}

impl<F: FileSystem, C: Clock> Lock for KernelLock<F, C> {
    async fn acquire(&mut self) -> bool {
        debug_assert!(!self.held, "a lock is released before it is acquired again");
        self.held = self.contend().await.unwrap_or(false);
        self.held
    }

    async fn release(&mut self) {
        if !std::mem::take(&mut self.held) {
            return;
        }
        if let Some(file) = self.file.take() {
            // Where unlocking fails, dropping the file closes it, which unlocks too.
            if self.fs.unlock(&file).await.is_ok() {
                self.file = Some(file);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::OsFileSystem;
    use crate::testing::{FakeClock, block_on};

    fn folder() -> (TempDir, OsFileSystem) {
        let folder = TempDir::new().unwrap();
        let fs = OsFileSystem::open(folder.path(), false).unwrap();
        (folder, fs)
    }

    fn lock(fs: &OsFileSystem, clock: &FakeClock) -> KernelLock<OsFileSystem, FakeClock> {
        KernelLock::new(fs.clone(), clock.clone(), 7)
    }

    /// A stopped holder costs the first waiter five seconds and later ones nothing.
    #[test]
    fn patience_with_a_holder_ends_and_is_not_wasted_twice() {
        let (_folder, fs) = folder();
        let clock = FakeClock::new();
        let (mut holder, mut waiter) = (lock(&fs, &clock), lock(&fs, &clock));
        assert!(block_on(holder.acquire()));
        assert!(!block_on(waiter.acquire()));
        assert!((PATIENCE..PATIENCE + 10).contains(&clock.monotonic()));

        let before = clock.monotonic();
        assert!(!block_on(waiter.acquire()));
        assert_eq!(clock.monotonic(), before);

        block_on(holder.release());
        assert!(block_on(waiter.acquire()));
        assert_eq!(waiter.patience, PATIENCE);
    }

    #[test]
    fn what_was_not_acquired_is_not_released() {
        let (_folder, fs) = folder();
        let clock = FakeClock::new();
        let (mut holder, mut waiter) = (lock(&fs, &clock), lock(&fs, &clock));
        assert!(block_on(holder.acquire()));
        assert!(!block_on(waiter.acquire()));
        block_on(waiter.release());
        assert!(!block_on(waiter.acquire()), "the holder still holds");
    }

    /// Two processes that hold locks on two files of the same name would both believe
    /// that they are alone.
    #[test]
    fn a_lock_on_a_removed_file_does_not_count() {
        let (_folder, fs) = folder();
        let clock = FakeClock::new();
        let (mut first, mut second) = (lock(&fs, &clock), lock(&fs, &clock));
        assert!(block_on(first.acquire()));
        block_on(first.release());
        block_on(fs.remove(NAME)).unwrap();
        assert!(block_on(second.acquire()));
        assert!(
            !block_on(first.acquire()),
            "it meets the second one on the new file"
        );
        block_on(second.release());
        assert!(block_on(first.acquire()));
    }

    #[test]
    fn in_a_removed_folder_there_is_no_lock() {
        let (folder, fs) = folder();
        let clock = FakeClock::new();
        let mut lock = lock(&fs, &clock);
        assert!(block_on(lock.acquire()));
        block_on(lock.release());
        folder.close().unwrap();
        assert!(!block_on(lock.acquire()));
        assert_eq!(clock.monotonic(), 0, "there is nothing to wait for");
    }
}
