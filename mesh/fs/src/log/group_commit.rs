//! One sync for several processes.
//!
//! A sync makes durable whatever anybody has written, so of several processes that want
//! one at the same time one can do it for all: the [leader](super::sync_leader). The others
//! wait until a mark tells that their own entries are durable as well.

use super::env::Env;
use super::open_log::OpenLog;
use super::sync_leader::Wait;
use crate::seam::FileSystem;
use mesh_coordinator::ports::Clock;
use planted::{Bug, sound};

/// From so many entries of others between two syncs on, a sync is shared. With one it
/// would cover nobody else, and to agree on who does it costs more than it spares.
const BUSY: usize = 2;

impl<F: FileSystem> OpenLog<F> {
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
