//! The state and its trail at one point of the log, and the parts to carry them in.
//!
//! A checkpoint of many messages is large, so it is never one value: a snapshot comes
//! apart into [`Part`]s of bounded size and is put together again from them, with the
//! indexes derived anew.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::event::{Entry, Event};
use super::ids::{ClaimId, MessageId};
use super::limits::Limits;
use super::names::{AgentId, Resource};
use super::state::{Agent, KeyedPost, Loss, Message, ResourceState, State};
use super::trail::{Trail, TrailRecord};
use planted::{Bug, sound};

/// How many bytes an id takes in a part.
const ID_BYTES: usize = 29;

/// What the log says up to and including entry `seq`. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The newest entry folded in; 0 before the first.
    pub seq: u64,
    /// What the rules need.
    pub state: State,
    /// What people ask for.
    pub trail: Trail,
}

impl Snapshot {
    /// An empty log that stays within `limits`.
    pub fn within(limits: &'static Limits) -> Self {
        Self {
            seq: 0,
            state: State::within(limits),
            trail: Trail::within(limits),
        }
    }

    /// Folds the next entry in.
    pub fn apply(&mut self, entry: &Entry) {
        debug_assert_eq!(entry.seq, self.seq + 1, "entries are applied one by one");
        self.seq = entry.seq;
        sound!(self.state.apply_entry(entry), Bug::FenceInMemoryOnly => {
            let fences = self.state.fences.clone();
            self.state.apply_entry(entry);
            self.state.fences = fences;
        });
        self.trail.record(entry);
    }

    /// Takes an entry in that was decided on this snapshot, with the state that it
    /// leads to.
    pub fn advance(&mut self, entry: &Entry, state: State) {
        debug_assert_eq!(entry.seq, self.seq + 1, "entries are applied one by one");
        self.seq = entry.seq;
        self.state = state;
        self.trail.record(entry);
    }

    /// The snapshot in parts, each of bounded size. Takes one pass over the state and
    /// holds one part at a time.
    pub fn parts(&self) -> impl Iterator<Item = Part> + '_ {
        let state = &self.state;
        let mail = &state.mail;
        let limits = state.limits();
        let newest = Part::Newest {
            claim: state.newest_claim(),
            message: mail.newest(),
        };
        let agents = state
            .agents
            .iter()
            .map(|(id, agent)| (id.clone(), agent.clone()));
        let resources = state.resources.iter();
        let resources = resources.map(move |(name, r)| (name.clone(), r.piece(0, limits)));
        let more = state.resources.iter();
        let more = more.flat_map(move |(name, record)| more_of(name, record, limits));
        let fences = sound!(
            &state.fences,
            Bug::FencesLeftOutOfCheckpoint => Box::leak(Box::default())
        );
        let fences = fences.iter().map(|(name, fence)| (name.clone(), *fence));
        let messages = mail
            .messages
            .iter()
            .map(|(id, message)| (*id, message.clone()));
        let cursors = mail
            .cursors
            .iter()
            .map(|(id, cursor)| (id.clone(), *cursor));
        let keys = mail.keys.iter().map(|(id, post)| (*id, post.clone()));
        let losses = sound!(
            &state.losses,
            Bug::LossesLeftOutOfCheckpoint => Box::leak(Box::default())
        );
        let losses = losses
            .iter()
            .map(|(whose, loss)| (whose.clone(), loss.clone()));
        std::iter::once(newest)
            .chain(chunks(limits, agents, one).map(Part::Agents))
            .chain(chunks(limits, fences, one).map(Part::Fences))
            .chain(chunks(limits, resources, claims).map(Part::Resources))
            .chain(chunks(limits, more, claims).map(Part::More))
            .chain(chunks(limits, losses, one).map(Part::Losses))
            .chain(chunks(limits, messages, bodies).map(Part::Messages))
            .chain(chunks(limits, cursors, one).map(Part::Cursors))
            .chain(chunks(limits, keys, one).map(Part::Keys))
            .chain(chunks(limits, self.trail.iter().cloned(), ids).map(Part::Trail))
    }
}

/// What a row weighs in a part: as so many rows, and so many bytes besides.
struct Weight {
    rows: usize,
    bytes: usize,
}

fn one<T>(_: &T) -> Weight {
    Weight { rows: 1, bytes: 0 }
}

fn claims((_, record): &(Resource, ResourceState)) -> Weight {
    let rows = 1 + record.holders.len() + record.queue.len();
    Weight { rows, bytes: 0 }
}

fn ids(record: &TrailRecord) -> Weight {
    let ids = match &record.event {
        Event::Expired { message_ids } | Event::KeysForgotten { message_ids } => message_ids.len(),
        _ => 0,
    };
    let bytes = ids * ID_BYTES;
    Weight { rows: 1, bytes }
}

fn bodies((_, message): &(MessageId, Arc<Message>)) -> Weight {
    let bytes = message.body.len();
    Weight { rows: 1, bytes }
}

/// What of a resource has no room in its own row. As long as mesh alone makes claims, that is
/// nothing; a predecessor, or an earlier mesh, knew no bound.
fn more_of<'a>(
    name: &'a Resource,
    record: &'a ResourceState,
    limits: &'static Limits,
) -> impl Iterator<Item = (Resource, ResourceState)> + 'a {
    let pieces = (1..).map(|place| record.piece(place, limits));
    let pieces = pieces.take_while(|piece| !piece.is_idle());
    pieces.map(|piece| (name.clone(), piece))
}

/// Groups rows until their weights reach the size of a part. A row that fills a part by itself
/// is alone in one.
fn chunks<T>(
    limits: &Limits,
    rows: impl Iterator<Item = T>,
    weight: impl Fn(&T) -> Weight,
) -> impl Iterator<Item = Vec<T>> {
    let mut rows = rows.peekable();
    let (full, row_bytes) = (limits.part_bytes, limits.part_bytes / limits.part_rows);
    std::iter::from_fn(move || {
        rows.peek()?;
        let mut part = Vec::new();
        let mut bytes = 0;
        while let Some(row) = rows.peek() {
            let weight = weight(row);
            let more = weight.rows * row_bytes + weight.bytes;
            if bytes >= full || more >= full && !part.is_empty() {
                break;
            }
            bytes += more;
            part.extend(rows.next());
        }
        Some(part)
    })
}

/// A piece of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The highest ids ever issued.
    Newest {
        /// Of claims.
        claim: ClaimId,
        /// Of messages.
        message: MessageId,
    },
    /// Registered agents.
    Agents(Vec<(AgentId, Agent)>),
    /// The newest fences.
    Fences(Vec<(Resource, u64)>),
    /// Held resources, each with no more holders and tickets than a row has room for.
    Resources(Vec<(Resource, ResourceState)>),
    /// More holders and tickets of resources that stand in an earlier part.
    More(Vec<(Resource, ResourceState)>),
    /// What agents lost and did not get back.
    Losses(Vec<((AgentId, Resource), Loss)>),
    /// Messages, in order.
    Messages(Vec<(MessageId, Arc<Message>)>),
    /// How far everybody has read.
    Cursors(Vec<(AgentId, MessageId)>),
    /// Retry keys.
    Keys(Vec<(MessageId, KeyedPost)>),
    /// The audit trail, oldest first.
    Trail(Vec<TrailRecord>),
}

/// Parts that cannot be put together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotError(String);

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SnapshotError {}

/// Puts a snapshot together from its parts.
#[derive(Debug, Default)]
pub struct SnapshotBuilder {
    snapshot: Snapshot,
}

impl SnapshotBuilder {
    /// Begins a snapshot of the log up to `seq`.
    pub fn new(seq: u64) -> Self {
        Self::within(&Limits::PRODUCTION, seq)
    }

    /// The same, of a log that stays within `limits`.
    pub fn within(limits: &'static Limits, seq: u64) -> Self {
        let snapshot = Snapshot {
            seq,
            ..Snapshot::within(limits)
        };
        Self { snapshot }
    }

    /// Adds a part.
    ///
    /// # Errors
    ///
    /// Where messages are not in ascending order, over all parts, where there is more of a
    /// resource that no part before has, and where a fence or an
    /// epoch is no number that mesh can have given (see [`Limits::count`]), or more wait for
    /// a resource than it has fences left.
    pub fn add(&mut self, part: Part) -> Result<(), SnapshotError> {
        let state = &mut self.snapshot.state;
        let limits = state.limits();
        part.check(limits)?;
        match part {
            Part::Newest { claim, message } => {
                state.newest_claim = state.newest_claim.max(claim);
                state.mail.newest = state.mail.newest.max(message);
            }
            Part::Agents(rows) => state.agents.extend(rows),
            Part::Fences(rows) => state.fences.extend(rows),
            Part::Resources(rows) => {
                for row in rows {
                    check_tickets(state, &row)?;
                    add_resource(state, row);
                }
            }
            Part::More(rows) => {
                for row in rows {
                    add_more(state, row)?;
                }
            }
            Part::Losses(rows) => rows
                .into_iter()
                .for_each(|(whose, loss)| state.losses.insert(whose, loss, limits.losses)),
            Part::Messages(rows) => {
                for (id, message) in rows {
                    if state
                        .mail
                        .messages
                        .get_max()
                        .is_some_and(|(last, _)| *last >= id)
                    {
                        return Err(SnapshotError(format!("message {id} is out of order")));
                    }
                    state.mail.insert(id, message);
                }
            }
            Part::Cursors(rows) => state.mail.cursors.extend(rows),
            Part::Keys(rows) => {
                rows.into_iter()
                    .for_each(|(id, post)| state.mail.remember(id, post));
            }
            Part::Trail(rows) => rows
                .into_iter()
                .for_each(|row| self.snapshot.trail.push(row)),
        }
        Ok(())
    }

    /// The snapshot, with its invariants not yet looked at.
    pub fn finish(self) -> Snapshot {
        self.snapshot
    }
}

impl Part {
    /// What readers refuse, and writers never write.
    ///
    /// # Errors
    ///
    /// Where a number is none that mesh can have given.
    pub fn check(&self, limits: &Limits) -> Result<(), SnapshotError> {
        if largest_count(self) > limits.count {
            let what = format!("a fence or an epoch is above {}", limits.count);
            return Err(SnapshotError(what));
        }
        if largest_place(self) > limits.places {
            let what = format!("a place in the log is above {}", limits.places);
            return Err(SnapshotError(what));
        }
        Ok(())
    }
}

/// Whoever waits must have a fence left to be promoted under. The fences stand before.
fn check_tickets(
    state: &State,
    (resource, record): &(Resource, ResourceState),
) -> Result<(), SnapshotError> {
    let newest = state.newest_fence(resource);
    let needed = newest.saturating_add(record.queue.len() as u64);
    if needed > state.limits().count {
        let what = "a fence is so high that not everybody who waits can be granted one";
        return Err(SnapshotError(what.to_owned()));
    }
    Ok(())
}

/// The largest place in the log that a part speaks of.
fn largest_place(part: &Part) -> u64 {
    match part {
        Part::Trail(rows) => rows.iter().map(|row| row.seq).max().unwrap_or(0),
        _ => 0,
    }
}

/// The largest fence or epoch in a part.
fn largest_count(part: &Part) -> u64 {
    let largest = match part {
        Part::Agents(rows) => rows.iter().map(|(_, agent)| agent.epoch).max(),
        Part::Fences(rows) => rows.iter().map(|(_, fence)| *fence).max(),
        Part::Resources(rows) | Part::More(rows) => {
            let holders = rows.iter().flat_map(|(_, record)| record.holders.iter());
            holders.map(|hold| hold.fence).max()
        }
        Part::Losses(rows) => rows.iter().map(|(_, loss)| loss.fence).max(),
        _ => None,
    };
    largest.unwrap_or(0)
}

/// Adds to a resource what its own row has no room for.
fn add_more(
    state: &mut State,
    (resource, more): (Resource, ResourceState),
) -> Result<(), SnapshotError> {
    let Some(mut record) = state.resources.get(&resource).cloned() else {
        let what = format!("there is more of {resource:?}, and nothing of it before");
        return Err(SnapshotError(what));
    };
    record.holders.append(more.holders);
    record.queue.append(more.queue);
    let row = (resource, record);
    check_tickets(state, &row)?;
    add_resource(state, row);
    Ok(())
}

fn add_resource(state: &mut State, (resource, record): (Resource, ResourceState)) {
    let holders = record.holders.iter().map(|hold| &hold.agent_id);
    let waiters = record.queue.iter().map(|ticket| &ticket.agent_id);
    for agent_id in holders.chain(waiters) {
        let involved = state.involved.entry(agent_id.clone()).or_default();
        involved.insert(resource.clone());
    }
    state.resources.insert(resource, record);
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Limits = Limits {
        trail: 2,
        ..Limits::PRODUCTION
    };

    fn heartbeat(seq: u64) -> Entry {
        let event = Event::Heartbeat {
            agent_id: "a".into(),
            expires_at: 1,
            epoch: 1,
        };
        Entry {
            seq,
            id: seq.to_string(),
            at: 0,
            events: vec![event],
        }
    }

    /// Limits are no part of what a checkpoint says, so whoever reads one brings them.
    #[test]
    fn a_snapshot_that_is_put_together_stays_within_its_limits() {
        let mut snapshot = SnapshotBuilder::within(&SMALL, 0).finish();
        assert_eq!(snapshot.state.limits(), &SMALL);
        for seq in 1..=3 {
            snapshot.apply(&heartbeat(seq));
            assert_eq!(
                snapshot.trail.len() as u64,
                seq.min(2),
                "S5 after entry {seq}"
            );
        }
        let mut read = SnapshotBuilder::within(&SMALL, snapshot.seq);
        snapshot.parts().for_each(|part| read.add(part).unwrap());
        let mut read = read.finish();
        read.apply(&heartbeat(4));
        assert_eq!((read.state.limits(), read.trail.len()), (&SMALL, 2));
    }
}
