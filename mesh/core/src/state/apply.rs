//! Folding events into the state. No rule is decided here: an event is a fact.

use std::sync::Arc;

use super::{Agent, Hold, KeyedPost, Loss, Message, ResourceState, State, Ticket};
use crate::command::Mode;
use crate::event::{ClaimRef, Entry, Event};
use crate::ids::ClaimId;
use crate::names::{AgentId, Resource};
use crate::steps;
use crate::time::Millis;

impl State {
    /// Folds an entry in. Logarithmic in the size of the state for each event.
    ///
    /// In debug builds, [`State::invariants`] are asserted after it: an entry that
    /// breaks them was decided by a bug.
    pub fn apply_entry(&mut self, entry: &Entry) {
        for event in &entry.events {
            self.apply(entry.at, event);
        }
        #[cfg(debug_assertions)]
        if !planted::is_silent()
            && let Err(broken) = self.invariants()
        {
            panic!("entry {} breaks an invariant: {broken}", entry.seq);
        }
    }

    /// Folds one event in, which happened at `at`.
    pub fn apply(&mut self, at: Millis, event: &Event) {
        if let Some(claim) = event.claim() {
            self.apply_to_losses(at, claim, event);
            self.apply_to_claims(claim, event);
            return;
        }
        match event {
            Event::Registered { .. } | Event::Heartbeat { .. } | Event::RegistrationCut { .. } => {
                self.apply_to_roster(at, event);
            }
            // `Adopted` says what was, and changes nothing.
            _ => self.apply_to_mail(at, event),
        }
    }

    fn apply_to_roster(&mut self, at: Millis, event: &Event) {
        match event {
            Event::Registered {
                agent_id,
                branch,
                prompt_ptr,
                role,
                ttl_ms,
                expires_at,
                epoch,
                session,
            } => {
                let earlier = self.agents.get(agent_id);
                let agent = Agent {
                    branch: branch.clone(),
                    prompt_ptr: prompt_ptr.clone(),
                    role: role.clone(),
                    registered_at: earlier.map_or(at, |agent| agent.registered_at),
                    last_seen: at,
                    ttl_ms: *ttl_ms,
                    expires_at: *expires_at,
                    epoch: *epoch,
                    session: session.clone(),
                };
                self.agents.insert(agent_id.clone(), agent);
            }
            Event::Heartbeat {
                agent_id,
                expires_at,
                epoch,
            } => self.change_agent(agent_id, |agent| {
                agent.last_seen = at;
                agent.expires_at = *expires_at;
                agent.epoch = *epoch;
            }),
            Event::RegistrationCut {
                agent_id,
                expires_at,
            } => self.change_agent(agent_id, |agent| {
                agent.expires_at = *expires_at;
                // The sign of life was dated by the same bad clock.
                agent.last_seen = agent.last_seen.min(at);
            }),
            _ => {}
        }
    }

    fn change_agent(&mut self, agent_id: &AgentId, change: impl FnOnce(&mut Agent)) {
        if let Some(agent) = self.agents.get_mut(agent_id) {
            change(agent);
        }
    }

    /// Remembers a hold that lapses, until its agent holds the resource again.
    fn apply_to_losses(&mut self, at: Millis, claim: &ClaimRef, event: &Event) {
        match event {
            Event::Granted { .. } | Event::Promoted { .. } => {
                self.losses.remove(&claim.agent_id, &claim.resource);
            }
            Event::Lapsed { reason, .. } => {
                let record = self.resources.get(&claim.resource);
                let hold = record.and_then(|record| record.hold_of(&claim.agent_id));
                let Some(hold) = hold.filter(|hold| hold.claim_id == claim.claim_id) else {
                    return;
                };
                let loss = Loss {
                    claim_id: claim.claim_id,
                    fence: hold.fence,
                    at,
                    reason: *reason,
                };
                let whose = (claim.agent_id.clone(), claim.resource.clone());
                self.losses.insert(whose, loss, self.within.0.losses);
            }
            _ => {}
        }
    }

    fn apply_to_claims(&mut self, claim: &ClaimRef, event: &Event) {
        let ClaimRef {
            resource, agent_id, ..
        } = claim;
        let mut record = match self.resources.get(resource) {
            Some(record) => record.clone(),
            None => ResourceState::free(),
        };
        record.apply(event);
        if let Some(fence) = event.fence() {
            self.fences.insert(resource.clone(), fence);
        }
        if let Some(new) = event.new_claim() {
            self.newest_claim = self.newest_claim.max(new.claim_id);
        }
        self.index_involvement(resource, agent_id, &record);
        if record.is_idle() {
            self.resources.remove(resource);
        } else {
            self.resources.insert(resource.clone(), record);
        }
    }

    /// Keeps `involved` right after an event about `agent_id`.
    fn index_involvement(
        &mut self,
        resource: &Resource,
        agent_id: &AgentId,
        record: &ResourceState,
    ) {
        let mut involved = self.involved.get(agent_id).cloned().unwrap_or_default();
        if record.hold_of(agent_id).is_some() || record.ticket_of(agent_id).is_some() {
            involved.insert(resource.clone());
        } else {
            involved.remove(resource);
        }
        if involved.is_empty() {
            self.involved.remove(agent_id);
        } else {
            self.involved.insert(agent_id.clone(), involved);
        }
    }

    fn apply_to_mail(&mut self, at: Millis, event: &Event) {
        match event {
            Event::Posted {
                message_id,
                from,
                to,
                subject,
                body,
                reply_to,
                expires_at,
                key,
                fanout,
            } => {
                let message = Message {
                    from: from.clone(),
                    to: to.clone(),
                    subject: subject.clone(),
                    body: body.clone(),
                    reply_to: reply_to.clone(),
                    posted_at: at,
                    expires_at: *expires_at,
                };
                self.mail.insert(*message_id, Arc::new(message));
                if let Some(key) = key {
                    let post = KeyedPost {
                        agent_id: from.clone(),
                        key: key.clone(),
                        posted_at: at,
                        fanout: *fanout,
                    };
                    self.mail.remember(*message_id, post);
                }
            }
            Event::CursorMoved { agent_id, cursor } => {
                self.mail.cursors.insert(agent_id.clone(), *cursor);
            }
            Event::Expired { message_ids } => self.mail.remove(message_ids),
            Event::KeysForgotten { message_ids } => {
                for id in message_ids {
                    self.mail.forget(*id);
                }
            }
            _ => {}
        }
    }
}

impl ResourceState {
    /// Folds an event about this resource in.
    pub(crate) fn apply(&mut self, event: &Event) {
        match event {
            Event::Granted {
                claim,
                fence,
                mode,
                terms,
            } => {
                self.mode = *mode;
                self.holders.push_back(Hold::new(claim, *fence, terms));
            }
            Event::Renewed { claim, mode, terms } => {
                self.mode = *mode;
                self.change_hold(claim.claim_id, |hold| hold.renew(terms));
            }
            Event::Upgraded {
                claim,
                fence,
                terms,
            } => {
                self.mode = Mode::Exclusive;
                self.change_hold(claim.claim_id, |hold| {
                    hold.renew(terms);
                    hold.fence = *fence;
                });
            }
            Event::Queued { claim, mode, terms } => {
                self.queue.push_back(Ticket::new(claim, *mode, terms));
            }
            Event::TicketRenewed { claim, terms } => {
                self.change_ticket(claim.claim_id, |ticket| ticket.renew(terms));
            }
            Event::Promoted {
                claim,
                fence,
                expires_at,
            } => self.promote(claim.claim_id, *fence, *expires_at),
            Event::Released { claim }
            | Event::Cancelled { claim }
            | Event::Lapsed { claim, .. } => self.remove(claim.claim_id),
            Event::LeaseCut { claim, expires_at } => {
                self.change_hold(claim.claim_id, |hold| hold.expires_at = *expires_at);
                self.change_ticket(claim.claim_id, |ticket| ticket.expires_at = *expires_at);
            }
            _ => {}
        }
    }

    fn promote(&mut self, claim_id: ClaimId, fence: u64, expires_at: Millis) {
        let Some(place) = self.ticket_place(claim_id) else {
            return;
        };
        let ticket = self.queue.remove(place);
        self.mode = ticket.mode;
        self.holders.push_back(ticket.promoted(fence, expires_at));
    }

    fn remove(&mut self, claim_id: ClaimId) {
        if let Some(place) = self.hold_place(claim_id) {
            self.holders.remove(place);
        }
        if let Some(place) = self.ticket_place(claim_id) {
            self.queue.remove(place);
        }
    }

    fn hold_place(&self, claim_id: ClaimId) -> Option<usize> {
        steps::each(&self.holders).position(|hold| hold.claim_id == claim_id)
    }

    fn ticket_place(&self, claim_id: ClaimId) -> Option<usize> {
        steps::each(&self.queue).position(|ticket| ticket.claim_id == claim_id)
    }

    fn change_hold(&mut self, claim_id: ClaimId, change: impl FnOnce(&mut Hold)) {
        let place = self.hold_place(claim_id);
        if let Some(hold) = place.and_then(|place| self.holders.get_mut(place)) {
            change(hold);
        }
    }

    fn change_ticket(&mut self, claim_id: ClaimId, change: impl FnOnce(&mut Ticket)) {
        let place = self.ticket_place(claim_id);
        if let Some(ticket) = place.and_then(|place| self.queue.get_mut(place)) {
            change(ticket);
        }
    }
}
