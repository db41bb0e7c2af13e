//! Waiting, and being told: rules W4 to W6, from the log and the answers alone.

use std::collections::{BTreeMap, BTreeSet};

use mesh::core::{
    ClaimId, ClaimReply, ClaimStatus, DeadlockView, Entry, Event, LapseReason, Millis, Mode,
    Snapshot,
};
use serde_json::{Value, json};

use super::model::{Model, Place};
use super::{Violation, ensure};
use crate::sometimes::{Seen, Sometimes};

/// How long a loss is told of (W5, W6).
pub(crate) const HOUR_MS: u64 = 3_600_000;

/// What mesh owes an agent: a message in the same entry (W5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owed {
    to: String,
    subject: &'static str,
    resource: String,
    claim: ClaimId,
    fence: u64,
    reason: &'static str,
}

impl Owed {
    /// What the message must say, at the moment when it is posted.
    fn body(&self, model: &Model) -> Value {
        let mut body = json!({
            "resource": self.resource,
            "claim_id": self.claim,
            "fence": self.fence,
            "reason": self.reason,
        });
        let resource = model.resources.get(&self.resource);
        if let Some(holder) = resource.and_then(|resource| resource.holders.first()) {
            body["holder"] = holder.agent.as_str().into();
        }
        body
    }
}

/// A hold that was taken away (W6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lost {
    pub(crate) claim: ClaimId,
    pub(crate) fence: u64,
    pub(crate) at: Millis,
    pub(crate) reason: LapseReason,
}

/// Before an event is folded in: what it makes mesh owe, and what it ends.
pub(super) fn note(model: &mut Model, now: Millis, event: &Event) {
    let (Some(name), Some(agent)) = (event.resource(), event.agent_id()) else {
        return;
    };
    match event {
        Event::Granted { .. } => regain(model, agent, name),
        Event::Promoted { claim, fence, .. } => {
            regain(model, agent, name);
            model.owed.push(Owed {
                to: agent.to_string(),
                subject: "granted",
                resource: name.to_string(),
                claim: claim.claim_id,
                fence: *fence,
                reason: "promoted",
            });
        }
        Event::Lapsed { claim, reason } => {
            lose(model, now, (agent, name), claim.claim_id, *reason);
        }
        _ => {}
    }
}

fn regain(model: &mut Model, agent: &str, name: &str) {
    let whose = (agent.to_owned(), name.to_owned());
    if let Some(lost) = model.losses.remove(&whose) {
        let ended = model.ended.entry(whose.clone()).or_default();
        ended.push(lost.clone());
        model.regained.insert(whose, lost);
    }
}

fn lose(
    model: &mut Model,
    now: Millis,
    (agent, name): (&str, &str),
    claim: ClaimId,
    reason: LapseReason,
) {
    let resource = model.resource(name);
    let newest_fence = resource.newest_fence;
    let hold = resource.holders.iter().find(|place| place.claim == claim);
    let fence = hold.map(|hold| hold.fence);
    model.owed.push(Owed {
        to: agent.to_owned(),
        subject: "lost",
        resource: name.to_owned(),
        claim,
        fence: fence.unwrap_or(newest_fence),
        reason: match reason {
            LapseReason::Lease => "lease",
            LapseReason::Death => "death",
        },
    });
    if let Some(fence) = fence {
        let lost = Lost {
            claim,
            fence,
            at: now,
            reason,
        };
        let whose = (agent.to_owned(), name.to_owned());
        model.losses.insert(whose, lost);
    }
}

/// A message from mesh: the next one that it owes, word for word.
pub(super) fn check_notice(
    model: &mut Model,
    now: Millis,
    event: &Event,
    seen: &mut Sometimes,
) -> Result<(), Violation> {
    let Event::Posted {
        to,
        subject,
        body,
        expires_at,
        fanout,
        ..
    } = event
    else {
        return Ok(());
    };
    let said = || format!("mesh says {subject:?} {body} to {to}");
    let text: Option<Value> = serde_json::from_str(body).ok();
    let found = model.owed.iter().position(|owed| {
        let same = owed.to == **to && subject.as_deref() == Some(owed.subject);
        same && text.as_ref() == Some(&owed.body(model))
    });
    let Some(found) = found else {
        return Err(Violation {
            rule: "W5",
            what: format!("{}, and owes {:?}", said(), model.owed),
        });
    };
    model.owed.remove(found);
    seen.hit(Seen::ToldByMesh);
    let lives = now.checked_add(HOUR_MS);
    ensure(*expires_at == lives && *fanout == 1, "W5", || {
        format!("{} until {expires_at:?}", said())
    })
}

/// At the end of an entry nothing is owed.
pub(super) fn check_end(model: &Model, entry: &Entry) -> Result<(), Violation> {
    ensure(model.owed.is_empty(), "W5", || {
        format!("entry {} ends without telling {:?}", entry.seq, model.owed)
    })
}

/// Rule W6, for the answer to a claim. What the agent got back in the same entry was lost
/// until this claim, or came to it before: by a command that shared the entry, or, where
/// the claim was denied and may have no entry of its own, by the one that made it.
pub(super) fn check_lost(
    model: &Model,
    agent: &str,
    now: Millis,
    reply: &ClaimReply,
    shared: bool,
    held: bool,
) -> Result<(), Violation> {
    let whose = (agent.to_owned(), reply.resource.to_string());
    let recent = |lost: &&Lost| lost.at.abs_diff(now) < HOUR_MS;
    let lost = model.losses.get(&whose).filter(recent);
    let regained = model.regained.get(&whose).filter(recent);
    let told = reply.lost.as_ref().map(|told| Lost {
        claim: told.claim_id,
        fence: told.fence,
        at: told.at.0,
        reason: told.reason,
    });
    let before = shared || reply.status == ClaimStatus::Denied;
    let ended = model.ended.get(&whose).into_iter().flatten();
    let carried = ended.map(Some).any(|ended| ended == told.as_ref());
    // A held claim was asked about its loss when it came, by a clock that may have thought it
    // forgotten, and may be told of its grant where that was made.
    let right = told.as_ref() == lost.or(regained)
        || (before || held) && told.as_ref() == lost
        || held && carried;
    ensure(right, "W6", || {
        format!("{agent} lost {lost:?} or {regained:?}, and is told {told:?}")
    })
}

/// Rule W6, for a state that was loaded or saved.
pub(super) fn compare_losses(model: &Model, snapshot: &Snapshot) -> Result<(), Violation> {
    let theirs = snapshot.state.losses().iter().map(|((agent, name), loss)| {
        let lost = Lost {
            claim: loss.claim_id,
            fence: loss.fence,
            at: loss.at,
            reason: loss.reason,
        };
        ((agent.to_string(), name.to_string()), lost)
    });
    let theirs: BTreeMap<(String, String), Lost> = theirs.collect();
    ensure(theirs == model.losses, "W6", || {
        format!(
            "the state at entry {} has the losses {theirs:?}, the log says {:?}",
            snapshot.seq, model.losses
        )
    })
}

/// Who must go before a ticket of `mode` that has `ahead` others in front of it, whatever
/// the time: what has lapsed is gone once the resource is touched, and a claim touches
/// all that it might wait for.
fn blockers<'a>(
    model: &'a Model,
    name: &str,
    mode: Mode,
    ahead: usize,
) -> impl Iterator<Item = &'a str> {
    let places = model
        .resources
        .get(name)
        .into_iter()
        .flat_map(move |resource| {
            let queue = resource.queue.iter().take(ahead);
            resource.holders.iter().chain(queue)
        });
    let in_the_way = move |place: &&Place| mode == Mode::Exclusive || place.mode == Mode::Exclusive;
    places.filter(in_the_way).map(|place| place.agent.as_str())
}

/// Whether an agent would wait for itself with a new ticket, found by walking all chains.
pub(super) fn closes_a_circle(model: &Model, agent: &str, name: &str, mode: Mode) -> bool {
    let mut next: Vec<&str> = blockers(model, name, mode, usize::MAX).collect();
    let mut met = BTreeSet::new();
    while let Some(other) = next.pop() {
        if other == agent {
            return true;
        }
        if !met.insert(other) {
            continue;
        }
        for (name, resource) in &model.resources {
            if let Some((at, ticket)) = resource.ticket(other) {
                next.extend(blockers(model, name, ticket.mode, at));
            }
        }
    }
    false
}

/// Rule W4: each link of a circle that was shown is there.
pub(super) fn check_circle(
    model: &Model,
    agent: &str,
    name: &str,
    mode: Mode,
    circle: &[DeadlockView],
) -> Result<(), Violation> {
    let said = || format!("{agent} is shown the circle {circle:?}");
    let first = circle.first();
    let begins = first.is_some_and(|link| *link.agent_id == *agent && *link.waits_for == *name);
    ensure(begins, "W4", said)?;
    for (at, link) in circle.iter().enumerate() {
        let after = &circle[(at + 1) % circle.len()];
        let ticket = match at {
            0 => Some((usize::MAX, mode)),
            _ => {
                let resource = model.resources.get(&*link.waits_for);
                let ticket = resource.and_then(|resource| resource.ticket(&link.agent_id));
                ticket.map(|(place, ticket)| (place, ticket.mode))
            }
        };
        let waits = ticket.is_some_and(|(ahead, mode)| {
            let mut blockers = blockers(model, &link.waits_for, mode, ahead);
            blockers.any(|other| other == &*after.agent_id)
        });
        ensure(waits && after.holds == link.waits_for, "W4", said)?;
    }
    Ok(())
}
