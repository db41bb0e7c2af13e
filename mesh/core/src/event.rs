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
use strum::{IntoStaticStr, VariantNames};

use super::command::Mode;
use super::ids::{ClaimId, MessageId};
use super::limits::{Limits, MAX_LEASE};
use super::names::{AgentId, Resource, SessionId};
use super::time::Millis;
use reading::written_and_read;

mod reading;

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
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum LapseReason {
    /// The lease ended, or an unregistered agent did not come back for its ticket.
    Lease,
    /// The agent is dead.
    Death,
}

/// Which claim an event is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ClaimRef {
    /// What is claimed.
    pub resource: Resource,
    /// By whom.
    pub agent_id: AgentId,
    /// The hold or ticket.
    pub claim_id: ClaimId,
}

impl ClaimRef {
    /// The claim `claim_id` of an agent on a resource.
    pub fn new(resource: &Resource, agent_id: &AgentId, claim_id: ClaimId) -> Self {
        Self {
            resource: resource.clone(),
            agent_id: agent_id.clone(),
            claim_id,
        }
    }
}

/// What an agent asked for, and has or waits for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Terms {
    /// How long a lease lasts.
    #[serde(deserialize_with = "crate::limits::lasting")]
    pub lease_ms: Millis,
    /// When the hold or ticket ends, unless it is renewed.
    pub expires_at: Millis,
    /// What for; left out of a renewal, it stays as it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Arc<str>>,
}

written_and_read! {
    /// Something that happened.
    #[derive(Clone, Debug, PartialEq, Eq, Hash, IntoStaticStr, VariantNames)]
    #[strum(serialize_all = "snake_case")]
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
            #[serde(deserialize_with = "crate::limits::lasting")]
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
            #[serde(flatten)]
            claim: ClaimRef,
            fence: u64,
            mode: Mode,
            #[serde(flatten)]
            terms: Terms,
        },
        /// A holder renewed its lease. `mode` differs from before in a downgrade.
        Renewed {
            #[serde(flatten)]
            claim: ClaimRef,
            mode: Mode,
            #[serde(flatten)]
            terms: Terms,
        },
        /// The sole shared holder became the exclusive one, under a new fence.
        Upgraded {
            #[serde(flatten)]
            claim: ClaimRef,
            fence: u64,
            #[serde(flatten)]
            terms: Terms,
        },
        /// A claim took the last place in the queue.
        Queued {
            #[serde(flatten)]
            claim: ClaimRef,
            mode: Mode,
            #[serde(flatten)]
            terms: Terms,
        },
        /// A waiting agent asked again: its ticket keeps its place and lives on.
        TicketRenewed {
            #[serde(flatten)]
            claim: ClaimRef,
            #[serde(flatten)]
            terms: Terms,
        },
        /// A ticket became a hold.
        Promoted {
            #[serde(flatten)]
            claim: ClaimRef,
            fence: u64,
            expires_at: Millis,
        },
        /// A holder gave its hold back.
        Released {
            #[serde(flatten)]
            claim: ClaimRef,
        },
        /// A waiting agent gave its ticket back.
        Cancelled {
            #[serde(flatten)]
            claim: ClaimRef,
        },
        /// A hold or ticket was taken away.
        Lapsed {
            #[serde(flatten)]
            claim: ClaimRef,
            reason: LapseReason,
        },
        /// The deadline of a hold or ticket that a bad clock put too far ahead was cut
        /// (rule C12).
        LeaseCut {
            #[serde(flatten)]
            claim: ClaimRef,
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
}

impl Event {
    /// Every kind, as it is written in the log.
    pub const KINDS: &'static [&'static str] = Self::VARIANTS;

    /// The kind, as it is written in the log.
    pub fn kind(&self) -> &'static str {
        self.into()
    }

    /// The claim that the event is about, if it is about one.
    pub fn claim(&self) -> Option<&ClaimRef> {
        match self {
            Self::Granted { claim, .. }
            | Self::Renewed { claim, .. }
            | Self::Upgraded { claim, .. }
            | Self::Queued { claim, .. }
            | Self::TicketRenewed { claim, .. }
            | Self::Promoted { claim, .. }
            | Self::Released { claim }
            | Self::Cancelled { claim }
            | Self::Lapsed { claim, .. }
            | Self::LeaseCut { claim, .. } => Some(claim),
            Self::Registered { .. }
            | Self::Heartbeat { .. }
            | Self::RegistrationCut { .. }
            | Self::Posted { .. }
            | Self::CursorMoved { .. }
            | Self::Expired { .. }
            | Self::KeysForgotten { .. }
            | Self::Adopted { .. } => None,
        }
    }

    /// The claim, where the event issues its id: it was granted or queued for the first
    /// time.
    pub fn new_claim(&self) -> Option<&ClaimRef> {
        match self {
            Self::Granted { claim, .. } | Self::Queued { claim, .. } => Some(claim),
            _ => None,
        }
    }

    /// The terms that the event gives a hold or ticket, if it is about those.
    pub fn terms(&self) -> Option<&Terms> {
        match self {
            Self::Granted { terms, .. }
            | Self::Renewed { terms, .. }
            | Self::Upgraded { terms, .. }
            | Self::Queued { terms, .. }
            | Self::TicketRenewed { terms, .. } => Some(terms),
            _ => None,
        }
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

    /// The resource that the event is about, if it is about one.
    pub fn resource(&self) -> Option<&Resource> {
        match self {
            Self::Adopted { resource, .. } => Some(resource),
            event => event.claim().map(|claim| &claim.resource),
        }
    }

    /// The agent that the event is about, if it is about one.
    pub fn agent_id(&self) -> Option<&AgentId> {
        match self {
            Self::Registered { agent_id, .. }
            | Self::Heartbeat { agent_id, .. }
            | Self::RegistrationCut { agent_id, .. }
            | Self::CursorMoved { agent_id, .. }
            | Self::Adopted { agent_id, .. } => Some(agent_id),
            Self::Posted { from, .. } => Some(from),
            event => event.claim().map(|claim| &claim.agent_id),
        }
    }

    /// Whether it takes something away, or cuts it short, that is due: what every command does
    /// before its own, for whomever it befalls.
    pub fn reaps(&self) -> bool {
        matches!(
            self,
            Self::Lapsed { .. } | Self::LeaseCut { .. } | Self::RegistrationCut { .. }
        )
    }

    /// How many messages it drops.
    pub fn reclaims(&self) -> u64 {
        match self {
            Self::Expired { message_ids } => message_ids.len() as u64,
            _ => 0,
        }
    }

    /// Whether its fence, epoch and duration are numbers that mesh can have given (see
    /// [`Limits::count`](super::Limits::count) and [`MAX_LEASE`]). Readers refuse what is
    /// not, so no writer may write it.
    pub fn is_in_range(&self, limits: &Limits) -> bool {
        let count = match self {
            Self::Registered { epoch, .. } | Self::Heartbeat { epoch, .. } => *epoch,
            Self::Adopted { fence, .. } => *fence,
            event => event.fence().unwrap_or(0),
        };
        let lasting = match self {
            Self::Registered { ttl_ms, .. } => *ttl_ms,
            event => event.terms().map_or(0, |terms| terms.lease_ms),
        };
        count <= limits.count && lasting <= MAX_LEASE
    }
}

#[cfg(test)]
mod tests;
