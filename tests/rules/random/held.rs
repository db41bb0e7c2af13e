//! What a held call looks forward to, against what deciding it again would bring (W1).
//!
//! For each ticket of a state: as long as its claim is "not before" some moment, deciding it
//! would answer `queued`, so nothing is slept through; and where deciding it now would grant
//! it, it is due by now or as soon as its place in the queue has its turn, so nothing waits
//! for nothing. For each hold: what its claim may collect is what deciding it would answer,
//! but for a later end of the lease. For each inbox: it is due exactly where it has something
//! to show.

use std::collections::BTreeMap;

use mesh::core::{
    Claim, ClaimReply, ClaimStatus, Command, Concern, Event, Hold, Inbox, Millis, Prospect, Reply,
    State, Wait, collect, concern, decide, prospect, prospects,
};

use super::ensure;
use crate::histories::Seen;

/// How long each place in the queue leaves what has lapsed to the one in front of it, at
/// most.
const TURN: Millis = 25;

pub(super) fn check(state: &State, now: Millis, seen: &Seen) -> Result<(), String> {
    for (resource, record) in state.resources() {
        for hold in &record.holders {
            let claim = queueing(&hold.agent_id, resource);
            for at in [now, hold.expires_at.saturating_sub(1), hold.expires_at] {
                check_collected(state, at.max(now), &claim, hold, seen)?;
            }
        }
        for (place, ticket) in record.queue.iter().enumerate() {
            let claim = queueing(&ticket.agent_id, resource);
            let early = collect(state, now, &claim, &ticket.claim_id.to_string());
            ensure(early.is_none(), || format!("{ticket:?} collects {early:?}"))?;
            let claim = Command::Claim(claim);
            check_claim(state, now, &claim, TURN * place as Millis, seen)?;
        }
    }
    let readers = state.mail().cursors().map(|(agent, _)| agent);
    readers
        .chain(state.agents().map(|(agent, _)| agent))
        .try_for_each(|agent| check_inbox(state, now, agent, seen))
}

fn queueing(agent_id: &str, resource: &str) -> Claim {
    Claim {
        agent_id: agent_id.to_owned(),
        resource: resource.to_owned(),
        wait: Some(Wait::Queue),
        ..Claim::default()
    }
}

fn check_collected(
    state: &State,
    at: Millis,
    claim: &Claim,
    hold: &Hold,
    seen: &Seen,
) -> Result<(), String> {
    let foreign = collect(state, at, claim, "another claim");
    ensure(foreign.is_none(), || {
        format!("{claim:?} collects another's {foreign:?}")
    })?;
    let Some(collected) = collect(state, at, claim, &hold.claim_id.to_string()) else {
        seen.borrow_mut()
            .insert("a promoted claim was decided again");
        return Ok(());
    };
    seen.borrow_mut().insert("a promoted claim was collected");
    let decided = match decide(state, at, &Command::Claim(claim.clone()), 0) {
        Ok(decision) => match decision.reply {
            Reply::Claim(reply) => reply,
            other => return Err(format!("{claim:?} is answered {other:?}")),
        },
        Err(rejection) => return Err(format!("{claim:?} is rejected: {rejection}")),
    };
    let renewed = ClaimReply {
        lease_expires_at: decided.lease_expires_at,
        lost: decided.lost.clone(),
        ..collected.clone()
    };
    ensure(renewed == decided, || {
        format!("{claim:?} collects {collected:?} at {at}, and is decided {decided:?}")
    })
}

fn check_claim(
    state: &State,
    now: Millis,
    claim: &Command,
    turn: Millis,
    seen: &Seen,
) -> Result<(), String> {
    let until = match prospect(state, now, claim) {
        Prospect::Due => {
            seen.borrow_mut().insert("a held claim was due");
            return Ok(());
        }
        Prospect::NotBefore(Some(until)) => until,
        Prospect::NotBefore(None) => return Err(format!("{claim:?} would wait for ever")),
    };
    ensure(until > now, || format!("{claim:?} is not before {until}"))?;
    seen.borrow_mut().insert("a held claim waited on");
    // Its turn may be later than the lapse itself.
    let last = (until - 1).saturating_sub(turn);
    for at in [now, now.midpoint(last), last] {
        if at >= now {
            let status = status(state, at, claim)?;
            ensure(status == ClaimStatus::Queued, || {
                format!("{claim:?} would sleep until {until}, and at {at} it is {status:?}")
            })?;
        }
    }
    if status(state, now, claim)? == ClaimStatus::Granted {
        ensure(until <= now + turn, || {
            format!("{claim:?} could be granted at {now}, and sleeps until {until}")
        })?;
    }
    Ok(())
}

fn status(state: &State, at: Millis, claim: &Command) -> Result<ClaimStatus, String> {
    match decide(state, at, claim, 0).map(|decision| decision.reply) {
        Ok(Reply::Claim(reply)) => Ok(reply.status),
        other => Err(format!("{claim:?} is answered {other:?}")),
    }
}

fn check_inbox(state: &State, now: Millis, agent: &str, seen: &Seen) -> Result<(), String> {
    let inbox = Command::Inbox(Inbox {
        agent_id: agent.to_owned(),
        ..Inbox::default()
    });
    let Ok(Reply::Inbox(reply)) = decide(state, now, &inbox, 0).map(|decision| decision.reply)
    else {
        return Err(format!("{inbox:?} is refused"));
    };
    let expected = match reply.messages.is_empty() {
        true => Prospect::NotBefore(None),
        false => Prospect::Due,
    };
    if expected == Prospect::Due {
        seen.borrow_mut().insert("a held inbox was due");
    }
    let looked = prospect(state, now, &inbox);
    ensure(looked == expected, || {
        format!(
            "{inbox:?} is {looked:?} with {} messages",
            reply.messages.len()
        )
    })
}

/// Whom no event concerns looks forward to nothing sooner than before.
pub(super) fn check_concerns(
    before: &State,
    now: Millis,
    events: &[Event],
    seen: &Seen,
) -> Result<(), String> {
    let mut state = before.clone();
    for event in events {
        let earlier = outlooks(&state, now);
        let concerned = concerned(&state, now, event);
        state.apply(now, event);
        let later = outlooks(&state, now);
        for (waiter, was) in earlier {
            // Who has no ticket any more is to be answered.
            let is = later.get(&waiter).copied().unwrap_or(0);
            if is >= was {
                continue;
            }
            seen.borrow_mut().insert("an event concerned who waits");
            ensure(concerned.contains(&waiter.0), || {
                format!(
                    "{event:?} brings {waiter:?} from {was} to {is}, and concerns {concerned:?}"
                )
            })?;
        }
    }
    Ok(())
}

/// When each of those who wait is due, by resource and agent.
fn outlooks(state: &State, now: Millis) -> BTreeMap<(String, String), Millis> {
    let mut outlooks = BTreeMap::new();
    for (resource, _) in state.resources() {
        for (agent_id, prospect) in prospects(state, now, resource) {
            let due = match prospect {
                Prospect::Due => 0,
                Prospect::NotBefore(at) => at.unwrap_or(Millis::MAX),
            };
            outlooks.insert((resource.to_string(), agent_id.to_string()), due);
        }
    }
    outlooks
}

fn concerned(state: &State, now: Millis, event: &Event) -> Vec<String> {
    match concern(state, now, event) {
        Concern::Resource(resource) => vec![resource.to_string()],
        Concern::Agent(agent_id) => state.involved(agent_id).map(ToString::to_string).collect(),
        Concern::Nobody | Concern::Mailbox(_) => Vec::new(),
    }
}
