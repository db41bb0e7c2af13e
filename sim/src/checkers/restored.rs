//! A backup was restored under a running process: whoever is answered afterwards is answered
//! from what was restored (rule G7), and no two hold under one fence (C2, C3).
//!
//! What was told before the restoring is taken back by who restored, not by mesh. A call that
//! was under way may be either.

use std::collections::{BTreeMap, BTreeSet};

use mesh::core::{ClaimStatus, Command, Reply};

use crate::trace::{Coverage, Micros, READER, Seen, Told, Trace, VETERAN, Violation, ensure};

/// The longest that a call may take, which waits for nobody.
const PATIENCE: Micros = 12_000_000;

/// Looks at what was told around the restoring.
pub(super) fn check(trace: &Trace, seen: &mut Coverage) -> Result<(), Violation> {
    let Some(told) = &trace.restored else {
        return Ok(());
    };
    let after: Vec<&Told> = told.iter().filter(|told| !told.before).collect();
    let mut veteran = after.iter().filter(|told| told.agent == VETERAN);
    seen.hit(match veteran.any(|told| told.result.is_ok()) {
        true => Seen::RestoreFollowed,
        false => Seen::RestoreNoticed,
    });
    all_are_answered(told)?;
    one_holder(&after)?;
    nothing_is_lost(&after)
}

/// No call lasts, though there may be nobody to answer it but who has the old files.
fn all_are_answered(told: &[Told]) -> Result<(), Violation> {
    let late = told.iter().find(|told| told.took > PATIENCE);
    ensure(late.is_none(), "C9", || {
        format!("a call around the restoring took {PATIENCE} µs and more: {late:?}")
    })
}

/// Nobody is told of a fence that another one is told to hold under.
fn one_holder(after: &[&Told]) -> Result<(), Violation> {
    let mut holders: BTreeMap<u64, &str> = BTreeMap::new();
    for told in after {
        if let Ok(Reply::Claim(reply)) = &told.result
            && reply.status == ClaimStatus::Granted
        {
            let holder = *holders.entry(reply.fence).or_insert(told.agent);
            ensure(holder == told.agent, "G7", || {
                let fence = reply.fence;
                format!("{holder} and {} both hold under fence {fence}", told.agent)
            })?;
        }
    }
    Ok(())
}

/// What was posted afterwards is there at last.
fn nothing_is_lost(after: &[&Told]) -> Result<(), Violation> {
    let mut posted = BTreeSet::new();
    for told in after {
        if let (Command::Post(post), Ok(Reply::Post(_))) = (&told.command, &told.result) {
            posted.insert(post.body.as_str());
        }
    }
    let mut there = BTreeSet::new();
    let read = after.iter().filter(|told| told.agent == READER);
    for told in read {
        let Ok(Reply::Inbox(reply)) = &told.result else {
            // An append that was under way may leave damage; then nobody is answered from
            // what was there before.
            let mut veteran = after.iter().filter(|told| told.agent == VETERAN);
            let answered = veteran.find(|told| told.result.is_ok());
            return ensure(answered.is_none(), "G7", || {
                format!("{answered:?} after the restoring, and the reader is told {told:?}")
            });
        };
        there.extend(
            reply
                .messages
                .iter()
                .map(|message| message.body.to_string()),
        );
    }
    let missing = posted.iter().find(|body| !there.contains(**body));
    ensure(missing.is_none(), "G7", || {
        format!("{missing:?} was acknowledged after the restoring, and is not there")
    })
}
