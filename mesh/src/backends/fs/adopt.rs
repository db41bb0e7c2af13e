//! Taking over the folder of the Node mesh that came before (rule S3).
//!
//! Its whole state is one `state.json`: seven members, times in Unix seconds, no mark.
//! It is read under its own lock directory, turned into the checkpoint of generation
//! 1, and kept beside as `state.node.json`. What it got wrong is put right on the way:
//! a second ticket of one agent goes, a cursor that is no message's place becomes the
//! newest message, and a waiter that nothing stands in the way of is promoted.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use serde::Deserialize;

use super::export::MARK;
use super::names;
use super::open::missing_journal;
use super::seam::{Access, FileSystem};
use super::storage::FsStorage;
use crate::core::{
    Agent, AgentId, ClaimId, DEFAULT_LEASE_SECONDS, Entry, Event, Hold, Message, MessageId, Millis,
    Mode, Part, Resource, ResourceState, Snapshot, SnapshotBuilder, Ticket, Timestamp, TrailRecord,
    settle,
};
use crate::ports::{Clock, Outcome, StorageError, StorageErrorKind};

/// How long the predecessor's lock may stand before it is taken from a dead holder,
/// as the predecessor itself does.
const STALE_LOCK: Millis = 5_000;
const LOCK_POLL: Millis = 20;

/// The predecessor's file.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct NodeState {
    roster: BTreeMap<String, NodeAgent>,
    claims: BTreeMap<String, NodeClaim>,
    messages: BTreeMap<String, NodeMessage>,
    cursors: BTreeMap<String, String>,
    events: Vec<NodeEvent>,
    fence_floor: BTreeMap<String, u64>,
}

#[derive(Debug, Deserialize)]
struct NodeAgent {
    branch: String,
    prompt_ptr: String,
    role: Option<String>,
    registered_at: f64,
    last_seen: f64,
    expires_at: f64,
    epoch: u64,
}

#[derive(Debug, Deserialize)]
struct NodeClaim {
    mode: Mode,
    #[serde(default)]
    holders: Vec<NodeHolder>,
    #[serde(default)]
    queue: Vec<NodeTicket>,
    fence: u64,
}

#[derive(Debug, Deserialize)]
struct NodeHolder {
    agent_id: String,
    claim_id: ClaimId,
    lease_expires_at: f64,
    note: Option<String>,
}

#[derive(Debug, Deserialize)]
struct NodeTicket {
    agent_id: String,
    claim_id: ClaimId,
    mode: Mode,
    lease_seconds: f64,
    note: Option<String>,
}

#[derive(Debug, Deserialize)]
struct NodeMessage {
    message_id: MessageId,
    from: String,
    to: String,
    subject: Option<String>,
    body: String,
    reply_to: Option<String>,
    posted_at: f64,
    expires_at: Option<f64>,
}

#[derive(Debug, Deserialize)]
struct NodeEvent {
    resource: String,
    event: String,
    agent_id: String,
    fence: u64,
    at: Timestamp,
}

impl<F: FileSystem, C: Clock> FsStorage<F, C> {
    /// The bytes of a `state.json` that may be a predecessor's.
    pub(super) async fn read_state(&self) -> Result<Option<Vec<u8>>, StorageError> {
        let failed = |e: &io::Error| Self::io("read", names::STATE, Outcome::NoEffect, e);
        let file = match self.fs.open(names::STATE, Access::Read).await {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(&error)),
        };
        let len = self.fs.stat(&file).await.map_err(|e| failed(&e))?.len;
        let mut bytes = vec![0; len as usize];
        let read = self
            .fs
            .read_at(&file, 0, &mut bytes)
            .await
            .map_err(|e| failed(&e))?;
        bytes.truncate(read);
        Ok(Some(bytes))
    }

    /// Makes generation 1 from the predecessor's state, under the predecessor's lock.
    pub(super) async fn adopt(&mut self, seen: &[u8]) -> Result<(), StorageError> {
        // A file of ours without a journal beside it is no predecessor's, but a loss.
        if is_ours(seen) {
            return Err(missing_journal(names::STATE));
        }
        self.lock_predecessor().await?;
        let adopted = self.adopt_locked().await;
        // Where this fails the predecessor's own rule frees it after 5 s.
        let _ = self.fs.remove_dir(names::NODE_LOCK).await;
        adopted
    }

    async fn adopt_locked(&mut self) -> Result<(), StorageError> {
        let Some(bytes) = self.read_state().await? else {
            return Ok(());
        };
        if is_ours(&bytes) {
            return Ok(());
        }
        let snapshot = adopt(&bytes, self.clock.now()).map_err(|what| damaged(&what))?;
        match self.fs.link(names::STATE, names::STATE_NODE).await {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                let name = names::STATE_NODE;
                return Err(Self::io(
                    "keep the original as",
                    name,
                    Outcome::NoEffect,
                    &error,
                ));
            }
        }
        self.create_first(&snapshot).await
    }

    /// Takes the lock directory of the predecessor, as the predecessor does.
    async fn lock_predecessor(&self) -> Result<(), StorageError> {
        let failed = |e: &io::Error| Self::io("take", names::NODE_LOCK, Outcome::NoEffect, e);
        let started = self.clock.monotonic();
        loop {
            match self.fs.make_dir(names::NODE_LOCK).await {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(failed(&error));
                }
                Err(_) => {}
            }
            if self.clock.monotonic() - started > STALE_LOCK {
                let _ = self.fs.remove_dir(names::NODE_LOCK).await;
            }
            self.clock.sleep(LOCK_POLL).await;
        }
    }
}

/// Whether a `state.json` carries our mark. One that cannot be read carries none.
fn is_ours(bytes: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Marked {
        mesh: serde::de::IgnoredAny,
    }
    debug_assert_eq!(MARK, "mesh");
    serde_json::from_slice::<Marked>(bytes)
        .map(|marked| marked.mesh)
        .is_ok()
}

fn damaged(what: &str) -> StorageError {
    StorageError {
        kind: StorageErrorKind::Damaged,
        what: format!(
            "{} of an earlier mesh cannot be adopted: {what}",
            names::STATE
        ),
        next: "nothing was changed: mend the file, or move it away to start with nothing"
            .to_owned(),
        outcome: Outcome::NoEffect,
    }
}

/// The predecessor's state as a snapshot, brought up to `now`.
///
/// # Errors
///
/// What is wrong with the file, and where.
fn adopt(bytes: &[u8], now: Millis) -> Result<Snapshot, String> {
    let node: NodeState = serde_json::from_slice(bytes).map_err(|error| {
        format!(
            "line {}, byte {} of it: {error}",
            error.line(),
            error.column()
        )
    })?;
    let mut builder = SnapshotBuilder::new(0);
    for part in parts(node, now)? {
        builder.add(part).map_err(|error| error.to_string())?;
    }
    let mut snapshot = builder.finish();
    let healed = Entry {
        seq: 0,
        id: "adoption".to_owned(),
        at: now,
        events: settle(&snapshot.state, now),
    };
    snapshot.state.apply_entry(&healed);
    snapshot.trail.record(&healed);
    snapshot.state.invariants()?;
    Ok(snapshot)
}

fn parts(node: NodeState, now: Millis) -> Result<Vec<Part>, String> {
    let messages = messages(node.messages)?;
    let newest_message = messages.last().map_or(MessageId::ZERO, |(id, _)| *id);
    let claim_ids = node.claims.values().flat_map(|claim| {
        let holders = claim.holders.iter().map(|holder| holder.claim_id);
        holders.chain(claim.queue.iter().map(|ticket| ticket.claim_id))
    });
    let newest = Part::Newest {
        claim: claim_ids.max().unwrap_or(ClaimId::ZERO),
        message: newest_message,
    };
    let mut fences = node.fence_floor;
    for (resource, claim) in &node.claims {
        let floor = fences.entry(resource.clone()).or_default();
        *floor = claim.fence.max(*floor);
    }
    fences.retain(|_, fence| *fence > 0);
    let resources = node
        .claims
        .into_iter()
        .map(|(name, claim)| (Resource::from(name.as_str()), resource(&claim, now)));
    let cursors = node.cursors.into_iter().map(|(agent, cursor)| {
        let cursor = cursor.parse().unwrap_or(newest_message).min(newest_message);
        (AgentId::from(agent.as_str()), cursor)
    });
    let agents = node
        .roster
        .into_iter()
        .map(|(id, row)| (AgentId::from(id.as_str()), agent(&row)));
    let fences = fences
        .into_iter()
        .map(|(name, fence)| (Resource::from(name.as_str()), fence));
    Ok(vec![
        newest,
        Part::Agents(agents.collect()),
        Part::Fences(fences.collect()),
        Part::Resources(resources.filter(|(_, record)| !record.is_idle()).collect()),
        Part::Messages(messages),
        Part::Cursors(cursors.collect()),
        Part::Trail(node.events.iter().map(event).collect()),
    ])
}

/// Unix seconds, perhaps with a fraction, as milliseconds.
fn millis(seconds: f64) -> Millis {
    // The cast saturates: nonsense becomes the nearest end of time.
    (seconds * 1000.0) as Millis
}

fn agent(row: &NodeAgent) -> Agent {
    let ttl_ms = millis(row.expires_at - row.last_seen).max(1000);
    Agent {
        branch: row.branch.as_str().into(),
        prompt_ptr: row.prompt_ptr.as_str().into(),
        role: row.role.as_deref().map(Into::into),
        registered_at: millis(row.registered_at),
        last_seen: millis(row.last_seen),
        ttl_ms,
        expires_at: millis(row.expires_at),
        epoch: row.epoch,
    }
}

fn resource(claim: &NodeClaim, now: Millis) -> ResourceState {
    let fence = claim.fence;
    let mut present = BTreeSet::new();
    let mut record = ResourceState {
        mode: claim.mode,
        holders: claim
            .holders
            .iter()
            .map(|holder| hold(holder, fence, now))
            .collect(),
        queue: imbl::Vector::new(),
    };
    present.extend(record.holders.iter().map(|hold| hold.agent_id.clone()));
    for row in &claim.queue {
        let ticket = ticket(row, now);
        // Of an agent's several tickets the first stays.
        if present.insert(ticket.agent_id.clone()) {
            record.queue.push_back(ticket);
        }
    }
    record
}

fn hold(row: &NodeHolder, fence: u64, now: Millis) -> Hold {
    let expires_at = millis(row.lease_expires_at);
    Hold {
        agent_id: AgentId::from(row.agent_id.as_str()),
        claim_id: row.claim_id,
        fence,
        // The predecessor did not keep what was asked for. What is left of a longer
        // lease stands in for it, so that it is not taken for a bad clock's (C12).
        lease_ms: (DEFAULT_LEASE_SECONDS * 1000).max(expires_at.saturating_sub(now)),
        expires_at,
        note: row.note.as_deref().map(Into::into),
    }
}

fn ticket(row: &NodeTicket, now: Millis) -> Ticket {
    let lease_ms = millis(row.lease_seconds).max(1000);
    Ticket {
        agent_id: AgentId::from(row.agent_id.as_str()),
        claim_id: row.claim_id,
        mode: row.mode,
        lease_ms,
        expires_at: now.saturating_add(lease_ms),
        note: row.note.as_deref().map(Into::into),
    }
}

fn messages(rows: BTreeMap<String, NodeMessage>) -> Result<Vec<(MessageId, Arc<Message>)>, String> {
    let mut messages = BTreeMap::new();
    for (key, row) in rows {
        if key.parse() != Ok(row.message_id) {
            return Err(format!("message {key} says that it is {}", row.message_id));
        }
        let message = Message {
            from: AgentId::from(row.from.as_str()),
            to: row.to.into(),
            subject: row.subject.map(Into::into),
            body: row.body.into(),
            reply_to: row.reply_to.map(Into::into),
            posted_at: millis(row.posted_at),
            expires_at: row.expires_at.map(millis),
        };
        messages.insert(row.message_id, Arc::new(message));
    }
    Ok(messages.into_iter().collect())
}

fn event(row: &NodeEvent) -> TrailRecord {
    TrailRecord {
        seq: 0,
        at: row.at.0,
        event: Event::Adopted {
            resource: Resource::from(row.resource.as_str()),
            agent_id: AgentId::from(row.agent_id.as_str()),
            fence: row.fence,
            event: row.event.as_str().into(),
        },
    }
}
