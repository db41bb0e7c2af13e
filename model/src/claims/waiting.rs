//! The contract of claims, as questions about waiting: that nobody sleeps through its turn
//! (W1) or waits in a circle (W4), about what agents are told (W5), and about what a claim
//! says of an earlier loss (W6).

use std::collections::{BTreeMap, BTreeSet};

use mesh::core::{
    AgentId, Claim, ClaimRef, ClaimReply, ClaimStatus, Command, DeadlockView, Decision, Event,
    LapseReason, Loss, LossView, Millis, Mode, Prospect, Reply, Resource, ResourceState, State,
    Timestamp, Wait, decide,
};

use super::bounds::TICK;
use super::contract::{Step, Verdict, ensure};
use crate::planted::Rules;

/// How long mesh tells of a loss.
const HOUR: Millis = 3_600_000;

/// By how much each place in a queue leaves what has lapsed to the one in front of it.
const TURN: Millis = 25;

/// W1: whoever holds the claim of somebody who waits sleeps only as long as it would be
/// answered `queued`. `now` is what a right clock shows.
pub(super) fn wakes(rules: Rules, state: &State, now: Millis) -> bool {
    state.resources().all(|(resource, record)| {
        let mut waiting = record.queue.iter().enumerate();
        waiting.all(|(place, ticket)| {
            let claim = Command::Claim(Claim {
                agent_id: ticket.agent_id.to_string(),
                resource: resource.to_string(),
                wait: Some(Wait::Queue),
                ..Claim::default()
            });
            let until = match rules.prospect(state, now, &claim) {
                Prospect::Due => return true,
                Prospect::NotBefore(Some(until)) => until,
                Prospect::NotBefore(None) => return false,
            };
            let asleep = |at: Millis| at + TURN * (place as Millis) < until;
            [now, now + TICK]
                .into_iter()
                .filter(|at| asleep(*at))
                .all(|at| waits_on(state, at, &claim))
        })
    })
}

/// Whether a claim would still be answered `queued`, by the rules without a bug.
fn waits_on(state: &State, at: Millis, claim: &Command) -> bool {
    let decided = decide(state, at, claim, 1);
    let reply = decided.map(|decision| decision.reply);
    matches!(reply, Ok(Reply::Claim(reply)) if reply.status == ClaimStatus::Queued)
}

/// What a message from mesh says: to whom, its subject and its body.
type Notice = (String, &'static str, String);

impl Step<'_> {
    /// W5: one message for each promotion and each loss, in this very step, and no other.
    pub(super) fn notices(&self, decision: &Decision) -> Verdict {
        let mut owed = Vec::new();
        self.replayed(decision, |state, event| {
            owed.extend(notice(state, &decision.state, event));
        });
        let said = decision.events.iter().filter_map(|event| match event {
            Event::Posted {
                from,
                to,
                subject,
                body,
                expires_at,
                ..
            } if **from == *"mesh" => Some((to, subject.as_deref(), body, *expires_at)),
            _ => None,
        });
        let said: Vec<_> = said.collect();
        let mut both = said.iter().zip(&owed);
        let right = said.len() == owed.len()
            && both.all(|((to, subject, body, _), owed)| {
                (&***to, *subject, &***body) == (&owed.0, Some(owed.1), &owed.2)
            });
        ensure(right, "W5", "an agent is not told, or told what is not so")?;
        let hour = said.iter().all(|(.., end)| *end == Some(self.at + HOUR));
        ensure(hour, "W5", "a message from mesh does not live for an hour")
    }

    /// W6: a loss is remembered until its agent holds the resource again, and said by
    /// each claim within the hour until then, and by the one that ends it.
    pub(super) fn losses(&self, decision: &Decision) -> Verdict {
        let mut losses = all_losses(self.before);
        let own = match self.command {
            Command::Claim(claim) => Some((&*claim.agent_id, &*claim.resource)),
            _ => None,
        };
        let mut said = own.and_then(|own| find(&losses, own));
        self.replayed(decision, |state, event| {
            let (Some(agent), Some(resource)) = (event.agent_id(), event.resource()) else {
                return;
            };
            let hold = state.resource(resource).and_then(|r| r.hold_of(agent));
            match (event, hold) {
                (Event::Granted { .. } | Event::Promoted { .. }, _) => {
                    losses.remove(&(agent.clone(), resource.clone()));
                }
                (Event::Lapsed { reason, .. }, Some(hold)) => {
                    let loss = Loss {
                        claim_id: hold.claim_id,
                        fence: hold.fence,
                        at: self.at,
                        reason: *reason,
                    };
                    losses.insert((agent.clone(), resource.clone()), loss);
                }
                _ => {}
            }
            said = own.and_then(|own| find(&losses, own)).or(said.take());
        });
        let right = all_losses(&decision.state) == losses;
        ensure(right, "W6", "a loss is forgotten, or remembered too long")?;
        let Reply::Claim(reply) = &decision.reply else {
            return Ok(());
        };
        let said = said.filter(|loss| loss.at.abs_diff(self.at) < HOUR);
        let said = said.map(|loss| LossView {
            claim_id: loss.claim_id,
            fence: loss.fence,
            at: Timestamp(loss.at),
            reason: loss.reason,
        });
        ensure(
            reply.lost == said,
            "W6",
            "a claim does not say what was lost",
        )
    }

    /// Shows each event that grants or takes away, with the state before it.
    fn replayed<'e>(&self, decision: &'e Decision, mut show: impl FnMut(&State, &'e Event)) {
        let moves = |event: &&Event| {
            let kinds = ["granted", "promoted", "lapsed"];
            kinds.contains(&event.kind())
        };
        if !decision.events.iter().any(|event| moves(&event)) {
            return;
        }
        let mut state = self.before.clone();
        for event in &decision.events {
            if moves(&event) {
                show(&state, event);
            }
            state.apply(self.at, event);
        }
    }

    /// W4: a circle is shown to who would have waited, and each link of it is there.
    pub(super) fn circle(&self, claim: &Claim, reply: &ClaimReply, after: &State) -> Verdict {
        let Some(circle) = &reply.deadlock else {
            return Ok(());
        };
        let denied = reply.status == ClaimStatus::Denied && claim.wait() == Wait::Queue;
        ensure(denied, "W4", "a circle is shown to who would not wait")?;
        let first = circle.first();
        let own = first.is_some_and(|link| {
            *link.agent_id == *claim.agent_id && *link.waits_for == *claim.resource
        });
        ensure(own, "W4", "the circle does not begin with the claim")?;
        let next = circle.iter().skip(1).chain(first);
        let mut links = circle.iter().zip(next).enumerate();
        let real = links.all(|(at, (link, next))| {
            let asked = (at == 0).then_some(claim.mode.unwrap_or(Mode::Exclusive));
            next.holds == link.waits_for && waits_for(after, link, asked, &next.agent_id)
        });
        ensure(real, "W4", "the circle that is shown is not there")
    }

    /// W4: whether a step may bring a resource up to now because its claim would wait for
    /// somebody who waits there.
    pub(super) fn passes(&self, name: &str) -> bool {
        let waits = matches!(self.command, Command::Claim(claim) if claim.wait() == Wait::Queue);
        let record = self.before.resource(name);
        waits && record.is_some_and(|record| !record.queue.is_empty())
    }
}

/// What agents lost, by agent and resource.
type Losses = BTreeMap<(AgentId, Resource), Loss>;

fn all_losses(state: &State) -> Losses {
    let losses = state.losses().iter();
    losses
        .map(|(whose, loss)| (whose.clone(), loss.clone()))
        .collect()
}

fn find(losses: &Losses, (agent, resource): (&str, &str)) -> Option<Loss> {
    losses.get(&(agent.into(), resource.into())).cloned()
}

/// The message that an event calls for, if it calls for one.
fn notice(before: &State, after: &State, event: &Event) -> Option<Notice> {
    let ClaimRef {
        resource,
        agent_id: agent,
        claim_id,
    } = event.claim()?;
    let (subject, fence, reason) = match event {
        Event::Promoted { fence, .. } => ("granted", *fence, "promoted"),
        Event::Lapsed { reason, .. } => {
            let hold = before.resource(resource).and_then(|r| r.hold_of(agent));
            let fence = hold.map_or(before.newest_fence(resource), |hold| hold.fence);
            let reason = match reason {
                LapseReason::Lease => "lease",
                LapseReason::Death => "death",
            };
            ("lost", fence, reason)
        }
        _ => return None,
    };
    let mut body = format!(
        r#"{{"resource":"{resource}","claim_id":"{claim_id}","fence":{fence},"reason":"{reason}""#
    );
    if let Some(holder) = after.resource(resource).and_then(|r| r.first_holder()) {
        body += &format!(r#","holder":"{holder}""#);
    }
    body.push('}');
    Some((agent.to_string(), subject, body))
}

/// Whether `other` goes before the agent of a link: before its ticket, or before one that
/// it `asked` for.
fn waits_for(state: &State, link: &DeadlockView, asked: Option<Mode>, other: &str) -> bool {
    let Some(record) = state.resource(&link.waits_for) else {
        return false;
    };
    let ticket = match asked {
        Some(mode) => Some((record.queue.len(), mode)),
        None => record
            .ticket_of(&link.agent_id)
            .map(|(place, ticket)| (place, ticket.mode)),
    };
    ticket.is_some_and(|(place, mode)| blockers(record, place, mode).any(|name| **name == *other))
}

/// Who goes before a ticket of `mode` that has `place` others ahead of it.
fn blockers(record: &ResourceState, place: usize, mode: Mode) -> impl Iterator<Item = &AgentId> {
    let conflicts = move |other: Mode| mode == Mode::Exclusive || other == Mode::Exclusive;
    let holds = record
        .holders
        .iter()
        .filter(move |_| conflicts(record.mode));
    let ahead = record.queue.iter().take(place);
    let ahead = ahead.filter(move |ticket| conflicts(ticket.mode));
    holds
        .map(|hold| &hold.agent_id)
        .chain(ahead.map(|ticket| &ticket.agent_id))
}

/// W4: whether somebody waits for itself, found by following everybody who waits.
pub(super) fn has_circle(state: &State) -> bool {
    let mut edges: Vec<(&AgentId, &AgentId)> = Vec::new();
    for (_, record) in state.resources() {
        for (place, ticket) in record.queue.iter().enumerate() {
            let ahead = blockers(record, place, ticket.mode);
            edges.extend(ahead.map(|other| (&ticket.agent_id, other)));
        }
    }
    edges.iter().any(|(first, next)| {
        let mut met = BTreeSet::new();
        let mut open = vec![*next];
        while let Some(here) = open.pop() {
            if met.insert(here) {
                let on = edges.iter().filter(|(from, _)| *from == here);
                open.extend(on.map(|(_, to)| *to));
            }
        }
        met.contains(first)
    })
}
