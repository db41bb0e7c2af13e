//! Rule S2: what a process loads or saves, held against the reference.

use std::collections::{BTreeMap, BTreeSet};

use mesh::core::{MessageId, Mode, Snapshot};

use super::reference::{Agent, Reference, Resource};
use super::waiting;
use crate::trace::{Violation, ensure};

impl Reference {
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
