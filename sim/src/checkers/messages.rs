//! Durable mail: rules M1, M2, M4, M5, M7 and S1, event by event.

use mesh::core::{Event, MessageId, Millis};

use super::reference::{Message, Reference};
use crate::trace::{Coverage, Seen, Violation, ensure};

/// How long a retry key is remembered (M7).
const HOUR_MS: u64 = 3_600_000;

/// Whether an event about mail is allowed here.
pub(super) fn check(
    reference: &Reference,
    now: Millis,
    event: &Event,
    seen: &mut Coverage,
) -> Result<(), Violation> {
    match event {
        Event::Posted { .. } => check_post(reference, now, event, seen),
        Event::CursorMoved { agent_id, cursor } => {
            let before = reference.cursors.get(&**agent_id);
            ensure(before.is_none_or(|before| before < cursor), "M4", || {
                format!("the cursor of {agent_id} goes from {before:?} back to {cursor}")
            })?;
            ensure(*cursor <= reference.newest_message, "M4", || {
                format!(
                    "the cursor of {agent_id} goes to {cursor}, past the newest message, {}",
                    reference.newest_message
                )
            })
        }
        Event::Expired { message_ids } => {
            seen.hit(Seen::MessageExpired);
            let due = |id: &MessageId| {
                let message = reference.messages.get(id);
                message.is_some_and(|m| m.expires_at.is_some_and(|end| end <= now))
            };
            let early = message_ids.iter().find(|id| !due(id));
            ensure(early.is_none(), "S1", || {
                format!("message {early:?} is dropped at {now}, before its time")
            })
        }
        Event::KeysForgotten { message_ids } => {
            let kept = reference.keys.values();
            let mut kept = kept.filter(|(id, _)| message_ids.contains(id));
            let early = kept.find(|(_, at)| at.abs_diff(now) < HOUR_MS);
            ensure(early.is_none(), "M7", || {
                format!("the key of {early:?} is forgotten at {now}, within the hour")
            })
        }
        _ => Ok(()),
    }
}

fn check_post(
    reference: &Reference,
    now: Millis,
    event: &Event,
    seen: &mut Coverage,
) -> Result<(), Violation> {
    let Event::Posted {
        message_id,
        from,
        to,
        body,
        key,
        fanout,
        ..
    } = event
    else {
        return Ok(());
    };
    ensure(*message_id > reference.newest_message, "M2", || {
        format!(
            "message {message_id} comes after {}",
            reference.newest_message
        )
    })?;
    if now < reference.newest_at {
        seen.hit(Seen::ClockBackAcrossUlid);
    }
    let wanted = match &**to {
        "*" => reference.agents.len() as u64,
        topic if topic.starts_with("topic:") => 0,
        _ => 1,
    };
    ensure(*fanout == wanted, "M1", || {
        format!("message {message_id} to {to} has fanout {fanout}, not {wanted}")
    })?;
    match key {
        None => ensure(!reference.bodies.contains(&**body), "M1", || {
            format!("{from} called once to post {body}, and it is posted twice")
        }),
        Some(key) => {
            let before = reference.keys.get(&(from.to_string(), key.to_string()));
            let fresh = before.is_none_or(|(_, at)| at.abs_diff(now) >= HOUR_MS);
            ensure(fresh, "M7", || {
                format!("{from} posts again under key {key} at {now}: {before:?}")
            })
        }
    }
}

/// Folds an event about mail in.
pub(super) fn apply(reference: &mut Reference, now: Millis, event: &Event) {
    match event {
        Event::Posted {
            message_id,
            from,
            to,
            subject,
            body,
            expires_at,
            key,
            fanout,
            ..
        } => {
            reference.newest_message = reference.newest_message.max(*message_id);
            let message = Message {
                from: from.to_string(),
                to: to.to_string(),
                subject: subject.as_deref().map(str::to_owned),
                body: body.to_string(),
                posted_at: now,
                expires_at: *expires_at,
                key: key.as_deref().map(str::to_owned),
                fanout: *fanout,
            };
            reference.messages.insert(*message_id, message);
            match key {
                Some(key) => {
                    let name = (from.to_string(), key.to_string());
                    reference.keys.insert(name, (*message_id, now));
                }
                None => {
                    reference.bodies.insert(body.to_string());
                }
            }
        }
        Event::CursorMoved { agent_id, cursor } => {
            reference.cursors.insert(agent_id.to_string(), *cursor);
        }
        Event::Expired { message_ids } => {
            for id in message_ids {
                reference.messages.remove(id);
            }
        }
        Event::KeysForgotten { message_ids } => {
            reference
                .keys
                .retain(|_, (id, _)| !message_ids.contains(id));
        }
        _ => {}
    }
}

impl Reference {
    /// What an agent's inbox must show above `since` at a moment (M3, M5, M6).
    pub(super) fn inbox(
        &self,
        agent: &str,
        topics: &[String],
        since: MessageId,
        now: Millis,
    ) -> Vec<MessageId> {
        let wanted = |message: &Message| {
            let topic = |t: &String| {
                let name = t.strip_prefix("topic:").unwrap_or(t);
                message.to.strip_prefix("topic:") == Some(name)
            };
            message.to == agent || message.to == "*" || topics.iter().any(topic)
        };
        let messages = self.messages.iter().filter(|(id, message)| {
            let live = message.expires_at.is_none_or(|end| end > now);
            **id > since && live && wanted(message)
        });
        messages.map(|(id, _)| *id).collect()
    }

    pub(super) fn cursor(&self, agent: &str) -> MessageId {
        self.cursors.get(agent).copied().unwrap_or(MessageId::ZERO)
    }
}
