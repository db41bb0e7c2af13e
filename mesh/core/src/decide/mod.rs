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
mod piece;
mod settle;
mod tell;
mod waiting;

pub use claims::standing;
pub use fence::{FenceCheck, check_fence};
pub use maintenance::{has_expired, prune, settle};
pub use piece::{Decided, Piece, decide_within};
pub use waiting::{Concern, Prospect, collect, concern, prospect, prospects, shown_to};

use super::command::Command;
use super::event::Event;
use super::ids::Entropy;
use super::names::Resource;
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
    match draft.carry_out(command) {
        Ok(reply) => Ok(draft.decided(reply)),
        Err(Stop::Rejected(rejection)) => Err(rejection),
        Err(Stop::Crowded(_)) => unreachable!("a draft without a bound is never full"),
    }
}

/// Why a draft goes no further.
enum Stop {
    /// The command is not allowed.
    Rejected(Rejection),
    /// More is due than goes into one entry: of this resource, where it is one.
    Crowded(Option<Resource>),
}

impl From<Rejection> for Stop {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

/// A state in the making: what was, with the events so far folded in.
struct Draft {
    state: State,
    events: Vec<Event>,
    now: Millis,
    entropy: Entropy,
    /// What agents are told once everything else is decided.
    notices: Vec<Notice>,
    /// How much more may be reaped, and how much dropped.
    room: Room,
}

/// What one entry has room for.
#[derive(Clone, Copy)]
struct Room {
    reaped: usize,
    dropped: usize,
}

impl Room {
    const ENDLESS: Self = Self {
        reaped: usize::MAX,
        dropped: usize::MAX,
    };
}

impl Draft {
    fn new(state: &State, now: Millis, entropy: Entropy) -> Self {
        Self {
            state: state.clone(),
            events: Vec::new(),
            now,
            entropy,
            notices: Vec::new(),
            room: Room::ENDLESS,
        }
    }

    fn carry_out(&mut self, command: &Command) -> Result<Reply, Stop> {
        Ok(match command {
            Command::Register(command) => Reply::Register(self.register(command)?),
            Command::Roster(command) => Reply::Roster(self.roster(command)?),
            Command::Claim(command) => Reply::Claim(self.claim(command)?),
            Command::Release(command) => Reply::Release(self.release(command)?),
            Command::Claims(command) => Reply::Claims(self.claims(command)?),
            Command::Post(command) => Reply::Post(self.post(command)?),
            Command::Inbox(command) => Reply::Inbox(self.inbox(command)?),
            Command::Read(command) => Reply::Read(self.read(command)?),
            Command::Gc(command) => Reply::Gc(self.gc(command)?),
        })
    }

    fn decided(mut self, reply: Reply) -> Decision {
        self.tell();
        Decision {
            events: self.events,
            reply,
            state: self.state,
        }
    }

    /// Records an event, and folds it in.
    fn emit(&mut self, event: Event) {
        self.notices.extend(Notice::of(&self.state, &event));
        self.state.apply(self.now, &event);
        self.events.push(event);
    }
}
