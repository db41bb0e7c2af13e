//! `state.json`: the state for people and scripts, in the predecessor's shapes.
//!
//! Seven members as the predecessor wrote them, times in Unix seconds, with more
//! fields beside; and an eighth, `mesh`, which marks the file as ours. It is written
//! and never read back, except to tell a predecessor's file from one of ours.

use std::io;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::log::record::Sum;
use mesh_core::{
    Agent, AgentId, Event, Message, MessageId, Millis, Resource, ResourceState, Snapshot, State,
    Timestamp, TrailRecord,
};

/// The member that marks the file as ours.
pub(crate) const MARK: &str = "mesh";
/// How many bytes of a copy have its mark in them.
pub(crate) const HEAD: usize = 256;
/// How many bytes are collected before they are written.
const PIECE: usize = 256 << 10;

/// The text of `state.json` for a snapshot (rule S2), piece by piece: one pass over the
/// state, one piece in memory. No piece ever fails; they are results so that they can be
/// written as those of a checkpoint are.
pub fn pieces(snapshot: &Snapshot) -> impl Iterator<Item = io::Result<Vec<u8>>> + '_ {
    marked(snapshot, &json!({ "format": 1, "seq": snapshot.seq }))
}

/// The same, with the log that it is of.
pub(crate) fn pieces_of(
    log: Sum,
    snapshot: &Snapshot,
) -> impl Iterator<Item = io::Result<Vec<u8>>> + '_ {
    let log = log.to_string();
    marked(
        snapshot,
        &json!({ "format": 1, "seq": snapshot.seq, "log": log }),
    )
}

/// The entry up to which the copy goes that begins with `bytes`, if it is one of this log.
pub(crate) fn seq_of(log: Sum, bytes: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct Mark {
        seq: u64,
        log: String,
    }
    let mark = bytes.strip_prefix(format!("{{\"{MARK}\":").as_bytes())?;
    let mut marks = serde_json::Deserializer::from_slice(mark).into_iter::<Mark>();
    let mark = marks.next()?.ok()?;
    (mark.log == log.to_string()).then_some(mark.seq)
}

fn marked<'a>(
    snapshot: &'a Snapshot,
    mark: &Value,
) -> impl Iterator<Item = io::Result<Vec<u8>>> + use<'a> {
    let state = &snapshot.state;
    let mail = state.mail();
    let roster = state
        .agents()
        .map(|(id, agent)| (Some(id.to_string()), agent_row(id, agent)));
    let claims = state
        .resources()
        .map(|(name, record)| (Some(name.to_string()), claim_row(state, name, record)));
    let messages = mail
        .messages()
        .map(|(id, m)| (Some(id.to_string()), message_row(id, m)));
    let log = mail.messages().map(|(id, m)| (None, log_row(id, m)));
    let cursors = mail
        .cursors()
        .map(|(id, cursor)| (Some(id.to_string()), json!(cursor)));
    let events = snapshot
        .trail
        .iter()
        .map(|record| (None, event_row(record)));
    let fences = state
        .fences()
        .map(|(name, fence)| (Some(name.to_string()), json!(fence)));

    let texts = std::iter::once(Ok(format!("{{\"{MARK}\":{mark}").into_bytes()))
        .chain(member("roster", ('{', '}'), roster))
        .chain(member("claims", ('{', '}'), claims))
        .chain(member("messages", ('{', '}'), messages))
        .chain(member("log", ('[', ']'), log))
        .chain(member("cursors", ('{', '}'), cursors))
        .chain(member("events", ('[', ']'), events))
        .chain(member("fence_floor", ('{', '}'), fences))
        .chain(std::iter::once(Ok(b"}\n".to_vec())));
    collected(texts)
}

/// One member of the file: an object where rows have names, an array where not.
fn member<'a>(
    name: &'a str,
    (open, close): (char, char),
    rows: impl Iterator<Item = (Option<String>, Value)> + 'a,
) -> impl Iterator<Item = io::Result<Vec<u8>>> + 'a {
    let rows = rows.enumerate().map(|(place, (key, value))| {
        // Straight into bytes: formatting a `Value` as text takes twice as long.
        let mut text = Vec::new();
        if place > 0 {
            text.push(b',');
        }
        if let Some(key) = key {
            serde_json::to_writer(&mut text, &key)?;
            text.push(b':');
        }
        serde_json::to_writer(&mut text, &value)?;
        Ok(text)
    });
    std::iter::once(Ok(format!(",\"{name}\":{open}").into_bytes()))
        .chain(rows)
        .chain(std::iter::once(Ok(close.to_string().into_bytes())))
}

/// Joins small texts into pieces worth a write.
fn collected(
    mut texts: impl Iterator<Item = io::Result<Vec<u8>>>,
) -> impl Iterator<Item = io::Result<Vec<u8>>> {
    std::iter::from_fn(move || {
        let mut piece = Vec::new();
        while piece.len() < PIECE {
            match texts.next() {
                Some(Ok(text)) => piece.extend_from_slice(&text),
                Some(Err(error)) => return Some(Err(error)),
                None => break,
            }
        }
        (!piece.is_empty()).then_some(Ok(piece))
    })
}

fn seconds(at: Millis) -> u64 {
    at / 1000
}

fn agent_row(agent_id: &AgentId, agent: &Agent) -> Value {
    json!({
        "agent_id": agent_id,
        "branch": agent.branch,
        "prompt_ptr": agent.prompt_ptr,
        "role": agent.role,
        "registered_at": seconds(agent.registered_at),
        "last_seen": seconds(agent.last_seen),
        "expires_at": seconds(agent.expires_at),
        "epoch": agent.epoch,
        "ttl_seconds": seconds(agent.ttl_ms),
        "session": agent.session,
    })
}

fn claim_row(state: &State, resource: &Resource, record: &ResourceState) -> Value {
    let holders = record.holders.iter().map(|hold| {
        json!({
            "agent_id": hold.agent_id,
            "claim_id": hold.claim_id,
            "lease_expires_at": seconds(hold.expires_at),
            "note": hold.note,
            "fence": hold.fence,
            "lease_seconds": seconds(hold.lease_ms),
        })
    });
    let queue = record.queue.iter().map(|ticket| {
        json!({
            "agent_id": ticket.agent_id,
            "claim_id": ticket.claim_id,
            "mode": ticket.mode,
            "lease_seconds": seconds(ticket.lease_ms),
            "note": ticket.note,
        })
    });
    json!({
        "resource": resource,
        "mode": record.mode,
        "holders": holders.collect::<Vec<_>>(),
        "queue": queue.collect::<Vec<_>>(),
        "fence": state.newest_fence(resource),
    })
}

fn message_row(message_id: MessageId, message: &Message) -> Value {
    json!({
        "message_id": message_id,
        "from": message.from,
        "to": message.to,
        "subject": message.subject,
        "body": message.body,
        "reply_to": message.reply_to,
        "posted_at": seconds(message.posted_at),
        "expires_at": message.expires_at.map(seconds),
    })
}

fn log_row(message_id: MessageId, message: &Message) -> Value {
    json!({
        "message_id": message_id,
        "sender": message.from,
        "recipient": message.to,
        "posted_at": Timestamp(message.posted_at),
        "expires_unix": message.expires_at.map(seconds),
    })
}

/// The predecessor's name for an event that it knew, ours for all others.
fn event_name(event: &Event) -> &str {
    match event {
        Event::Granted { .. } | Event::Upgraded { .. } => "grant",
        Event::Promoted { .. } => "promote",
        Event::Released { .. } => "release",
        Event::Adopted { event, .. } => event,
        other => other.kind(),
    }
}

fn event_row(record: &TrailRecord) -> Value {
    let event = &record.event;
    let mut row = json!({
        "seq": record.seq,
        "at": Timestamp(record.at),
        "event": event_name(event),
    });
    if let Some(resource) = event.resource() {
        row["resource"] = json!(resource);
    }
    if let Some(agent_id) = event.agent_id() {
        row["agent_id"] = json!(agent_id);
    }
    let fence = match event {
        Event::Adopted { fence, .. } => Some(*fence),
        event => event.fence(),
    };
    if let Some(fence) = fence {
        row["fence"] = json!(fence);
    }
    row
}
