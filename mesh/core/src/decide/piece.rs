//! What is due before a command, where one entry has no room for it.
//!
//! A command reaps before it decides (rule C9), and some reap everything: `roster`, `claims`
//! and `gc`, an agent that comes back from death, a claim that follows a long chain of those
//! who wait. What is due then has no bound, and an entry has one. So it is reaped in pieces,
//! each an entry of its own in front of that of the command.
//!
//! Guarantees of each piece:
//!
//! * It has no more lapses and cuts than [`Limits::reaped`](crate::Limits::reaped), and no
//!   more messages and keys dropped than [`Limits::dropped`](crate::Limits::dropped).
//! * A resource is brought up to now as a whole: what lapses, and who is promoted by it, stand
//!   in one entry. Only of a resource that is too much by itself some goes before: what
//!   lets nobody in.
//! * It says nothing of the command, whose caller may yet be rejected.
//! * It takes something away, so pieces come to an end.

use super::{Decision, Draft, Room, Stop};
use crate::command::Command;
use crate::event::Event;
use crate::ids::Entropy;
use crate::names::Resource;
use crate::rejection::Rejection;
use crate::state::State;
use crate::time::Millis;
use planted::{Bug, promise, sound};

/// What a command comes to, as far as one entry has room for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decided {
    /// The command itself.
    Whole(Decision),
    /// Something that is to be in the log before it.
    Piece(Piece),
}

/// Something that is due before a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// What goes, in order.
    pub events: Vec<Event>,
    /// The state with the events folded in.
    pub state: State,
}

/// Decides a command, or what one entry has room for of that which is due before it: then the
/// command is to be decided again on the state that the piece leads to.
///
/// # Errors
///
/// As [`decide`](super::decide).
pub fn decide_within(
    state: &State,
    now: Millis,
    command: &Command,
    entropy: Entropy,
) -> Result<Decided, Rejection> {
    let limits = state.limits();
    let room = Room {
        reaped: limits.reaped,
        dropped: limits.dropped,
    };
    let mut draft = Draft {
        room: sound!(room, Bug::ReapedInOnePiece => Room::ENDLESS),
        ..Draft::new(state, now, entropy)
    };
    match draft.carry_out(command) {
        Ok(reply) => Ok(Decided::Whole(draft.decided(reply))),
        Err(Stop::Rejected(rejection)) => Err(rejection),
        Err(Stop::Crowded(resource)) => {
            let mut piece = draft.reaped_of(state);
            if let Some(resource) = resource {
                piece.thin(&resource);
            }
            piece.tell();
            promise!(!piece.events.is_empty(), "a piece takes something away");
            Ok(Decided::Piece(Piece {
                events: piece.events,
                state: piece.state,
            }))
        }
    }
}

impl Draft {
    /// What a draft on `state` that went no further has reaped. A sign of life is its
    /// command's, and all else that it emitted until then was due anyway.
    fn reaped_of(self, state: &State) -> Self {
        let mut piece = Self {
            room: self.room,
            ..Self::new(state, self.now, self.entropy)
        };
        let reaped = self.events.into_iter();
        let reaped = reaped.filter(|event| !matches!(event, Event::Heartbeat { .. }));
        reaped.for_each(|event| piece.emit(event));
        piece
    }

    /// Takes of a resource what lets nobody in, as far as there is room: cuts; of the holders
    /// that have lapsed all but one, and of the tickets all but the first in line.
    fn thin(&mut self, resource: &Resource) {
        let cuts = self.bad_deadlines(resource);
        self.emit_within(cuts);
        let Some(record) = self.state.resource(resource) else {
            return;
        };
        let holders = self.lapsed_holds(resource, record);
        let first = record.queue.front().map(|ticket| ticket.claim_id);
        let tickets = self.lapsed_tickets(resource, record);
        let behind = tickets
            .into_iter()
            .filter(|lapse| lapse.claim().map(|claim| claim.claim_id) != first);
        let spare = holders.into_iter().skip(1).chain(behind).collect();
        self.emit_within(spare);
    }

    fn emit_within(&mut self, mut events: Vec<Event>) {
        events.truncate(self.room.reaped);
        self.room.reaped -= events.len();
        events.into_iter().for_each(|event| self.emit(event));
    }
}
