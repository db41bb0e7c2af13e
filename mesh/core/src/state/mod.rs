//! What the log says, folded: agents, claims and messages at one point of it.
//!
//! The collections are persistent trees (`imbl`), so a clone shares everything with
//! its origin and costs a few reference counts, and a change copies one path. What an agent
//! does on its path (claim, release, post, read, inbox) is logarithmic in the number of
//! agents, claims and messages; what looks at everything (roster, claims, gc) is linear
//! in the agents and the held resources, as its answer is.

mod agents;
mod apply;
mod invariants;
mod losses;
mod mail;
mod resources;

use imbl::{OrdMap, OrdSet};

pub use agents::Agent;
pub(crate) use agents::cut;
pub use losses::{Loss, Losses};
pub use mail::{KeyedPost, Mail, Message};
pub use resources::{Hold, ResourceState, Ticket};

use super::ids::ClaimId;
use super::limits::Limits;
use super::names::{AgentId, Resource};
use super::within::Within;

/// The state at one point of the log.
///
/// # Invariants
///
/// They hold after each whole entry, and [`State::invariants`] checks them:
///
/// 1. A resource has one exclusive holder or any number of shared ones (C2).
/// 2. An agent has at most one hold or ticket on a resource (C4, C7).
/// 3. A resource that is listed has a holder, and the head of its queue conflicts
///    with the holders; otherwise it would have been promoted (C8).
/// 4. A hold's fence is between 1 and the newest of its resource; an exclusive
///    holder's is the newest (C3).
/// 5. Message ids are at most the newest ever issued, and so are all cursors (M2, M4).
/// 6. Every message is in the one mailbox that it is addressed to (M5, M6).
/// 7. The indexes say what the records say.
/// 8. Nobody holds what it is remembered to have lost (W6).
/// 9. No fence, epoch or duration is beyond its limit, and each ticket has a fence left (G8).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct State {
    pub(super) agents: OrdMap<AgentId, Agent>,
    /// Only resources that somebody holds; the rest is in `fences`.
    pub(super) resources: OrdMap<Resource, ResourceState>,
    /// The newest fence of every resource that was ever granted.
    pub(super) fences: OrdMap<Resource, u64>,
    pub(super) newest_claim: ClaimId,
    pub(super) mail: Mail,
    pub(super) losses: Losses,
    /// Index: the resources that an agent holds or waits for.
    pub(super) involved: OrdMap<AgentId, OrdSet<Resource>>,
    within: Within,
}

impl State {
    /// The state of an empty log that stays within `limits`.
    pub fn within(limits: &'static Limits) -> Self {
        Self {
            within: Within(limits),
            ..Self::default()
        }
    }

    /// What it stays within.
    pub fn limits(&self) -> &'static Limits {
        self.within.0
    }

    /// The registered agents, sorted by id.
    pub fn agents(&self) -> impl Iterator<Item = (&AgentId, &Agent)> {
        self.agents.iter()
    }

    /// A registered agent.
    pub fn agent(&self, agent_id: &str) -> Option<&Agent> {
        self.agents.get(agent_id)
    }

    /// The held resources, sorted by name.
    pub fn resources(&self) -> impl Iterator<Item = (&Resource, &ResourceState)> {
        self.resources.iter()
    }

    /// A held resource.
    pub fn resource(&self, resource: &str) -> Option<&ResourceState> {
        self.resources.get(resource)
    }

    /// The newest fence of every resource that was ever granted, sorted by name.
    pub fn fences(&self) -> impl Iterator<Item = (&Resource, u64)> {
        self.fences
            .iter()
            .map(|(resource, fence)| (resource, *fence))
    }

    /// The newest fence of a resource: the highest ever granted, 0 before the first.
    pub fn newest_fence(&self, resource: &str) -> u64 {
        self.fences.get(resource).copied().unwrap_or(0)
    }

    /// The highest claim id ever issued.
    pub fn newest_claim(&self) -> ClaimId {
        self.newest_claim
    }

    /// What agents lost and did not get back.
    pub fn losses(&self) -> &Losses {
        &self.losses
    }

    /// Messages, cursors and retry keys.
    pub fn mail(&self) -> &Mail {
        &self.mail
    }

    /// The resources that an agent holds or waits for, sorted.
    pub fn involved(&self, agent_id: &str) -> impl Iterator<Item = &Resource> {
        self.involved
            .get(agent_id)
            .into_iter()
            .flat_map(|set| set.iter())
    }
}
