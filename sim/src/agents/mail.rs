//! What an agent does with messages: posts, repeats itself, looks and acknowledges.

use mesh::MeshError;
use mesh::core::{Command, Inbox, MessageId, Post, Read, Reply};

use super::agent::Agent;
use crate::trace::{Seen, TOPIC};

/// By how much posts are longer in a cramped world: two of the second fill a batch, the third no
/// record has room for, nor a reader that doubles what it reads until it has a whole one. It is
/// as frequent as it must be to meet others that wait, which it must not take along.
const LENGTHS: [usize; 8] = [0, 0, 0, 400, 400, 65_000, 65_000, 65_000];

impl Agent {
    pub(super) async fn post(&self) {
        let again = self.remember(|memory| memory.unsent.take());
        let post = match again {
            Some(post) => post,
            None => self.new_post(),
        };
        if post.key.is_some() {
            self.remember(|memory| memory.unsent = Some(post.clone()));
        }
        let sent = self.call(Command::Post(post)).await;
        // An impatient sender repeats itself although it was answered.
        if sent.is_ok() && self.draw() % 4 != 3 {
            self.remember(|memory| memory.unsent = None);
        }
    }

    fn new_post(&self) -> Post {
        let number = self.remember(|memory| {
            memory.posts += 1;
            memory.posts
        });
        let agents = {
            let knobs = &self.world.borrow().knobs;
            (knobs.processes * knobs.agents_each) as u32
        };
        let cramped = self.world.borrow().knobs.cramped;
        let more = if cramped { self.pick(&LENGTHS) } else { 0 };
        let body = format!("{}#{number}{}", self.name, ".".repeat(more));
        let to = match self.draw() % 8 {
            0..5 => format!("a{}", self.draw() % agents),
            5 | 6 => "*".to_owned(),
            _ => format!("topic:{TOPIC}"),
        };
        Post {
            agent_id: self.name.clone(),
            to,
            subject: None,
            reply_to: None,
            ttl_seconds: self.pick(&[None, None, None, Some(5)]),
            key: (self.draw() % 2 == 1).then(|| format!("{}#{number}", self.name)),
            body,
        }
    }

    /// Looks at the mail, and then acknowledges it. `true`: there was some.
    pub(super) async fn look_and_read(&mut self, limit: Option<u64>) -> Result<bool, MeshError> {
        let inbox = Inbox {
            agent_id: self.name.clone(),
            topics: vec![TOPIC.to_owned()],
            since: None,
            limit,
            wait_seconds: self.waits.wait_seconds,
        };
        let answer = self.call_for(Command::Inbox(inbox), self.waits.stays).await;
        let Some(Reply::Inbox(reply)) = answer.transpose()? else {
            return Ok(false);
        };
        if limit.is_none() && reply.unread > 0 {
            self.world.borrow_mut().seen.hit(Seen::InboxCut);
        }
        let ids: Vec<MessageId> = reply.messages.iter().map(|m| m.message_id).collect();
        self.remember(|memory| memory.delivered.extend(ids.iter().copied()));
        let Some(last) = ids.last() else {
            return Ok(false);
        };
        self.newest = self.newest.max(Some(*last));
        let read = Read {
            agent_id: self.name.clone(),
            up_to: last.to_string(),
            topics: vec![TOPIC.to_owned()],
        };
        match self.call(Command::Read(read)).await {
            // Whoever is dead for good reads no more.
            Err(MeshError::Rejected(_)) => Ok(false),
            answer => answer.map(|_| true),
        }
    }

    pub(super) async fn read_mail(&mut self, all: bool) {
        let limit = if all {
            None
        } else {
            self.pick(&[None, Some(2)])
        };
        let _ = self.look_and_read(limit).await;
    }

    /// Moves its cursor to where no message is.
    pub(super) async fn read_nonsense(&self) {
        let up_to = self.pick(&[
            "7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
            "yesterday",
            "00000000000000000000000000",
        ]);
        let read = Read {
            agent_id: self.name.clone(),
            up_to: up_to.to_owned(),
            topics: Vec::new(),
        };
        if let Err(MeshError::Rejected(_)) = self.call(Command::Read(read)).await {
            self.world.borrow_mut().seen.hit(Seen::BogusCursorRefused);
        }
    }
}
