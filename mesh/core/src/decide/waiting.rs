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

use super::Draft;
use super::claims::Request;
use crate::command::{Claim, Command, Inbox};
use crate::ids::Entropy;
use crate::limits::STALE_GRACE;
use crate::names::AgentId;
use crate::reply::ClaimReply;
use crate::state::{Hold, State, Ticket};
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
    draft.settle(&request.resource);
    let stands = draft.events.is_empty() && Deadlines { state, now }.is_fresh(hold);
    sound!(stands, Bug::StaleGrantCollected => true).then(|| draft.granted(&request))
}

fn of_claim(state: &State, now: Millis, claim: &Claim) -> Prospect {
    let record = state.resource(&claim.resource);
    let ticket = record.and_then(|record| Some((record, record.ticket_of(&claim.agent_id)?)));
    let Some((record, (place, ticket))) = ticket else {
        // Promoted, or without its ticket.
        return Prospect::Due;
    };
    let clock = Deadlines { state, now };
    let holds = record.holders.iter().map(|hold| clock.of_hold(hold));
    let ahead = record.queue.iter().take(place);
    let ahead = ahead.map(|ticket| clock.of_ticket(ticket));
    let lapse = holds.chain(ahead).min().unwrap_or(now);
    let turn = after(lapse, STAGGER.saturating_mul(place as Millis));
    let life = clock.of_life(ticket);
    let due = life.min(sound!(turn, Bug::LapseSleptThrough => Millis::MAX));
    match due <= now {
        true => Prospect::Due,
        false => Prospect::NotBefore(Some(due)),
    }
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
