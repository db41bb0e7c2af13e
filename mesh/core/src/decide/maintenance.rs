//! Dropping what has had its time: `gc`, and what a checkpoint leaves out (S1).

use super::messages::is_remembered;
use super::{Draft, Event};
use crate::arguments;
use crate::command::Gc;
use crate::ids::{Entropy, MessageId};
use crate::rejection::Rejection;
use crate::reply::GcReply;
use crate::state::State;
use crate::time::Millis;
use planted::{Bug, sound};

impl Draft {
    /// Rule S1. No sign of life of its caller.
    pub(super) fn gc(&mut self, command: &Gc) -> Result<GcReply, Rejection> {
        if let Some(agent_id) = &command.agent_id {
            arguments::present("agent_id", agent_id)?;
        }
        self.settle_all();
        Ok(GcReply {
            reclaimed: self.drop_expired(),
        })
    }

    /// Drops expired messages and forgotten keys; counts the messages.
    fn drop_expired(&mut self) -> u64 {
        let expiring = self.state.mail.expiring.iter();
        let expired = expiring
            .take_while(|(end, _)| {
                *end <= sound!(self.now, Bug::MessagesDroppedEarly => self.now + 10_000)
            })
            .map(|(_, id)| *id);
        let expired: Vec<MessageId> = expired.collect();
        let keys = self.state.mail.keys.iter();
        let forgotten = keys.filter(|(_, post)| !is_remembered(post.posted_at, self.now));
        let forgotten: Vec<MessageId> = forgotten.map(|(id, _)| *id).collect();

        let reclaimed = expired.len() as u64;
        if !expired.is_empty() {
            self.emit(Event::Expired {
                message_ids: expired,
            });
        }
        if !forgotten.is_empty() {
            self.emit(Event::KeysForgotten {
                message_ids: forgotten,
            });
        }
        reclaimed
    }
}

/// What a checkpoint need not carry on: the events that drop expired messages and
/// forgotten keys from `state`.
pub fn prune(state: &State, now: Millis) -> Vec<Event> {
    events(state, now, |draft| {
        draft.drop_expired();
    })
}

/// Brings every claim and registration up to now: the events of a sweep.
pub fn settle(state: &State, now: Millis) -> Vec<Event> {
    events(state, now, Draft::settle_all)
}

fn events(state: &State, now: Millis, act: impl FnOnce(&mut Draft)) -> Vec<Event> {
    let mut draft = Draft::new(state, now, Entropy::default());
    act(&mut draft);
    draft.tell();
    draft.events
}
