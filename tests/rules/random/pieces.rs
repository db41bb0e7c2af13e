//! What is due before a command, in pieces: each keeps its bound and leaves a sound state, says
//! nothing of the command, and all of them with the command come to what the command alone
//! comes to.

use mesh::core::{
    Command, Decided, Decision, Entry, Event, Limits, Millis, Piece, Reply, State, decide_within,
    settle,
};

use super::ensure;
use crate::histories::Seen;

/// As in production, but for what goes into one entry.
pub(super) static FEW: Limits = Limits {
    reaped: 2,
    dropped: 1,
    ..Limits::PRODUCTION
};

pub(super) fn check(
    before: &State,
    now: Millis,
    command: &Command,
    entropy: u128,
    alone: &Decision,
    seen: &Seen,
) -> Result<(), String> {
    let mut state = before.clone();
    let mut reclaimed = 0;
    for _ in 0..1000 {
        match decide_within(&state, now, command, entropy) {
            Ok(Decided::Whole(decision)) => {
                check_bound(&decision.events)?;
                return compare(now, alone, &decision, reclaimed);
            }
            Ok(Decided::Piece(piece)) => {
                seen.borrow_mut()
                    .insert("what was due went before in pieces");
                check_piece(&state, now, &piece, seen)?;
                reclaimed += piece.events.iter().map(Event::reclaims).sum::<u64>();
                state = piece.state;
            }
            Err(rejection) => return Err(format!("rejected after pieces: {rejection}")),
        }
    }
    Err("its pieces have no end".to_owned())
}

fn check_bound(events: &[Event]) -> Result<(), String> {
    let reaped = events.iter().filter(|event| event.reaps()).count();
    ensure(reaped <= FEW.reaped, || {
        format!("{reaped} are reaped at once")
    })?;
    let dropped: u64 = events.iter().map(Event::reclaims).sum();
    ensure(dropped <= FEW.dropped as u64, || {
        format!("{dropped} are dropped at once")
    })
}

fn check_piece(before: &State, now: Millis, piece: &Piece, seen: &Seen) -> Result<(), String> {
    check_bound(&piece.events)?;
    ensure(!piece.events.is_empty(), || "an empty piece".to_owned())?;
    for event in &piece.events {
        let due = match event {
            Event::Posted { from, .. } => **from == *"mesh",
            Event::Promoted { .. } | Event::Expired { .. } | Event::KeysForgotten { .. } => true,
            event => event.reaps(),
        };
        ensure(due, || format!("a piece has {event:?}"))?;
    }
    let mut replayed = before.clone();
    replayed.apply_entry(&Entry {
        seq: 1,
        id: String::new(),
        at: now,
        events: piece.events.clone(),
    });
    ensure(replayed == piece.state, || {
        "a piece replays otherwise".to_owned()
    })?;
    let lapsed = piece.events.iter().filter_map(|event| match event {
        Event::Lapsed { claim, .. } => Some(&claim.resource),
        _ => None,
    });
    for resource in lapsed {
        let left = piece.state.resource(resource);
        if left.is_some_and(|left| left.holders.iter().any(|hold| hold.expires_at <= now)) {
            seen.borrow_mut()
                .insert("a resource was too much for one piece");
        }
    }
    piece.state.invariants()
}

/// What the command alone comes to, but for the ids of messages, and for what the caller
/// regained in front of its own entry. What has lapsed beside it is left to whoever comes next,
/// where the caller lost its part of a resource in a piece.
fn compare(now: Millis, alone: &Decision, last: &Decision, reclaimed: u64) -> Result<(), String> {
    let claims = |state: &State| {
        let mut settled = state.clone();
        let events = settle(state, now);
        events.iter().for_each(|event| settled.apply(now, event));
        let state = settled;
        let resources = state.resources();
        let resources = resources.map(|(name, record)| (name.clone(), record.clone()));
        let fences = state.fences().map(|(name, fence)| (name.clone(), fence));
        let agents = state
            .agents()
            .map(|(id, agent)| (id.clone(), agent.clone()));
        (
            resources.collect::<Vec<_>>(),
            fences.collect::<Vec<_>>(),
            agents.collect::<Vec<_>>(),
            state.losses().clone(),
            state.mail().len(),
        )
    };
    let (whole, pieces) = (claims(&alone.state), claims(&last.state));
    ensure(whole == pieces, || {
        format!("in pieces it comes to {pieces:?}, and else to {whole:?}")
    })?;
    let (mut whole, mut pieces) = (alone.reply.clone(), last.reply.clone());
    match (&mut whole, &mut pieces) {
        (Reply::Gc(_), Reply::Gc(pieces)) => pieces.reclaimed += reclaimed,
        (Reply::Claim(whole), Reply::Claim(pieces)) if pieces.lost.is_none() => whole.lost = None,
        (Reply::Post(whole), Reply::Post(pieces)) => whole.message_id = pieces.message_id,
        _ => {}
    }
    ensure(whole == pieces, || {
        format!("in pieces it is answered {pieces:?}, and else {whole:?}")
    })
}
