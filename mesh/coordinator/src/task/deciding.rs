//! What the calls of a batch cause and are answered, decided one after the other on the state
//! that the ones before them lead to, as far as one entry has room for them.

use super::Coordinator;
use crate::held::{Asked, takes_claim};
use crate::ports::{Clock, Lock, Storage};
use mesh_core::{
    Decided, Decision, Entropy, Event, Limits, Millis, Piece, Rejection, Reply, State,
};

/// What a command is answered.
pub(super) struct Answer {
    pub(super) reply: Result<Reply, Rejection>,
    /// Whether the command made a claim: a hold or a ticket.
    pub(super) took: bool,
}

impl Answer {
    fn without_claim(reply: Result<Reply, Rejection>) -> Self {
        Self { reply, took: false }
    }
}

/// An entry in the making.
pub(super) struct Drafted {
    pub(super) events: Vec<Event>,
    /// What the first calls of the batch are answered once the entry is in the log. None: the
    /// entry is a piece of what is due before the first of them.
    pub(super) answers: Vec<Answer>,
    /// The state with the events folded in.
    pub(super) state: State,
}

impl<C: Clock, S: Storage, L: Lock> Coordinator<C, S, L> {
    /// Decides the first calls of a batch. What a held claim is answered may be in the state
    /// already. If not `bounded`, no call is put off for what is due before it.
    pub(super) fn decide_all(
        &mut self,
        asked: &[Asked<'_>],
        now: Millis,
        bounded: bool,
    ) -> Drafted {
        let mut drafted = Drafted::new(self.snapshot.state.clone());
        for asked in asked {
            if let Some(reply) = asked.collect(&drafted.state, now) {
                let reply = Ok(Reply::Claim(reply));
                drafted.answers.push(Answer::without_claim(reply));
                continue;
            }
            let entropy =
                Entropy::from(self.nonces.draw()) << 64 | Entropy::from(self.nonces.draw());
            match asked.decide(&drafted.state, now, entropy, bounded) {
                Ok(Decided::Whole(decision)) if drafted.has_room_for(&decision) => {
                    drafted.add(decision);
                }
                Ok(Decided::Piece(piece)) if drafted.answers.is_empty() => {
                    return Drafted::of(piece);
                }
                // It begins an entry of its own, once this one is in the log.
                Ok(_) => break,
                Err(rejection) => drafted.answers.push(Answer::without_claim(Err(rejection))),
            }
        }
        drafted
    }
}

impl Drafted {
    fn new(state: State) -> Self {
        Self {
            events: Vec::new(),
            answers: Vec::new(),
            state,
        }
    }

    fn of(piece: Piece) -> Self {
        Self {
            events: piece.events,
            ..Self::new(piece.state)
        }
    }

    /// Whether a decision goes into the same entry. The first one always does.
    fn has_room_for(&self, decision: &Decision) -> bool {
        let Limits {
            batch_events,
            reaped,
            ..
        } = self.state.limits();
        let reaps = |events: &[Event]| events.iter().filter(|event| event.reaps()).count();
        let few = reaps(&self.events) + reaps(&decision.events) <= *reaped;
        self.answers.is_empty() || self.events.len() < *batch_events && few
    }

    fn add(&mut self, decision: Decision) {
        let took = takes_claim(&decision);
        self.state = decision.state;
        self.events.extend(decision.events);
        self.answers.push(Answer {
            reply: Ok(decision.reply),
            took,
        });
    }

    /// What the pieces before the first call dropped is part of its answer.
    pub(super) fn add_reclaimed(&mut self, messages: u64) {
        let first = self.answers.first_mut();
        if let Some(Ok(Reply::Gc(reply))) = first.map(|answer| &mut answer.reply) {
            reply.reclaimed += messages;
        }
    }
}
