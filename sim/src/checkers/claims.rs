//! Leased, fenced locks: rules C2 to C10 and C12, event by event.

use std::collections::BTreeSet;

use mesh::core::{ClaimId, ClaimRef, Entry, Event, LapseReason, Millis, Mode, Terms};

use super::reference::{Place, Reference, Resource, TOLERANCE_MS};
use super::waiting;
use crate::trace::{Coverage, Seen, Violation, ensure};

fn conflict(a: Mode, b: Mode) -> bool {
    a == Mode::Exclusive || b == Mode::Exclusive
}

impl Resource {
    fn admits(&self, mode: Mode) -> bool {
        self.holders.iter().all(|hold| !conflict(hold.mode, mode))
    }

    pub(super) fn hold(&self, agent: &str) -> Option<&Place> {
        self.holders.iter().find(|place| place.agent == agent)
    }

    pub(super) fn ticket(&self, agent: &str) -> Option<(usize, &Place)> {
        let mut queue = self.queue.iter().enumerate();
        queue.find(|(_, place)| place.agent == agent)
    }
}

impl Reference {
    /// Why a hold or ticket has lapsed (C9).
    pub(super) fn lapse(&self, place: &Place, holds: bool, now: Millis) -> Option<LapseReason> {
        let ended = place.expires_at <= now;
        match self.agents.get(&place.agent) {
            _ if holds && ended => Some(LapseReason::Lease),
            Some(agent) => agent.is_dead(now).then_some(LapseReason::Death),
            None => (!holds && ended).then_some(LapseReason::Lease),
        }
    }

    /// Rules C9 and C12: whatever touches a resource first cuts and reaps.
    fn check_settled(&self, name: &str, now: Millis) -> Result<(), Violation> {
        let Some(resource) = self.resources.get(name) else {
            return Ok(());
        };
        for (place, holds) in places(resource) {
            let latest = now.saturating_add(place.lease_ms + TOLERANCE_MS);
            ensure(place.expires_at <= latest, "C12", || {
                format!(
                    "{name} is touched at {now}, and keeps the deadline that a bad clock gave {place}"
                )
            })?;
            let lapse = self.lapse(place, holds, now);
            ensure(lapse.is_none(), "C9", || {
                format!("{name} is touched at {now}, and nobody reaps {place}")
            })?;
        }
        Ok(())
    }
}

fn places(resource: &Resource) -> impl Iterator<Item = (&Place, bool)> {
    let holders = resource.holders.iter().map(|place| (place, true));
    holders.chain(resource.queue.iter().map(|place| (place, false)))
}

/// What every event about a claim has.
struct About<'a> {
    name: &'a str,
    agent: &'a str,
    claim_id: ClaimId,
    now: Millis,
}

/// Whether an event about a claim is allowed here.
pub(super) fn check(
    reference: &mut Reference,
    entry: &Entry,
    event: &Event,
    seen: &mut Coverage,
) -> Result<(), Violation> {
    let Some(claim) = event.claim() else {
        return Ok(());
    };
    let about = About {
        name: &claim.resource,
        agent: &claim.agent_id,
        claim_id: claim.claim_id,
        now: entry.at,
    };
    let About {
        name,
        agent,
        claim_id,
        ..
    } = about;
    reference.resource(name);
    match event {
        Event::Lapsed { reason, .. } => return check_lapse(reference, &about, *reason),
        Event::LeaseCut { expires_at, .. } => {
            seen.hit(Seen::DeadlineCut);
            return check_cut(reference, &about, *expires_at);
        }
        _ => reference.check_settled(name, entry.at)?,
    }
    match event {
        Event::Granted { .. } | Event::Queued { .. } => check_request(reference, &about, event),
        Event::Renewed { .. } | Event::Upgraded { .. } => {
            if matches!(event, Event::Upgraded { .. }) {
                seen.hit(Seen::Upgraded);
            }
            check_again(reference, &about, event)
        }
        Event::TicketRenewed { .. } => {
            let ticket = reference.resources[name].ticket(agent);
            ensure(
                ticket.is_some_and(|(_, t)| t.claim == claim_id),
                "C7",
                || format!("{agent} renews ticket {claim_id} of {name}, and has {ticket:?}"),
            )
        }
        Event::Promoted { .. } => {
            seen.hit(Seen::Promoted);
            check_promotion(reference, entry, &about, event, seen)
        }
        Event::Released { .. } => {
            let hold = reference.resources[name].hold(agent);
            ensure(hold.is_some_and(|h| h.claim == claim_id), "C10", || {
                format!("{agent} releases {claim_id} of {name}, and holds {hold:?}")
            })
        }
        Event::Cancelled { .. } => {
            let ticket = reference.resources[name].ticket(agent);
            ensure(
                ticket.is_some_and(|(_, t)| t.claim == claim_id),
                "C10",
                || format!("{agent} cancels {claim_id} of {name}, and has {ticket:?}"),
            )
        }
        _ => Ok(()),
    }
}

/// A new request: granted or queued (C1 to C3, C6, C7).
fn check_request(reference: &Reference, about: &About<'_>, event: &Event) -> Result<(), Violation> {
    let About {
        name,
        agent,
        claim_id,
        now,
    } = about;
    let resource = &reference.resources[*name];
    let (granted, mode, terms) = match event {
        Event::Granted {
            fence, mode, terms, ..
        } => (Some(*fence), *mode, terms),
        Event::Queued { mode, terms, .. } => (None, *mode, terms),
        _ => return Ok(()),
    };
    check_lease(terms, *now, "C1", || format!("{agent} claims {name}"))?;
    ensure(*claim_id > reference.newest_claim, "C1", || {
        format!(
            "claim {claim_id} of {agent} is not above the newest, {}",
            reference.newest_claim
        )
    })?;
    ensure(resource.ticket(agent).is_none(), "C7", || {
        format!("{agent} waits for {name} already, and gets {claim_id}")
    })?;
    ensure(resource.hold(agent).is_none(), "C4", || {
        format!("{agent} holds {name} already, and gets {claim_id}")
    })?;
    let beside = resource.holders.len() + resource.queue.len();
    let few = mode == Mode::Exclusive || beside < reference.limits.sharers;
    ensure(few, "G8", || {
        format!("{agent} is to share {name}, which {beside} others hold or wait for")
    })?;
    let Some(fence) = granted else {
        let free = resource.queue.is_empty() && resource.admits(mode);
        ensure(!free, "C6", || {
            format!("{agent} queues for {name}, which nobody keeps from it")
        })?;
        let waiting = resource.queue.len();
        ensure(waiting < reference.limits.tickets, "G8", || {
            format!("{agent} queues for {name}, for which {waiting} others wait")
        })?;
        let needed = resource.newest_fence + waiting as u64 + 1;
        ensure(needed <= reference.limits.count, "G8", || {
            format!("{agent} queues for {name}, which has no fence left for it")
        })?;
        let circle = waiting::closes_a_circle(reference, agent, name, mode);
        return ensure(!circle, "W4", || {
            format!("{agent} queues for {name} at {now}, and waits for itself")
        });
    };
    ensure(resource.queue.is_empty(), "C6", || {
        let queue: Vec<String> = resource.queue.iter().map(Place::to_string).collect();
        format!("{agent} is granted {name} past {}", queue.join(", "))
    })?;
    ensure(resource.admits(mode), "C2", || {
        format!(
            "{agent} is granted {name} as {mode:?} beside {:?}",
            resource.holders
        )
    })?;
    check_fence(reference, resource, name, fence)
}

/// The lease of `what` begins now, and lasts as long as it says.
fn check_lease(
    terms: &Terms,
    now: Millis,
    rule: &'static str,
    what: impl Fn() -> String,
) -> Result<(), Violation> {
    let Terms {
        lease_ms,
        expires_at,
        ..
    } = terms;
    ensure(*expires_at == now.saturating_add(*lease_ms), rule, || {
        format!("{} at {now} for {lease_ms} ms until {expires_at}", what())
    })
}

fn check_fence(
    reference: &Reference,
    resource: &Resource,
    name: &str,
    fence: u64,
) -> Result<(), Violation> {
    let newest = resource.newest_fence;
    let most = reference.limits.count;
    ensure(fence <= most, "G8", || {
        format!("{name} is granted under fence {fence}, and no reader takes one above {most}")
    })?;
    ensure(fence == newest + 1, "C3", || {
        format!("{name} is granted under fence {fence} after {newest}")
    })
}

/// A holder claims again: a renewal, another mode (C4, C5).
fn check_again(reference: &Reference, about: &About<'_>, event: &Event) -> Result<(), Violation> {
    let About {
        name,
        agent,
        claim_id,
        now,
    } = about;
    let resource = &reference.resources[*name];
    let Some(terms) = event.terms() else {
        return Ok(());
    };
    let hold = resource.hold(agent).filter(|hold| hold.claim == *claim_id);
    check_lease(terms, *now, "C4", || format!("{agent} renews {name}"))?;
    let Some(hold) = hold else {
        return Err(Violation {
            rule: "C4",
            what: format!("{agent} renews {claim_id} of {name}, which it does not hold"),
        });
    };
    match event {
        Event::Renewed { mode, .. } => {
            let kept = *mode == hold.mode || *mode == Mode::Shared;
            ensure(kept, "C5", || {
                format!("{agent} turns its shared hold of {name} exclusive without a new fence")
            })
        }
        Event::Upgraded { fence, .. } => {
            let alone = resource.holders.len() == 1 && resource.queue.is_empty();
            ensure(alone && hold.mode == Mode::Shared, "C5", || {
                format!("{agent} is made exclusive holder of {name} beside {resource:?}")
            })?;
            check_fence(reference, resource, name, *fence)
        }
        _ => Ok(()),
    }
}

/// A ticket becomes a hold (C2, C3, C6, C8).
fn check_promotion(
    reference: &mut Reference,
    entry: &Entry,
    about: &About<'_>,
    event: &Event,
    seen: &mut Coverage,
) -> Result<(), Violation> {
    let Event::Promoted {
        fence, expires_at, ..
    } = event
    else {
        return Ok(());
    };
    let About {
        name,
        agent,
        claim_id,
        now,
    } = about;
    let resource = &reference.resources[*name];
    let head = resource.queue.first();
    ensure(head.is_some_and(|h| h.claim == *claim_id), "C6", || {
        let head = head.map_or_else(|| "nobody".to_owned(), Place::to_string);
        format!("{agent} is promoted to {name}, and first in line is {head}")
    })?;
    let Some(head) = head.cloned() else {
        return Ok(());
    };
    ensure(
        *expires_at == now.saturating_add(head.lease_ms),
        "C8",
        || format!("{agent} is promoted to {name} at {now} until {expires_at}: {head:?}"),
    )?;
    ensure(resource.admits(head.mode), "C2", || {
        format!(
            "{agent} is promoted to {name} beside {:?}",
            resource.holders
        )
    })?;
    let run = (entry.seq, (*name).to_owned(), *fence);
    let continues = reference.run.as_ref() == Some(&run) && head.mode == Mode::Shared;
    if continues {
        seen.hit(Seen::SharedRunPromoted);
    } else {
        check_fence(reference, resource, name, *fence)?;
    }
    reference.run = Some(run);
    Ok(())
}

fn check_lapse(
    reference: &Reference,
    about: &About<'_>,
    reason: LapseReason,
) -> Result<(), Violation> {
    let About {
        name,
        agent,
        claim_id,
        now,
    } = about;
    let found = places(&reference.resources[*name]).find(|(place, _)| place.claim == *claim_id);
    let due = found.and_then(|(place, holds)| reference.lapse(place, holds, *now));
    ensure(due == Some(reason), "C9", || {
        format!("{agent} loses {claim_id} of {name} at {now} by {reason:?}: {found:?}")
    })
}

fn check_cut(
    reference: &Reference,
    about: &About<'_>,
    expires_at: Millis,
) -> Result<(), Violation> {
    let About {
        name,
        claim_id,
        now,
        ..
    } = about;
    let found = places(&reference.resources[*name]).find(|(place, _)| place.claim == *claim_id);
    let due = found.is_some_and(|(place, _)| {
        let latest = now.saturating_add(place.lease_ms);
        place.expires_at > latest.saturating_add(TOLERANCE_MS) && expires_at == latest
    });
    ensure(due, "C12", || {
        format!("the deadline of {claim_id} of {name} is cut at {now} to {expires_at}: {found:?}")
    })
}

/// Rules C2 and C8: at the end of an entry nobody is kept waiting for nothing.
pub(super) fn check_end(
    reference: &Reference,
    entry: &Entry,
    touched: &BTreeSet<String>,
) -> Result<(), Violation> {
    for name in touched {
        let resource = &reference.resources[name];
        let exclusive = resource
            .holders
            .iter()
            .any(|hold| hold.mode == Mode::Exclusive);
        ensure(!exclusive || resource.holders.len() == 1, "C2", || {
            format!(
                "after entry {}, {name} is held by {:?}",
                entry.seq, resource.holders
            )
        })?;
        if let Some(head) = resource.queue.first() {
            ensure(!resource.admits(head.mode), "C8", || {
                format!(
                    "after entry {}, {head:?} waits for {name} for nothing",
                    entry.seq
                )
            })?;
        }
    }
    Ok(())
}

/// Folds an event about a claim in.
pub(super) fn apply(reference: &mut Reference, event: &Event) {
    let Some(claim) = event.claim() else {
        return;
    };
    if event.new_claim().is_some() {
        reference.newest_claim = reference.newest_claim.max(claim.claim_id);
    }
    let resource = reference.resource(&claim.resource);
    if let Some(fence) = event.fence() {
        resource.newest_fence = fence;
    }
    let claim_id = claim.claim_id;
    match event {
        Event::Granted {
            fence, mode, terms, ..
        } => resource.holders.push(place(claim, *mode, *fence, terms)),
        Event::Queued { mode, terms, .. } => resource.queue.push(place(claim, *mode, 0, terms)),
        Event::Promoted {
            fence, expires_at, ..
        } => {
            if let Some(at) = resource.queue.iter().position(|t| t.claim == claim_id) {
                let mut place = resource.queue.remove(at);
                (place.fence, place.expires_at) = (*fence, *expires_at);
                resource.holders.push(place);
            }
        }
        Event::Released { .. } | Event::Cancelled { .. } | Event::Lapsed { .. } => {
            resource.holders.retain(|place| place.claim != claim_id);
            resource.queue.retain(|place| place.claim != claim_id);
        }
        other => change(resource, claim_id, other),
    }
}

fn place(claim: &ClaimRef, mode: Mode, fence: u64, terms: &Terms) -> Place {
    Place {
        agent: claim.agent_id.to_string(),
        claim: claim.claim_id,
        mode,
        fence,
        lease_ms: terms.lease_ms,
        expires_at: terms.expires_at,
        note: terms.note.as_deref().map(str::to_owned),
    }
}

/// Folds in what changes a hold or ticket and leaves it where it is.
fn change(resource: &mut Resource, claim: ClaimId, event: &Event) {
    let mut places = resource.holders.iter_mut().chain(&mut resource.queue);
    let Some(place) = places.find(|place| place.claim == claim) else {
        return;
    };
    if let Some(terms) = event.terms() {
        (place.lease_ms, place.expires_at) = (terms.lease_ms, terms.expires_at);
        if let Some(note) = &terms.note {
            place.note = Some(note.to_string());
        }
    }
    match event {
        Event::Renewed { mode, .. } => place.mode = *mode,
        Event::Upgraded { fence, .. } => (place.mode, place.fence) = (Mode::Exclusive, *fence),
        Event::LeaseCut { expires_at, .. } => place.expires_at = *expires_at,
        _ => {}
    }
}
