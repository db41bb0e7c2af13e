//! The checkers' own fold of the log (rule S2): what the log says, in the plainest form.
//!
//! Written from the contract, with maps and vectors, and without a thought for speed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use mesh::core::{ClaimId, LapseReason, Limits, MessageId, Millis, Mode};
use serde_json::{Value, json};

/// How long an agent is stale before it is dead (A2).
pub(super) const GRACE_MS: u64 = 30_000;
/// How far a deadline may lie beyond what its duration allows (C12).
pub(super) const TOLERANCE_MS: u64 = 60_000;

/// How long a loss is told of (W5, W6).
pub(super) const HOUR_MS: u64 = 3_600_000;

/// A registered agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Agent {
    pub(super) role: Option<String>,
    pub(super) registered_at: Millis,
    pub(super) last_seen: Millis,
    pub(super) ttl_ms: Millis,
    pub(super) expires_at: Millis,
    pub(super) epoch: u64,
}

impl Agent {
    /// Rule A2.
    pub(super) fn is_dead(&self, now: Millis) -> bool {
        now > self.expires_at.saturating_add(GRACE_MS)
    }
}

/// A hold, or a ticket (whose fence is 0).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) agent: String,
    pub(super) claim: ClaimId,
    pub(super) mode: Mode,
    pub(super) fence: u64,
    pub(super) lease_ms: Millis,
    pub(super) expires_at: Millis,
    pub(super) note: Option<String>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            agent,
            mode,
            expires_at,
            ..
        } = self;
        write!(f, "{agent} ({mode:?} until {expires_at})")
    }
}

/// Who holds a resource, and who waits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Resource {
    pub(super) holders: Vec<Place>,
    pub(super) queue: Vec<Place>,
    pub(super) newest_fence: u64,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) subject: Option<String>,
    pub(super) body: String,
    pub(super) posted_at: Millis,
    pub(super) expires_at: Option<Millis>,
    pub(super) key: Option<String>,
    pub(super) fanout: u64,
}

/// What mesh owes an agent: a message in the same entry (W5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owed {
    pub(super) to: String,
    pub(super) subject: &'static str,
    pub(super) resource: String,
    pub(super) claim: ClaimId,
    pub(super) fence: u64,
    pub(super) reason: &'static str,
}

impl Owed {
    /// What the message must say, at the moment when it is posted.
    pub(super) fn body(&self, reference: &Reference) -> Value {
        let mut body = json!({
            "resource": self.resource,
            "claim_id": self.claim,
            "fence": self.fence,
            "reason": self.reason,
        });
        let resource = reference.resources.get(&self.resource);
        if let Some(holder) = resource.and_then(|resource| resource.holders.first()) {
            body["holder"] = holder.agent.as_str().into();
        }
        body
    }
}

/// A hold that was taken away (W6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lost {
    pub(super) claim: ClaimId,
    pub(super) fence: u64,
    pub(super) at: Millis,
    pub(super) reason: LapseReason,
}

/// The state, as the checkers fold it.
#[derive(Clone, Debug, Default)]
pub struct Reference {
    pub(super) agents: BTreeMap<String, Agent>,
    pub(super) resources: BTreeMap<String, Resource>,
    pub(super) messages: BTreeMap<MessageId, Message>,
    pub(super) cursors: BTreeMap<String, MessageId>,
    pub(super) newest_message: MessageId,
    pub(super) newest_claim: ClaimId,
    /// The newest post of each agent under each key: which, and when.
    pub(super) keys: BTreeMap<(String, String), (MessageId, Millis)>,
    /// Bodies of posts without a key: each was called once.
    pub(super) bodies: BTreeSet<String>,
    pub(super) newest_at: Millis,
    /// The fence that the shared run promoted in the present entry got.
    pub(super) run: Option<(u64, String, u64)>,
    /// What mesh must still tell in the present entry (W5).
    pub(super) owed: Vec<Owed>,
    /// What agents lost and did not get back (W6).
    pub(super) losses: BTreeMap<(String, String), Lost>,
    /// What they got back in the newest entry.
    pub(super) regained: BTreeMap<(String, String), Lost>,
    /// What was forgotten in it, since newer losses are as many as are remembered.
    pub(super) forgotten: BTreeMap<(String, String), Lost>,
    /// The losses that ended: a call that was held meanwhile still tells of them.
    pub(super) ended: BTreeMap<(String, String), Vec<Lost>>,
    /// Resources that the present entry touched.
    pub(super) touched: BTreeSet<String>,
    /// What everybody stays within.
    pub(super) limits: &'static Limits,
}

impl Reference {
    /// The reference of an empty log.
    pub(super) fn within(limits: &'static Limits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    pub(super) fn resource(&mut self, name: &str) -> &mut Resource {
        self.touched.insert(name.to_owned());
        self.resources.entry(name.to_owned()).or_default()
    }
}
