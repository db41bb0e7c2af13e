//! What must happen somewhere, so that no rule holds because nothing happens.

use mesh::core::Reply;
use stateright::Property;

use super::bounds::agent;
use super::{Action, Bounds, Messages, Point};

/// Something that a step can bring about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Fact {
    Posted,
    PostedAheadOfItsClock,
    Retried,
    KeyForgotten,
    ReadForward,
    ReadOld,
    RefusedBeyond,
    Dropped,
    DroppedUnseen,
    ExpiredUnread,
    ToAllRegistered,
    SetBack,
}

impl Messages {
    /// Whether the step from `point` to `next` brings it about.
    pub(super) fn brings(&self, fact: Fact, point: &Point, action: Action, next: &Point) -> bool {
        let new = next.sent.len() > point.sent.len();
        let newest = next.sent.last();
        match (fact, action) {
            (Fact::Posted, Action::Post(..)) => new,
            (Fact::PostedAheadOfItsClock, Action::Post(n, _)) => {
                let latest = point.sent.iter().map(|sent| sent.posted_at).max();
                new && latest.is_some_and(|latest| latest > self.clock(point, n))
            }
            (Fact::Retried, Action::Post(..)) => !new,
            (Fact::KeyForgotten, Action::Post(n, kind)) => {
                let mut earlier = point.sent.iter();
                new && kind.key && earlier.any(|sent| sent.from == n && sent.kind.key)
            }
            (Fact::ReadForward, Action::Read(n, _)) => {
                let cursor = |point: &Point| point.state.mail().cursor(agent(n));
                cursor(next) > cursor(point)
            }
            (Fact::ReadOld, Action::Read(n, message)) => {
                point.sent[message].id < point.state.mail().cursor(agent(n))
            }
            (Fact::Dropped, Action::Gc(_)) => point.state.mail().len() > next.state.mail().len(),
            (Fact::DroppedUnseen, Action::Gc(_)) => {
                let alive = |sent: &&super::Sent| sent.expires_at.is_some_and(|e| e > point.now);
                next.sent
                    .iter()
                    .zip(&point.sent)
                    .any(|(now, before)| now.dropped && !before.dropped && alive(&before))
            }
            (Fact::ExpiredUnread, Action::Tick) => {
                let mut unread = next.sent.iter();
                unread.any(|sent| sent.expires_at == Some(next.now) && !sent.dropped)
            }
            (Fact::ToAllRegistered, Action::Post(..)) => {
                new && newest.is_some_and(|sent| sent.fanout > 1)
            }
            (Fact::SetBack, Action::SetBack(_)) => !point.sent.is_empty(),
            _ => false,
        }
    }

    /// Whether a cursor beyond all messages is refused here.
    fn refuses(&self, point: &Point) -> bool {
        self.witness.first(Fact::RefusedBeyond as u32, || {
            let Some((n, command)) = self.command(point, Action::ReadBeyond(0)) else {
                return false;
            };
            let outcome = self.decide(point, n, &command);
            !matches!(outcome.map(|decision| decision.reply), Ok(Reply::Read(_)))
        })
    }
}

/// One `sometimes` for each fact that can happen within the bounds.
pub(super) fn properties(bounds: &Bounds) -> Vec<Property<Messages>> {
    macro_rules! sometimes {
        ($($when:expr, $fact:ident, $name:literal;)*) => {{
            let mut properties = vec![Property::sometimes(
                "a cursor beyond all messages is refused",
                |model: &Messages, point: &Point| model.refuses(point),
            )];
            $(if $when {
                properties.push(Property::sometimes($name, |model: &Messages, point: &Point| {
                    model.shows(point, Fact::$fact)
                }));
            })*
            properties
        }};
    }
    let skewed = bounds.slowest() < bounds.fastest();
    let expires = bounds.kinds.iter().any(|kind| kind.expires);
    let key = bounds.kinds.iter().any(|kind| kind.key);
    let set_back = bounds
        .clocks
        .iter()
        .any(|clock| clock.set_back_to.is_some());
    sometimes! {
        true, Posted, "a message is posted";
        skewed, PostedAheadOfItsClock, "a message is posted under an id ahead of its clock";
        key, Retried, "a post is retried under its key";
        key && bounds.posts > 1, KeyForgotten, "a key is forgotten after its hour";
        true, ReadForward, "a cursor moves";
        bounds.posts > 1, ReadOld, "an old message is read again";
        expires, Dropped, "gc drops an expired message";
        expires && bounds.fastest() > 0, DroppedUnseen, "a fast clock drops a message early";
        expires, ExpiredUnread, "a message expires";
        bounds.registers, ToAllRegistered, "a broadcast counts several agents";
        set_back, SetBack, "a clock is set back after a post";
    }
}
