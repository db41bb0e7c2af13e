//! The vocabulary of the log: what happened, as facts.
//!
//! One vocabulary serves the journal, the audit trail in the state, the simulator's
//! trace and the model's steps. An event carries everything that applying it needs
//! (deadlines, fences, ids), so that replay runs no rule; only the time at which it
//! happened stands in the [`Entry`] around it, since all events of one entry share it.
//!
//! Kinds are added, never changed. A reader that meets a kind it does not know must
//! stop and ask for an upgrade, because the state it would fold is not the one that
//! the writer decided on.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::command::Mode;
use super::ids::{ClaimId, MessageId};
use super::limits::MAX_COUNT;
use super::names::{AgentId, Resource, SessionId};
use super::time::Millis;

/// One place in the log: what one append committed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Entry {
    /// The place: consecutive, from 1.
    pub seq: u64,
    /// The writer's nonce for this entry, by which it knows its own again.
    pub id: String,
    /// The writer's wall clock when it decided.
    pub at: Millis,
    /// What happened, in order.
    pub events: Vec<Event>,
}

/// Why a hold or a ticket was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LapseReason {
    /// The lease ended, or an unregistered agent did not come back for its ticket.
    Lease,
    /// The agent is dead.
    Death,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[allow(
    missing_docs,
    reason = "the fields of an event are named as in the contract"
)]
pub enum Event {
    /// An agent announced itself: for the first time (epoch 1), as a heartbeat with
    /// new particulars, or as a new incarnation after its death (epoch + 1).
    Registered {
        agent_id: AgentId,
        branch: Arc<str>,
        prompt_ptr: Arc<str>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        role: Option<Arc<str>>,
        ttl_ms: Millis,
        expires_at: Millis,
        epoch: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<SessionId>,
    },
    /// An agent acted, and so is alive until `expires_at` at least. A higher epoch
    /// makes it a new incarnation (rule A6).
    Heartbeat {
        agent_id: AgentId,
        expires_at: Millis,
        epoch: u64,
    },
    /// A registration that a bad clock put too far ahead was cut (rule C12).
    RegistrationCut {
        agent_id: AgentId,
        expires_at: Millis,
    },
    /// A new claim was granted at once.
    Granted {
        resource: Resource,
        agent_id: AgentId,
        claim_id: ClaimId,
        fence: u64,
        mode: Mode,
        lease_ms: Millis,
        expires_at: Millis,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<Arc<str>>,
    },
    /// A holder renewed its lease. `mode` differs from before in a downgrade.
    Renewed {
        resource: Resource,
        agent_id: AgentId,
        claim_id: ClaimId,
        mode: Mode,
        lease_ms: Millis,
        expires_at: Millis,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<Arc<str>>,
    },
    /// The sole shared holder became the exclusive one, under a new fence.
    Upgraded {
        resource: Resource,
        agent_id: AgentId,
        claim_id: ClaimId,
        fence: u64,
        lease_ms: Millis,
        expires_at: Millis,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<Arc<str>>,
    },
    /// A claim took the last place in the queue.
    Queued {
        resource: Resource,
        agent_id: AgentId,
        claim_id: ClaimId,
        mode: Mode,
        lease_ms: Millis,
        expires_at: Millis,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<Arc<str>>,
    },
    /// A waiting agent asked again: its ticket keeps its place and lives on.
    TicketRenewed {
        resource: Resource,
        agent_id: AgentId,
        claim_id: ClaimId,
        lease_ms: Millis,
        expires_at: Millis,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<Arc<str>>,
    },
    /// A ticket became a hold.
    Promoted {
        resource: Resource,
        agent_id: AgentId,
        claim_id: ClaimId,
        fence: u64,
        expires_at: Millis,
    },
    /// A holder gave its hold back.
    Released {
        resource: Resource,
        agent_id: AgentId,
        claim_id: ClaimId,
    },
    /// A waiting agent gave its ticket back.
    Cancelled {
        resource: Resource,
        agent_id: AgentId,
        claim_id: ClaimId,
    },
    /// A hold or ticket was taken away.
    Lapsed {
        resource: Resource,
        agent_id: AgentId,
        claim_id: ClaimId,
        reason: LapseReason,
    },
    /// The deadline of a hold or ticket that a bad clock put too far ahead was cut
    /// (rule C12).
    LeaseCut {
        resource: Resource,
        agent_id: AgentId,
        claim_id: ClaimId,
        expires_at: Millis,
    },
    /// A message was posted.
    Posted {
        message_id: MessageId,
        from: AgentId,
        to: Arc<str>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        subject: Option<Arc<str>>,
        body: Arc<str>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reply_to: Option<Arc<str>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_at: Option<Millis>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<Arc<str>>,
        fanout: u64,
    },
    /// An agent consumed everything up to `cursor`.
    CursorMoved {
        agent_id: AgentId,
        cursor: MessageId,
    },
    /// Messages whose TTL had ended were dropped.
    Expired { message_ids: Vec<MessageId> },
    /// Retry keys that are past their hour were dropped.
    KeysForgotten { message_ids: Vec<MessageId> },
    /// What the trail of an adopted predecessor says. Changes nothing.
    Adopted {
        resource: Resource,
        agent_id: AgentId,
        fence: u64,
        event: Arc<str>,
    },
}

impl Event {
    /// Every kind, as it is written in the log.
    pub const KINDS: [&str; 18] = [
        "registered",
        "heartbeat",
        "registration_cut",
        "granted",
        "renewed",
        "upgraded",
        "queued",
        "ticket_renewed",
        "promoted",
        "released",
        "cancelled",
        "lapsed",
        "lease_cut",
        "posted",
        "cursor_moved",
        "expired",
        "keys_forgotten",
        "adopted",
    ];

    /// The kind, as it is written in the log.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Registered { .. } => "registered",
            Self::Heartbeat { .. } => "heartbeat",
            Self::RegistrationCut { .. } => "registration_cut",
            Self::Granted { .. } => "granted",
            Self::Renewed { .. } => "renewed",
            Self::Upgraded { .. } => "upgraded",
            Self::Queued { .. } => "queued",
            Self::TicketRenewed { .. } => "ticket_renewed",
            Self::Promoted { .. } => "promoted",
            Self::Released { .. } => "released",
            Self::Cancelled { .. } => "cancelled",
            Self::Lapsed { .. } => "lapsed",
            Self::LeaseCut { .. } => "lease_cut",
            Self::Posted { .. } => "posted",
            Self::CursorMoved { .. } => "cursor_moved",
            Self::Expired { .. } => "expired",
            Self::KeysForgotten { .. } => "keys_forgotten",
            Self::Adopted { .. } => "adopted",
        }
    }

    /// The resource that the event is about, if it is about one.
    pub fn resource(&self) -> Option<&Resource> {
        match self {
            Self::Granted { resource, .. }
            | Self::Renewed { resource, .. }
            | Self::Upgraded { resource, .. }
            | Self::Queued { resource, .. }
            | Self::TicketRenewed { resource, .. }
            | Self::Promoted { resource, .. }
            | Self::Released { resource, .. }
            | Self::Cancelled { resource, .. }
            | Self::Lapsed { resource, .. }
            | Self::LeaseCut { resource, .. }
            | Self::Adopted { resource, .. } => Some(resource),
            _ => None,
        }
    }

    /// The agent that the event is about, if it is about one.
    pub fn agent_id(&self) -> Option<&AgentId> {
        match self {
            Self::Registered { agent_id, .. }
            | Self::Heartbeat { agent_id, .. }
            | Self::RegistrationCut { agent_id, .. }
            | Self::Granted { agent_id, .. }
            | Self::Renewed { agent_id, .. }
            | Self::Upgraded { agent_id, .. }
            | Self::Queued { agent_id, .. }
            | Self::TicketRenewed { agent_id, .. }
            | Self::Promoted { agent_id, .. }
            | Self::Released { agent_id, .. }
            | Self::Cancelled { agent_id, .. }
            | Self::Lapsed { agent_id, .. }
            | Self::LeaseCut { agent_id, .. }
            | Self::CursorMoved { agent_id, .. }
            | Self::Adopted { agent_id, .. } => Some(agent_id),
            Self::Posted { from, .. } => Some(from),
            Self::Expired { .. } | Self::KeysForgotten { .. } => None,
        }
    }

    /// Whether its fence and epoch are numbers that mesh can have given (see
    /// [`MAX_COUNT`](super::MAX_COUNT)).
    pub fn is_in_range(&self) -> bool {
        let count = match self {
            Self::Registered { epoch, .. } | Self::Heartbeat { epoch, .. } => *epoch,
            Self::Adopted { fence, .. } => *fence,
            event => event.fence().unwrap_or(0),
        };
        count <= MAX_COUNT
    }

    /// The fence that the event granted, if it granted one.
    pub fn fence(&self) -> Option<u64> {
        match self {
            Self::Granted { fence, .. }
            | Self::Upgraded { fence, .. }
            | Self::Promoted { fence, .. } => Some(*fence),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
