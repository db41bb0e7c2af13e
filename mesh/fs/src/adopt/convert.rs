//! From the predecessor's state to ours.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::shapes::{
    NodeAgent, NodeClaim, NodeEvent, NodeHolder, NodeMessage, NodeState, NodeTicket,
};
use mesh_core::{
    Agent, AgentId, ClaimId, DEFAULT_LEASE_SECONDS, Entry, Event, Hold, Limits, MAX_LEASE, Message,
    MessageId, Millis, Mode, Part, Resource, ResourceState, Snapshot, SnapshotBuilder, Ticket,
    TrailRecord, escape, settle,
};
use serde::Deserialize;

/// The predecessor's state as a snapshot, brought up to `now`.
///
/// # Errors
///
/// What is wrong with the file, and where.
pub(crate) fn adopt(
    limits: &'static Limits,
    bytes: &[u8],
    now: Millis,
) -> Result<Snapshot, String> {
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
    let mut builder = SnapshotBuilder::within(limits, 0);
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
pub(crate) fn salvage(bytes: &[u8], now: Millis) -> Option<(u64, Snapshot)> {
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
    let snapshot = adopt(&Limits::PRODUCTION, &serde_json::to_vec(&state).ok()?, now).ok()?;
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

/// A duration, cut to the longest that anybody may ask for (rule G8).
fn lasting(duration: Millis) -> Millis {
    duration.min(MAX_LEASE)
}

fn agent(row: &NodeAgent) -> Agent {
    let ttl_ms = lasting(millis(row.expires_at - row.last_seen).max(1000));
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
        // lease stands in for it, so that it is not taken for a bad clock's (C12), up to the
        // longest that there may be.
        lease_ms: lasting((DEFAULT_LEASE_SECONDS * 1000).max(expires_at.saturating_sub(now))),
        expires_at,
        note: row.note.as_deref().map(Into::into),
    }
}

fn ticket(row: &NodeTicket, now: Millis) -> Ticket {
    let lease_ms = lasting(millis(row.lease_seconds).max(1000));
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
