//! Self-healing: whatever touches a resource first cuts what a bad clock left, then
//! reaps, then promotes (rules C8, C9 and C12).

use super::Draft;
use crate::command::Mode;
use crate::event::{ClaimRef, Event, LapseReason};
use crate::ids::ClaimId;
use crate::names::{AgentId, Resource};
use crate::rejection::Rejection;
use crate::state::{Hold, Ticket};
use crate::time::{Millis, after};
use planted::{Bug, sound};

impl Draft {
    /// Brings one resource up to now. Returns the first agent that was promoted.
    pub(super) fn settle(&mut self, resource: &Resource) -> Option<AgentId> {
        self.cut_deadlines(resource);
        self.reap(resource);
        self.promote(resource)
    }

    /// Brings every resource and every registration up to now.
    pub(super) fn settle_all(&mut self) {
        let agents: Vec<AgentId> = self.state.agents.keys().cloned().collect();
        for agent_id in &agents {
            self.cut_registration(agent_id);
        }
        let resources: Vec<Resource> = self.state.resources.keys().cloned().collect();
        for resource in &resources {
            self.settle(resource);
        }
    }

    /// Rule C12, for a registration.
    pub(super) fn cut_registration(&mut self, agent_id: &AgentId) {
        let agent = self.state.agent(agent_id);
        if let Some(expires_at) = agent.and_then(|agent| agent.cut(self.now)) {
            self.emit(Event::RegistrationCut {
                agent_id: agent_id.clone(),
                expires_at,
            });
        }
    }

    /// Rule C12, for everything about a resource: its holds, its tickets, and the
    /// registrations of those who hold and wait.
    fn cut_deadlines(&mut self, resource: &Resource) {
        let Some(record) = self.state.resource(resource) else {
            return;
        };
        let now = self.now;
        let holds = record
            .holders
            .iter()
            .map(|h| (&h.agent_id, h.claim_id, h.cut(now)));
        let tickets = record
            .queue
            .iter()
            .map(|t| (&t.agent_id, t.claim_id, t.cut(now)));
        let too_far = |agent_id: &AgentId| {
            let agent = self.state.agent(agent_id);
            agent.is_some_and(|agent| agent.cut(now).is_some())
        };
        let mut bad_agents: Vec<AgentId> = Vec::new();
        let mut bad_claims: Vec<(AgentId, ClaimId, Millis)> = Vec::new();
        for (agent_id, claim_id, cut) in holds.chain(tickets) {
            if too_far(agent_id) {
                bad_agents.push(agent_id.clone());
            }
            if let Some(expires_at) = cut {
                bad_claims.push((agent_id.clone(), claim_id, expires_at));
            }
        }
        for agent_id in &bad_agents {
            self.cut_registration(agent_id);
        }
        for (agent_id, claim_id, expires_at) in bad_claims {
            self.emit(Event::LeaseCut {
                claim: ClaimRef::new(resource, &agent_id, claim_id),
                expires_at,
            });
        }
    }

    /// Rule C9: takes away every hold and ticket that has lapsed.
    fn reap(&mut self, resource: &Resource) {
        let Some(record) = self.state.resource(resource) else {
            return;
        };
        let holds = record.holders.iter();
        let holds = holds.map(|hold| (&hold.agent_id, hold.claim_id, self.hold_lapse(hold)));
        let tickets = record.queue.iter();
        let tickets = tickets.map(|t| (&t.agent_id, t.claim_id, self.ticket_lapse(t)));
        let lapsed: Vec<Event> = holds
            .chain(tickets)
            .filter_map(|(agent_id, claim_id, lapse)| {
                Some(Event::Lapsed {
                    claim: ClaimRef::new(resource, agent_id, claim_id),
                    reason: lapse?,
                })
            })
            .collect();
        for event in lapsed {
            self.emit(event);
        }
    }

    /// Why a hold has lapsed, if it has: its lease has ended, or its agent is dead.
    pub(super) fn hold_lapse(&self, hold: &Hold) -> Option<LapseReason> {
        if sound!(hold.expires_at <= self.now, Bug::LapsedHoldKept => false) {
            return Some(LapseReason::Lease);
        }
        let agent = self.state.agent(&hold.agent_id)?;
        agent.is_dead(self.now).then_some(LapseReason::Death)
    }

    /// Why a ticket has lapsed, if it has: its agent is dead, or never registered and
    /// did not ask again in time.
    pub(super) fn ticket_lapse(&self, ticket: &Ticket) -> Option<LapseReason> {
        let (lapsed, reason) = match self.state.agent(&ticket.agent_id) {
            Some(agent) => (agent.is_dead(self.now), LapseReason::Death),
            None => (ticket.expires_at <= self.now, LapseReason::Lease),
        };
        sound!(lapsed, Bug::DeadWaiterPromoted => false).then_some(reason)
    }

    /// The fence of the next grant of a resource (rule C3).
    pub(super) fn next_fence(&self, resource: &Resource) -> u64 {
        let newest = self.state.newest_fence(resource);
        sound!(newest + 1, Bug::FenceNotRaised => newest.max(1))
    }

    /// Rule G8: refuses a claim of a resource whose fences are used up. Each ticket has one
    /// kept for it, so that whoever was queued can be promoted; `more` are asked for beside.
    pub(super) fn check_fences(&self, resource: &Resource, more: u64) -> Result<(), Rejection> {
        let newest = self.state.newest_fence(resource);
        let waiting = self.state.resource(resource).map_or(0, |r| r.queue.len());
        let most = self.state.limits().count;
        let needed = newest.saturating_add(waiting as u64).saturating_add(more);
        if sound!(needed <= most, Bug::FenceBeyondLimit => true) {
            return Ok(());
        }
        Err(Rejection::described(
            "resource",
            format_args!("one whose fences are used up, at {newest} with {waiting} tickets"),
            format!("one with a fence up to {most} left; claim it under another name"),
        ))
    }

    /// Rule C8: grants the head of the queue if nothing is in its way, and with a
    /// shared head the run of shared tickets right behind it, under one fence.
    /// Returns the first agent promoted.
    ///
    /// Once is enough: after an exclusive promotion everything conflicts, and after a
    /// shared run the head is exclusive.
    pub(super) fn promote(&mut self, resource: &Resource) -> Option<AgentId> {
        let record = self.state.resource(resource)?;
        let queue = sound!(
            &record.queue,
            Bug::LifoPromotion => &record.queue.skip(record.queue.len().saturating_sub(1))
        );
        let head = queue.front()?;
        if !record.admits(head.mode) {
            return None;
        }
        let run = match head.mode {
            Mode::Exclusive => 1,
            Mode::Shared => queue.len(),
        };
        let tickets = queue.iter().take(run);
        let run: Vec<Ticket> = tickets
            .take_while(|t| t.mode == head.mode)
            .cloned()
            .collect();
        let fence = self.next_fence(resource);
        if fence > self.state.limits().count {
            // Each ticket that `queue` takes has a fence left: only a forged one comes here.
            return None;
        }
        let first = run.first().map(|ticket| ticket.agent_id.clone());
        for ticket in run {
            self.emit(Event::Promoted {
                claim: ClaimRef::new(resource, &ticket.agent_id, ticket.claim_id),
                fence,
                expires_at: after(self.now, ticket.lease_ms),
            });
        }
        first
    }
}
