//! Waiting, and being told: rules W4 to W6, from the log and the answers alone.

use std::collections::{BTreeMap, BTreeSet};

use mesh::core::{
    ClaimId, ClaimReply, ClaimStatus, DeadlockView, Entry, Event, LapseReason, Millis, Mode,
    Snapshot,
};
use serde_json::Value;

use super::reference::{HOUR_MS, Lost, Owed, Place, Reference};
use crate::trace::{Coverage, Seen, Violation, ensure};

/// Before an event is folded in: what it makes mesh owe, and what it ends.
pub(super) fn note(reference: &mut Reference, now: Millis, event: &Event, seen: &mut Coverage) {
    let (Some(name), Some(agent)) = (event.resource(), event.agent_id()) else {
        return;
    };
    match event {
        Event::Granted { .. } => regain(reference, agent, name),
        Event::Promoted { claim, fence, .. } => {
            regain(reference, agent, name);
            reference.owed.push(Owed {
                to: agent.to_string(),
                subject: "granted",
                resource: name.to_string(),
                claim: claim.claim_id,
                fence: *fence,
                reason: "promoted",
            });
        }
        Event::Lapsed { claim, reason } => {
            lose(reference, now, (agent, name), claim.claim_id, *reason);
            forget_beyond_the_limit(reference, seen);
        }
        _ => {}
    }
}

fn regain(reference: &mut Reference, agent: &str, name: &str) {
    let whose = (agent.to_owned(), name.to_owned());
    if let Some(lost) = reference.losses.remove(&whose) {
        let ended = reference.ended.entry(whose.clone()).or_default();
        ended.push(lost.clone());
        reference.regained.insert(whose, lost);
    }
}

fn lose(
    reference: &mut Reference,
    now: Millis,
    (agent, name): (&str, &str),
    claim: ClaimId,
    reason: LapseReason,
) {
    let resource = reference.resource(name);
    let newest_fence = resource.newest_fence;
    let hold = resource.holders.iter().find(|place| place.claim == claim);
    let fence = hold.map(|hold| hold.fence);
    reference.owed.push(Owed {
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
        reference.losses.insert(whose, lost);
    }
}

/// Where there are more losses than are remembered, the oldest is forgotten.
fn forget_beyond_the_limit(reference: &mut Reference, seen: &mut Coverage) {
    if reference.losses.len() <= reference.limits.losses {
        return;
    }
    let oldest = reference.losses.iter().min_by_key(|(_, lost)| lost.at);
    let Some((whose, lost)) = oldest.map(|(whose, lost)| (whose.clone(), lost.clone())) else {
        return;
    };
    seen.hit(Seen::LossForgotten);
    reference.losses.remove(&whose);
    let ended = reference.ended.entry(whose.clone()).or_default();
    ended.push(lost.clone());
    reference.forgotten.insert(whose, lost);
}

/// A message from mesh: the next one that it owes, word for word.
pub(super) fn check_notice(
    reference: &mut Reference,
    now: Millis,
    event: &Event,
    seen: &mut Coverage,
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
    let found = reference.owed.iter().position(|owed| {
        let same = owed.to == **to && subject.as_deref() == Some(owed.subject);
        same && text.as_ref() == Some(&owed.body(reference))
    });
    let Some(found) = found else {
        return Err(Violation {
            rule: "W5",
            what: format!("{}, and owes {:?}", said(), reference.owed),
        });
    };
    reference.owed.remove(found);
    seen.hit(Seen::ToldByMesh);
    let lives = now.checked_add(HOUR_MS);
    ensure(*expires_at == lives && *fanout == 1, "W5", || {
        format!("{} until {expires_at:?}", said())
    })
}

/// At the end of an entry nothing is owed.
pub(super) fn check_end(reference: &Reference, entry: &Entry) -> Result<(), Violation> {
    ensure(reference.owed.is_empty(), "W5", || {
        format!(
            "entry {} ends without telling {:?}",
            entry.seq, reference.owed
        )
    })
}

/// Rule W6, for the answer to a claim. What the agent got back in the same entry was lost
/// until this claim, or came to it before: by a command that shared the entry, or, where
/// the claim was denied and may have no entry of its own, by the one that made it.
pub(super) fn check_lost(
    reference: &Reference,
    agent: &str,
    now: Millis,
    reply: &ClaimReply,
    shared: bool,
    held: bool,
) -> Result<(), Violation> {
    let whose = (agent.to_owned(), reply.resource.to_string());
    let recent = |lost: &&Lost| lost.at.abs_diff(now) < HOUR_MS;
    let lost = reference.losses.get(&whose).filter(recent);
    let regained = reference.regained.get(&whose).filter(recent);
    let told = reply.lost.as_ref().map(|told| Lost {
        claim: told.claim_id,
        fence: told.fence,
        at: told.at.0,
        reason: told.reason,
    });
    let before = shared || reply.status == ClaimStatus::Denied;
    let ended = reference.ended.get(&whose).into_iter().flatten();
    let carried = ended.map(Some).any(|ended| ended == told.as_ref());
    // A held claim was asked about its loss when it came, by a clock that may have thought it
    // forgotten, and may be told of its grant where that was made.
    let forgotten = reference.forgotten.get(&whose).filter(recent);
    let right = told.as_ref() == lost.or(regained)
        || forgotten.is_some() && (told.as_ref() == forgotten || told.as_ref() == lost)
        || (before || held) && told.as_ref() == lost
        || held && carried;
    ensure(right, "W6", || {
        format!("{agent} lost {lost:?} or {regained:?}, and is told {told:?}")
    })
}

/// Rule W6, for a state that was loaded or saved.
pub(super) fn compare_losses(reference: &Reference, snapshot: &Snapshot) -> Result<(), Violation> {
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
    ensure(theirs == reference.losses, "W6", || {
        format!(
            "the state at entry {} has the losses {theirs:?}, the log says {:?}",
            snapshot.seq, reference.losses
        )
    })
}

/// Who must go before a ticket of `mode` that has `ahead` others in front of it, whatever
/// the time: what has lapsed is gone once the resource is touched, and a claim touches
/// all that it might wait for.
fn blockers<'a>(
    reference: &'a Reference,
    name: &str,
    mode: Mode,
    ahead: usize,
) -> impl Iterator<Item = &'a str> {
    let places = reference
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
pub(super) fn closes_a_circle(reference: &Reference, agent: &str, name: &str, mode: Mode) -> bool {
    let mut next: Vec<&str> = blockers(reference, name, mode, usize::MAX).collect();
    let mut met = BTreeSet::new();
    while let Some(other) = next.pop() {
        if other == agent {
            return true;
        }
        if !met.insert(other) {
            continue;
        }
        for (name, resource) in &reference.resources {
            if let Some((at, ticket)) = resource.ticket(other) {
                next.extend(blockers(reference, name, ticket.mode, at));
            }
        }
    }
    false
}

/// Rule W4: each link of a circle that was shown is there.
pub(super) fn check_circle(
    reference: &Reference,
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
                let resource = reference.resources.get(&*link.waits_for);
                let ticket = resource.and_then(|resource| resource.ticket(&link.agent_id));
                ticket.map(|(place, ticket)| (place, ticket.mode))
            }
        };
        let waits = ticket.is_some_and(|(ahead, mode)| {
            let mut blockers = blockers(reference, &link.waits_for, mode, ahead);
            blockers.any(|other| other == &*after.agent_id)
        });
        ensure(waits && after.holds == link.waits_for, "W4", said)?;
    }
    Ok(())
}
