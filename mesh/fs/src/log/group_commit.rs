//! One sync for several processes.
//!
//! A sync makes durable whatever anybody has written, so of several processes that want
//! one at the same time one can do it for all: the [leader](super::sync_leader). The others
//! wait until a mark tells that their own entries are durable as well.
//!
//! Who relies on a mark relies on the sync behind it. An error of a sync is told once to each
//! descriptor that was open, never to one that was opened later; so whoever opened the file
//! later can vouch only for what came later, and marks nothing beyond what it
//! [found](super::protocol::Standing::found) there before somebody else did.

use std::io;

use super::env::Env;
use super::open_log::OpenLog;
use super::sync_leader::Wait;
use crate::error::io_error;
use crate::seam::FileSystem;
use mesh_coordinator::ports::{Clock, Outcome, StorageError};
use mesh_core::Millis;
use planted::{Bug, sound};

/// From so many entries of others between two syncs on, a sync is shared. With one it
/// would cover nobody else, and to agree on who does it costs more than it spares.
const BUSY: usize = 2;

/// For how long somebody who had the file open before is waited for. Longer than a sync takes
/// on a slow disk, since what comes then is a checkpoint.
const VOUCHING: Millis = 250;

impl<F: FileSystem> OpenLog<F> {
    /// Sees to it that what was found in the file is durable: waits for the mark of somebody
    /// who had it open before.
    ///
    /// Where none comes, the file counts as one whose sync failed: its state goes into a
    /// generation of its own, which no error from before can concern.
    pub(super) async fn vouch<C: Clock>(
        &mut self,
        env: &mut Env<F, C>,
    ) -> Result<(), StorageError> {
        if !self.read_once {
            // Where its end is was not seen yet, so nothing of it is known to be newer.
            self.standing_mut().first_read();
        }
        if !self.standing().is_doubtful() {
            return Ok(());
        }
        let since = env.clock.monotonic();
        let mut wait = Wait::begin(&env.clock, env.nonces.draw());
        loop {
            env.marks.read_all(&env.fs).await?;
            self.hold_marks(env).await?;
            // The marks may speak of entries that were not read yet.
            self.reading = false;
            let marked = env.marks.highest().map_or(0, |mark| mark.seq);
            self.credit(env, marked.min(self.standing().chain.seq));
            if !self.standing().is_doubtful() {
                return Ok(());
            }
            if env.clock.monotonic().saturating_sub(since) >= VOUCHING {
                self.standing_mut().sync_failed();
                return Err(self.unvouched());
            }
            wait.pause(&env.clock).await;
        }
    }

    /// The error where nobody vouches for what was found.
    pub(super) fn unvouched(&self) -> StorageError {
        let found = self.standing().found;
        let error = io::Error::other(format!(
            "nothing tells that entry {found}, which was found in it, was ever synced"
        ));
        io_error("rely on", &self.name(), Outcome::Unknown, &error)
    }

    /// Where several others write as well, sees to it that one syncs for all: leads, or
    /// waits until another one has synced. Whatever fails in it, this process can still sync
    /// for itself.
    pub(super) async fn share_sync<C: Clock>(&mut self, env: &mut Env<F, C>) {
        if std::mem::take(&mut env.foreign) < BUSY || self.standing().is_synced() {
            return;
        }
        let mut wait = Wait::begin(&env.clock, env.nonces.draw());
        loop {
            let leads = env.leader.lead(&env.fs).await;
            if let Err(error) = env.marks.read_all(&env.fs).await {
                tracing::debug!("a sync is not shared: {error}");
                return;
            }
            if self.hold_marks(env).await.is_err() {
                // The marks are another file's. What that means is told where it is confirmed
                // that this one still is the log.
                return;
            }
            // The marks may speak of entries that were not read yet.
            self.reading = false;
            let seq = self.standing().chain.seq;
            let marked = env.marks.highest().map_or(0, |mark| mark.seq.min(seq));
            let durable = sound!(
                marked,
                Bug::SyncLeftToOthers => if leads { marked } else { seq }
            );
            self.credit(env, durable);
            let synced = self.standing().is_synced();
            if leads || synced || !env.leader.wait(&env.clock, &mut wait).await {
                return;
            }
        }
    }
}
