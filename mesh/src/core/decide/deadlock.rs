//! Waiting that would never end (rule W4).
//!
//! A ticket waits for whoever must go before it: the holders that it conflicts with,
//! and the conflicting tickets ahead of it in the queue. Those agents may wait for
//! others in turn. If the chain comes back to the agent that is about to queue, nobody
//! in it would ever release, because each waits for the next, and only the ends of
//! leases would free them, one after the other.
//!
//! A circle is only ever closed by a new ticket. Every other event takes edges of this
//! graph away, or grants to an agent for which the rest of the queue waited already. So
//! it is enough to look before a ticket is made, and no circle is ever in the state.
//!
//! The search is breadth first, so the circle shown is a shortest one.

use std::collections::{BTreeMap, BTreeSet};

use super::Draft;
use crate::core::command::Mode;
use crate::core::names::{AgentId, Resource};
use crate::core::reply::DeadlockView;
use crate::core::state::ResourceState;

/// An agent that the search has come to, and how.
struct Step {
    agent_id: AgentId,
    /// The step that waits for this agent; none for the first.
    before: Option<usize>,
    /// The resource that the step before waits for.
    over: Resource,
}

impl Draft {
    /// The circle that a ticket of `agent_id` on `resource` would close, from that agent
    /// on, or none. Takes time in proportion to the holds and tickets that the chain
    /// leads past.
    pub(super) fn deadlock(
        &self,
        agent_id: &AgentId,
        resource: &Resource,
        mode: Mode,
    ) -> Option<Vec<DeadlockView>> {
        let mut search = Search {
            steps: vec![Step {
                agent_id: agent_id.clone(),
                before: None,
                over: resource.clone(),
            }],
            seen: BTreeSet::new(),
            passed: BTreeMap::new(),
        };
        let record = self.state.resource(resource)?;
        let last = record.queue.len();
        if let Some(cycle) = self.go_past(&mut search, 0, resource, record, mode, last) {
            return Some(cycle);
        }
        let mut at = 1;
        while let Some(step) = search.steps.get(at) {
            let agent_id = step.agent_id.clone();
            for resource in self.state.involved(&agent_id) {
                let Some(record) = self.state.resource(resource) else {
                    continue;
                };
                let Some((place, ticket)) = record.ticket_of(&agent_id) else {
                    continue;
                };
                let mode = ticket.mode;
                if let Some(cycle) = self.go_past(&mut search, at, resource, record, mode, place) {
                    return Some(cycle);
                }
            }
            at += 1;
        }
        None
    }

    /// Adds everybody whom a ticket of `mode` at `place` waits for. The circle, if the
    /// agent that the search began with is among them.
    fn go_past(
        &self,
        search: &mut Search,
        at: usize,
        resource: &Resource,
        record: &ResourceState,
        mode: Mode,
        place: usize,
    ) -> Option<Vec<DeadlockView>> {
        if search.has_passed(resource, mode, place) {
            return None;
        }
        let holds = record.holders.iter();
        let holds =
            holds.filter(|hold| record.mode.conflicts(mode) && self.hold_lapse(hold).is_none());
        let ahead = record.queue.iter().take(place);
        let ahead = ahead
            .filter(|ticket| ticket.mode.conflicts(mode) && self.ticket_lapse(ticket).is_none());
        let blockers = holds
            .map(|hold| &hold.agent_id)
            .chain(ahead.map(|ticket| &ticket.agent_id));
        for blocker in blockers {
            if *blocker == search.steps[0].agent_id {
                return Some(search.cycle(at, resource));
            }
            search.add(at, resource, blocker);
        }
        None
    }
}

struct Search {
    steps: Vec<Step>,
    seen: BTreeSet<AgentId>,
    /// How much of each queue was looked at, in each mode.
    passed: BTreeMap<(Resource, Mode), usize>,
}

impl Search {
    /// Whether a ticket of this mode, as far back in the queue, was looked at before:
    /// then nobody new blocks this one.
    fn has_passed(&mut self, resource: &Resource, mode: Mode, place: usize) -> bool {
        let key = (resource.clone(), mode);
        let passed = self.passed.get(&key).is_some_and(|far| *far >= place);
        if !passed {
            self.passed.insert(key, place);
        }
        passed
    }

    fn add(&mut self, before: usize, over: &Resource, agent_id: &AgentId) {
        if self.seen.insert(agent_id.clone()) {
            self.steps.push(Step {
                agent_id: agent_id.clone(),
                before: Some(before),
                over: over.clone(),
            });
        }
    }

    /// The way from the first step to `at`, which waits for the first agent over `last`.
    fn cycle(&self, at: usize, last: &Resource) -> Vec<DeadlockView> {
        let mut cycle = Vec::new();
        let mut waits_for = last.clone();
        let mut next = Some(at);
        while let Some(step) = next.and_then(|at| self.steps.get(at)) {
            let holds = match step.before {
                Some(_) => step.over.clone(),
                None => last.clone(),
            };
            cycle.push(DeadlockView {
                agent_id: step.agent_id.clone(),
                waits_for: std::mem::replace(&mut waits_for, step.over.clone()),
                holds,
            });
            next = step.before;
        }
        cycle.reverse();
        cycle
    }
}
