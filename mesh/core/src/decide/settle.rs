//! Self-healing: whatever touches a resource first cuts what a bad clock left, then
//! reaps, then promotes (rules C8, C9 and C12).

use super::{Draft, Stop};
use crate::command::Mode;
use crate::event::{ClaimRef, Event, LapseReason};
use crate::names::{AgentId, Resource};
use crate::rejection::Rejection;
use crate::state::{Hold, ResourceState, Ticket};
use crate::steps;
use crate::time::after;
use planted::{Bug, sound};

impl Draft {
    /// Brings one resource up to now. Returns the first agent that was promoted.
    pub(super) fn settle(&mut self, resource: &Resource) -> Result<Option<AgentId>, Stop> {
        self.reap_only(resource)?;
        Ok(self.promote(resource))
    }

    /// The same without promoting anybody.
    pub(super) fn reap_only(&mut self, resource: &Resource) -> Result<(), Stop> {
        self.cut_deadlines(resource)?;
        self.reap(resource)
    }

    /// Brings every resource and every registration up to now.
    pub(super) fn settle_all(&mut self) -> Result<(), Stop> {
        let agents: Vec<AgentId> = self.state.agents.keys().cloned().collect();
        for agent_id in &agents {
            self.cut_registration(agent_id)?;
        }
        let resources: Vec<Resource> = self.state.resources.keys().cloned().collect();
        for resource in &resources {
            self.settle(resource)?;
        }
        Ok(())
    }

    /// Rule C12, for a registration.
    pub(super) fn cut_registration(&mut self, agent_id: &AgentId) -> Result<(), Stop> {
        if let Some(cut) = self.bad_registration(agent_id) {
            self.make_room(1, None)?;
            self.emit(cut);
        }
        Ok(())
    }

    fn bad_registration(&self, agent_id: &AgentId) -> Option<Event> {
        let agent = self.state.agent(agent_id)?;
        Some(Event::RegistrationCut {
            agent_id: agent_id.clone(),
            expires_at: agent.cut(self.now)?,
        })
    }

    /// Rule C12, for everything about a resource.
    fn cut_deadlines(&mut self, resource: &Resource) -> Result<(), Stop> {
        let cuts = self.bad_deadlines(resource);
        self.make_room(cuts.len(), Some(resource))?;
        cuts.into_iter().for_each(|cut| self.emit(cut));
        Ok(())
    }

    /// What is to be cut about a resource: the registrations of those who hold and wait, then
    /// their holds and tickets.
    pub(super) fn bad_deadlines(&self, resource: &Resource) -> Vec<Event> {
        let Some(record) = self.state.resource(resource) else {
            return Vec::new();
        };
        let now = self.now;
        let holds = steps::each(&record.holders).map(|h| (&h.agent_id, h.claim_id, h.cut(now)));
        let tickets = steps::each(&record.queue).map(|t| (&t.agent_id, t.claim_id, t.cut(now)));
        let mut registrations: Vec<Event> = Vec::new();
        let mut claims: Vec<Event> = Vec::new();
        for (agent_id, claim_id, cut) in holds.chain(tickets) {
            registrations.extend(self.bad_registration(agent_id));
            claims.extend(cut.map(|expires_at| Event::LeaseCut {
                claim: ClaimRef::new(resource, agent_id, claim_id),
                expires_at,
            }));
        }
        registrations.append(&mut claims);
        registrations
    }

    /// Rule C9: takes away every hold and ticket that has lapsed.
    fn reap(&mut self, resource: &Resource) -> Result<(), Stop> {
        let Some(record) = self.state.resource(resource) else {
            return Ok(());
        };
        let mut lapsed = self.lapsed_holds(resource, record);
        lapsed.append(&mut self.lapsed_tickets(resource, record));
        self.make_room(lapsed.len(), Some(resource))?;
        lapsed.into_iter().for_each(|event| self.emit(event));
        Ok(())
    }

    pub(super) fn lapsed_holds(&self, resource: &Resource, record: &ResourceState) -> Vec<Event> {
        let holds = steps::each(&record.holders);
        let lapsed = holds.filter_map(|hold| {
            Some(Event::Lapsed {
                claim: ClaimRef::new(resource, &hold.agent_id, hold.claim_id),
                reason: self.hold_lapse(hold)?,
            })
        });
        lapsed.collect()
    }

    pub(super) fn lapsed_tickets(&self, resource: &Resource, record: &ResourceState) -> Vec<Event> {
        let tickets = steps::each(&record.queue);
        let lapsed = tickets.filter_map(|ticket| {
            Some(Event::Lapsed {
                claim: ClaimRef::new(resource, &ticket.agent_id, ticket.claim_id),
                reason: self.ticket_lapse(ticket)?,
            })
        });
        lapsed.collect()
    }

    /// Goes on only if the entry has room for so many lapses or cuts more.
    fn make_room(&mut self, reaped: usize, of: Option<&Resource>) -> Result<(), Stop> {
        match self.room.reaped.checked_sub(reaped) {
            Some(left) => self.room.reaped = left,
            None => return Err(Stop::Crowded(of.cloned())),
        }
        Ok(())
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

    /// Rule G8: refuses to share what as many hold and wait for as may share it. Each ticket has
    /// a place kept for it, so that a promotion never makes too many: whoever waits may come
    /// to hold it beside all those who hold it now, and whoever holds it alone may share it.
    pub(super) fn check_sharers(&self, resource: &Resource, mode: Mode) -> Result<(), Rejection> {
        let record = self.state.resource(resource);
        let beside = record.map_or(0, |record| record.holders.len() + record.queue.len());
        let most = self.state.limits().sharers;
        let few = beside < sound!(most, Bug::SharerTooMany => most + 1);
        if few || mode == Mode::Exclusive {
            return Ok(());
        }
        Err(Rejection::described(
            "resource",
            format_args!("one that {beside} agents hold or wait for"),
            format!(
                "a shared claim of one with fewer than {most} of them; try again later, or share \
                 a part of it under another name"
            ),
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
