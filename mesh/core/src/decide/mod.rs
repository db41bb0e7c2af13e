//! What a command causes: the rules of the contract.
//!
//! [`decide`] works on a [`Draft`], a cheap clone of the state into which each event
//! is folded as it is emitted, so that a rule always looks at the state as the events
//! before it left it: first reap, then promote, then decide (rule C9). A rejection
//! drops the draft, and with it everything that the command would have caused.

mod awareness;
mod claims;
mod deadlock;
mod fence;
mod maintenance;
mod messages;
mod settle;
mod tell;
mod waiting;

pub use fence::{FenceCheck, check_fence};
pub use maintenance::{prune, settle};
pub use waiting::{Prospect, collect, prospect};

use super::command::Command;
use super::event::Event;
use super::ids::Entropy;
use super::rejection::Rejection;
use super::reply::Reply;
use super::state::State;
use super::time::Millis;
use tell::Notice;

/// What a command causes and answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What it causes, in order; empty for a pure reader.
    pub events: Vec<Event>,
    /// What it answers, once the events are durable.
    pub reply: Reply,
    /// The state with the events folded in.
    pub state: State,
}

/// Decides a command.
///
/// `now` is the wall clock in milliseconds, read after the store's lock was taken.
/// `entropy` makes the random part of at most one fresh id.
///
/// # Errors
///
/// A [`Rejection`] for a bad argument; it is deterministic and changes nothing.
pub fn decide(
    state: &State,
    now: Millis,
    command: &Command,
    entropy: Entropy,
) -> Result<Decision, Rejection> {
    let mut draft = Draft::new(state, now, entropy);
    let reply = match command {
        Command::Register(command) => Reply::Register(draft.register(command)?),
        Command::Roster(command) => Reply::Roster(draft.roster(command)?),
        Command::Claim(command) => Reply::Claim(draft.claim(command)?),
        Command::Release(command) => Reply::Release(draft.release(command)?),
        Command::Claims(command) => Reply::Claims(draft.claims(command)?),
        Command::Post(command) => Reply::Post(draft.post(command)?),
        Command::Inbox(command) => Reply::Inbox(draft.inbox(command)?),
        Command::Read(command) => Reply::Read(draft.read(command)?),
        Command::Gc(command) => Reply::Gc(draft.gc(command)?),
    };
    draft.tell();
    Ok(Decision {
        events: draft.events,
        reply,
        state: draft.state,
    })
}

/// A state in the making: what was, with the events so far folded in.
struct Draft {
    state: State,
    events: Vec<Event>,
    now: Millis,
    entropy: Entropy,
    /// What agents are told once everything else is decided.
    notices: Vec<Notice>,
}

impl Draft {
    fn new(state: &State, now: Millis, entropy: Entropy) -> Self {
        Self {
            state: state.clone(),
            events: Vec::new(),
            now,
            entropy,
            notices: Vec::new(),
        }
    }

    /// Records an event, and folds it in.
    fn emit(&mut self, event: Event) {
        self.notices.extend(Notice::of(&self.state, &event));
        self.state.apply(self.now, &event);
        self.events.push(event);
    }
}
