//! What an inbox holds, found the slow way: by a filter over all messages.

use std::collections::{BTreeMap, BTreeSet};

use mesh::core::{
    Command, Decision, Event, Inbox, MessageId, Millis, PostReply, Read, Reply, State,
};

use super::ensure;
use crate::histories::Seen;

/// How long a retry key counts (M7).
const HOUR: Millis = 3_600_000;

/// Rules M3 to M6 for one reply.
pub(super) fn check(
    decision: &Decision,
    now: Millis,
    command: &Command,
    seen: &Seen,
) -> Result<(), String> {
    match (command, &decision.reply) {
        (Command::Inbox(inbox), Reply::Inbox(reply)) => {
            let state = &decision.state;
            let cursor = state.mail().cursor(&inbox.agent_id);
            let since = inbox.since.as_ref().and_then(|since| since.parse().ok());
            let expected = addressed(state, now, inbox, since.unwrap_or(cursor), seen);
            let limit = inbox.limit.unwrap_or(100) as usize;
            let shown: Vec<MessageId> = reply.messages.iter().map(|m| m.message_id).collect();
            let first: Vec<MessageId> = expected.iter().take(limit).copied().collect();
            let rest = expected.len() - first.len();
            if rest > 0 {
                seen.borrow_mut().insert("an inbox did not hold all");
            }
            ensure(reply.cursor == cursor, || {
                "M3: the cursor is not the stored one".to_owned()
            })?;
            ensure(shown == first, || {
                format!("M3, M5, M6: {shown:?}, not {first:?}")
            })?;
            ensure(reply.unread == rest as u64, || {
                format!("M3: unread is {}, not {rest}", reply.unread)
            })
        }
        (Command::Read(read), Reply::Read(reply)) => {
            let rest = addressed(&decision.state, now, &as_inbox(read), reply.cursor, seen).len();
            ensure(reply.remaining == rest as u64, || {
                format!("M4: remaining is {}, not {rest}", reply.remaining)
            })
        }
        _ => Ok(()),
    }
}

fn as_inbox(read: &Read) -> Inbox {
    Inbox {
        agent_id: read.agent_id.clone(),
        topics: read.topics.clone(),
        ..Inbox::default()
    }
}

/// The messages above a cursor that are addressed to an agent, or are for all, or of a
/// topic that it names, and have not expired.
fn addressed(
    state: &State,
    now: Millis,
    inbox: &Inbox,
    above: MessageId,
    seen: &Seen,
) -> Vec<MessageId> {
    let named = |to: &str| {
        let topic = to.strip_prefix("topic:");
        topic.is_some_and(|name| inbox.topics.iter().any(|t| t == name || t == to))
    };
    let mine = |to: &str| to == inbox.agent_id || to == "*" || named(to);
    let all = state.mail().messages();
    let mine = all.filter(|(id, message)| *id > above && mine(&message.to));
    let (gone, there): (Vec<_>, Vec<_>) =
        mine.partition(|(_, message)| message.expires_at.is_some_and(|end| end <= now));
    if !gone.is_empty() {
        seen.borrow_mut().insert("an expired message was hidden");
    }
    there.into_iter().map(|(id, _)| id).collect()
}

/// What was posted, for the rules that look back.
#[derive(Default)]
pub(super) struct Posts {
    issued: BTreeSet<MessageId>,
    keyed: BTreeMap<(String, String), (Millis, PostReply)>,
}

impl Posts {
    /// Rules M2 and M7. A key that gc forgot was past its hour by the clock of that gc, as a
    /// lease lapses by the clock of whoever looks at it.
    pub(super) fn check(
        &mut self,
        now: Millis,
        command: &Command,
        decision: &Decision,
        seen: &Seen,
    ) -> Result<(), String> {
        for event in &decision.events {
            if let Event::KeysForgotten { message_ids } = event {
                self.forget(now, message_ids)?;
            }
        }
        let newest = self.issued.last().copied().unwrap_or(MessageId::ZERO);
        self.issue(decision)?;
        let (Command::Post(post), Reply::Post(reply)) = (command, &decision.reply) else {
            return Ok(());
        };
        let name = post.key.clone().map(|key| (post.agent_id.clone(), key));
        let earlier = name.as_ref().and_then(|name| self.keyed.get(name));
        if let Some((then, first)) = earlier.filter(|(then, _)| then.abs_diff(now) < HOUR) {
            seen.borrow_mut().insert("a retry posted nothing");
            return ensure(first == reply, || {
                format!("M7: posted at {then}, and again: {reply:?}, not {first:?}")
            });
        }
        ensure(reply.message_id > newest, || {
            format!("M2: {} is not above {newest}", reply.message_id)
        })?;
        if let Some(name) = name {
            self.keyed.insert(name, (now, reply.clone()));
        }
        Ok(())
    }

    /// Rule M2 for all that a decision posts, by its caller and by mesh.
    fn issue(&mut self, decision: &Decision) -> Result<(), String> {
        for event in &decision.events {
            if let Event::Posted { message_id, .. } = event {
                let newest = self.issued.last().copied().unwrap_or(MessageId::ZERO);
                ensure(*message_id > newest, || {
                    format!("M2: {message_id} is posted after {newest}")
                })?;
                self.issued.insert(*message_id);
            }
        }
        Ok(())
    }

    fn forget(&mut self, now: Millis, ids: &[MessageId]) -> Result<(), String> {
        let early = self
            .keyed
            .values()
            .find(|(then, reply)| ids.contains(&reply.message_id) && then.abs_diff(now) < HOUR);
        ensure(early.is_none(), || {
            format!("M7: a key of {early:?} was forgotten")
        })?;
        self.keyed
            .retain(|_, (_, reply)| !ids.contains(&reply.message_id));
        Ok(())
    }
}
