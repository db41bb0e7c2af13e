//! What was acknowledged, to whom, and when.

use std::time::{Duration, Instant};

/// When a call was sent, and when its reply was there. What the call did happened in
/// between.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) sent: Instant,
    pub(super) acked: Instant,
}

/// An acknowledged `claim` that was granted or queued.
#[derive(Clone, Debug)]
pub(super) struct Claimed {
    pub(super) agent_id: String,
    pub(super) resource: String,
    pub(super) claim_id: String,
    pub(super) shared: bool,
    /// The fence, if it was granted.
    pub(super) fence: Option<u64>,
    /// The place in the queue, if it was queued.
    pub(super) position: Option<u64>,
    pub(super) span: Span,
}

/// A `release`, from the moment at which it was sent: it may take effect from then on,
/// whether or not it was acknowledged.
#[derive(Clone, Debug)]
pub(super) struct Released {
    pub(super) claim_id: String,
    pub(super) sent: Instant,
}

/// A `post`; without an id its outcome is unknown.
#[derive(Clone, Debug)]
pub(super) struct Posted {
    pub(super) from: String,
    pub(super) to: String,
    /// Nobody else's, and no other message's of the same sender.
    pub(super) body: String,
    pub(super) acked: Option<(String, Span)>,
}

/// What an agent saw of its mail.
#[derive(Clone, Debug, Default)]
pub(super) struct Mailbox {
    /// The ids that it was shown, without those that were shown again.
    pub(super) seen: Vec<String>,
    /// The highest id up to which it ever asked to have read.
    pub(super) asked: String,
}

/// All diaries in one.
#[derive(Debug, Default)]
pub(super) struct Diary {
    pub(super) claims: Vec<Claimed>,
    /// When, for which agent and resource, a claim was sent whose outcome is unknown.
    pub(super) unknown_claims: Vec<(String, String, Instant)>,
    pub(super) releases: Vec<Released>,
    pub(super) posts: Vec<Posted>,
    pub(super) mailboxes: Vec<(String, Mailbox)>,
    /// Servers that were killed between calls, and in the middle of one.
    pub(super) killed_idle: usize,
    pub(super) killed_busy: usize,
    /// Calls that were answered although their server was being killed.
    pub(super) survived: usize,
    /// Posts that were repeated with their key.
    pub(super) retried: usize,
    /// How often a server was stopped for a moment.
    pub(super) naps: usize,
    /// How long the stopped agent was stopped.
    pub(super) paused: Option<Duration>,
}

impl Diary {
    /// The day in one line.
    pub(super) fn summary(&self) -> String {
        let granted = self.claims.iter().filter(|c| c.fence.is_some()).count();
        format!(
            "{granted} grants and renewals, {} waits, {} posts, {} releases acknowledged; \
             {} servers killed between calls and {} in one ({} of these calls answered); \
             {} posts repeated; {} naps; one server stopped for {:?}",
            self.claims.len() - granted,
            self.posts.iter().filter(|p| p.acked.is_some()).count(),
            self.releases.len(),
            self.killed_idle,
            self.killed_busy,
            self.survived,
            self.retried,
            self.naps,
            self.paused,
        )
    }

    /// A day on which nothing happened proves nothing.
    pub(super) fn was_no_holiday(&self) {
        let queued = self.claims.iter().filter(|c| c.position.is_some());
        let shared = self.claims.iter().filter(|c| c.shared);
        assert!(queued.count() > 10, "agents queued");
        assert!(shared.count() > 10, "agents shared");
        assert!(self.posts.len() > 100, "agents posted");
        assert!(self.retried > 0, "agents repeated posts");
        assert!(self.killed_busy > 0, "servers were killed at work");
        assert!(self.naps > 0, "servers were stopped for a moment");
        assert!(self.paused.is_some(), "a server was stopped");
        let read = self.mailboxes.iter().map(|(_, mailbox)| mailbox.seen.len());
        assert!(read.sum::<usize>() > 100, "agents read");
    }
}
