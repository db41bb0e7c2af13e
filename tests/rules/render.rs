//! Replies and events, short enough to be read against the contract.

use std::fmt::Write;

use mesh::core::{
    AgentView, ClaimReply, ClaimStatus, ClaimView, ClaimsReply, Event, InboxReply, LapseReason,
    Liveness, MessageView, Mode, ReleaseReply, ReleaseStatus, Reply, RosterReply, State, Timestamp,
    Trail,
};
use serde_json::Value;

use crate::symbols::{at, span};

/// A text longer than this is cut, and its length said.
const SHOWN: usize = 60;

/// How the body of a message from mesh itself begins, which is shown whole.
const NOTICE: &str = "{\"resource\":";

/// Of more messages than this, only the first and the last are shown.
const MANY: usize = 20;

pub(crate) fn reply(reply: &Reply) -> String {
    match reply {
        Reply::Register(r) => format!(
            "registered epoch={} since {} until {}",
            r.epoch,
            at(r.registered_at),
            at(r.expires_at)
        ),
        Reply::Roster(r) => roster(r),
        Reply::Claim(r) => claim(r),
        Reply::Release(r) => release(r),
        Reply::Claims(r) => claims(r),
        Reply::Post(r) => format!("{} fanout={} {}", r.message_id, r.fanout, at(r.posted_at)),
        Reply::Inbox(r) => inbox(r),
        Reply::Read(r) => format!("cursor {}, {} remaining", r.cursor, r.remaining),
        Reply::Gc(r) => format!("{} reclaimed", r.reclaimed),
    }
}

fn roster(reply: &RosterReply) -> String {
    lines(reply.agents.iter().map(agent), "nobody")
}

fn agent(view: &AgentView) -> String {
    let liveness = match view.liveness {
        Liveness::Alive => "alive",
        Liveness::Stale => "stale",
        Liveness::Dead => "dead",
    };
    let mut line = format!(
        "{} {liveness} epoch={} seen {} until {} {}:{}",
        view.agent_id,
        view.epoch,
        at(view.last_seen),
        at(view.expires_at),
        view.branch,
        view.prompt_ptr,
    );
    named(&mut line, "role", view.role.as_deref());
    if !view.held_claims.is_empty() {
        let held: Vec<&str> = view.held_claims.iter().map(|r| &**r).collect();
        put(&mut line, format_args!(" holds {}", held.join(" ")));
    }
    line
}

fn claim(reply: &ClaimReply) -> String {
    let status = match reply.status {
        ClaimStatus::Granted => "granted",
        ClaimStatus::Queued => "queued",
        ClaimStatus::Denied => "denied",
    };
    let mut line = format!("{status} {}", reply.resource);
    if !reply.claim_id.is_empty() {
        put(&mut line, format_args!(" {}", reply.claim_id));
    }
    if let Some(position) = reply.queue_position {
        put(&mut line, format_args!(" position={position}"));
    }
    put(&mut line, format_args!(" fence={}", reply.fence));
    if let Some(holder) = &reply.holder {
        put(&mut line, format_args!(" holder={holder}"));
    }
    if let Some(end) = reply.lease_expires_at {
        put(&mut line, format_args!(" until {}", at(end)));
    }
    for link in reply.deadlock.iter().flatten() {
        put(
            &mut line,
            format_args!(" {}:{}->{}", link.agent_id, link.holds, link.waits_for),
        );
    }
    if let Some(lost) = &reply.lost {
        let reason = match lost.reason {
            LapseReason::Lease => "lease",
            LapseReason::Death => "death",
        };
        put(
            &mut line,
            format_args!(
                " lost={} fence={} {} {reason}",
                lost.claim_id,
                lost.fence,
                at(lost.at)
            ),
        );
    }
    line
}

fn release(reply: &ReleaseReply) -> String {
    let status = match reply.status {
        ReleaseStatus::Released => "released",
        ReleaseStatus::NotHolder => "not_holder",
        ReleaseStatus::Unknown => "unknown",
    };
    let mut line = status.to_owned();
    if let Some(fence) = reply.fence {
        put(&mut line, format_args!(" fence={fence}"));
    }
    if let Some(next) = &reply.next_holder {
        put(&mut line, format_args!(" next={next}"));
    }
    line
}

fn claims(reply: &ClaimsReply) -> String {
    lines(reply.claims.iter().map(resource), "nothing is claimed")
}

fn resource(view: &ClaimView) -> String {
    let holders: Vec<&str> = view.holder.iter().map(|agent| &**agent).collect();
    let mut text = format!(
        "{} {} by {} {} fence={} until {}",
        view.resource,
        mode(view.mode),
        holders.join(" "),
        view.claim_id,
        view.fence,
        at(view.lease_expires_at)
    );
    named(&mut text, "note", view.note.as_deref());
    for hold in &view.holders {
        put(
            &mut text,
            format_args!(
                "\n   {} {} fence={} until {}",
                hold.agent_id,
                hold.claim_id,
                hold.fence,
                at(hold.lease_expires_at)
            ),
        );
        named(&mut text, "note", hold.note.as_deref());
    }
    for ticket in &view.queue {
        put(
            &mut text,
            format_args!(
                "\n   {}. {} {} {}",
                ticket.position,
                ticket.agent_id,
                ticket.claim_id,
                mode(ticket.mode)
            ),
        );
    }
    text
}

fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Exclusive => "exclusive",
        Mode::Shared => "shared",
    }
}

fn inbox(reply: &InboxReply) -> String {
    let mut text = match reply.messages.as_slice() {
        [first, between @ .., last] if between.len() > MANY => {
            let count = between.len();
            format!("{}… {count} messages …\n{}", message(first), message(last))
        }
        few => few.iter().map(message).collect(),
    };
    put(
        &mut text,
        format_args!("cursor {}, {} more", reply.cursor, reply.unread),
    );
    text
}

fn message(view: &MessageView) -> String {
    let body = shortened(&view.body);
    let mut line = format!("{} {} -> {}: {body}", view.message_id, view.from, view.to);
    named(&mut line, "subject", view.subject.as_deref());
    named(&mut line, "reply_to", view.reply_to.as_deref());
    put(&mut line, format_args!(" {}\n", at(view.posted_at)));
    line
}

/// What outlives claims and agents: fences, messages, cursors.
pub(crate) fn state(state: &State) -> String {
    let fences = state
        .fences()
        .map(|(name, fence)| format!("{name}={fence}"));
    let messages = state.mail().messages().map(|(id, _)| id.to_string());
    let cursors = state
        .mail()
        .cursors()
        .map(|(agent, id)| format!("{agent}={id}"));
    let mut text = String::new();
    for (name, values) in [
        ("fences", fences.collect::<Vec<_>>()),
        ("messages", messages.collect()),
        ("cursors", cursors.collect()),
    ] {
        let values = match values.is_empty() {
            true => "none".to_owned(),
            false => values.join(" "),
        };
        put(&mut text, format_args!("{name}: {values}\n"));
    }
    text
}

pub(crate) fn trail(trail: &Trail) -> String {
    let first = trail.iter().next().map_or(0, |record| record.seq);
    let last = trail.iter().last().map_or(0, |record| record.seq);
    format!("{} events, of entries {first} to {last}", trail.len())
}

/// An event in the words of the log: its kind, and the fields that it has.
pub(crate) fn event(event: &Event) -> String {
    let fields = match serde_json::to_value(event) {
        Ok(Value::Object(fields)) => fields,
        other => return format!("{} that is no object: {other:?}", event.kind()),
    };
    let fields = fields.iter().filter(|(name, _)| *name != "kind");
    fields.fold(event.kind().to_owned(), |line, (name, value)| {
        format!("{line} {name}={}", field(name, value))
    })
}

fn field(name: &str, value: &Value) -> String {
    match value {
        Value::Number(ms) if name.ends_with("_at") => at(Timestamp(ms.as_u64().unwrap_or(0))),
        Value::Number(ms) if name.ends_with("_ms") => span(ms.as_u64().unwrap_or(0)),
        Value::String(text) => shortened(text),
        Value::Array(values) => {
            let values: Vec<String> = values.iter().map(|value| field("", value)).collect();
            values.join(",")
        }
        other => other.to_string(),
    }
}

fn named(line: &mut String, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        put(line, format_args!(" {name}={}", shortened(value)));
    }
}

/// A text, quoted where it is more than a word, and cut where it is long.
fn shortened(text: &str) -> String {
    if text.starts_with(NOTICE) {
        return text.to_owned();
    }
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && c != '"';
    if text.len() > SHOWN {
        let head: String = text.chars().take(3).collect();
        return format!("{}… ({} bytes)", head.escape_debug(), text.len());
    }
    match !text.is_empty() && text.chars().all(plain) {
        true => text.to_owned(),
        false => format!("{text:?}"),
    }
}

fn lines(lines: impl Iterator<Item = String>, none: &str) -> String {
    let lines: Vec<String> = lines.collect();
    match lines.is_empty() {
        true => none.to_owned(),
        false => lines.join("\n"),
    }
}

/// Adds to a text, which cannot fail.
fn put(text: &mut String, more: std::fmt::Arguments<'_>) {
    let _ = text.write_fmt(more);
}
