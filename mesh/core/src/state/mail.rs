//! Messages, the mailboxes that they are in, and how far everybody has read.
//!
//! Each message lies in exactly one mailbox: an agent's, the broadcasts', or a
//! topic's. A reader's inbox is the merge of the mailboxes that it may see above its
//! cursor. A mailbox keeps its ids in a vector, so that "how many are above this
//! cursor" is a binary search, however many there are.

use std::collections::BTreeMap;
use std::sync::Arc;

use imbl::{OrdMap, OrdSet, Vector};
use serde::{Deserialize, Serialize};

use crate::ids::MessageId;
use crate::names::AgentId;
use crate::steps;
use crate::time::Millis;

/// A posted message.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Message {
    /// Who sent it.
    pub from: AgentId,
    /// An agent id, `*`, or `topic:<name>`: also the name of its mailbox.
    pub to: Arc<str>,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Arc<str>>,
    /// The text.
    pub body: Arc<str>,
    /// The message that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<Arc<str>>,
    /// When it was posted, by the poster's clock.
    pub posted_at: Millis,
    /// When it may be dropped; never, if there is no such time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Millis>,
}

impl Message {
    /// Rule M5: gone once its expiry ≤ now.
    pub fn is_expired(&self, now: Millis) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}

/// What a `post` with a key answered, to be answered again (rule M7).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KeyedPost {
    /// Who posted.
    pub agent_id: AgentId,
    /// With which key.
    pub key: Arc<str>,
    /// When.
    pub posted_at: Millis,
    /// The fanout that was answered.
    pub fanout: u64,
}

/// Messages that leave a mailbox, with their expiry.
type Lost = BTreeMap<MessageId, Option<Millis>>;

/// How many ids are copied in the time that it takes to remove one from a vector.
const COPIES_PER_REMOVAL: usize = 256;

/// One mailbox.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Mailbox {
    /// What lies in it, in order.
    pub(crate) ids: Vector<MessageId>,
    /// Those of them that will expire, first to expire first.
    pub(crate) expiring: OrdSet<(Millis, MessageId)>,
}

impl Mailbox {
    /// Takes messages out. Where that is many, the ids are written anew: taking one out of
    /// the middle of a vector costs far more than copying one.
    fn remove(&mut self, lost: &Lost) {
        for (id, end) in lost {
            if let Some(end) = end {
                self.expiring.remove(&(*end, *id));
            }
        }
        if lost.len() >= self.ids.len() / COPIES_PER_REMOVAL {
            let kept = self.ids.iter().filter(|id| !lost.contains_key(id));
            self.ids = kept.copied().collect();
            return;
        }
        for id in lost.keys() {
            if let Ok(at) = self.ids.binary_search(id) {
                self.ids.remove(at);
            }
        }
    }

    /// The place of the first id above `cursor`.
    pub(crate) fn position_above(&self, cursor: MessageId) -> usize {
        match self.ids.binary_search(&cursor) {
            Ok(at) => at + 1,
            Err(at) => at,
        }
    }
}

/// All messages, cursors and retry keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Mail {
    pub(crate) messages: OrdMap<MessageId, Arc<Message>>,
    pub(crate) cursors: OrdMap<AgentId, MessageId>,
    /// Retry keys, by the message that they posted.
    pub(crate) keys: OrdMap<MessageId, KeyedPost>,
    pub(crate) newest: MessageId,
    /// Index: the mailboxes, by address.
    pub(crate) boxes: OrdMap<Arc<str>, Mailbox>,
    /// Index: all messages that will expire, first to expire first.
    pub(crate) expiring: OrdSet<(Millis, MessageId)>,
    /// Index: the newest post of each agent under each key.
    pub(crate) by_key: OrdMap<(AgentId, Arc<str>), MessageId>,
}

impl Mail {
    /// All stored messages, in their total order.
    pub fn messages(&self) -> impl Iterator<Item = (MessageId, &Arc<Message>)> {
        self.messages.iter().map(|(id, message)| (*id, message))
    }

    /// How many messages are stored.
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Whether no message is stored.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// The cursors of all that ever moved theirs, sorted by agent.
    pub fn cursors(&self) -> impl Iterator<Item = (&AgentId, MessageId)> {
        self.cursors.iter().map(|(agent, cursor)| (agent, *cursor))
    }

    /// How far an agent has read; below everything before its first read.
    pub fn cursor(&self, agent_id: &str) -> MessageId {
        self.cursors
            .get(agent_id)
            .copied()
            .unwrap_or(MessageId::ZERO)
    }

    /// The highest message id ever issued, also after it was dropped.
    pub fn newest(&self) -> MessageId {
        self.newest
    }

    /// The retry keys that are remembered.
    pub fn keys(&self) -> impl Iterator<Item = (MessageId, &KeyedPost)> {
        self.keys.iter().map(|(id, post)| (*id, post))
    }

    /// How many messages of a mailbox are above `cursor` and not expired. Logarithmic, plus
    /// the number of messages above the cursor, or of expired ones that nobody dropped
    /// yet, whichever is less.
    pub(crate) fn unread(&self, address: &str, cursor: MessageId, now: Millis) -> usize {
        let Some(mailbox) = self.boxes.get(address) else {
            return 0;
        };
        let first = mailbox.position_above(cursor);
        let above = mailbox.ids.len() - first;
        let mut expired = 0;
        let all_expired = steps::each(&mailbox.expiring).take_while(|(end, _)| *end <= now);
        for (looked_at, (_, id)) in all_expired.enumerate() {
            if looked_at == above {
                let ids = mailbox.ids.focus().narrow(first..);
                return steps::each(ids)
                    .filter(|id| self.is_there(**id, now))
                    .count();
            }
            expired += usize::from(*id > cursor);
        }
        above - expired
    }

    /// The messages whose TTL has ended, first ended first.
    pub(crate) fn expired(&self, now: Millis) -> impl Iterator<Item = MessageId> {
        let expiring = self.expiring.iter();
        let expired = expiring.take_while(move |(end, _)| *end <= now);
        expired.map(|(_, id)| *id)
    }

    fn is_there(&self, id: MessageId, now: Millis) -> bool {
        let message = self.messages.get(&id);
        message.is_some_and(|message| !message.is_expired(now))
    }

    /// Adds a message to its mailbox.
    pub(crate) fn insert(&mut self, id: MessageId, message: Arc<Message>) {
        let mailbox = self.boxes.entry(message.to.clone()).or_default();
        if let Some(end) = message.expires_at {
            mailbox.expiring.insert((end, id));
            self.expiring.insert((end, id));
        }
        mailbox.ids.push_back(id);
        self.newest = self.newest.max(id);
        self.messages.insert(id, message);
    }

    /// Drops messages; does nothing for those that are gone.
    pub(crate) fn remove(&mut self, ids: &[MessageId]) {
        let mut lost: BTreeMap<Arc<str>, Lost> = BTreeMap::new();
        for id in ids {
            let Some(message) = self.messages.remove(id) else {
                continue;
            };
            if let Some(end) = message.expires_at {
                self.expiring.remove(&(end, *id));
            }
            let lost = lost.entry(message.to.clone()).or_default();
            lost.insert(*id, message.expires_at);
        }
        for (address, lost) in &lost {
            let Some(mailbox) = self.boxes.get_mut(address) else {
                continue;
            };
            mailbox.remove(lost);
            if mailbox.ids.is_empty() {
                self.boxes.remove(address);
            }
        }
    }

    /// Remembers the post of a key, in place of an earlier one.
    pub(crate) fn remember(&mut self, id: MessageId, post: KeyedPost) {
        let name = (post.agent_id.clone(), post.key.clone());
        if let Some(earlier) = self.by_key.insert(name, id) {
            self.keys.remove(&earlier);
        }
        self.keys.insert(id, post);
    }

    /// Forgets the key under which a message was posted.
    pub(crate) fn forget(&mut self, id: MessageId) {
        if let Some(post) = self.keys.remove(&id) {
            self.by_key.remove(&(post.agent_id, post.key));
        }
    }
}
