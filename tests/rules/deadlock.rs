//! Random histories of agents that wait for each other, against a naive search of the graph.
//!
//! After each step the graph of who waits for whom is drawn from the state alone, all of it,
//! and closed by adding what follows until nothing does. It must have no circle; a claim
//! that was refused as one must close one there, and the circle that is shown must be one of
//! the shortest, link by link. Leases and agents lapse, and clocks step back.

use std::collections::BTreeSet;

use mesh::core::{
    Claim, ClaimReply, ClaimStatus, Command, DeadlockView, Decision, Millis, Mode, Register,
    Release, Reply, ResourceState, State, Wait, decide,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestCaseError;

use crate::histories::{self, Seen};

const AGENTS: [&str; 5] = ["a", "b", "c", "d", "e"];
const RESOURCES: [&str; 4] = ["r", "s", "t", "u"];

/// How many histories there are, at least.
const CASES: u32 = 600;

/// What has to happen in some history.
const SOMETIMES: [&str; 7] = [
    "a circle of two",
    "a circle of three",
    "a circle of four or more",
    "a link through a ticket",
    "a circle with readers",
    "a ticket that closes none of the chains it joins",
    "a lapse while waiting",
];

#[derive(Clone, Debug)]
struct Step {
    agent: &'static str,
    action: Action,
    /// How much true time passes first.
    tick: Millis,
    /// How far behind the clock of this step's process is.
    behind: Millis,
}

#[derive(Clone, Debug)]
enum Action {
    Claim(&'static str, Mode, u64),
    /// Of whatever the agent has there.
    Release(&'static str),
    Register,
}

fn step() -> impl Strategy<Value = Step> {
    let resource = || select(&RESOURCES[..]);
    let mode = select(vec![Mode::Exclusive, Mode::Exclusive, Mode::Shared]);
    let lease = select(vec![10u64, 60, 600, 600]);
    let action = prop_oneof![
        12 => (resource(), mode, lease).prop_map(|(on, mode, lease)| Action::Claim(on, mode, lease)),
        2 => resource().prop_map(Action::Release),
        1 => Just(Action::Register),
    ];
    let tick = prop_oneof![12 => Just(0), 4 => 1..10_000u64, 1 => 10_000..100_000u64];
    let behind = prop_oneof![8 => Just(0), 1 => 1..50_000u64];
    (select(&AGENTS[..]), action, tick, behind).prop_map(|(agent, action, tick, behind)| Step {
        agent,
        action,
        tick,
        behind,
    })
}

/// W4: A claim is refused as a circle if and only if a naive search finds that it would close
/// one, what is shown is a shortest one, and no circle is ever there.
#[test]
fn exactly_the_circles_are_refused() {
    histories::each(CASES, &vec(step(), 1..80), &SOMETIMES, |steps, seen| {
        live_through(&steps, seen).map_err(TestCaseError::fail)
    });
}

fn live_through(steps: &[Step], seen: &Seen) -> Result<(), String> {
    let mut state = State::default();
    let mut time = 1_781_438_400_000;
    for (entropy, step) in steps.iter().enumerate() {
        time += step.tick;
        let now = time - step.behind;
        let command = command(&state, step);
        let decision = decide(&state, now, &command, entropy as u128)
            .map_err(|error| format!("{command:?} was rejected: {error}"))?;
        check(now, &command, &decision, seen).map_err(|broken| {
            format!("at {now}, {command:?}: {broken}, in {:#?}", decision.state)
        })?;
        state = decision.state;
    }
    Ok(())
}

fn command(state: &State, step: &Step) -> Command {
    let agent_id = step.agent.to_owned();
    match &step.action {
        Action::Claim(resource, mode, lease) => Command::Claim(Claim {
            agent_id,
            resource: (*resource).to_owned(),
            // Another mode than its ticket's would be refused for that reason.
            mode: ticket(state, resource, step.agent).or(Some(*mode)),
            lease_seconds: Some(*lease),
            wait: Some(Wait::Queue),
            ..Claim::default()
        }),
        Action::Release(resource) => {
            let record = state.resource(resource);
            let hold = record
                .and_then(|r| r.hold_of(step.agent))
                .map(|h| h.claim_id);
            let waits = record.and_then(|r| r.ticket_of(step.agent));
            let claim_id = hold.or(waits.map(|(_, ticket)| ticket.claim_id));
            Command::Release(Release {
                agent_id,
                claim_id: claim_id.map_or_else(|| "none".to_owned(), |id| id.to_string()),
                resource: (*resource).to_owned(),
            })
        }
        Action::Register => Command::Register(Register {
            agent_id,
            branch: "main".to_owned(),
            prompt_ptr: "task.md".to_owned(),
            role: None,
            ttl_seconds: Some(5),
            session: None,
        }),
    }
}

fn ticket(state: &State, resource: &str, agent: &str) -> Option<Mode> {
    let (_, ticket) = state.resource(resource)?.ticket_of(agent)?;
    Some(ticket.mode)
}

/// Who waits for whom over what.
type Edges = BTreeSet<(String, String)>;

fn check(now: Millis, command: &Command, decision: &Decision, seen: &Seen) -> Result<(), String> {
    let mut edges = Edges::new();
    for (_, record) in decision.state.resources() {
        for (place, ticket) in record.queue.iter().enumerate() {
            for other in in_the_way(record, ticket.mode, place) {
                edges.insert((ticket.agent_id.to_string(), other));
            }
        }
    }
    let closed = closure(edges.clone());
    ensure(closed.iter().all(|(from, to)| from != to), || {
        format!("there is a circle in {edges:?}")
    })?;
    let (Command::Claim(claim), Reply::Claim(reply)) = (command, &decision.reply) else {
        return Ok(());
    };
    let kinds: Vec<_> = decision.events.iter().map(|event| event.kind()).collect();
    if kinds.contains(&"queued") {
        if kinds.contains(&"lapsed") {
            seen.borrow_mut().insert("a lapse while waiting");
        }
        let waits = closed.iter().filter(|(from, _)| *from == claim.agent_id);
        if waits.count() >= 3 {
            seen.borrow_mut()
                .insert("a ticket that closes none of the chains it joins");
        }
    }
    match &reply.deadlock {
        Some(circle) => check_refused(now, claim, circle, reply, edges, &decision.state, seen),
        // An upgrade beside others is denied for another reason (C5).
        None => ensure(
            reply.status != ClaimStatus::Denied || holds(&decision.state, claim),
            || "denied without a circle".to_owned(),
        ),
    }
}

fn holds(state: &State, claim: &Claim) -> bool {
    let record = state.resource(&claim.resource);
    record.is_some_and(|record| record.hold_of(&claim.agent_id).is_some())
}

/// Everybody who has to go before a ticket of `mode` with `place` others ahead of it.
fn in_the_way(record: &ResourceState, mode: Mode, place: usize) -> Vec<String> {
    let conflicts = |other: Mode| mode == Mode::Exclusive || other == Mode::Exclusive;
    let mut names = Vec::new();
    for hold in &record.holders {
        if conflicts(record.mode) {
            names.push(hold.agent_id.to_string());
        }
    }
    for ticket in record.queue.iter().take(place) {
        if conflicts(ticket.mode) {
            names.push(ticket.agent_id.to_string());
        }
    }
    names
}

/// Who waits for whom through any chain.
fn closure(mut edges: Edges) -> Edges {
    loop {
        let mut more = edges.clone();
        for (from, via) in &edges {
            for (_, to) in edges.iter().filter(|(next, _)| next == via) {
                more.insert((from.clone(), to.clone()));
            }
        }
        if more.len() == edges.len() {
            return edges;
        }
        edges = more;
    }
}

fn check_refused(
    now: Millis,
    claim: &Claim,
    circle: &[DeadlockView],
    reply: &ClaimReply,
    mut edges: Edges,
    state: &State,
    seen: &Seen,
) -> Result<(), String> {
    ensure(reply.status == ClaimStatus::Denied, || {
        format!("{:?} with a circle", reply.status)
    })?;
    ensure(
        !holds(state, claim) && ticket(state, &claim.resource, &claim.agent_id).is_none(),
        || "refused, and there all the same".to_owned(),
    )?;
    let record = state
        .resource(&claim.resource)
        .ok_or("refused what is free")?;
    let mode = claim.mode.unwrap_or(Mode::Exclusive);
    for other in in_the_way(record, mode, record.queue.len()) {
        edges.insert((claim.agent_id.clone(), other));
    }
    let shortest = way_back(&edges, &claim.agent_id).ok_or("there is no circle")?;
    ensure(circle.len() == shortest, || {
        format!("{circle:?} is not the shortest circle, which has {shortest} links")
    })?;
    for (at, link) in circle.iter().enumerate() {
        let next = &circle[(at + 1) % circle.len()];
        check_link(now, claim, at, link, next, state, seen)?;
    }
    seen.borrow_mut().insert(match shortest {
        2 => "a circle of two",
        3 => "a circle of three",
        _ => "a circle of four or more",
    });
    Ok(())
}

/// How many edges lead from an agent back to it, at least.
fn way_back(edges: &Edges, agent: &str) -> Option<usize> {
    let mut here = BTreeSet::from([agent]);
    (1..=AGENTS.len()).find(|_| {
        let from = edges
            .iter()
            .filter(|(from, _)| here.contains(from.as_str()));
        here = from.map(|(_, to)| to.as_str()).collect();
        here.contains(agent)
    })
}

/// An agent waits for the resource that the circle says, and the next one is in its way
/// there, with what has not lapsed.
fn check_link(
    now: Millis,
    claim: &Claim,
    at: usize,
    link: &DeadlockView,
    next: &DeadlockView,
    state: &State,
    seen: &Seen,
) -> Result<(), String> {
    let broken = || format!("{link:?} does not wait for {next:?}");
    let record = state.resource(&link.waits_for).ok_or_else(broken)?;
    let (place, mode) = match at {
        0 => {
            let asked = *link.agent_id == *claim.agent_id && *link.waits_for == *claim.resource;
            ensure(asked, || format!("the circle begins with {link:?}"))?;
            (record.queue.len(), claim.mode.unwrap_or(Mode::Exclusive))
        }
        _ => {
            let (place, ticket) = record.ticket_of(&link.agent_id).ok_or_else(broken)?;
            (place, ticket.mode)
        }
    };
    let others = in_the_way(record, mode, place);
    ensure(
        next.holds == link.waits_for && others.contains(&next.agent_id.to_string()),
        broken,
    )?;
    if mode == Mode::Shared || record.mode == Mode::Shared {
        seen.borrow_mut().insert("a circle with readers");
    }
    match record.hold_of(&next.agent_id) {
        Some(hold) => ensure(hold.expires_at > now, || {
            format!("the hold of {} has lapsed", next.agent_id)
        }),
        None => {
            seen.borrow_mut().insert("a link through a ticket");
            Ok(())
        }
    }
}

fn ensure(holds: bool, broken: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(broken()) }
}
