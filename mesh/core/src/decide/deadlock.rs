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
//! it is enough to look before a ticket is made, and no circle is ever in a state that
//! began without one.
//!
//! The search touches each resource that it comes past, and so first brings it up to now
//! as everything does that touches one (rule C9). Merely ignoring what has lapsed would
//! find the same circles, but leave a hole: a clock that is behind could renew a hold
//! that the search took for gone.
//!
//! The search is breadth first, so the circle shown is a shortest one.

use std::collections::{BTreeMap, BTreeSet};

use super::{Draft, Stop};
use crate::command::Mode;
use crate::names::{AgentId, Resource};
use crate::reply::DeadlockView;
use crate::state::ResourceState;

impl Draft {
    /// The circle that a ticket of `agent_id` at the end of the queue of `resource` would
    /// close, from that agent on, or none. Takes time in proportion to the holds and
    /// tickets of the resources that the chain leads past.
    pub(super) fn deadlock(
        &mut self,
        agent_id: &AgentId,
        resource: &Resource,
        mode: Mode,
    ) -> Result<Option<Vec<DeadlockView>>, Stop> {
        let mut search = Search::new(agent_id);
        // The claim has brought its own resource up to now.
        search.settled.insert(resource.clone());
        let record = self.record(resource);
        if search.closes(0, resource, &record, mode, record.queue.len()) {
            return Ok(Some(search.circle(0, resource)));
        }
        let mut at = 1;
        while let Some(agent_id) = search.agent(at) {
            let resources: Vec<Resource> = self.state.involved(&agent_id).cloned().collect();
            for resource in resources {
                let record = self.record(&resource);
                if search.ticket(at, &resource, &record).is_none() {
                    continue;
                }
                // Once is enough: only this command touches it now.
                if search.settled.insert(resource.clone()) {
                    self.settle(&resource)?;
                }
                let record = self.record(&resource);
                let Some((place, mode)) = search.ticket(at, &resource, &record) else {
                    continue;
                };
                if search.closes(at, &resource, &record, mode, place) {
                    return Ok(Some(search.circle(at, &resource)));
                }
            }
            at += 1;
        }
        Ok(None)
    }
}

/// The agents that the first one would wait for, through any chain, as far as they are
/// known.
struct Search {
    /// In the order in which they were found.
    steps: Vec<Step>,
    found: BTreeSet<AgentId>,
    /// How much of each queue was looked at, for each mode.
    passed: BTreeMap<(Resource, Mode), usize>,
    /// The resources that were brought up to now.
    settled: BTreeSet<Resource>,
}

/// An agent that the search has found, and how.
struct Step {
    agent_id: AgentId,
    /// The step that waits for this agent, and over which resource; none for the first.
    before: Option<(usize, Resource)>,
    /// What it has there: the place and the mode of its ticket, or a hold.
    ticket: Option<(usize, Mode)>,
}

impl Search {
    fn new(agent_id: &AgentId) -> Self {
        let first = Step {
            agent_id: agent_id.clone(),
            before: None,
            ticket: None,
        };
        Self {
            steps: vec![first],
            found: BTreeSet::new(),
            passed: BTreeMap::new(),
            settled: BTreeSet::new(),
        }
    }

    fn agent(&self, at: usize) -> Option<AgentId> {
        self.steps.get(at).map(|step| step.agent_id.clone())
    }

    /// Takes in everybody whom the agent of step `at` waits for with a ticket of `mode`
    /// that has `place` tickets ahead of it. Whether the first agent is among them.
    fn closes(
        &mut self,
        at: usize,
        resource: &Resource,
        record: &ResourceState,
        mode: Mode,
        place: usize,
    ) -> bool {
        if self.has_passed(resource, mode, place) {
            return false;
        }
        let holds = record.holders.iter();
        let holds = holds.filter(|_| record.mode.conflicts(mode));
        let ahead = record.queue.iter().take(place).enumerate();
        let ahead = ahead.filter(|(_, ticket)| ticket.mode.conflicts(mode));
        let blockers = holds
            .map(|hold| (&hold.agent_id, None))
            .chain(ahead.map(|(place, t)| (&t.agent_id, Some((place, t.mode)))));
        for (blocker, ticket) in blockers {
            if *blocker == self.steps[0].agent_id {
                return true;
            }
            if self.found.insert(blocker.clone()) {
                self.steps.push(Step {
                    agent_id: blocker.clone(),
                    before: Some((at, resource.clone())),
                    ticket,
                });
            }
        }
        false
    }

    /// The ticket of a step's agent. Where it was found in that very queue, nobody has to
    /// look for it again.
    fn ticket(
        &self,
        at: usize,
        resource: &Resource,
        record: &ResourceState,
    ) -> Option<(usize, Mode)> {
        let step = &self.steps[at];
        match &step.before {
            Some((_, over)) if over == resource => step.ticket,
            _ => {
                let (place, ticket) = record.ticket_of(&step.agent_id)?;
                Some((place, ticket.mode))
            }
        }
    }

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

    /// The way from the first agent to that of step `at`, which waits for the first one
    /// over `last`.
    fn circle(&self, at: usize, last: &Resource) -> Vec<DeadlockView> {
        let mut circle = Vec::new();
        let mut waits_for = last;
        let mut step = &self.steps[at];
        loop {
            let before = step.before.as_ref();
            let holds = before.map_or(last, |(_, over)| over);
            circle.push(DeadlockView {
                agent_id: step.agent_id.clone(),
                holds: holds.clone(),
                waits_for: waits_for.clone(),
            });
            let Some((at, over)) = before else { break };
            waits_for = over;
            step = &self.steps[*at];
        }
        circle.reverse();
        circle
    }
}
