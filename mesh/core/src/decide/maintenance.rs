//! Dropping what has had its time: `gc`, and what a checkpoint leaves out (S1).

use super::messages::is_remembered;
use super::{Draft, Event, Stop};
use crate::arguments;
use crate::command::Gc;
use crate::ids::{Entropy, MessageId};
use crate::reply::GcReply;
use crate::state::State;
use crate::steps;
use crate::time::Millis;
use planted::{Bug, sound};

impl Draft {
    /// Rule S1. No sign of life of its caller.
    pub(super) fn gc(&mut self, command: &Gc) -> Result<GcReply, Stop> {
        if let Some(agent_id) = &command.agent_id {
            arguments::present("agent_id", agent_id)?;
        }
        self.settle_all()?;
        let all = self.drop_expired();
        let reclaimed = self.events.iter().map(Event::reclaims).sum();
        if all {
            Ok(GcReply { reclaimed })
        } else {
            Err(Stop::Crowded(None))
        }
    }

    /// Drops expired messages and forgotten keys, as many as there is room for. Whether that
    /// was all.
    fn drop_expired(&mut self) -> bool {
        let most = self.room.dropped;
        let due = sound!(self.now, Bug::MessagesDroppedEarly => self.now + 10_000);
        let expired = self.state.mail.expired(due);
        let (expired, all_expired) = at_most(most, expired);
        let forgotten = self.state.mail.keys.iter();
        let forgotten = forgotten
            .filter(|(_, post)| !is_remembered(post.posted_at, self.now))
            .map(|(id, _)| *id);
        let (forgotten, all_forgotten) = at_most(most, forgotten);
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
        all_expired && all_forgotten
    }
}

/// The first `most` of some ids, and whether these are all.
fn at_most(most: usize, mut ids: impl Iterator<Item = MessageId>) -> (Vec<MessageId>, bool) {
    let first = ids.by_ref().take(most).collect();
    (first, ids.next().is_none())
}

/// What a checkpoint need not carry on: the events that drop expired messages and
/// forgotten keys from `state`, as many as one entry has room for.
pub fn prune(state: &State, now: Millis) -> Vec<Event> {
    events(state, now, |draft| {
        draft.room.dropped = state.limits().dropped;
        draft.drop_expired();
    })
}

/// Whether more messages have expired than wait for a checkpoint.
pub fn has_expired(state: &State, now: Millis) -> bool {
    let most = state.limits().expired;
    steps::each(state.mail.expired(now)).nth(most).is_some()
}

/// Brings every claim and registration up to now: the events of a sweep.
pub fn settle(state: &State, now: Millis) -> Vec<Event> {
    events(state, now, |draft| {
        // A draft without a bound is never full.
        let _ = draft.settle_all();
    })
}

fn events(state: &State, now: Millis, act: impl FnOnce(&mut Draft)) -> Vec<Event> {
    let mut draft = Draft::new(state, now, Entropy::default());
    act(&mut draft);
    draft.tell();
    draft.events
}
