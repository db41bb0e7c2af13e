//! What was acknowledged, to whom, and when by the one steady clock of this process.
//!
//! Every acknowledgement of every server goes in here as it arrives, and nothing is ever
//! taken out. A call whose answer never came is noted too: it may have taken effect or
//! not, and the oracle must allow both.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// What is known of a post.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It was acknowledged under this id: it is there, once.
    Acknowledged(String),
    /// The answer never came, or said that the outcome is unknown: there once, or not.
    Unknown,
    /// The answer was an error that left nothing open: it is not there, now or later.
    Refused,
}

/// A post. No two have the same body, unless one is the retry of the other by its key.
#[derive(Clone, Debug)]
pub(crate) struct Posted {
    /// The sender.
    pub(crate) from: String,
    /// The address.
    pub(crate) to: String,
    /// The grant under which it was posted, if there was one: resource and fence.
    pub(crate) under: Option<(String, u64)>,
    /// When the call was sent, the first time.
    pub(crate) sent: Instant,
    /// When the answer came, the last time.
    pub(crate) answered: Instant,
    /// What is known of it.
    pub(crate) fate: Fate,
}

/// A `granted` that was read.
#[derive(Clone, Debug)]
pub(crate) struct Granted {
    /// The holder.
    pub(crate) agent: String,
    /// What it holds.
    pub(crate) resource: String,
    /// Its claim.
    pub(crate) claim_id: String,
    /// Its fence.
    pub(crate) fence: u64,
    /// Whether others may share it.
    pub(crate) shared: bool,
    /// When the agent first asked after it last was known to have neither hold nor ticket:
    /// the claim was granted after that.
    pub(crate) asked: Instant,
    /// When the call was sent that was answered so.
    pub(crate) sent: Instant,
    /// When the answer came.
    pub(crate) acked: Instant,
    /// For how long, counted from some moment between `sent` and `acked`.
    pub(crate) lease: Duration,
}

/// All of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    /// Posts, by body.
    pub(crate) posts: BTreeMap<String, Posted>,
    /// Grants, in the order in which they were acknowledged; renewals too.
    pub(crate) grants: Vec<Granted>,
    /// When the first attempt to release a claim was sent.
    pub(crate) released: BTreeMap<String, Instant>,
    /// The highest `up_to` of each agent whose `read` was acknowledged.
    pub(crate) cursors: BTreeMap<String, String>,
    /// Agents that registered.
    pub(crate) agents: BTreeSet<String>,
}

impl Ledger {
    /// Notes a post, or another attempt at it.
    pub(crate) fn post(&mut self, body: &str, posted: Posted) {
        match self.posts.get_mut(body) {
            None => {
                self.posts.insert(body.to_owned(), posted);
            }
            Some(known) => {
                known.answered = posted.answered;
                // A retry that was refused says nothing about the attempt before it.
                if matches!(posted.fate, Fate::Acknowledged(_)) {
                    known.fate = posted.fate;
                }
            }
        }
    }

    /// Notes that a release was sent.
    pub(crate) fn release(&mut self, claim_id: &str, sent: Instant) {
        self.released.entry(claim_id.to_owned()).or_insert(sent);
    }

    /// Notes that a `read` was acknowledged.
    pub(crate) fn read(&mut self, agent: &str, up_to: &str) {
        let cursor = self.cursors.entry(agent.to_owned()).or_default();
        if cursor.as_str() < up_to {
            up_to.clone_into(cursor);
        }
    }

    /// The highest fence of each resource that anybody was told to hold.
    #[must_use]
    pub(crate) fn highest_fences(&self) -> BTreeMap<String, u64> {
        let mut highest = BTreeMap::new();
        for grant in &self.grants {
            let fence = highest.entry(grant.resource.clone()).or_insert(0);
            *fence = grant.fence.max(*fence);
        }
        highest
    }
}
