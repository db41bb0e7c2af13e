//! The messages model: agents with bad clocks that post, read and retry while messages
//! expire and are dropped, in every order.
//!
//! Beside the real state runs a list of what was sent, which only grows: the promise that
//! the contract makes. Each step is asked whether it keeps M1, M2, M4, M7 and S1, and in
//! each state everybody looks into their inbox, with and without the topic, and must
//! see what the list says (M5), and nothing else (M6).

mod bounds;
mod contract;
mod facts;
mod show;
mod view;

use std::hash::{Hash, Hasher};

use mesh::core::{
    Command, Decision, Gc, MessageId, Millis, Post, Read, Register, Rejection, Reply, State,
};
use stateright::{Model, Property};

pub use bounds::{Bounds, Clock, Kind, RIGHT, TICK, To};

use self::bounds::agent;
use self::contract::{Broken, Step};
use self::facts::Fact;
use self::view::View;
use crate::planted::Rules;
use crate::run::Narrated;
use crate::witness::Witness;

/// When every run begins: far from zero, so that slow clocks stay positive.
const START: Millis = 1_000 * TICK;
/// Above every message that is ever sent here.
const BEYOND: &str = "7ZZZZZZZZZZZZZZZZZZZZZZZZZ";

/// All that can happen to messages within some bounds.
pub struct Messages {
    bounds: Bounds,
    rules: Rules,
    witness: Witness,
}

impl Messages {
    /// The production rules within `bounds`.
    pub fn new(bounds: Bounds) -> Self {
        Self::with_rules(bounds, Rules::default())
    }

    /// Other rules in their place: to see that a bug is found.
    pub fn with_rules(bounds: Bounds, rules: Rules) -> Self {
        Self {
            bounds,
            rules,
            witness: Witness::default(),
        }
    }
}

/// A message that was acknowledged.
#[derive(Clone, Debug)]
struct Sent {
    id: MessageId,
    from: usize,
    kind: Kind,
    posted_at: Millis,
    fanout: u64,
    expires_at: Option<Millis>,
    /// Whether somebody dropped it whose clock said that it had expired.
    dropped: bool,
    /// Whether somebody forgot its key whose clock said that the hour was over.
    forgotten: bool,
}

/// A point of a run. Two points are equal if no rule can tell them apart.
#[derive(Clone)]
pub struct Point {
    now: Millis,
    /// How far each agent's clock is ahead.
    clocks: Vec<i64>,
    state: State,
    sent: Vec<Sent>,
    broken: Option<Broken>,
    view: View,
}

impl PartialEq for Point {
    fn eq(&self, other: &Self) -> bool {
        (&self.view, self.broken) == (&other.view, other.broken)
    }
}

impl Eq for Point {}

impl Hash for Point {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.view.hash(hasher);
        self.broken.hash(hasher);
    }
}

/// What can happen. Agents, and messages in the order of the log, go by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// An agent registers for a tick.
    Register(usize),
    /// An agent posts a message, or posts it again under its key.
    Post(usize, Kind),
    /// An agent moves its cursor to a message, its own or not.
    Read(usize, usize),
    /// An agent tries to move its cursor beyond all messages.
    ReadBeyond(usize),
    /// An agent drops what has expired by its clock.
    Gc(usize),
    /// An agent's clock is set back.
    SetBack(usize),
    /// Time passes.
    Tick,
}

impl Messages {
    /// Who acts, and with which command. `None` where nobody does.
    fn command(&self, point: &Point, action: Action) -> Option<(usize, Command)> {
        Some(match action {
            Action::Tick | Action::SetBack(_) => return None,
            Action::Register(n) => {
                let register = Register {
                    agent_id: agent(n).into(),
                    branch: "main".into(),
                    prompt_ptr: "task".into(),
                    role: None,
                    ttl_seconds: Some(TICK / 1000),
                    session: None,
                };
                (n, Command::Register(register))
            }
            Action::Post(n, kind) => (n, Command::Post(self.post(n, kind))),
            Action::Read(n, message) => {
                let up_to = point.sent.get(message)?.id.to_string();
                (n, Command::Read(read(n, up_to)))
            }
            Action::ReadBeyond(n) => (n, Command::Read(read(n, BEYOND.into()))),
            Action::Gc(n) => {
                let agent_id = Some(agent(n).into());
                (n, Command::Gc(Gc { agent_id }))
            }
        })
    }

    fn post(&self, n: usize, kind: Kind) -> Post {
        let next = agent((n + 1) % self.bounds.clocks.len());
        Post {
            agent_id: agent(n).into(),
            to: match kind.to {
                To::Next => next.into(),
                To::All => "*".into(),
                To::Topic => "topic:t".into(),
            },
            body: "x".into(),
            ttl_seconds: kind.expires.then_some(TICK / 1000),
            key: kind.key.then(|| "k".into()),
            ..Post::default()
        }
    }

    fn clock(&self, point: &Point, n: usize) -> Millis {
        let ahead = point.clocks[n] * TICK as i64 - self.bounds.clocks[n].behind_ms;
        point.now.saturating_add_signed(ahead)
    }

    fn actions_of(&self, point: &Point, n: usize, actions: &mut Vec<Action>) {
        if self.bounds.registers {
            actions.push(Action::Register(n));
        }
        for kind in self.bounds.kinds {
            let full = point.sent.len() == self.bounds.posts;
            let retry = contract::remembered(&point.sent, n, *kind, self.clock(point, n));
            if !full || retry.is_some() {
                actions.push(Action::Post(n, *kind));
            }
        }
        actions.extend((0..point.sent.len()).map(|message| Action::Read(n, message)));
        actions.push(Action::ReadBeyond(n));
        actions.push(Action::Gc(n));
        let clock = self.bounds.clocks[n];
        if clock.set_back_to.is_some() && point.clocks[n] == clock.ahead {
            actions.push(Action::SetBack(n));
        }
    }

    fn decide(&self, point: &Point, n: usize, command: &Command) -> Result<Decision, Rejection> {
        // The same entropy each time: ids must not depend on luck for their order.
        self.rules
            .decide(&point.state, self.clock(point, n), command, 1)
    }

    /// The point after an action that is no command.
    fn wait(&self, point: &Point, action: Action) -> Option<Point> {
        let mut next = point.clone();
        match action {
            Action::Tick => next.now += TICK,
            Action::SetBack(n) => next.clocks[n] = self.bounds.clocks[n].set_back_to?,
            _ => return None,
        }
        Some(self.seen(next))
    }

    /// Looks into all inboxes, and takes the view.
    fn seen(&self, mut point: Point) -> Point {
        let broken = point.broken.or_else(|| self.inboxes(&point).err());
        point.broken = broken;
        point.view = View::of(&self.bounds, &point);
        point
    }

    /// Takes in what a step did to the promises.
    fn promise(&self, point: &mut Point, n: usize, action: Action, reply: &Reply, at: Millis) {
        match (action, reply) {
            (Action::Post(_, kind), Reply::Post(reply))
                if point.sent.iter().all(|sent| sent.id != reply.message_id) =>
            {
                point.sent.push(Sent {
                    id: reply.message_id,
                    from: n,
                    kind,
                    posted_at: at,
                    fanout: reply.fanout,
                    expires_at: kind.expires.then_some(at + TICK),
                    dropped: false,
                    forgotten: false,
                });
            }
            (Action::Gc(_), _) => {
                for sent in &mut point.sent {
                    sent.dropped |= sent.expires_at.is_some_and(|end| end <= at);
                    sent.forgotten |= sent.posted_at.abs_diff(at) >= contract::KEY_MEMORY;
                }
            }
            _ => {}
        }
    }

    /// Whether something that a step from here can bring about is seen for the first time.
    fn shows(&self, point: &Point, fact: Fact) -> bool {
        self.witness.first(fact as u32, || {
            let mut actions = Vec::new();
            self.actions(point, &mut actions);
            actions.into_iter().any(|action| {
                let next = self.next_state(point, action);
                next.is_some_and(|next| self.brings(fact, point, action, &next))
            })
        })
    }
}

fn read(n: usize, up_to: String) -> Read {
    Read {
        agent_id: agent(n).into(),
        up_to,
        topics: Vec::new(),
    }
}

impl Model for Messages {
    type State = Point;
    type Action = Action;

    fn init_states(&self) -> Vec<Point> {
        let point = Point {
            now: START,
            clocks: self.bounds.clocks.iter().map(|clock| clock.ahead).collect(),
            state: State::default(),
            sent: Vec::new(),
            broken: None,
            view: View::default(),
        };
        vec![self.seen(point)]
    }

    fn actions(&self, point: &Point, actions: &mut Vec<Action>) {
        if point.broken.is_some() {
            return;
        }
        for n in 0..self.bounds.clocks.len() {
            self.actions_of(point, n, actions);
        }
        actions.push(Action::Tick);
    }

    fn next_state(&self, point: &Point, action: Action) -> Option<Point> {
        let Some((n, command)) = self.command(point, action) else {
            return self.wait(point, action);
        };
        let at = self.clock(point, n);
        let outcome = self.decide(point, n, &command);
        let step = Step {
            point,
            at,
            actor: n,
            action,
            outcome: &outcome,
        };
        let broken = step.check().err();
        let mut next = point.clone();
        next.broken = broken;
        match outcome {
            Ok(decision) => {
                self.promise(&mut next, n, action, &decision.reply, at);
                next.state = decision.state;
                Some(self.seen(next))
            }
            // A rejection changes nothing: it is a step only where it should not be.
            Err(_) => broken.map(|_| self.seen(next)),
        }
    }

    fn properties(&self) -> Vec<Property<Self>> {
        macro_rules! always {
            ($($bit:literal, $rule:literal, $name:literal;)*) => {
                vec![$(Property::always(concat!($rule, " ", $name), |model: &Messages, point: &Point| {
                    model.witness.holds($bit, || point.broken.is_none_or(|broken| broken.rule != $rule))
                })),*]
            };
        }
        let mut properties = always! {
            32, "M1", "replies are true";
            33, "M2", "ids rise in the order of the log";
            34, "M3", "an inbox moves nothing";
            35, "M4", "a cursor moves forward only";
            36, "M5", "each message is seen until passed";
            37, "M6", "nobody sees another's mail";
            38, "M7", "a retry posts nothing";
            39, "S1", "what expired is dropped, and nothing else";
            40, "replay", "events lead to the decided state";
        };
        properties.push(Property::always(
            "the state's own invariants",
            |model, point: &Point| model.witness.holds(41, || point.state.invariants().is_ok()),
        ));
        properties.extend(facts::properties(&self.bounds));
        properties
    }

    fn format_action(&self, action: &Action) -> String {
        self.words(*action)
    }

    fn format_step(&self, point: &Point, action: Action) -> Option<String> {
        let next = self.next_state(point, action)?;
        Some(format!("{}\n{next:?}", self.narrate(point, &action)))
    }
}

impl Narrated for Messages {
    fn narrate(&self, point: &Point, action: &Action) -> String {
        self.tell(point, *action)
    }
}
