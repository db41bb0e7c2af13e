//! Leased, fenced locks: `claim`, `release`, `claims` (C1 to C11).

use super::{Draft, Stop};
use crate::arguments;
use crate::command::{Claim, Claims, Mode, Release, Wait};
use crate::event::{ClaimRef, Event, Terms};
use crate::ids::{ClaimId, Entropy};
use crate::limits::{DEFAULT_LEASE_SECONDS, LOSS_MEMORY, MAX_LEASE_SECONDS, MAX_TEXT_BYTES};
use crate::names::{AgentId, Resource};
use crate::rejection::Rejection;
use crate::reply::{
    ClaimReply, ClaimStatus, ClaimView, ClaimsReply, HolderView, LossView, ReleaseReply,
    ReleaseStatus, TicketView,
};
use crate::state::{Hold, ResourceState, State, Ticket};
use crate::time::{Millis, Timestamp, after, is_recent};
use planted::{Bug, promise, sound};

/// The lease of a new claim that does not say for how long.
const DEFAULT_LEASE: Millis = DEFAULT_LEASE_SECONDS * 1000;

/// A claim whose arguments are valid.
pub(super) struct Request<'a> {
    command: &'a Claim,
    pub(super) agent_id: AgentId,
    pub(super) resource: Resource,
    lease_ms: Option<Millis>,
    wait: Wait,
}

impl<'a> Request<'a> {
    pub(super) fn check(command: &'a Claim) -> Result<Self, Rejection> {
        if let Some(note) = &command.note {
            arguments::lines("note", note, MAX_TEXT_BYTES)?;
        }
        let lease = command.lease_seconds;
        let lease = lease.map(|s| arguments::seconds("lease_seconds", s, 1..=MAX_LEASE_SECONDS));
        Ok(Self {
            command,
            agent_id: AgentId::acting("agent_id", &command.agent_id)?,
            resource: Resource::claimable(&command.resource)?,
            lease_ms: lease.transpose()?,
            wait: wait(command)?,
        })
    }

    /// The claim that it is about, by its id.
    fn claim(&self, claim_id: ClaimId) -> ClaimRef {
        ClaimRef::new(&self.resource, &self.agent_id, claim_id)
    }

    /// What it asks for now. `lease_ms` is what it means where it says nothing of a lease.
    fn terms(&self, now: Millis, lease_ms: Millis) -> Terms {
        let lease_ms = self.lease_ms.unwrap_or(lease_ms);
        Terms {
            lease_ms,
            expires_at: after(now, lease_ms),
            note: self.command.note.as_deref().map(Into::into),
        }
    }
}

/// What the claim does where it cannot be granted: the time that it waits must be
/// allowed, and must not contradict what it says about waiting (rule W1).
fn wait(command: &Claim) -> Result<Wait, Rejection> {
    let held = arguments::wait_seconds(command.wait_seconds)?;
    if held > 0 && command.wait == Some(Wait::NoWait) {
        return Err(Rejection::described(
            "wait_seconds",
            format_args!("{} beside wait: no_wait", held / 1000),
            "0 with no_wait; leave wait out to wait in the queue",
        ));
    }
    Ok(command.wait())
}

impl Draft {
    /// Rule C1. What a claim means depends on what the agent has already: a hold is
    /// renewed or changes its mode, a ticket is kept, anything else is a new request.
    pub(super) fn claim(&mut self, command: &Claim) -> Result<ClaimReply, Stop> {
        let request = Request::check(command)?;
        self.heartbeat(&request.agent_id)?;
        let earlier = self.lost(&request);
        self.settle(&request.resource)?;
        let lost = self.lost(&request).or(earlier);
        let mut reply = self.claim_settled(&request)?;
        reply.lost = lost;
        Ok(reply)
    }

    /// Rule W6. Settling may take the hold away only now, or end an earlier loss by a
    /// promotion that the caller does not know of yet, and the claim itself may end it: so
    /// it is looked up before all that, and again in between.
    fn lost(&self, request: &Request<'_>) -> Option<LossView> {
        let losses = self.state.losses();
        let loss = losses.get(&request.agent_id, &request.resource)?;
        let recent = is_recent(loss.at, self.now, LOSS_MEMORY);
        sound!(recent, Bug::LossNotSaid => false).then_some(LossView {
            claim_id: loss.claim_id,
            fence: loss.fence,
            at: Timestamp(loss.at),
            reason: loss.reason,
        })
    }

    fn claim_settled(&mut self, request: &Request<'_>) -> Result<ClaimReply, Stop> {
        let record = self.record(&request.resource);
        if let Some(hold) = record.hold_of(&request.agent_id) {
            return Ok(self.claim_again(request, &record, hold)?);
        }
        if let Some((_, ticket)) = record.ticket_of(&request.agent_id) {
            return Ok(sound!(
                self.ask_again(request, ticket),
                Bug::SecondTicket => self.queue(request, request.command.mode.unwrap_or(Mode::Exclusive))
            )?);
        }
        self.claim_anew(request, &record)
    }

    /// A current holder claims: a renewal (C4), or another mode (C5).
    fn claim_again(
        &mut self,
        request: &Request<'_>,
        record: &ResourceState,
        hold: &Hold,
    ) -> Result<ClaimReply, Rejection> {
        let mode = request.command.mode.unwrap_or(record.mode);
        if record.mode == Mode::Shared && mode == Mode::Exclusive {
            let alone = record.holders.len() == 1 && record.queue.is_empty();
            return if alone {
                self.upgrade(request, hold)
            } else {
                // Waiting for one's own shared hold to end would wait for ever.
                Ok(sound!(self.denied(request), Bug::SharedToldExclusive => {
                    self.renew(request, hold, record.mode);
                    self.granted(request)
                }))
            };
        }
        self.renew(request, hold, mode);
        sound!(self.promote(&request.resource), Bug::DowngradePromotesNobody => None);
        Ok(self.granted(request))
    }

    fn renew(&mut self, request: &Request<'_>, hold: &Hold, mode: Mode) {
        self.emit(Event::Renewed {
            claim: request.claim(hold.claim_id),
            mode,
            terms: request.terms(self.now, hold.lease_ms),
        });
    }

    /// Shared to exclusive, for a sole holder with nobody queued: a new grant under
    /// the same claim id.
    fn upgrade(&mut self, request: &Request<'_>, hold: &Hold) -> Result<ClaimReply, Rejection> {
        self.check_fences(&request.resource, 1)?;
        self.emit(Event::Upgraded {
            claim: request.claim(hold.claim_id),
            fence: self.state.newest_fence(&request.resource)
                + sound!(1, Bug::UpgradeKeepsFence => 0),
            terms: request.terms(self.now, hold.lease_ms),
        });
        Ok(self.granted(request))
    }

    /// Rule C7: a queued agent keeps its ticket, whatever it says about waiting.
    fn ask_again(
        &mut self,
        request: &Request<'_>,
        ticket: &Ticket,
    ) -> Result<ClaimReply, Rejection> {
        if let Some(mode) = request.command.mode.filter(|mode| *mode != ticket.mode) {
            return Err(Rejection::described(
                "mode",
                format_args!("{mode:?} while queued for {:?}", ticket.mode)
                    .to_string()
                    .to_lowercase(),
                "the mode of the ticket; release the ticket first to ask for another",
            ));
        }
        self.check_fences(&request.resource, 0)?;
        self.emit(Event::TicketRenewed {
            claim: request.claim(ticket.claim_id),
            terms: request.terms(self.now, ticket.lease_ms),
        });
        Ok(self.queued(request))
    }

    /// A new request: granted if nobody is in the way (C2) and nobody would be passed
    /// (C6); else queued or denied.
    fn claim_anew(
        &mut self,
        request: &Request<'_>,
        record: &ResourceState,
    ) -> Result<ClaimReply, Stop> {
        let mode = request.command.mode.unwrap_or(Mode::Exclusive);
        let passes_nobody = sound!(
            record.queue.is_empty(),
            Bug::SharedOvertakes => record.queue.is_empty() || mode == Mode::Shared
        );
        if passes_nobody && record.admits(mode) {
            self.check_sharers(&request.resource, mode)?;
            self.grant(request, mode)?;
            promise!(
                mode == Mode::Exclusive || record.holders.len() < self.state.limits().sharers,
                "no more share a resource than may"
            );
            return Ok(self.granted(request));
        }
        if request.wait == Wait::NoWait {
            return Ok(self.denied(request));
        }
        let most = self.state.limits().tickets;
        let most = sound!(most, Bug::TicketTooMany => most + 1);
        if record.queue.len() >= most {
            let rejection = Rejection::described(
                "resource",
                format_args!("one for which {} agents wait", record.queue.len()),
                format!("one with fewer than {most} tickets; try again later"),
            );
            return Err(rejection.into());
        }
        self.check_sharers(&request.resource, mode)?;
        let circle = self.deadlock(&request.agent_id, &request.resource, mode)?;
        if let Some(circle) = sound!(circle, Bug::CircleQueued => None) {
            let mut reply = self.denied(request);
            reply.deadlock = Some(circle);
            return Ok(reply);
        }
        Ok(self.queue(request, mode)?)
    }

    fn grant(&mut self, request: &Request<'_>, mode: Mode) -> Result<(), Rejection> {
        self.check_fences(&request.resource, 1)?;
        self.emit(Event::Granted {
            claim: request.claim(self.next_claim_id()?),
            fence: self.next_fence(&request.resource),
            mode,
            terms: request.terms(self.now, DEFAULT_LEASE),
        });
        Ok(())
    }

    fn queue(&mut self, request: &Request<'_>, mode: Mode) -> Result<ClaimReply, Rejection> {
        self.check_fences(&request.resource, 1)?;
        self.emit(Event::Queued {
            claim: request.claim(self.next_claim_id()?),
            mode,
            terms: request.terms(self.now, DEFAULT_LEASE),
        });
        Ok(self.queued(request))
    }

    fn next_claim_id(&self) -> Result<ClaimId, Rejection> {
        let next = self.state.newest_claim().next(self.now, self.entropy);
        next.ok_or_else(|| {
            let allowed = "a folder whose claim ids are not used up; delete .mesh to start over";
            Rejection::described("resource", "a claim after the last claim id", allowed)
        })
    }

    pub(super) fn granted(&self, request: &Request<'_>) -> ClaimReply {
        let record = self.record(&request.resource);
        let hold = record.hold_of(&request.agent_id);
        let mut reply = self.claim_reply(request, ClaimStatus::Granted);
        reply.holder = Some(request.agent_id.clone());
        if let Some(hold) = hold {
            reply.claim_id = hold.claim_id.to_string();
            reply.fence = sound!(hold.fence, Bug::RenewalTellsNewestFence => reply.fence);
            reply.lease_expires_at = Some(Timestamp(hold.expires_at));
        }
        reply
    }

    fn queued(&self, request: &Request<'_>) -> ClaimReply {
        let record = self.record(&request.resource);
        let mut reply = self.claim_reply(request, ClaimStatus::Queued);
        if let Some((place, ticket)) = record.ticket_of(&request.agent_id) {
            reply.claim_id = ticket.claim_id.to_string();
            reply.queue_position = Some(place as u64 + 1);
        }
        reply
    }

    fn denied(&self, request: &Request<'_>) -> ClaimReply {
        self.claim_reply(request, ClaimStatus::Denied)
    }

    fn claim_reply(&self, request: &Request<'_>, status: ClaimStatus) -> ClaimReply {
        ClaimReply {
            status,
            resource: request.resource.clone(),
            claim_id: String::new(),
            fence: self.state.newest_fence(&request.resource),
            holder: self.record(&request.resource).first_holder().cloned(),
            lease_expires_at: None,
            queue_position: None,
            deadlock: None,
            lost: None,
            now: Timestamp(self.now),
        }
    }

    /// The resource as it is, also before its first grant. Cheap: the record shares.
    pub(super) fn record(&self, resource: &str) -> ResourceState {
        let record = self.state.resource(resource);
        record.cloned().unwrap_or_else(ResourceState::free)
    }

    /// Rule C10. Who is promoted because an earlier hold had lapsed is not the next holder
    /// of this release: only what the release itself lets in is named.
    pub(super) fn release(&mut self, command: &Release) -> Result<ReleaseReply, Stop> {
        arguments::present("agent_id", &command.agent_id)?;
        arguments::present("claim_id", &command.claim_id)?;
        arguments::present("resource", &command.resource)?;
        self.heartbeat(&command.agent_id)?;
        let resource = Resource::from(command.resource.as_str());
        self.settle(&resource)?;

        let record = self.record(&resource);
        // A text that is not even a ULID names no claim that there is.
        let claim_id = command.claim_id.parse::<ClaimId>().ok();
        let hold = record.holders.iter().find(|h| Some(h.claim_id) == claim_id);
        let ticket = record.queue.iter().find(|t| Some(t.claim_id) == claim_id);
        let owner = hold.map(|h| (&h.agent_id, h.claim_id));
        let Some((owner, claim_id)) = owner.or(ticket.map(|t| (&t.agent_id, t.claim_id))) else {
            return Ok(unchanged(ReleaseStatus::Unknown));
        };
        if **owner != *command.agent_id {
            return Ok(unchanged(ReleaseStatus::NotHolder));
        }
        let claim = ClaimRef::new(&resource, owner, claim_id);
        self.emit(if hold.is_some() {
            Event::Released { claim }
        } else {
            Event::Cancelled { claim }
        });
        Ok(self.released(&resource))
    }

    fn released(&mut self, resource: &Resource) -> ReleaseReply {
        let next_holder = self.promote(resource);
        ReleaseReply {
            status: ReleaseStatus::Released,
            fence: Some(self.state.newest_fence(resource)),
            next_holder,
        }
    }

    /// Rules A5 and C11: reaps, then lists. With a resource, only that is looked at.
    pub(super) fn claims(&mut self, command: &Claims) -> Result<ClaimsReply, Stop> {
        arguments::present("agent_id", &command.agent_id)?;
        if let Some(resource) = &command.resource {
            arguments::present("resource", resource)?;
            self.settle(&Resource::from(resource.as_str()))?;
        } else {
            self.settle_all()?;
        }
        let named = command.resource.as_deref();
        let views = match named {
            Some(name) => self
                .state
                .resources
                .get_key_value(name)
                .into_iter()
                .collect::<Vec<_>>(),
            None => self.state.resources.iter().collect(),
        };
        let views = views
            .into_iter()
            .map(|(resource, record)| self.view(resource, record));
        Ok(ClaimsReply {
            claims: views.collect(),
            now: Timestamp(self.now),
        })
    }

    fn view(&self, resource: &Resource, record: &ResourceState) -> ClaimView {
        let first = record.holders.front();
        let earliest = record.holders.iter().map(|hold| hold.expires_at).min();
        let queue = record.queue.iter().zip(1..);
        ClaimView {
            resource: resource.clone(),
            mode: record.mode,
            holder: record
                .holders
                .iter()
                .map(|hold| hold.agent_id.clone())
                .collect(),
            claim_id: first.map_or(ClaimId::ZERO, |hold| hold.claim_id),
            fence: self.state.newest_fence(resource),
            lease_expires_at: Timestamp(earliest.unwrap_or(self.now)),
            note: first.and_then(|hold| hold.note.clone()),
            holders: record.holders.iter().map(holder_view).collect(),
            queue: queue
                .map(|(ticket, position)| ticket_view(ticket, position))
                .collect(),
        }
    }
}

/// Every claim as it stands at `now`, for those who look and change nothing: without what has
/// lapsed, and with nobody granted whom no entry grants. Whoever touches the resource next
/// does that, under a fence that is given then.
///
/// Linear in the number of holds and tickets.
#[must_use]
pub fn standing(state: &State, now: Millis) -> Vec<ClaimView> {
    let mut draft = Draft::new(state, now, Entropy::default());
    for resource in state.resources.keys() {
        // A draft without a bound is never full.
        let _ = draft.reap_only(resource);
    }
    let records = draft.state.resources.iter();
    records
        .map(|(resource, record)| draft.view(resource, record))
        .collect()
}

fn unchanged(status: ReleaseStatus) -> ReleaseReply {
    ReleaseReply {
        status,
        fence: None,
        next_holder: None,
    }
}

fn holder_view(hold: &Hold) -> HolderView {
    HolderView {
        agent_id: hold.agent_id.clone(),
        claim_id: hold.claim_id,
        fence: hold.fence,
        lease_expires_at: Timestamp(hold.expires_at),
        note: hold.note.clone(),
    }
}

fn ticket_view(ticket: &Ticket, position: u64) -> TicketView {
    TicketView {
        agent_id: ticket.agent_id.clone(),
        claim_id: ticket.claim_id,
        mode: ticket.mode,
        position,
    }
}
