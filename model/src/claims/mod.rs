//! The claims model: agents that claim, queue, renew, change modes, release, fall silent
//! and come back, in every order.
//!
//! A step is one call of the production `decide`, at the clock of whoever acts; the next
//! state is the one that it decides, and the events must lead there too. Death is not an
//! action: an agent is dead when it was silent for long enough, so a tick of the clock
//! brings it about, as in the real world.
//!
//! Each step is asked what the contract says about it. A step that breaks a rule leads
//! to a state that is marked with the rule, and ends there; "always" means that no such
//! state is reachable. What the states have in common, and when two are the same, is told
//! in [`View`].

mod answers;
mod bounds;
mod contract;
mod facts;
mod show;
mod view;
mod waiting;

use std::hash::{Hash, Hasher};

use mesh::core::{
    Claim, Claims as LookAtClaims, Command, Decision, Event, MessageId, Millis, Mode, Register,
    Rejection, Release, State, Wait,
};
use stateright::{Model, Property};

pub use bounds::{ANONYMOUS, Bounds, REGISTERED, Role, TICK, TTL_SECONDS};
pub use contract::{Broken, Step};
pub use facts::Fact;
pub use view::View;

use self::bounds::{agent, resource};
use crate::planted::Rules;
use crate::run::Narrated;
use crate::witness::Witness;

/// When every run begins: far from zero, so that slow clocks stay positive.
const START: Millis = 1_000 * TICK;

/// All that can happen to claims within some bounds.
pub struct Claims {
    bounds: Bounds,
    rules: Rules,
    witness: Witness,
}

impl Claims {
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

/// A point of a run: a real state at a real time, and the rule that led here by being
/// broken, if one was.
///
/// Two points are equal if their [`View`]s are.
#[derive(Clone)]
pub struct Point {
    now: Millis,
    state: State,
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

/// What can happen. Agents and resources go by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// An agent registers, or sends a heartbeat.
    Register(usize),
    /// An agent claims a resource: anew, to renew, or in another mode.
    Claim(usize, usize, Option<Mode>, Wait),
    /// An agent gives back what the second one holds or waits for (mostly its own).
    Release(usize, usize, usize),
    /// Somebody with a clock so many ticks off looks at all claims, which reaps.
    Look(i64),
    /// Time passes.
    Tick,
}

impl Claims {
    fn clock(&self, point: &Point, ticks: i64) -> Millis {
        point.now.saturating_add_signed(ticks * TICK as i64)
    }

    /// The command of an action, and the clock of whoever gives it. `None` for a tick.
    fn command(&self, point: &Point, action: Action) -> Option<(Millis, Command)> {
        let actor = |n: usize| self.clock(point, self.bounds.agents[n].clock);
        Some(match action {
            Action::Tick => return None,
            Action::Register(n) => {
                let register = Register {
                    agent_id: agent(n).into(),
                    branch: "main".into(),
                    prompt_ptr: "task".into(),
                    role: None,
                    ttl_seconds: Some(TTL_SECONDS),
                    session: None,
                };
                (actor(n), Command::Register(register))
            }
            Action::Claim(n, r, mode, wait) => {
                let claim = Claim {
                    agent_id: agent(n).into(),
                    resource: resource(r).into(),
                    mode,
                    lease_seconds: Some(self.bounds.lease * TICK / 1000),
                    wait: Some(wait),
                    wait_seconds: None,
                    note: None,
                };
                (actor(n), Command::Claim(claim))
            }
            Action::Release(n, r, owner) => {
                let release = Release {
                    agent_id: agent(n).into(),
                    claim_id: claim_of(&point.state, owner, r)?,
                    resource: resource(r).into(),
                };
                (actor(n), Command::Release(release))
            }
            Action::Look(ticks) => {
                let look = LookAtClaims {
                    agent_id: "observer".into(),
                    resource: None,
                };
                (self.clock(point, ticks), Command::Claims(look))
            }
        })
    }

    fn actions_of(&self, point: &Point, n: usize, actions: &mut Vec<Action>) {
        if self.bounds.agents[n].registers {
            actions.push(Action::Register(n));
        }
        for r in 0..self.bounds.resources {
            let record = point.state.resource(resource(r));
            let involved = record
                .is_some_and(|r| r.hold_of(agent(n)).is_some() || r.ticket_of(agent(n)).is_some());
            let claim = |mode, wait| Action::Claim(n, r, mode, wait);
            actions.push(claim(Some(Mode::Exclusive), Wait::Queue));
            actions.push(claim(Some(Mode::Shared), Wait::Queue));
            if self.bounds.thorough && !involved {
                actions.push(claim(Some(Mode::Exclusive), Wait::NoWait));
                actions.push(claim(Some(Mode::Shared), Wait::NoWait));
            }
            if involved {
                actions.push(claim(None, Wait::NoWait));
                actions.push(Action::Release(n, r, n));
            }
            let others = (0..self.bounds.agents.len()).filter(|m| *m != n);
            let others = others.filter(|m| claim_of(&point.state, *m, r).is_some());
            if self.bounds.thorough {
                actions.extend(others.take(1).map(|m| Action::Release(n, r, m)));
            }
        }
    }

    fn decide(&self, point: &Point, at: Millis, command: &Command) -> Result<Decision, Rejection> {
        // The same entropy each time: ids must not depend on luck for being unique.
        self.rules.decide(&point.state, at, command, 1)
    }

    fn step<'a>(
        &self,
        point: &'a Point,
        at: Millis,
        command: &'a Command,
        outcome: &'a Result<Decision, Rejection>,
    ) -> Step<'a> {
        Step {
            rules: self.rules,
            before: &point.state,
            at,
            command,
            outcome,
        }
    }

    fn point(&self, now: Millis, state: State, broken: Option<Broken>) -> Point {
        let state = without_mail(now, state);
        let view = View::of(&self.bounds, now, &state);
        Point {
            now,
            state,
            broken,
            view,
        }
    }

    /// Whether something that a step from here can bring about is seen for the first time.
    fn shows(&self, point: &Point, fact: Fact) -> bool {
        self.witness.first(fact as u32, || {
            let mut actions = Vec::new();
            self.actions(point, &mut actions);
            actions.into_iter().any(|action| {
                let Some((at, command)) = self.command(point, action) else {
                    return false;
                };
                let outcome = self.decide(point, at, &command);
                let step = self.step(point, at, &command, &outcome);
                fact.happens(&step, point.now)
            })
        })
    }

    /// C9, as a countdown: if all agents fall silent and somebody with a right clock looks
    /// at each tick, nothing is held or waited for after so many ticks.
    fn heals(&self, point: &Point) -> bool {
        // What a bad clock adds within its tolerance, and for each in line its lease or the
        // three ticks until it is dead, whatever comes first.
        let each = self.bounds.agents.len() as i64;
        let patience = 2 + self.bounds.fastest() + each * (self.bounds.lease as i64).min(3);
        let mut state = point.state.clone();
        for ticks in 0..=patience {
            if state.resources().next().is_none() {
                return true;
            }
            let Some((at, look)) = self.command(point, Action::Look(ticks)) else {
                return false;
            };
            match self.rules.decide(&state, at, &look, 1) {
                Ok(decision) => state = decision.state,
                Err(_) => return false,
            }
        }
        state.resources().next().is_none()
    }
}

/// The state after everybody has read what mesh told them and thrown it away: a message is
/// asked after in the step that posts it, and decides nothing later.
fn without_mail(now: Millis, mut state: State) -> State {
    let message_ids: Vec<MessageId> = state.mail().messages().map(|(id, _)| id).collect();
    if !message_ids.is_empty() {
        state.apply(now, &Event::Expired { message_ids });
    }
    state
}

/// The claim of agent `n` on resource `r`.
fn claim_of(state: &State, n: usize, r: usize) -> Option<String> {
    let record = state.resource(resource(r))?;
    let hold = record.hold_of(agent(n)).map(|hold| hold.claim_id);
    let ticket = record
        .ticket_of(agent(n))
        .map(|(_, ticket)| ticket.claim_id);
    hold.or(ticket).map(|id| id.to_string())
}

impl Model for Claims {
    type State = Point;
    type Action = Action;

    fn init_states(&self) -> Vec<Point> {
        vec![self.point(START, State::default(), None)]
    }

    fn actions(&self, point: &Point, actions: &mut Vec<Action>) {
        if point.broken.is_some() {
            return;
        }
        for n in 0..self.bounds.agents.len() {
            self.actions_of(point, n, actions);
        }
        actions.push(Action::Look(0));
        actions.extend(self.bounds.observer.map(Action::Look));
        actions.push(Action::Tick);
    }

    fn next_state(&self, point: &Point, action: Action) -> Option<Point> {
        let Some((at, command)) = self.command(point, action) else {
            let now = point.now + TICK;
            return (action == Action::Tick).then(|| self.point(now, point.state.clone(), None));
        };
        let outcome = self.decide(point, at, &command);
        let broken = self.step(point, at, &command, &outcome).check().err();
        match outcome {
            Ok(decision) => Some(self.point(point.now, decision.state, broken)),
            // A rejection changes nothing: it is a step only where it should not be.
            Err(_) => broken.map(|b| self.point(point.now, point.state.clone(), Some(b))),
        }
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = rules();
        properties.extend(facts::properties(&self.bounds));
        properties
    }

    fn format_action(&self, action: &Action) -> String {
        show::action(&self.bounds, *action)
    }

    fn format_step(&self, point: &Point, action: Action) -> Option<String> {
        let next = self.next_state(point, action)?;
        Some(self.outcome(point, action, &next))
    }
}

impl Narrated for Claims {
    fn narrate(&self, point: &Point, action: &Action) -> String {
        let told = self.told(point, *action);
        match told.is_empty() {
            true => self.format_action(action),
            false => format!("{}: {told}", self.format_action(action)),
        }
    }
}

/// One `always` for each rule, so that a report names what broke.
fn rules() -> Vec<Property<Claims>> {
    macro_rules! always {
        ($($bit:literal, $rule:literal, $name:literal;)*) => {
            vec![$(Property::always(concat!($rule, " ", $name), |model: &Claims, point: &Point| {
                model.witness.holds($bit, || point.broken.is_none_or(|broken| broken.rule != $rule))
            })),*]
        };
    }
    let mut rules = always! {
        32, "C1", "replies are true";
        33, "C2", "exclusion";
        34, "C3", "fences rise by one";
        35, "C4", "a renewal keeps id and fence";
        36, "C5", "mode changes";
        37, "C6", "nobody overtakes";
        38, "C7", "no ticket is lost or doubled";
        39, "C8", "the head of the queue is promoted";
        40, "C9", "what lapsed goes, and nothing else";
        41, "C10", "releases";
        42, "C12", "a bad clock is cut";
        43, "A3", "incarnations";
        44, "A4", "the roster forgets nobody";
        45, "A5", "looking is no sign of life";
        46, "A6", "acting is being alive";
        47, "G3", "no good request is refused";
        48, "replay", "events lead to the decided state";
        51, "checkpoint", "a checkpoint keeps the whole state";
        52, "W4", "a circle that is shown is there";
        53, "W5", "promotions and losses are told";
        54, "W6", "what was lost is said";
    };
    rules.push(Property::always(
        "C9 silence frees everything in time",
        |model, point: &Point| model.witness.holds(49, || model.heals(point)),
    ));
    rules.push(Property::always(
        "W4 nobody waits for itself",
        |model, point: &Point| {
            model
                .witness
                .holds(55, || !waiting::has_circle(&point.state))
        },
    ));
    rules.push(Property::always(
        "W1 nobody sleeps through its turn",
        |model, point: &Point| {
            model
                .witness
                .holds(56, || waiting::wakes(model.rules, &point.state, point.now))
        },
    ));
    rules.push(Property::always(
        "the state's own invariants",
        |model: &Claims, point: &Point| {
            model.witness.holds(50, || point.state.invariants().is_ok())
        },
    ));
    rules
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    type Steps = Vec<(View, Option<&'static str>)>;

    /// Where the steps from a point lead, in any order.
    fn steps(model: &Claims, point: &Point) -> (Steps, Vec<Point>) {
        let next: Vec<Point> = model
            .next_steps(point)
            .into_iter()
            .map(|(_, next)| next)
            .collect();
        let mut views: Steps = next
            .iter()
            .map(|next| (next.view.clone(), next.broken.map(|broken| broken.rule)))
            .collect();
        views.sort();
        (views, next)
    }

    /// The checker goes on from the first point of each view alone, which is a proof for
    /// the others only if they would have led to the same views.
    #[test]
    fn points_of_one_view_behave_alike() {
        let bounds = Bounds {
            agents: &[REGISTERED, ANONYMOUS, ANONYMOUS],
            resources: 1,
            lease: 1,
            observer: Some(1),
            thorough: true,
        };
        let model = Claims::new(bounds);
        let mut seen: BTreeMap<View, (Steps, usize)> = BTreeMap::new();
        let mut queue = model.init_states();
        let mut compared = 0;
        while let Some(point) = queue.pop() {
            let (found, next) = steps(&model, &point);
            let (first, times) = seen.entry(point.view.clone()).or_insert((found.clone(), 0));
            assert_eq!(
                *first, found,
                "another point of this view behaves otherwise: {point:?}"
            );
            *times += 1;
            compared += 1;
            // Each view is met a few times, by ways that differ in times, fences and ids.
            if *times <= 4 && compared < 4_000 {
                queue.extend(next);
            }
        }
        assert!(compared > 2 * seen.len(), "few points share a view");
    }
}
