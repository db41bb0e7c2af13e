//! The store's lock as a directory.
//!
//! The lock is the directory `lock`. **It is held if it contains a file, and the name
//! of that file is the nonce of the owner.** Everything follows from what renaming and
//! removing do in one step:
//!
//! 1. *Acquire*: make `lock.<nonce>/` with the file `<nonce>` in it, and rename the
//!    directory to `lock`. That succeeds only where `lock` is missing or empty, so one
//!    step both takes the lock and says whose it is. There is no moment at which the
//!    lock is held by nobody knows whom.
//! 2. *Release*: remove `lock/<own nonce>`. Each acquisition has a fresh nonce, so an
//!    owner that lost the lock while it was paused removes nothing.
//! 3. *Theft* is the same: remove `lock/<stale nonce>`. Of several thieves one removes
//!    it; one that comes late, after others have stolen and acquired, finds no such
//!    file. Nobody gains the lock by theft; it is free then, and all race by renaming.
//!
//! The textbook lock (`mkdir`, and `rmdir` + `mkdir` to steal) fails at both: it is
//! held for a while by nobody knows whom, and a delayed thief removes a fresh lock.
//!
//! A lock is stale if its owner is dead beyond doubt, or if a waiter saw it unchanged
//! for [`STALE`] by its own steady clock. No time is ever written down, so no clock
//! needs to agree with another. An owner can thus lose the lock while it is alive but
//! slow; that costs it a lost race in the log.

use std::io::{self, ErrorKind};

use super::backoff::Backoff;
use crate::seam::{Access, FileSystem, ProcessId};
use mesh_coordinator::ports::{Clock, Lock};
use mesh_core::Millis;
use planted::{Bug, sound};

const LOCK: &str = "lock";
/// How long a lock must be seen unchanged to be stolen.
const STALE: Millis = 5_000;
/// How long one acquisition waits. Longer than [`STALE`]: it ends only where the lock
/// keeps passing between others.
const PATIENCE: Millis = 10_000;
const FIRST_WAIT_MICROS: u64 = 200;
const LONGEST_WAIT_MICROS: u64 = 5_000;
/// The longest description of an owner that is read.
pub(super) const MAX_OWNER_BYTES: usize = 1024;

/// The store's lock on a directory that is renamed into place.
pub struct LockDirectory<F, C> {
    fs: F,
    clock: C,
    seed: u64,
    acquisitions: u64,
    /// The nonce under which this value holds the lock, unless it was stolen.
    held: Option<String>,
}

/// An owner whom a waiter has seen, and since when.
struct Watched {
    nonce: String,
    since: Millis,
    owner: Option<ProcessId>,
}

impl Watched {
    fn new(nonce: String, since: Millis) -> Self {
        let owner = None;
        Self {
            nonce,
            since,
            owner,
        }
    }
}

impl<F: FileSystem, C: Clock> LockDirectory<F, C> {
    /// A lock that is not held. `seed` makes its nonces: no two values that ever use
    /// the same folder may share one.
    pub fn new(fs: F, clock: C, seed: u64) -> Self {
        Self {
            fs,
            clock,
            seed,
            acquisitions: 0,
            held: None,
        }
    }

    fn fresh_nonce(&mut self) -> String {
        self.acquisitions += 1;
        format!("{:016x}-{}", self.seed, self.acquisitions)
    }

    /// Makes the directory that will be the lock, with its owner in it.
    async fn prepare(&self, candidate: &str, nonce: &str) -> io::Result<()> {
        self.fs.make_dir(candidate).await?;
        let file = self.fs.create(&inside(candidate, nonce)).await?;
        let owner = serde_json::to_vec(&self.fs.this_process())?;
        // Cut short by a full disk or a power cut it names nobody, and the lock can
        // still be stolen by its age.
        self.fs.append(&file, &owner).await?;
        Ok(())
    }

    /// Removes the prepared directory of an attempt that failed. What cannot be
    /// removed is in nobody's way.
    async fn discard(&self, candidate: &str, nonce: &str) {
        let _ = self.fs.remove(&inside(candidate, nonce)).await;
        let _ = self.fs.remove_dir(candidate).await;
    }

    /// Renames `candidate` to the lock, as soon as nobody holds it; `false` when
    /// patience ends.
    async fn contend(&self, candidate: &str) -> io::Result<bool> {
        let started = self.clock.monotonic();
        let jitter = self.seed ^ self.acquisitions;
        let mut backoff = Backoff::new(FIRST_WAIT_MICROS, LONGEST_WAIT_MICROS, jitter);
        let mut watched = None;
        while !self.rename_into_place(candidate).await? {
            if self.clock.monotonic().saturating_sub(started) >= PATIENCE {
                return Ok(false);
            }
            if !self.steal_if_stale(&mut watched).await? {
                self.clock.back_off(backoff.next_micros()).await;
            }
        }
        Ok(true)
    }

    async fn rename_into_place(&self, candidate: &str) -> io::Result<bool> {
        match self.fs.rename(candidate, LOCK).await {
            Ok(()) => Ok(true),
            // POSIX allows both for a directory that is not empty.
            Err(e)
                if matches!(
                    e.kind(),
                    ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists
                ) =>
            {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Looks at the lock, and frees it if it is stale: `true` if this call did that.
    async fn steal_if_stale(&self, watched: &mut Option<Watched>) -> io::Result<bool> {
        let Some(nonce) = self.owner_nonce().await? else {
            return Ok(false);
        };
        let now = self.clock.monotonic();
        match watched {
            Some(seen) if sound!(seen.nonce == nonce, Bug::TheftByOwnWait => true) => {
                if now.saturating_sub(seen.since) >= STALE || self.owner_is_dead(seen).await {
                    let nonce = sound!(
                        nonce,
                        Bug::ThiefWithoutNonce => self.owner_nonce().await?.unwrap_or(nonce)
                    );
                    return self.steal(&nonce).await;
                }
            }
            // Most locks are gone at the second look, so only then is the owner read.
            _ => *watched = Some(Watched::new(nonce, now)),
        }
        Ok(false)
    }

    /// The nonce in the lock. Should somebody else have put a file there, the lock is
    /// held by that file too, until it is stolen in its turn.
    async fn owner_nonce(&self) -> io::Result<Option<String>> {
        match self.fs.list(Some(LOCK)).await {
            Ok(names) => Ok(names.into_iter().min()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn owner_is_dead(&self, seen: &mut Watched) -> bool {
        if seen.owner.is_none() {
            seen.owner = self.read_owner(&seen.nonce).await.ok();
        }
        match &seen.owner {
            Some(owner) => self.fs.is_dead(owner).await,
            None => false,
        }
    }

    async fn read_owner(&self, nonce: &str) -> io::Result<ProcessId> {
        let file = self.fs.open(&inside(LOCK, nonce), Access::Read).await?;
        let mut buffer = [0; MAX_OWNER_BYTES];
        let length = self.fs.read_at(&file, 0, &mut buffer).await?;
        Ok(serde_json::from_slice(&buffer[..length])?)
    }

    /// Frees the lock if it is still held under `nonce`; `true` if it was.
    async fn steal(&self, nonce: &str) -> io::Result<bool> {
        match self.fs.remove(&inside(LOCK, nonce)).await {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

pub(super) fn inside(directory: &str, file: &str) -> String {
    format!("{directory}/{file}")
}

impl<F: FileSystem, C: Clock> Lock for LockDirectory<F, C> {
    async fn acquire(&mut self) -> bool {
        debug_assert!(
            self.held.is_none(),
            "a lock is released before it is acquired again"
        );
        let nonce = self.fresh_nonce();
        let candidate = format!("{LOCK}.{nonce}");
        let acquired = match self.prepare(&candidate, &nonce).await {
            Ok(()) => self.contend(&candidate).await.unwrap_or(false),
            Err(_) => false,
        };
        if acquired {
            self.held = Some(nonce);
        } else {
            self.discard(&candidate, &nonce).await;
        }
        acquired
    }

    async fn release(&mut self) {
        if let Some(nonce) = self.held.take() {
            let nonce = sound!(
                nonce,
                Bug::ReleaseOfAnyonesLock => {
                    self.owner_nonce().await.ok().flatten().unwrap_or(nonce)
                }
            );
            // Where this fails the lock was stolen, or goes stale and will be.
            let _ = self.fs.remove(&inside(LOCK, &nonce)).await;
        }
    }
}

#[cfg(test)]
#[path = "directory_tests.rs"]
mod tests;
