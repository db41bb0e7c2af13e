//! When a held call is worth deciding again (rule W1).
//!
//! Deciding a claim writes an entry, so whoever holds a call must not do so for every
//! change that it sees. [`prospect`] tells from the state alone whether the answer would
//! be another one by now, and otherwise until when only a change of the state can make
//! it one. What changes with time is that something in the way lapses, and that the
//! waiter's own sign of life wears off.
//!
//! A waiter that was promoted has its answer in the log already, and [`collect`] reads it
//! there: whoever handed the claim over has paid for the entry.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Draft;
use super::claims::Request;
use super::messages::addresses;
use crate::command::{Claim, Command, Inbox};
use crate::event::Event;
use crate::ids::Entropy;
use crate::limits::STALE_GRACE;
use crate::names::{AgentId, Resource};
use crate::reply::ClaimReply;
use crate::state::{Hold, State, Ticket, cut};
use crate::steps;
use crate::time::{Millis, after};
use planted::{Bug, sound};

/// By how much later each place in the queue sees to what has lapsed than the one before
/// it, in milliseconds: the first in line does the work for all, unless it is dead.
const STAGGER: Millis = 25;

/// What a held call has to look forward to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prospect {
    /// It is to be decided again now.
    Due,
    /// As long as the state stays as it is, not before this moment; `None`: never.
    NotBefore(Option<Millis>),
}

/// What a call that was answered with "wait" has to look forward to.
pub fn prospect(state: &State, now: Millis, command: &Command) -> Prospect {
    match command {
        Command::Claim(claim) => of_claim(state, now, claim),
        Command::Inbox(inbox) => of_inbox(state, now, inbox),
        _ => Prospect::Due,
    }
}

/// What all those who wait for a resource have to look forward to, first in line first: the
/// same as [`prospect`] for each of their claims, in one pass over holders and queue.
pub fn prospects<'a>(
    state: &'a State,
    now: Millis,
    resource: &str,
) -> impl Iterator<Item = (&'a AgentId, Prospect)> {
    let record = state.resource(resource);
    let clock = Deadlines { state, now };
    let holders = record.map(|record| &record.holders).into_iter().flatten();
    let mut lapse = steps::each(holders).map(|hold| clock.of_hold(hold)).min();
    let queue = record.map(|record| &record.queue).into_iter().flatten();
    steps::each(queue).enumerate().map(move |(place, ticket)| {
        let prospect = clock.of_place(place, ticket, lapse.unwrap_or(now));
        let own = clock.of_ticket(ticket);
        lapse = Some(lapse.map_or(own, |lapse| lapse.min(own)));
        (&ticket.agent_id, prospect)
    })
}

/// What an event may bring nearer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concern<'a> {
    /// Nothing that anybody waits for.
    Nobody,
    /// The answers to those who wait for this resource.
    Resource(&'a Resource),
    /// The answers to those who wait for anything that this agent holds or waits for.
    Agent(&'a AgentId),
    /// The answers to the inboxes that show this address.
    Mailbox(&'a str),
}

/// What an event that is about to happen to `state` may bring nearer, by a clock that shows
/// `now` or less. Whomever it does not concern looks forward to what it did before, or has
/// longer to wait.
pub fn concern<'a>(state: &State, now: Millis, event: &'a Event) -> Concern<'a> {
    match event {
        // A last place in the queue is in nobody's way.
        Event::Queued { .. } => Concern::Nobody,
        Event::Registered { agent_id, .. } | Event::RegistrationCut { agent_id, .. } => {
            Concern::Agent(agent_id)
        }
        // A sign of life puts a death off, unless it is a bad clock's, to be cut at once.
        Event::Heartbeat {
            agent_id,
            expires_at,
            ..
        } => {
            let agent = state.agent(agent_id);
            let bad = agent.is_some_and(|agent| cut(*expires_at, agent.ttl_ms, now).is_some());
            if bad {
                Concern::Agent(agent_id)
            } else {
                Concern::Nobody
            }
        }
        Event::Posted { to, .. } => Concern::Mailbox(to),
        Event::CursorMoved { .. } | Event::Expired { .. } | Event::KeysForgotten { .. } => {
            Concern::Nobody
        }
        event => event.resource().map_or(Concern::Nobody, Concern::Resource),
    }
}

/// The addresses of the messages that an inbox shows: what is posted to any other leaves it
/// as it is.
pub fn shown_to(inbox: &Inbox) -> BTreeSet<Arc<str>> {
    addresses(&inbox.agent_id, &inbox.topics).unwrap_or_default()
}

/// The reply to a held claim whose ticket, `claim_id`, was promoted meanwhile, from the
/// state alone: no entry adds anything to it.
///
/// `None` where the claim is to be decided instead: it was not promoted, its grant or its
/// agent's sign of life is half used up already and wants to be renewed, or something else
/// about the resource has lapsed (rule C9).
pub fn collect(state: &State, now: Millis, claim: &Claim, claim_id: &str) -> Option<ClaimReply> {
    let request = Request::check(claim).ok()?;
    let hold = state
        .resource(&request.resource)?
        .hold_of(&request.agent_id)?;
    if hold.claim_id.to_string() != claim_id {
        return None;
    }
    let mut draft = Draft::new(state, now, Entropy::default());
    draft.settle(&request.resource).ok()?;
    let stands = draft.events.is_empty() && Deadlines { state, now }.is_fresh(hold);
    sound!(stands, Bug::StaleGrantCollected => true).then(|| draft.granted(&request))
}

fn of_claim(state: &State, now: Millis, claim: &Claim) -> Prospect {
    let mut waiting = prospects(state, now, &claim.resource);
    let own = waiting.find(|(agent_id, _)| ***agent_id == *claim.agent_id);
    // Who has no ticket was promoted, or has lost it.
    own.map_or(Prospect::Due, |(_, prospect)| prospect)
}

fn of_inbox(state: &State, now: Millis, inbox: &Inbox) -> Prospect {
    match Draft::new(state, now, Entropy::default()).inbox(inbox) {
        Ok(reply) if reply.messages.is_empty() => Prospect::NotBefore(None),
        _ => Prospect::Due,
    }
}

/// When what is in a state comes to its end by itself.
struct Deadlines<'a> {
    state: &'a State,
    now: Millis,
}

impl Deadlines<'_> {
    /// The first moment at which a hold has lapsed (rule C9).
    fn of_hold(&self, hold: &Hold) -> Millis {
        let lease = match hold.cut(self.now) {
            // Only a bad clock has set it, so it is to be cut at once (rule C12).
            Some(_) => 0,
            None => hold.expires_at,
        };
        lease.min(self.of_agent(&hold.agent_id).unwrap_or(lease))
    }

    /// The first moment at which a ticket has lapsed (rule C9).
    fn of_ticket(&self, ticket: &Ticket) -> Millis {
        let asked = match ticket.cut(self.now) {
            Some(_) => 0,
            None => ticket.expires_at,
        };
        self.of_agent(&ticket.agent_id).unwrap_or(asked)
    }

    /// The first moment at which a registered agent is dead (rule A2).
    fn of_agent(&self, agent_id: &AgentId) -> Option<Millis> {
        let agent = self.state.agent(agent_id)?;
        Some(match agent.cut(self.now) {
            Some(_) => 0,
            None => after(after(agent.expires_at, STALE_GRACE), 1),
        })
    }

    /// Whether a hold has not lapsed, and neither its lease nor its agent's sign of life is
    /// half used up.
    fn is_fresh(&self, hold: &Hold) -> bool {
        let half_left = |expires_at: Millis, lasting: Millis, cut: Option<Millis>| {
            cut.is_none() && expires_at.saturating_sub(lasting / 2) > self.now
        };
        let agent = self.state.agent(&hold.agent_id);
        half_left(hold.expires_at, hold.lease_ms, hold.cut(self.now))
            && agent.is_none_or(|a| half_left(a.expires_at, a.ttl_ms, a.cut(self.now)))
    }

    /// What a ticket has to look forward to, in front of which the first lapse is at `lapse`.
    fn of_place(&self, place: usize, ticket: &Ticket, lapse: Millis) -> Prospect {
        let turn = after(lapse, STAGGER.saturating_mul(place as Millis));
        let life = self.of_life(ticket);
        let due = life.min(sound!(turn, Bug::LapseSleptThrough => Millis::MAX));
        if due <= self.now {
            Prospect::Due
        } else {
            Prospect::NotBefore(Some(due))
        }
    }

    /// When the one who waits shows a sign of life: half-way to where it would count as
    /// stale or, if it never registered, as gone.
    fn of_life(&self, ticket: &Ticket) -> Millis {
        let (expires_at, lasting) = match self.state.agent(&ticket.agent_id) {
            Some(agent) => (agent.expires_at, agent.ttl_ms),
            None => (ticket.expires_at, ticket.lease_ms),
        };
        let half_way = expires_at.saturating_sub(lasting / 2);
        sound!(half_way, Bug::HeldTicketNotKept => Millis::MAX)
    }
}
