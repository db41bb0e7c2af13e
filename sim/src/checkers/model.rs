//! The checkers' own fold of the log (rule S2): what the log says, in the plainest form.
//!
//! Written from the contract, with maps and vectors, and without a thought for speed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use mesh::core::{ClaimId, Entry, Event, MessageId, Millis, Mode, Snapshot};

use super::waiting::{self, Lost, Owed};
use super::{Violation, awareness, claims, ensure, messages};
use crate::sometimes::Sometimes;

/// How long an agent is stale before it is dead (A2).
pub(super) const GRACE_MS: u64 = 30_000;
/// How far a deadline may lie beyond what its duration allows (C12).
pub(super) const TOLERANCE_MS: u64 = 60_000;

/// A registered agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    pub(crate) role: Option<String>,
    pub(crate) registered_at: Millis,
    pub(crate) last_seen: Millis,
    pub(crate) ttl_ms: Millis,
    pub(crate) expires_at: Millis,
    pub(crate) epoch: u64,
}

impl Agent {
    /// Rule A2.
    pub(super) fn is_dead(&self, now: Millis) -> bool {
        now > self.expires_at.saturating_add(GRACE_MS)
    }
}

/// A hold, or a ticket (whose fence is 0).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub(crate) agent: String,
    pub(crate) claim: ClaimId,
    pub(crate) mode: Mode,
    pub(crate) fence: u64,
    pub(crate) lease_ms: Millis,
    pub(crate) expires_at: Millis,
    pub(crate) note: Option<String>,
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
pub struct Resource {
    pub(crate) holders: Vec<Place>,
    pub(crate) queue: Vec<Place>,
    pub(crate) newest_fence: u64,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) body: String,
    pub(crate) posted_at: Millis,
    pub(crate) expires_at: Option<Millis>,
    pub(crate) key: Option<String>,
    pub(crate) fanout: u64,
}

/// The state, as the checkers fold it.
#[derive(Clone, Debug, Default)]
pub struct Model {
    pub(crate) agents: BTreeMap<String, Agent>,
    pub(crate) resources: BTreeMap<String, Resource>,
    pub(crate) messages: BTreeMap<MessageId, Message>,
    pub(crate) cursors: BTreeMap<String, MessageId>,
    pub(crate) newest_message: MessageId,
    pub(crate) newest_claim: ClaimId,
    /// The newest post of each agent under each key: which, and when.
    pub(crate) keys: BTreeMap<(String, String), (MessageId, Millis)>,
    /// Bodies of posts without a key: each was called once.
    pub(crate) bodies: BTreeSet<String>,
    pub(crate) newest_at: Millis,
    /// The fence that the shared run promoted in the present entry got.
    pub(crate) run: Option<(u64, String, u64)>,
    /// What mesh must still tell in the present entry (W5).
    pub(crate) owed: Vec<Owed>,
    /// What agents lost and did not get back (W6).
    pub(crate) losses: BTreeMap<(String, String), Lost>,
    /// What they got back in the newest entry.
    pub(crate) regained: BTreeMap<(String, String), Lost>,
    /// The losses that ended: a call that was held meanwhile still tells of them.
    pub(crate) ended: BTreeMap<(String, String), Vec<Lost>>,
    /// Resources that the present entry touched.
    pub(crate) touched: BTreeSet<String>,
}

impl Model {
    /// Whether the contract allows an event here.
    pub(super) fn check(
        &mut self,
        entry: &Entry,
        event: &Event,
        seen: &mut Sometimes,
    ) -> Result<(), Violation> {
        let now = entry.at;
        match event {
            Event::Registered { .. } | Event::Heartbeat { .. } | Event::RegistrationCut { .. } => {
                awareness::check(self, now, event, seen)
            }
            Event::Posted { from, .. } if &**from == "mesh" => {
                waiting::check_notice(self, now, event, seen)?;
                messages::check(self, now, event, seen)
            }
            Event::Posted { .. }
            | Event::CursorMoved { .. }
            | Event::Expired { .. }
            | Event::KeysForgotten { .. } => messages::check(self, now, event, seen),
            Event::Adopted { .. } => Ok(()),
            _ => claims::check(self, entry, event, seen),
        }
    }

    /// What must hold at the end of each entry.
    pub(super) fn check_end(&mut self, entry: &Entry) -> Result<(), Violation> {
        self.newest_at = entry.at;
        self.run = None;
        let touched = std::mem::take(&mut self.touched);
        waiting::check_end(self, entry)?;
        claims::check_end(self, entry, &touched)
    }

    pub(super) fn resource(&mut self, name: &str) -> &mut Resource {
        self.touched.insert(name.to_owned());
        self.resources.entry(name.to_owned()).or_default()
    }

    /// Folds an event in.
    pub(super) fn apply(&mut self, entry: &Entry, event: &Event) {
        let now = entry.at;
        match event {
            Event::Registered {
                agent_id,
                role,
                ttl_ms,
                expires_at,
                epoch,
                ..
            } => {
                let before = self.agents.get(&**agent_id);
                let agent = Agent {
                    role: role.as_deref().map(str::to_owned),
                    registered_at: before.map_or(now, |agent| agent.registered_at),
                    last_seen: now,
                    ttl_ms: *ttl_ms,
                    expires_at: *expires_at,
                    epoch: *epoch,
                };
                self.agents.insert(agent_id.to_string(), agent);
            }
            Event::Heartbeat {
                agent_id,
                expires_at,
                epoch,
            } => {
                if let Some(agent) = self.agents.get_mut(&**agent_id) {
                    (agent.last_seen, agent.expires_at, agent.epoch) = (now, *expires_at, *epoch);
                }
            }
            Event::RegistrationCut {
                agent_id,
                expires_at,
            } => {
                if let Some(agent) = self.agents.get_mut(&**agent_id) {
                    agent.expires_at = *expires_at;
                    // The same bad clock dated the sign of life.
                    agent.last_seen = agent.last_seen.min(now);
                }
            }
            Event::Posted { .. }
            | Event::CursorMoved { .. }
            | Event::Expired { .. }
            | Event::KeysForgotten { .. } => messages::apply(self, now, event),
            Event::Adopted { .. } => {}
            _ => claims::apply(self, event),
        }
    }

    /// Rule S2: a state that was loaded or saved says what the log says.
    pub(super) fn compare(&self, snapshot: &Snapshot) -> Result<(), Violation> {
        let state = &snapshot.state;
        let seq = snapshot.seq;
        let fences = state
            .fences()
            .map(|(name, fence)| (name.to_string(), fence));
        let mine = self.resources.iter().filter(|(_, r)| r.newest_fence > 0);
        let mine = mine.map(|(name, r)| (name.clone(), r.newest_fence));
        let (theirs, mine): (Vec<_>, Vec<_>) = (fences.collect(), mine.collect());
        ensure(theirs == mine, "C3", || {
            format!("the state at entry {seq} has fences {theirs:?}, the log says {mine:?}")
        })?;
        self.compare_agents(snapshot)?;
        self.compare_claims(snapshot)?;
        waiting::compare_losses(self, snapshot)?;
        let mail = state.mail();
        let ids: Vec<MessageId> = mail.messages().map(|(id, _)| id).collect();
        let mine: Vec<MessageId> = self.messages.keys().copied().collect();
        ensure(
            ids == mine && mail.newest() == self.newest_message,
            "S2",
            || format!("the state at entry {seq} has messages {ids:?}, the log says {mine:?}"),
        )?;
        let cursors: Vec<_> = mail.cursors().map(|(a, c)| (a.to_string(), c)).collect();
        let mine: Vec<_> = self.cursors.iter().map(|(a, c)| (a.clone(), *c)).collect();
        ensure(cursors == mine, "S2", || {
            format!("the state at entry {seq} has cursors {cursors:?}, the log says {mine:?}")
        })?;
        let keys: BTreeSet<MessageId> = mail.keys().map(|(id, _)| id).collect();
        let mine: BTreeSet<MessageId> = self.keys.values().map(|(id, _)| *id).collect();
        ensure(keys == mine, "M7", || {
            format!("the state at entry {seq} has the keys of {keys:?}, the log says {mine:?}")
        })
    }

    fn compare_agents(&self, snapshot: &Snapshot) -> Result<(), Violation> {
        let theirs = snapshot.state.agents().map(|(id, agent)| {
            let agent = Agent {
                role: agent.role.as_deref().map(str::to_owned),
                registered_at: agent.registered_at,
                last_seen: agent.last_seen,
                ttl_ms: agent.ttl_ms,
                expires_at: agent.expires_at,
                epoch: agent.epoch,
            };
            (id.to_string(), agent)
        });
        let theirs: BTreeMap<String, Agent> = theirs.collect();
        ensure(theirs == self.agents, "S2", || {
            format!(
                "the state at entry {} has agents {theirs:?}, the log says {:?}",
                snapshot.seq, self.agents
            )
        })
    }

    fn compare_claims(&self, snapshot: &Snapshot) -> Result<(), Violation> {
        let theirs = snapshot.state.resources().map(|(name, record)| {
            let holders = record
                .holders
                .iter()
                .map(|h| (h.claim_id, h.fence, h.expires_at, h.lease_ms));
            let queue = record
                .queue
                .iter()
                .map(|t| (t.claim_id, 0, t.expires_at, t.lease_ms));
            (
                name.to_string(),
                (record.mode, holders.chain(queue).collect::<Vec<_>>()),
            )
        });
        let held = |(_, r): &(&String, &Resource)| !(r.holders.is_empty() && r.queue.is_empty());
        let mine = self.resources.iter().filter(held).map(|(name, r)| {
            let places = r.holders.iter().chain(&r.queue);
            let places = places.map(|p| (p.claim, p.fence, p.expires_at, p.lease_ms));
            let mode = r.holders.first().map_or(Mode::Shared, |p| p.mode);
            (name.clone(), (mode, places.collect::<Vec<_>>()))
        });
        let (theirs, mine): (BTreeMap<_, _>, BTreeMap<_, _>) = (theirs.collect(), mine.collect());
        ensure(theirs == mine, "S2", || {
            format!(
                "the state at entry {} has claims {theirs:?}, the log says {mine:?}",
                snapshot.seq
            )
        })
    }
}
