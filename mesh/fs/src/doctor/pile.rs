//! Rows of states, from several sources, on their way to becoming one state.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ulid::Ulid;

use crate::folder::damage::Damage;
use crate::folder::names;
use crate::log::generation::ReadError;
use mesh_core::{
    Agent, AgentId, ClaimId, Entry, Event, KeyedPost, Limits, Loss, Message, MessageId, Millis,
    Part, Resource, ResourceState, Snapshot, SnapshotBuilder, TrailRecord, escape,
};

/// The rows. Where two sources disagree, the one that was added later is right about
/// agents and claims, and the higher value about fences, cursors and newest ids.
#[derive(Default)]
pub(super) struct Pile {
    claim: ClaimId,
    message: MessageId,
    agents: BTreeMap<AgentId, Agent>,
    fences: BTreeMap<Resource, u64>,
    resources: BTreeMap<Resource, ResourceState>,
    losses: BTreeMap<(AgentId, Resource), Loss>,
    messages: BTreeMap<MessageId, Arc<Message>>,
    cursors: BTreeMap<AgentId, MessageId>,
    keys: BTreeMap<MessageId, KeyedPost>,
    trail: Vec<TrailRecord>,
}

impl Pile {
    pub(super) fn add_all(&mut self, snapshot: &Snapshot) {
        snapshot.parts().for_each(|part| self.add(part));
    }

    pub(super) fn add_fences(&mut self, snapshot: &Snapshot) {
        let fences = |part: &Part| matches!(part, Part::Fences(_) | Part::Newest { .. });
        snapshot
            .parts()
            .filter(fences)
            .for_each(|part| self.add(part));
    }

    pub(super) fn add(&mut self, part: Part) {
        match part {
            Part::Newest { claim, message } => {
                self.claim = self.claim.max(claim);
                self.message = self.message.max(message);
            }
            Part::Agents(rows) => self.agents.extend(rows),
            Part::Fences(rows) => rows
                .into_iter()
                .for_each(|(name, fence)| self.raise(&name, fence)),
            Part::Resources(rows) => self.resources.extend(rows),
            Part::More(rows) => rows.into_iter().for_each(|row| self.add_more(row)),
            Part::Losses(rows) => self.losses.extend(rows),
            Part::Messages(rows) => self.messages.extend(rows),
            Part::Cursors(rows) => {
                for (agent, cursor) in rows {
                    let known = self.cursors.entry(agent).or_default();
                    *known = cursor.max(*known);
                }
            }
            Part::Keys(rows) => self.keys.extend(rows),
            Part::Trail(rows) => self.trail.extend(rows),
        }
    }

    /// Adds to a resource; where its first part is damaged, this is all that is known of it.
    fn add_more(&mut self, (resource, more): (Resource, ResourceState)) {
        match self.resources.get_mut(&resource) {
            Some(record) => {
                record.holders.append(more.holders);
                record.queue.append(more.queue);
            }
            None => {
                self.resources.insert(resource, more);
            }
        }
    }

    fn raise(&mut self, resource: &Resource, fence: u64) {
        let newest = self.fences.entry(resource.clone()).or_default();
        *newest = fence.max(*newest);
    }

    /// Ends all holds and tickets; says which there were.
    pub(super) fn end_claims(&mut self) -> Vec<String> {
        let mut ended = Vec::new();
        for (resource, record) in std::mem::take(&mut self.resources) {
            for hold in &record.holders {
                self.raise(&resource, hold.fence);
                ended.push(format!(
                    "the claim {} of \"{}\" on \"{}\", fence {}: a lost entry may have ended it \
                     or given it away, so it was ended; claim again",
                    hold.claim_id,
                    escape(&hold.agent_id),
                    escape(&resource),
                    hold.fence
                ));
            }
            for ticket in &record.queue {
                ended.push(format!(
                    "the ticket {} of \"{}\" for \"{}\": the queue may have moved on, so it was \
                     ended; claim again",
                    ticket.claim_id,
                    escape(&ticket.agent_id),
                    escape(&resource)
                ));
            }
        }
        ended
    }

    /// Lets entries happen that lie behind a gap: what they say of messages and agents
    /// holds whatever came before, and of claims only the fences and ids are taken. What
    /// they gave to somebody goes to `ended`.
    pub(super) fn follow(
        self,
        entries: impl Iterator<Item = Entry>,
        ended: &mut Vec<String>,
    ) -> Result<Self, ReadError> {
        let mut snapshot = self.build(0)?;
        let mut after = Self::default();
        for entry in entries {
            for event in &entry.events {
                after.note(event);
                ended.extend(given(entry.seq, event));
                let is_known = matches!(event, Event::Posted { message_id, .. }
                    if self.messages.contains_key(message_id));
                if event.resource().is_none() && !is_known {
                    snapshot.state.apply(entry.at, event);
                }
            }
            snapshot.trail.record(&entry);
        }
        after.add_all(&snapshot);
        after.add(Part::Cursors(self.cursors.into_iter().collect()));
        Ok(after)
    }

    /// The fence that an event gave is known.
    pub(super) fn note_fence(&mut self, event: &Event) {
        if let (Some(resource), Some(fence)) = (event.resource(), event.fence()) {
            self.raise(resource, fence);
        }
    }

    fn note(&mut self, event: &Event) {
        self.note_fence(event);
        if let Some(claim) = event.new_claim() {
            self.claim = self.claim.max(claim.claim_id);
        }
    }

    /// Raises every fence, those of resources that only a name is left of included. Fails
    /// where one would have to rise beyond the largest that there is: a fence that is raised
    /// by less may be given twice.
    pub(super) fn raise_fences(
        &mut self,
        named: &BTreeSet<Resource>,
        by: u64,
    ) -> Result<(), ReadError> {
        for resource in named {
            self.fences.entry(resource.clone()).or_default();
        }
        let most = Limits::PRODUCTION.count;
        for (resource, fence) in &mut self.fences {
            let raised = fence.checked_add(by).filter(|raised| *raised < most);
            *fence = raised.ok_or_else(|| used_up(resource, *fence, by))?;
        }
        Ok(())
    }

    /// Raises the newest message id above whatever a clock that was right can have made.
    pub(super) fn raise_message_id(&mut self, now: Millis) {
        let present = Ulid::from_parts(now.min((1 << 48) - 1), u128::MAX);
        let known = self.messages.keys().chain(self.cursors.values()).copied();
        let parsed = present.to_string().parse().ok();
        let newest = known.chain(parsed).max().unwrap_or_default();
        self.message = self.message.max(newest);
    }

    /// The state that the rows make.
    pub(super) fn build(&self, seq: u64) -> Result<Snapshot, ReadError> {
        let newest = Part::Newest {
            claim: self.claim,
            message: self.message,
        };
        let rows = [
            newest,
            Part::Agents(copied(&self.agents)),
            Part::Fences(copied(&self.fences)),
            Part::Resources(copied(&self.resources)),
            Part::Losses(copied(&self.losses)),
            Part::Messages(copied(&self.messages)),
            Part::Cursors(copied(&self.cursors)),
            Part::Keys(copied(&self.keys)),
            Part::Trail(self.trail.clone()),
        ];
        let mut builder = SnapshotBuilder::new(seq);
        for part in rows {
            builder.add(part).map_err(|error| {
                let what = format!("cannot be put together: {error}");
                ReadError::Damage(Damage::at(&names::journal(1), 0, &what))
            })?;
        }
        Ok(builder.finish())
    }
}

/// Why fences cannot be raised as far as lost entries ask for.
fn used_up(resource: &Resource, fence: u64, by: u64) -> ReadError {
    let what = format!(
        "lost entries may have granted \"{}\" up to {by} fences above {fence}, and there are none \
         beyond {}: each one that is left may have been given already",
        escape(resource),
        Limits::PRODUCTION.count
    );
    ReadError::Damage(Damage::at(&names::journal(1), 0, &what))
}

/// What an event behind a gap gave to somebody, who has lost it now.
fn given(seq: u64, event: &Event) -> Option<String> {
    let gives = event.new_claim().is_some() || event.fence().is_some();
    let claim = event.claim().filter(|_| gives)?;
    Some(format!(
        "what entry {seq} gave to \"{}\", the claim {} on \"{}\" ({}): it was ended, unless \
         that had happened before; claim again",
        escape(&claim.agent_id),
        claim.claim_id,
        escape(&claim.resource),
        match event.fence() {
            Some(fence) => format!("fence {fence}"),
            None => "a ticket".to_owned(),
        }
    ))
}

fn copied<K: Clone, V: Clone>(rows: &BTreeMap<K, V>) -> Vec<(K, V)> {
    let copy = |(key, value): (&K, &V)| (key.clone(), value.clone());
    rows.iter().map(copy).collect()
}
