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

use super::damage::no_file;
use super::error::is_no_file;
use super::export::MARK;
use super::names;
use super::rotation::ignore_missing;
use super::seam::{Access, FileSystem};
use super::storage::FsStorage;
use mesh_coordinator::ports::{Clock, Outcome, StorageError, StorageErrorKind};
use mesh_core::{
    Agent, AgentId, ClaimId, DEFAULT_LEASE_SECONDS, Entry, Event, Hold, Message, MessageId, Millis,
    Mode, Part, Resource, ResourceState, Snapshot, SnapshotBuilder, Ticket, Timestamp, TrailRecord,
    escape, settle,
};

/// How long the predecessor's lock may stand before it is taken from a dead holder,
/// as the predecessor itself does.
const STALE_LOCK: Millis = 5_000;
const LOCK_POLL: Millis = 20;
/// The longest file that is adopted. The predecessor reads and writes its file as one
/// string, and its runtime has none of 512 MiB.
const MAX_STATE_BYTES: u64 = 512 << 20;

/// The predecessor's file.
#[derive(Debug, Deserialize)]
struct NodeState {
    roster: BTreeMap<String, NodeAgent>,
    claims: BTreeMap<String, NodeClaim>,
    messages: BTreeMap<String, NodeMessage>,
    #[serde(default)]
    log: Vec<NodeLogRow>,
    cursors: BTreeMap<String, String>,
    #[serde(default)]
    events: Vec<NodeEvent>,
    #[serde(default)]
    fence_floor: BTreeMap<String, u64>,
}

/// A row of the log of messages. The predecessor keeps it longer than the message, so
/// it may know the newest id where the messages do not.
#[derive(Debug, Deserialize)]
struct NodeLogRow {
    message_id: MessageId,
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
    /// Only in files of ours: the predecessor keeps one fence for all holders.
    fence: Option<u64>,
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
            Err(error) if is_no_file(&error) => return Err(no_file(names::STATE)),
            Err(error) => return Err(failed(&error)),
        };
        let bytes = read_whole(&self.fs, &file).await.map_err(|e| failed(&e))?;
        Ok(Some(bytes))
    }

    /// Makes generation 1 from the predecessor's state, under the predecessor's lock.
    pub(super) async fn adopt(&mut self) -> Result<(), StorageError> {
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
        self.keep_original().await?;
        self.create_first(&snapshot).await
    }

    /// Gives the original a second name, since ours will take its first.
    async fn keep_original(&self) -> Result<(), StorageError> {
        let failed = |e: &io::Error| {
            let doing = "keep the original as";
            Self::io(doing, names::STATE_NODE, Outcome::NoEffect, e)
        };
        match self.fs.link(names::STATE, names::STATE_NODE).await {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(&error)),
        }
        let kept = self.fs.stat_name(names::STATE_NODE).await;
        let original = self.fs.stat_name(names::STATE).await;
        match (kept, original) {
            // An adoption that was cut short got as far as this.
            (Ok(kept), Ok(original)) if kept.id == original.id => Ok(()),
            (Err(error), _) | (_, Err(error)) => Err(failed(&error)),
            _ => Err(StorageError {
                kind: StorageErrorKind::Io,
                what: format!(
                    "{} cannot be adopted: its original would be kept as {}, and there is \
                     another file of that name",
                    names::STATE,
                    names::STATE_NODE
                ),
                next: format!("move {} away, then call again", names::STATE_NODE),
                outcome: Outcome::NoEffect,
            }),
        }
    }

    /// Takes the lock directory of the predecessor. One that stands unchanged for as
    /// long as the predecessor itself would wait is taken from its dead holder.
    ///
    /// The predecessor's waiters measure how long *they* have waited, and so rob a
    /// holder that came a moment ago. Here each new directory gets its full time, as
    /// far as its inode tells.
    async fn lock_predecessor(&self) -> Result<(), StorageError> {
        let failed = |e: &io::Error| Self::io("take", names::NODE_LOCK, Outcome::NoEffect, e);
        let mut watched = None;
        loop {
            match self.fs.make_dir(names::NODE_LOCK).await {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(&error)),
            }
            let Ok(stat) = self.fs.stat_name(names::NODE_LOCK).await else {
                continue;
            };
            let now = self.clock.monotonic();
            match watched {
                Some((id, since)) if id == stat.id => {
                    if now.saturating_sub(since) > STALE_LOCK {
                        ignore_missing(self.fs.remove_dir(names::NODE_LOCK).await)
                            .map_err(|e| failed(&e))?;
                        watched = None;
                        continue;
                    }
                }
                _ => watched = Some((stat.id, now)),
            }
            self.clock.sleep(LOCK_POLL).await;
        }
    }
}

/// The whole of a `state.json`. Its length is looked at before anything is read, since
/// a file of a stranger may claim to be longer than any memory.
pub(super) async fn read_whole<F: FileSystem>(fs: &F, file: &F::File) -> io::Result<Vec<u8>> {
    let len = fs.stat(file).await?.len;
    if len > MAX_STATE_BYTES {
        let message = format!("it has {len} bytes, and at most {MAX_STATE_BYTES} are read");
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    let mut bytes = vec![0; len as usize];
    let read = fs.read_at(file, 0, &mut bytes).await?;
    bytes.truncate(read);
    Ok(bytes)
}

/// Whether a `state.json` carries our mark. One that cannot be read carries none.
pub(super) fn is_ours(bytes: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Marked {
        mesh: serde::de::IgnoredAny,
    }
    debug_assert_eq!(MARK, "mesh");
    serde_json::from_slice::<Marked>(bytes)
        .map(|marked| marked.mesh)
        .is_ok()
}

pub(super) fn damaged(what: &str) -> StorageError {
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
pub(super) fn adopt(bytes: &[u8], now: Millis) -> Result<Snapshot, String> {
    // Members that are passed over are not looked into, so this would go unnoticed there.
    let text = std::str::from_utf8(bytes)
        .map_err(|error| format!("byte {} of it is no UTF-8", error.valid_up_to()))?;
    let node: NodeState = serde_json::from_str(text).map_err(|error| {
        format!(
            "line {}, byte {} of it: {}",
            error.line(),
            error.column(),
            escape(&error.to_string())
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
    // Not as an entry of our own, which could only break an invariant by a bug.
    for event in &healed.events {
        snapshot.state.apply(now, event);
    }
    snapshot.trail.record(&healed);
    let sound = snapshot.state.invariants();
    sound.map_err(|broken| escape(&broken))?;
    Ok(snapshot)
}

/// The state in a `state.json` of ours, and the entry up to which it goes. It is a copy
/// for people, with times in whole seconds and without retry keys, so only the doctor
/// reads it, and only where the journal is lost.
pub(super) fn salvage(bytes: &[u8], now: Millis) -> Option<(u64, Snapshot)> {
    #[derive(Deserialize)]
    struct Marked {
        mesh: Mark,
    }
    #[derive(Deserialize)]
    struct Mark {
        seq: u64,
    }
    let marked: Marked = serde_json::from_slice(bytes).ok()?;
    let mut state: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(bytes).ok()?;
    // Our trail has kinds of events that the predecessor's has not.
    state.remove("events");
    let snapshot = adopt(&serde_json::to_vec(&state).ok()?, now).ok()?;
    Some((marked.mesh.seq, snapshot))
}

fn parts(node: NodeState, now: Millis) -> Result<Vec<Part>, String> {
    let messages = messages(node.messages)?;
    let logged = node.log.iter().map(|row| row.message_id);
    let issued = messages.iter().map(|(id, _)| *id).chain(logged);
    let newest_message = issued.max().unwrap_or(MessageId::ZERO);
    let claim_ids = node.claims.values().flat_map(|claim| {
        let holders = claim.holders.iter().map(|holder| holder.claim_id);
        holders.chain(claim.queue.iter().map(|ticket| ticket.claim_id))
    });
    let newest = Part::Newest {
        claim: claim_ids.max().unwrap_or(ClaimId::ZERO),
        message: newest_message,
    };
    let mut fences = node.fence_floor;
    let granted = node.events.iter().map(|row| (&row.resource, row.fence));
    let held = node.claims.iter().map(|(name, claim)| (name, claim.fence));
    for (name, fence) in granted.chain(held) {
        let newest = fences.entry(name.clone()).or_default();
        *newest = fence.max(*newest);
    }
    fences.retain(|_, fence| *fence > 0);
    let resources: Vec<_> = node
        .claims
        .iter()
        .map(|(name, claim)| {
            let newest = fences.get(name).copied().unwrap_or_default();
            (Resource::from(name.as_str()), resource(claim, newest, now))
        })
        .filter(|(_, record)| !record.is_idle())
        .collect();
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
        Part::Resources(resources),
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
        session: None,
    }
}

/// A claimed resource, with what breaks the rules put right and nobody's hold lost:
/// holders that the predecessor let in beside each other share from now on, and of an
/// agent's several places the first stays.
fn resource(claim: &NodeClaim, newest_fence: u64, now: Millis) -> ResourceState {
    let mut present = BTreeSet::new();
    let mut record = ResourceState {
        mode: claim.mode,
        holders: imbl::Vector::new(),
        queue: imbl::Vector::new(),
    };
    for row in &claim.holders {
        let hold = hold(row, claim.fence, now);
        if present.insert(hold.agent_id.clone()) {
            record.holders.push_back(hold);
        }
    }
    if record.holders.len() > 1 {
        record.mode = Mode::Shared;
    }
    if record.mode == Mode::Exclusive {
        // An exclusive holder is the newest grant, also where the floor says more.
        record
            .holders
            .iter_mut()
            .for_each(|hold| hold.fence = newest_fence);
    }
    for row in &claim.queue {
        let ticket = ticket(row, now);
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
        fence: row.fence.filter(|own| *own <= fence).unwrap_or(fence),
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
            let key = escape(&key);
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
