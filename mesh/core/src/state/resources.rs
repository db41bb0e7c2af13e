//! A claimed resource: its holders and its queue.

use std::sync::Arc;

use imbl::Vector;
use serde::{Deserialize, Serialize};

use super::agents::cut;
use crate::command::Mode;
use crate::event::{ClaimRef, Terms};
use crate::ids::ClaimId;
use crate::limits::Limits;
use crate::names::AgentId;
use crate::steps;
use crate::time::Millis;

/// A granted claim.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Hold {
    /// Who holds.
    pub agent_id: AgentId,
    /// Its claim.
    pub claim_id: ClaimId,
    /// The fence that it was granted.
    pub fence: u64,
    /// What it last asked for.
    #[serde(deserialize_with = "crate::limits::lasting")]
    pub lease_ms: Millis,
    /// When the lease ends.
    pub expires_at: Millis,
    /// What for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Arc<str>>,
}

/// A place in the queue.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ticket {
    /// Who waits.
    pub agent_id: AgentId,
    /// Its claim.
    pub claim_id: ClaimId,
    /// What it waits for.
    pub mode: Mode,
    /// The lease that starts with its promotion.
    #[serde(deserialize_with = "crate::limits::lasting")]
    pub lease_ms: Millis,
    /// For an agent that never registered: until when it must ask again (C9).
    pub expires_at: Millis,
    /// What for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Arc<str>>,
}

impl Hold {
    pub(crate) fn new(claim: &ClaimRef, fence: u64, terms: &Terms) -> Self {
        Self {
            agent_id: claim.agent_id.clone(),
            claim_id: claim.claim_id,
            fence,
            lease_ms: terms.lease_ms,
            expires_at: terms.expires_at,
            note: terms.note.clone(),
        }
    }

    /// Takes on new terms. A note stays until there is another one.
    pub(crate) fn renew(&mut self, terms: &Terms) {
        self.lease_ms = terms.lease_ms;
        self.expires_at = terms.expires_at;
        self.note = terms.note.clone().or(self.note.take());
    }

    /// Rule C12, for a lease.
    pub(crate) fn cut(&self, now: Millis) -> Option<Millis> {
        cut(self.expires_at, self.lease_ms, now)
    }
}

impl Ticket {
    pub(crate) fn new(claim: &ClaimRef, mode: Mode, terms: &Terms) -> Self {
        Self {
            agent_id: claim.agent_id.clone(),
            claim_id: claim.claim_id,
            mode,
            lease_ms: terms.lease_ms,
            expires_at: terms.expires_at,
            note: terms.note.clone(),
        }
    }

    /// Takes on new terms. A note stays until there is another one.
    pub(crate) fn renew(&mut self, terms: &Terms) {
        self.lease_ms = terms.lease_ms;
        self.expires_at = terms.expires_at;
        self.note = terms.note.clone().or(self.note.take());
    }

    /// The hold that it becomes.
    pub(crate) fn promoted(self, fence: u64, expires_at: Millis) -> Hold {
        Hold {
            agent_id: self.agent_id,
            claim_id: self.claim_id,
            fence,
            lease_ms: self.lease_ms,
            expires_at,
            note: self.note,
        }
    }

    /// Rule C12, for a ticket.
    pub(crate) fn cut(&self, now: Millis) -> Option<Millis> {
        cut(self.expires_at, self.lease_ms, now)
    }
}

/// A resource with its holders, in order of grant, and its queue, first come first.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ResourceState {
    /// The mode of all its holders.
    pub mode: Mode,
    /// Who holds it: one, or any number in shared mode.
    pub holders: Vector<Hold>,
    /// Who waits.
    pub queue: Vector<Ticket>,
}

impl ResourceState {
    /// The resource before its first grant: nobody there, so any mode may come.
    pub(crate) fn free() -> Self {
        Self {
            mode: Mode::Shared,
            holders: Vector::new(),
            queue: Vector::new(),
        }
    }

    /// Piece number `place` of its holders and tickets, each no more than `limits` lets be
    /// claimed; the first piece of nearly every resource is all of it.
    pub(crate) fn piece(&self, place: usize, limits: &Limits) -> Self {
        Self {
            mode: self.mode,
            holders: piece(&self.holders, place, limits.sharers),
            queue: piece(&self.queue, place, limits.tickets),
        }
    }

    /// Whether nobody holds it and nobody waits.
    pub fn is_idle(&self) -> bool {
        self.holders.is_empty() && self.queue.is_empty()
    }

    /// The hold of an agent.
    pub fn hold_of(&self, agent_id: &str) -> Option<&Hold> {
        steps::each(&self.holders).find(|hold| *hold.agent_id == *agent_id)
    }

    /// The ticket of an agent, with its place from 0.
    pub fn ticket_of(&self, agent_id: &str) -> Option<(usize, &Ticket)> {
        let mut queue = steps::each(&self.queue).enumerate();
        queue.find(|(_, ticket)| *ticket.agent_id == *agent_id)
    }

    /// Whether a claim of `mode` may hold beside the present holders.
    pub fn admits(&self, mode: Mode) -> bool {
        self.holders.is_empty() || !self.mode.conflicts(mode)
    }

    /// The first holder.
    pub fn first_holder(&self) -> Option<&AgentId> {
        self.holders.front().map(|hold| &hold.agent_id)
    }
}

/// The items of piece number `place`, where a piece has `most`.
fn piece<T: Clone>(items: &Vector<T>, place: usize, most: usize) -> Vector<T> {
    let end = items.len();
    let (first, behind) = (place * most, (place + 1) * most);
    items.clone().slice(first.min(end)..behind.min(end))
}
