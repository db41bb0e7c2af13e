//! Waiting, and being told: rules W4 to W6, from the log and the answers alone.

use std::collections::BTreeSet;

use mesh::core::{ClaimReply, DeadlockView, Entry, Event, LapseReason, Millis, Mode};
use serde_json::json;

use super::model::{Model, Place};
use super::{Violation, ensure};
use crate::sometimes::{Seen, Sometimes};

/// How long a loss is told of (W5, W6).
const HOUR_MS: u64 = 3_600_000;

/// What mesh owes an agent: a message in the same entry (W5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owed {
    to: String,
    subject: &'static str,
    resource: String,
    claim: String,
    fence: u64,
    reason: &'static str,
}

/// A hold that was taken away (W6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lost {
    claim: String,
    fence: u64,
    at: Millis,
    reason: LapseReason,
}

/// Before an event is folded in: what it makes mesh owe, and what it ends.
pub(super) fn note(model: &mut Model, now: Millis, event: &Event) {
    let (Some(name), Some(agent)) = (event.resource(), event.agent_id()) else {
        return;
    };
    let whose = (agent.to_string(), name.to_string());
    match event {
        Event::Promoted {
            claim_id, fence, ..
        } => {
            model.owed.push(Owed {
                to: agent.to_string(),
                subject: "granted",
                resource: name.to_string(),
                claim: claim_id.to_string(),
                fence: *fence,
                reason: "promoted",
            });
            if let Some(lost) = model.losses.remove(&whose) {
                model.regained.insert(whose, lost);
            }
        }
        Event::Granted { .. } => {
            if let Some(lost) = model.losses.remove(&whose) {
                model.regained.insert(whose, lost);
            }
        }
        Event::Lapsed {
            claim_id, reason, ..
        } => {
            let resource = model.resource(name);
            let newest_fence = resource.newest_fence;
            let hold = resource.holders.iter().find(|p| p.claim == *claim_id);
            let fence = hold.map(|hold| hold.fence);
            model.owed.push(Owed {
                to: agent.to_string(),
                subject: "lost",
                resource: name.to_string(),
                claim: claim_id.to_string(),
                fence: fence.unwrap_or(newest_fence),
                reason: match reason {
                    LapseReason::Lease => "lease",
                    LapseReason::Death => "death",
                },
            });
            if let Some(fence) = fence {
                let lost = Lost {
                    claim: claim_id.to_string(),
                    fence,
                    at: now,
                    reason: *reason,
                };
                model.losses.insert(whose, lost);
            }
        }
        _ => {}
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
    let found = model.owed.iter().position(|owed| {
        let resource = model.resources.get(&owed.resource);
        let holder = resource.and_then(|resource| resource.holders.first());
        let mut expected = json!({
            "resource": owed.resource,
            "claim_id": owed.claim,
            "fence": owed.fence,
            "reason": owed.reason,
        });
        if let Some(holder) = holder {
            expected["holder"] = holder.agent.as_str().into();
        }
        let body = serde_json::from_str::<serde_json::Value>(body);
        owed.to == **to && subject.as_deref() == Some(owed.subject) && body.ok() == Some(expected)
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

/// Rule W6, for the answer to a claim.
pub(super) fn check_lost(
    model: &Model,
    agent: &str,
    resource: &str,
    now: Millis,
    reply: &ClaimReply,
) -> Result<(), Violation> {
    let whose = (agent.to_owned(), resource.to_owned());
    let lost = model.losses.get(&whose).or(model.regained.get(&whose));
    let expected = lost.filter(|lost| lost.at.abs_diff(now) < HOUR_MS);
    let told = reply.lost.as_ref().map(|told| Lost {
        claim: told.claim_id.to_string(),
        fence: told.fence,
        at: told.at.0,
        reason: told.reason,
    });
    ensure(told.as_ref() == expected, "W6", || {
        format!("{agent} lost {expected:?} of {resource}, and is told {told:?}")
    })
}

/// Who must go before a place in a queue, by name, without those who have lapsed.
fn blockers<'a>(
    model: &'a Model,
    name: &str,
    mode: Mode,
    ahead: usize,
    now: Millis,
) -> Vec<&'a str> {
    let Some(resource) = model.resources.get(name) else {
        return Vec::new();
    };
    let in_the_way = |place: &Place| mode == Mode::Exclusive || place.mode == Mode::Exclusive;
    let holders = resource
        .holders
        .iter()
        .filter(|place| in_the_way(place) && model.lapse(place, true, now).is_none());
    let queue = resource
        .queue
        .iter()
        .take(ahead)
        .filter(|place| in_the_way(place) && model.lapse(place, false, now).is_none());
    holders
        .chain(queue)
        .map(|place| place.agent.as_str())
        .collect()
}

/// Whether an agent would wait for itself with a new ticket, found by walking all chains.
pub(super) fn closes_a_circle(
    model: &Model,
    agent: &str,
    name: &str,
    mode: Mode,
    now: Millis,
) -> bool {
    let all = model.resources.get(name).map_or(0, |r| r.queue.len());
    let mut next = blockers(model, name, mode, all, now);
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
                next.extend(blockers(model, name, ticket.mode, at, now));
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
    now: Millis,
    circle: &[DeadlockView],
) -> Result<(), Violation> {
    let said = || format!("{agent} is shown the circle {circle:?}");
    let first = circle.first();
    ensure(
        first.is_some_and(|link| *link.agent_id == *agent && *link.waits_for == *name),
        "W4",
        said,
    )?;
    for (at, link) in circle.iter().enumerate() {
        let after = &circle[(at + 1) % circle.len()];
        let resource = model.resources.get(&*link.waits_for);
        let ahead = resource.map_or((mode, 0), |resource| {
            match resource.ticket(&link.agent_id) {
                Some((place, ticket)) if at > 0 => (ticket.mode, place),
                _ => (mode, resource.queue.len()),
            }
        });
        let waits_for = blockers(model, &link.waits_for, ahead.0, ahead.1, now);
        let holds = after.holds == link.waits_for;
        ensure(holds && waits_for.contains(&&*after.agent_id), "W4", said)?;
    }
    Ok(())
}
