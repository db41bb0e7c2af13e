//! What a held call looks forward to, against what deciding it again would bring (W1).
//!
//! For each ticket of a state: as long as its claim is "not before" some moment, deciding it
//! would answer `queued`, so nothing is slept through; and where deciding it now would grant
//! it, it is due by now or as soon as its place in the queue has its turn, so nothing waits
//! for nothing. For each inbox: it is due exactly where it has something to show.

use mesh::core::{
    Claim, ClaimStatus, Command, Inbox, Millis, Prospect, Reply, State, Wait, decide, prospect,
};

use super::{Seen, ensure};

/// How long each place in the queue leaves what has lapsed to the one in front of it, at
/// most.
const TURN: Millis = 25;

pub(super) fn check(state: &State, now: Millis, seen: &Seen) -> Result<(), String> {
    for (resource, record) in state.resources() {
        for (place, ticket) in record.queue.iter().enumerate() {
            let claim = Command::Claim(Claim {
                agent_id: ticket.agent_id.to_string(),
                resource: resource.to_string(),
                wait: Some(Wait::Queue),
                ..Claim::default()
            });
            check_claim(state, now, &claim, TURN * place as Millis, seen)?;
        }
    }
    let readers = state.mail().cursors().map(|(agent, _)| agent);
    readers
        .chain(state.agents().map(|(agent, _)| agent))
        .try_for_each(|agent| check_inbox(state, now, agent, seen))
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
