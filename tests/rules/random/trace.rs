//! The rules of claims and liveness, checked on the events and the states between them,
//! without a look at how the core decides.

use std::collections::BTreeMap;

use mesh::core::{
    ClaimStatus, Command, Decision, Event, Millis, Mode, Reply, ResourceState, State,
};

use super::ensure;
use crate::histories::Seen;

/// What the contract grants a clock before a deadline is cut (C12).
const TOLERANCE: Millis = 60_000;
/// How long an agent is stale before it is dead (A2).
const GRACE: Millis = 30_000;

/// Checks one decision: each event against the state before it, then the outcome.
pub(super) fn check(
    before: &State,
    now: Millis,
    command: &Command,
    decision: &Decision,
    seen: &Seen,
) -> Result<(), String> {
    let mut state = before.clone();
    let mut run = BTreeMap::new();
    for event in &decision.events {
        seen.borrow_mut().insert(event.kind());
        fences_rise(&state, event, &mut run, seen)?;
        nobody_overtakes(&state, event)?;
        nothing_goes_back(&state, event, seen)?;
        nothing_goes_early(&state, now, event)?;
        state.apply(now, event);
    }
    for resource in touched(command) {
        if let Some(record) = state.resource(resource) {
            is_settled(&state, now, resource, record)?;
        }
    }
    if matches!(&decision.reply, Reply::Claim(reply) if reply.status == ClaimStatus::Denied) {
        seen.borrow_mut().insert("a claim was denied");
    }
    actor_is_alive(&state, now, command)
}

/// C3: each grant and promotion is one above the newest, but for a run of shared waiters
/// that is promoted together. `run` is the fence of the latest promotion of a resource.
fn fences_rise(
    state: &State,
    event: &Event,
    run: &mut BTreeMap<String, u64>,
    seen: &Seen,
) -> Result<(), String> {
    let (Some(resource), Some(fence)) = (event.resource(), event.fence()) else {
        return Ok(());
    };
    let newest = state.newest_fence(resource);
    let follows = matches!(event, Event::Promoted { .. })
        && run.get(&**resource) == Some(&fence)
        && state
            .resource(resource)
            .is_some_and(|r| r.mode == Mode::Shared);
    if follows {
        seen.borrow_mut().insert("a run was promoted together");
    }
    match event {
        Event::Promoted { .. } => run.insert(resource.to_string(), fence),
        _ => run.remove(&**resource),
    };
    ensure(fence == newest + 1 || (follows && fence == newest), || {
        format!("C3: {resource} got fence {fence} after {newest}")
    })
}

/// C5, C6 and C8: a new grant finds nobody waiting, nor does an upgrade, and a promotion is
/// the head's. C2: none comes beside a holder that it conflicts with.
fn nobody_overtakes(state: &State, event: &Event) -> Result<(), String> {
    let Some(resource) = event.resource() else {
        return Ok(());
    };
    let Some(record) = state.resource(resource) else {
        return Ok(());
    };
    match event {
        Event::Granted { mode, .. } => {
            ensure(record.queue.is_empty(), || {
                format!("C6: a new request for {resource} passed those who wait")
            })?;
            ensure(fits(record, *mode), || {
                format!("C2: {resource} was granted twice")
            })
        }
        Event::Promoted { claim, .. } => {
            let head = record.queue.front();
            let is_head = head.is_some_and(|head| head.claim_id == claim.claim_id);
            ensure(is_head, || {
                format!("C6: the promoted ticket of {resource} was not the head")
            })?;
            ensure(head.is_some_and(|head| fits(record, head.mode)), || {
                format!("C2: {resource} was promoted beside a holder")
            })
        }
        Event::Upgraded { .. } => {
            ensure(record.holders.len() == 1 && record.queue.is_empty(), || {
                format!("C5: an upgrade of {resource} passed others")
            })
        }
        _ => Ok(()),
    }
}

fn fits(record: &ResourceState, mode: Mode) -> bool {
    let shared = record.mode == Mode::Shared && mode == Mode::Shared;
    record.holders.is_empty() || shared
}

/// M2, M4 and A3: ids, cursors and epochs only rise.
fn nothing_goes_back(state: &State, event: &Event, seen: &Seen) -> Result<(), String> {
    match event {
        Event::Posted { message_id, .. } => ensure(*message_id > state.mail().newest(), || {
            format!("M2: {message_id} is not above the newest")
        }),
        Event::CursorMoved { agent_id, cursor } => {
            ensure(*cursor > state.mail().cursor(agent_id), || {
                format!("M4: the cursor of {agent_id} fell")
            })
        }
        Event::Granted { claim, .. } | Event::Queued { claim, .. } => {
            ensure(claim.claim_id > state.newest_claim(), || {
                format!("C1: {} is not new", claim.claim_id)
            })
        }
        Event::Registered {
            agent_id, epoch, ..
        }
        | Event::Heartbeat {
            agent_id, epoch, ..
        } => {
            let earlier = state.agent(agent_id).map_or(0, |agent| agent.epoch);
            if earlier > 0 && *epoch > earlier {
                seen.borrow_mut().insert("a new incarnation");
                ensure(state.involved(agent_id).next().is_none(), || {
                    format!("A3: {agent_id} came back with what it held")
                })?;
            }
            ensure(
                *epoch == earlier + 1 || (*epoch == earlier && earlier > 0),
                || format!("A3: the epoch of {agent_id} went from {earlier} to {epoch}"),
            )
        }
        _ => Ok(()),
    }
}

/// M5 and C9: a message goes when its TTL has ended, a hold when its lease has or its agent is
/// dead.
fn nothing_goes_early(state: &State, now: Millis, event: &Event) -> Result<(), String> {
    match event {
        Event::Expired { message_ids } => {
            let mut messages = state.mail().messages();
            let early = messages.find(|(id, message)| {
                message_ids.contains(id) && message.expires_at.is_none_or(|end| end > now)
            });
            ensure(early.is_none(), || {
                format!("M5: {early:?} was dropped early")
            })
        }
        Event::Lapsed { claim, .. } => {
            let holders = state
                .resource(&claim.resource)
                .into_iter()
                .flat_map(|r| r.holders.iter());
            let early = holders
                .filter(|hold| hold.claim_id == claim.claim_id)
                .find(|hold| {
                    let agent = state.agent(&hold.agent_id);
                    let lives = agent.is_none_or(|agent| now <= agent.expires_at + GRACE);
                    hold.expires_at > now && lives
                });
            ensure(early.is_none(), || format!("C9: {early:?} was taken away"))
        }
        _ => Ok(()),
    }
}

/// The resources that a command brings up to now.
fn touched(command: &Command) -> Vec<&str> {
    match command {
        Command::Claim(claim) => vec![&claim.resource],
        Command::Release(release) => vec![&release.resource],
        Command::Claims(claims) if claims.resource.is_some() => {
            claims.resource.as_deref().into_iter().collect()
        }
        Command::Claims(_) | Command::Roster(_) | Command::Gc(_) => vec!["doc", "src"],
        _ => Vec::new(),
    }
}

/// C9 and C12: nothing about a touched resource has lapsed, or ends later than any clock
/// within a minute of this one could say.
fn is_settled(
    state: &State,
    now: Millis,
    resource: &str,
    record: &ResourceState,
) -> Result<(), String> {
    let is_dead = |agent: &str| {
        state
            .agent(agent)
            .is_some_and(|a| now > a.expires_at + GRACE)
    };
    for hold in &record.holders {
        ensure(hold.expires_at > now && !is_dead(&hold.agent_id), || {
            format!("C9: the hold of {} on {resource} has lapsed", hold.agent_id)
        })?;
        ensure(hold.expires_at <= now + hold.lease_ms + TOLERANCE, || {
            format!(
                "C12: {} holds {resource} until {}",
                hold.agent_id, hold.expires_at
            )
        })?;
    }
    for ticket in &record.queue {
        let lapsed = match state.agent(&ticket.agent_id) {
            Some(_) => is_dead(&ticket.agent_id),
            None => ticket.expires_at <= now,
        };
        ensure(!lapsed, || {
            format!(
                "C9: the ticket of {} for {resource} has lapsed",
                ticket.agent_id
            )
        })?;
    }
    Ok(())
}

/// A1 and A6: who acts, and is registered, is alive for its ttl at least.
fn actor_is_alive(state: &State, now: Millis, command: &Command) -> Result<(), String> {
    let actor = match command {
        Command::Register(register) => &register.agent_id,
        Command::Claim(claim) => &claim.agent_id,
        Command::Release(release) => &release.agent_id,
        Command::Post(post) => &post.agent_id,
        Command::Read(read) => &read.agent_id,
        _ => return Ok(()),
    };
    let alive = state
        .agent(actor)
        .is_none_or(|agent| agent.expires_at >= now + agent.ttl_ms);
    ensure(alive, || {
        format!("A6: {actor} acted, and is not alive for its ttl")
    })
}
