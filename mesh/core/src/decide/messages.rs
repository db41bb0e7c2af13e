//! Durable mail with one cursor for each reader: `post`, `inbox`, `read` (M1 to M7).

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Draft, Stop};
use crate::arguments;
use crate::command::{Inbox, Post, Read};
use crate::event::Event;
use crate::ids::MessageId;
use crate::limits::{
    DEFAULT_INBOX_LIMIT, KEY_MEMORY, MAX_BODY_BYTES, MAX_INBOX_LIMIT, MAX_KEY_BYTES,
    MAX_MESSAGE_TTL_SECONDS, MAX_NAME_BYTES, MAX_TEXT_BYTES,
};
use crate::names::AgentId;
use crate::rejection::Rejection;
use crate::reply::{InboxReply, MessageView, PostReply, ReadReply};
use crate::state::{Mail, Message};
use crate::steps;
use crate::time::{Millis, Timestamp, after, is_recent};
use planted::{Bug, sound};

/// The mailbox of all.
const BROADCAST: &str = "*";
/// What the mailbox of a topic starts with.
const TOPIC: &str = "topic:";
/// What an inbox reply takes besides its messages, with a count of 20 digits at most:
/// `{"messages":[],"cursor":"…","unread":…}`.
const REPLY_FRAME_BYTES: usize = 83;

impl Draft {
    /// Rules M1, M2 and M7.
    pub(super) fn post(&mut self, command: &Post) -> Result<PostReply, Stop> {
        let ttl_ms = check_post(command)?;
        let from = AgentId::acting("agent_id", &command.agent_id)?;
        self.heartbeat(&from)?;
        let before = self.posted_before(&from, command.key.as_deref());
        if let Some(reply) = sound!(before, Bug::RetryKeyIgnored => None) {
            return Ok(reply);
        }
        let newest = sound!(self.state.mail.newest(), Bug::UlidFromClock => MessageId::ZERO);
        let message_id = newest.next(self.now, self.entropy);
        let message_id = message_id.ok_or_else(|| {
            let allowed = "a folder whose message ids are not used up; delete .mesh to start over";
            Rejection::described("body", "a message after the last message id", allowed)
        })?;
        let fanout = match command.to.as_str() {
            BROADCAST => self.state.agents.len() as u64,
            topic if topic.starts_with(TOPIC) => 0,
            _ => 1,
        };
        self.emit(Event::Posted {
            message_id,
            from,
            to: command.to.as_str().into(),
            subject: command.subject.as_deref().map(Into::into),
            body: command.body.as_str().into(),
            reply_to: command.reply_to.as_deref().map(Into::into),
            expires_at: ttl_ms.map(|ttl| after(self.now, ttl)),
            key: command.key.as_deref().map(Into::into),
            fanout,
        });
        Ok(PostReply {
            message_id,
            posted_at: Timestamp(self.now),
            fanout,
        })
    }

    /// Rule M7: what an earlier post with this key answered, within the hour.
    fn posted_before(&self, from: &AgentId, key: Option<&str>) -> Option<PostReply> {
        let mail = &self.state.mail;
        let name = (from.clone(), Arc::<str>::from(key?));
        let message_id = *mail.by_key.get(&name)?;
        let post = mail.keys.get(&message_id)?;
        is_remembered(post.posted_at, self.now).then_some(PostReply {
            message_id,
            posted_at: Timestamp(post.posted_at),
            fanout: post.fanout,
        })
    }

    /// Rule M3. Moves nothing, and is no sign of life.
    pub(super) fn inbox(&mut self, command: &Inbox) -> Result<InboxReply, Rejection> {
        arguments::present("agent_id", &command.agent_id)?;
        let addresses = addresses(&command.agent_id, &command.topics)?;
        arguments::wait_seconds(command.wait_seconds)?;
        let limit = command.limit.unwrap_or(DEFAULT_INBOX_LIMIT);
        if !(1..=MAX_INBOX_LIMIT).contains(&limit) {
            let allowed = format!("1 to {MAX_INBOX_LIMIT} messages");
            return Err(Rejection::described("limit", limit, allowed));
        }
        let mail = &self.state.mail;
        let cursor = mail.cursor(&command.agent_id);
        let since = match &command.since {
            Some(since) => ulid("since", since)?,
            None => cursor,
        };
        let mut messages = Vec::new();
        let most = self.state.limits().inbox_bytes;
        let most = sound!(most, Bug::InboxInOnePiece => usize::MAX);
        let mut bytes = REPLY_FRAME_BYTES;
        for (id, message) in Pending::above(mail, &addresses, since, self.now) {
            let view = view(id, message);
            // The one is the comma before it.
            bytes += json_len(&view) + 1;
            let full = messages.len() as u64 == limit || bytes > most;
            if full && !messages.is_empty() {
                break;
            }
            messages.push(view);
        }
        let unread = unread(mail, &addresses, since, self.now) - messages.len() as u64;
        Ok(InboxReply {
            messages,
            cursor,
            unread,
        })
    }

    /// Rule M4.
    pub(super) fn read(&mut self, command: &Read) -> Result<ReadReply, Stop> {
        self.check_reader(&command.agent_id)?;
        let addresses = addresses(&command.agent_id, &command.topics)?;
        let up_to = ulid("up_to", &command.up_to)?;
        let newest = self.state.mail.newest();
        if sound!(up_to > newest, Bug::AnyUlidMovesCursor => false) {
            let allowed = format!("at most the newest message, {newest}");
            return Err(Rejection::new("up_to", &command.up_to, allowed).into());
        }
        self.heartbeat(&command.agent_id)?;
        if up_to > self.state.mail.cursor(&command.agent_id) {
            self.emit(Event::CursorMoved {
                agent_id: command.agent_id.as_str().into(),
                cursor: up_to,
            });
        }
        // What the reader is told in this very entry remains to be read, too.
        self.tell();
        let cursor = self.state.mail.cursor(&command.agent_id);
        Ok(ReadReply {
            cursor,
            remaining: unread(&self.state.mail, &addresses, cursor, self.now),
        })
    }

    /// Rule G8, for `read`, which leaves a cursor behind: any name will do that is known
    /// already, whatever it looks like, but no cursor is made for one that no agent
    /// could have.
    fn check_reader(&self, agent_id: &str) -> Result<(), Rejection> {
        let state = &self.state;
        let is_known = state.agents.contains_key(agent_id)
            || state.mail.cursors.contains_key(agent_id)
            || state.involved.contains_key(agent_id)
            || (!is_address(agent_id) && state.mail.boxes.contains_key(agent_id));
        if is_known {
            return arguments::present("agent_id", agent_id);
        }
        AgentId::acting("agent_id", agent_id).map(drop)
    }
}

/// Whether a name is the address of more than one reader.
pub(super) fn is_address(name: &str) -> bool {
    name == BROADCAST || name.starts_with(TOPIC)
}

/// The limits of a message; gives its TTL back in milliseconds.
fn check_post(command: &Post) -> Result<Option<Millis>, Rejection> {
    match command.to.strip_prefix(TOPIC) {
        Some(topic) => arguments::line("to", topic, MAX_NAME_BYTES)?,
        None if command.to == BROADCAST => {}
        None => AgentId::acting("to", &command.to).map(drop)?,
    }
    arguments::lines("body", &command.body, MAX_BODY_BYTES)?;
    if let Some(subject) = &command.subject {
        arguments::line("subject", subject, MAX_TEXT_BYTES)?;
    }
    if let Some(reply_to) = &command.reply_to {
        arguments::line("reply_to", reply_to, MAX_NAME_BYTES)?;
    }
    if let Some(key) = &command.key {
        arguments::line("key", key, MAX_KEY_BYTES)?;
    }
    let ttl = command.ttl_seconds;
    ttl.map(|ttl| arguments::seconds("ttl_seconds", ttl, 1..=MAX_MESSAGE_TTL_SECONDS))
        .transpose()
}

/// Whether a key posted at `then` still counts.
pub(super) fn is_remembered(then: Millis, now: Millis) -> bool {
    is_recent(then, now, KEY_MEMORY)
}

fn ulid(field: &str, text: &str) -> Result<MessageId, Rejection> {
    text.parse().map_err(|_| {
        let allowed = "the message_id of a message: a ULID, 26 letters and digits";
        Rejection::new(field, text, allowed)
    })
}

/// The mailboxes that an inbox merges: the agent's, the broadcasts', its topics'.
pub(super) fn addresses(
    agent_id: &str,
    topics: &[String],
) -> Result<BTreeSet<Arc<str>>, Rejection> {
    let own: &[&str] = sound!(
        &[BROADCAST, agent_id],
        Bug::ForeignMailShown => &[BROADCAST, agent_id, "a0"]
    );
    let mut addresses: BTreeSet<Arc<str>> = own.iter().map(|name| Arc::from(*name)).collect();
    for topic in topics {
        let name = topic.strip_prefix(TOPIC).unwrap_or(topic);
        arguments::present("topics", name)?;
        addresses.insert(format!("{TOPIC}{name}").into());
    }
    Ok(addresses)
}

fn unread(mail: &Mail, addresses: &BTreeSet<Arc<str>>, cursor: MessageId, now: Millis) -> u64 {
    let counts = addresses.iter();
    let counts = counts.map(|address| mail.unread(address, cursor, now) as u64);
    counts.sum()
}

/// The merge of several mailboxes above a cursor, oldest first, without what expired.
struct Pending<'a> {
    mail: &'a Mail,
    /// The next id of each mailbox, and where it stands there.
    heads: BTreeSet<(MessageId, &'a Arc<str>, usize)>,
    now: Millis,
}

impl<'a> Pending<'a> {
    fn above(
        mail: &'a Mail,
        addresses: &'a BTreeSet<Arc<str>>,
        cursor: MessageId,
        now: Millis,
    ) -> Self {
        let heads = addresses.iter().filter_map(|address| {
            let mailbox = mail.boxes.get(address)?;
            let at = mailbox.position_above(cursor);
            Some((*mailbox.ids.get(at)?, address, at))
        });
        let heads = heads.collect();
        Self { mail, heads, now }
    }
}

impl<'a> Iterator for Pending<'a> {
    type Item = (MessageId, &'a Message);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (id, address, at) = self.heads.pop_first()?;
            let rest = self
                .mail
                .boxes
                .get(address)
                .and_then(|mailbox| mailbox.ids.get(at + 1));
            if let Some(next) = rest {
                self.heads.insert((*next, address, at + 1));
            }
            steps::taken(1);
            let message = self.mail.messages.get(&id)?;
            if !message.is_expired(self.now) {
                return Some((id, message));
            }
        }
    }
}

fn view(message_id: MessageId, message: &Message) -> MessageView {
    MessageView {
        message_id,
        from: message.from.clone(),
        to: message.to.clone(),
        subject: message.subject.clone(),
        body: message.body.clone(),
        reply_to: message.reply_to.clone(),
        posted_at: Timestamp(message.posted_at),
    }
}

/// How many bytes a message takes in a reply, counted without building the text.
fn json_len(view: &MessageView) -> usize {
    struct Counter(usize);
    impl std::io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    // Neither the counter nor the view's own `Serialize` can fail.
    let _ = serde_json::to_writer(&mut counter, view);
    counter.0
}
