//! What each command answers. The shapes are the contract's; a field that is not
//! there is left out, never null (rule G2).

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use strum::VariantNames;

use super::command::Mode;
use super::event::LapseReason;
use super::ids::{ClaimId, MessageId};
use super::names::{AgentId, Resource};
use super::time::Timestamp;

/// The answer to a [`Command`](super::Command), variant by variant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[allow(
    missing_docs,
    reason = "each variant is documented on the type that it carries"
)]
pub enum Reply {
    Register(RegisterReply),
    Roster(RosterReply),
    Claim(ClaimReply),
    Release(ReleaseReply),
    Claims(ClaimsReply),
    Post(PostReply),
    Inbox(InboxReply),
    Read(ReadReply),
    Gc(GcReply),
}

impl Reply {
    /// Whether a held call would rather wait on than give this answer (rule W1).
    pub fn is_waiting(&self) -> bool {
        match self {
            Self::Claim(reply) => reply.status == ClaimStatus::Queued,
            Self::Inbox(reply) => reply.messages.is_empty(),
            _ => false,
        }
    }
}

/// How an agent is doing (rule A2).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Liveness {
    /// Within its TTL.
    Alive,
    /// At most 30 s past it.
    Stale,
    /// Gone: what it holds is anybody's.
    Dead,
}

/// What became of a claim.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ClaimStatus {
    /// The caller holds the resource.
    Granted,
    /// The caller has a ticket.
    Queued,
    /// The caller has nothing.
    Denied,
}

/// What became of a release.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ReleaseStatus {
    /// The hold or ticket is gone.
    Released,
    /// The claim is somebody else's.
    NotHolder,
    /// The resource has no such claim.
    Unknown,
}

/// Answers `register`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisterReply {
    /// Who registered.
    pub agent_id: AgentId,
    /// When it did so for the first time.
    pub registered_at: Timestamp,
    /// Until when it counts as alive.
    pub expires_at: Timestamp,
    /// Its incarnation: one more after each death.
    pub epoch: u64,
    /// The time of the answer.
    pub now: Timestamp,
}

/// Answers `roster`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RosterReply {
    /// The agents, sorted by id.
    pub agents: Vec<AgentView>,
    /// The time of the answer.
    pub now: Timestamp,
}

/// One agent of a roster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentView {
    /// Its name.
    pub agent_id: AgentId,
    /// The branch that it works on.
    pub branch: Arc<str>,
    /// Where its task is described.
    pub prompt_ptr: Arc<str>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Arc<str>>,
    /// How it is doing.
    pub liveness: Liveness,
    /// Its last sign of life.
    pub last_seen: Timestamp,
    /// Until when it counts as alive.
    pub expires_at: Timestamp,
    /// Its incarnation.
    pub epoch: u64,
    /// What it holds, sorted.
    pub held_claims: Vec<Resource>,
}

/// Answers `claim`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimReply {
    /// What became of it.
    pub status: ClaimStatus,
    /// What was claimed.
    pub resource: Resource,
    /// Names the hold or ticket; empty when denied.
    pub claim_id: String,
    /// The caller's fence when granted, else the newest.
    pub fence: u64,
    /// The caller when granted, else the first current holder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<AgentId>,
    /// When granted: until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_expires_at: Option<Timestamp>,
    /// When queued: the place, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_position: Option<u64>,
    /// When denied because waiting would never end: who waits for whom, from the
    /// caller round to it (rule W4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadlock: Option<Vec<DeadlockView>>,
    /// What the caller lost of the resource within the last hour and did not hold
    /// since (rule W6).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<LossView>,
    /// The time of the answer.
    pub now: Timestamp,
}

/// One agent in a circle of agents that wait for each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadlockView {
    /// Who.
    pub agent_id: AgentId,
    /// What it holds, or stands in line for, that the one before it waits for.
    pub holds: Resource,
    /// What it waits for itself.
    pub waits_for: Resource,
}

/// A hold that was taken from its agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LossView {
    /// The claim that is gone.
    pub claim_id: ClaimId,
    /// The fence that it had: what was written under it may be refused now.
    pub fence: u64,
    /// When it was taken away.
    pub at: Timestamp,
    /// Why.
    pub reason: LapseReason,
}

/// Answers `release`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseReply {
    /// What became of it.
    pub status: ReleaseStatus,
    /// The newest fence, after any promotion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fence: Option<u64>,
    /// The first agent promoted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_holder: Option<AgentId>,
}

/// Answers `claims`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimsReply {
    /// The held resources, sorted.
    pub claims: Vec<ClaimView>,
    /// The time of the answer.
    pub now: Timestamp,
}

/// One held resource. The flat fields are the predecessor's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimView {
    /// What is held.
    pub resource: Resource,
    /// How.
    pub mode: Mode,
    /// By whom, in order of grant.
    pub holder: Vec<AgentId>,
    /// The first holder's claim.
    pub claim_id: ClaimId,
    /// The newest fence.
    pub fence: u64,
    /// The earliest end of a lease.
    pub lease_expires_at: Timestamp,
    /// The first holder's note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Arc<str>>,
    /// Every holder's particulars.
    pub holders: Vec<HolderView>,
    /// Who waits, first in line first.
    pub queue: Vec<TicketView>,
}

/// One holder of a resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HolderView {
    /// Who.
    pub agent_id: AgentId,
    /// Its claim.
    pub claim_id: ClaimId,
    /// The fence that it was granted.
    pub fence: u64,
    /// Until when.
    pub lease_expires_at: Timestamp,
    /// What for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Arc<str>>,
}

/// One place in a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketView {
    /// Who waits.
    pub agent_id: AgentId,
    /// Its claim.
    pub claim_id: ClaimId,
    /// What it waits for.
    pub mode: Mode,
    /// Its place, from 1.
    pub position: u64,
}

/// Answers `post`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostReply {
    /// The message, and its place in the order of all messages.
    pub message_id: MessageId,
    /// When it was posted.
    pub posted_at: Timestamp,
    /// 1; or how many agents are registered, for a broadcast; or 0, for a topic.
    pub fanout: u64,
}

/// Answers `inbox`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboxReply {
    /// The messages, oldest first.
    pub messages: Vec<MessageView>,
    /// The stored cursor.
    pub cursor: MessageId,
    /// How many more there are.
    pub unread: u64,
}

/// One message of an inbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageView {
    /// Its id.
    pub message_id: MessageId,
    /// Who sent it.
    pub from: AgentId,
    /// To whom, as the sender wrote it.
    pub to: Arc<str>,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Arc<str>>,
    /// The text.
    pub body: Arc<str>,
    /// The message that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<Arc<str>>,
    /// When it was posted.
    pub posted_at: Timestamp,
}

/// Answers `read`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadReply {
    /// The cursor as it is now.
    pub cursor: MessageId,
    /// How many messages are above it.
    pub remaining: u64,
}

/// Answers `gc`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GcReply {
    /// How many expired messages this call dropped.
    pub reclaimed: u64,
}
