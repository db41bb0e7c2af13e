//! What an inbox is told: rules M3, M5 and M6.

use mesh::core::{AgentId, InboxReply, MessageId, MessageView, Timestamp};
use serde::Serialize;

use super::reference::Reference;
use crate::trace::{Violation, ensure};

/// Whether an agent is told of its mail, and of no other's, in order.
pub(super) fn check(
    reference: &Reference,
    agent: &str,
    all: &[MessageId],
    limit: usize,
    reply: &InboxReply,
) -> Result<(), Violation> {
    for shown in &reply.messages {
        let foreign = !shown.to.starts_with("topic:") && &*shown.to != "*" && *shown.to != *agent;
        ensure(!foreign, "M6", || {
            format!("{} is addressed to {}", shown.message_id, shown.to)
        })?;
        let message = reference.messages.get(&shown.message_id);
        let right = message.is_some_and(|m| m.body == *shown.body && m.from == *shown.from);
        ensure(right, "M5", || format!("the log says {message:?}"))?;
    }
    let shown: Vec<MessageId> = reply.messages.iter().map(|m| m.message_id).collect();
    let wanted = &all[..all.len().min(limit)];
    let wanted = match wanted.get(shown.len()) {
        Some(next) if is_full(reference, reply, next) => &wanted[..shown.len()],
        _ => wanted,
    };
    let missing = wanted.iter().find(|id| !shown.contains(id));
    ensure(missing.is_none(), "M5", || {
        format!("{missing:?} is missing")
    })?;
    ensure(shown == wanted, "M3", || format!("the log says {wanted:?}"))?;
    let fits = shown.len() < 2 || json_len(reply) <= reference.limits.inbox_bytes;
    ensure(fits, "M3", || "the reply is too long".to_owned())?;
    let left = (all.len() - wanted.len()) as u64;
    ensure(reply.unread == left, "M3", || format!("{left} are unread"))
}

/// Whether a reply is as long as it may be: it tells something, and has no room for the
/// next message.
fn is_full(reference: &Reference, reply: &InboxReply, next: &MessageId) -> bool {
    let Some(message) = reference.messages.get(next) else {
        return false;
    };
    let next = MessageView {
        message_id: *next,
        from: AgentId::from(&*message.from),
        to: message.to.as_str().into(),
        subject: message.subject.as_deref().map(Into::into),
        body: message.body.as_str().into(),
        reply_to: None,
        posted_at: Timestamp(message.posted_at),
    };
    // The comma before it, and as many digits as a count can have.
    let more = json_len(&next) + 1 + 20;
    !reply.messages.is_empty() && json_len(reply) + more > reference.limits.inbox_bytes
}

fn json_len(value: &impl Serialize) -> usize {
    serde_json::to_vec(value).map_or(0, |json| json.len())
}
