//! Random histories against the core.
//!
//! A few agents do anything to a few resources and mailboxes, with clocks that jump both
//! ways, by seconds and by a century. After each step the general promises of the core
//! are checked here (determinism, replay, checkpoints, invariants), the rules on the trace
//! alone in [`trace`], the indexed mailboxes against a filter over all messages in [`mail`],
//! what mesh says of its own accord in [`told`], what held calls wait for in [`held`], and what
//! goes before a command in [`pieces`].

mod held;
mod history;
mod mail;
mod pieces;
mod told;
mod trace;

use mesh::core::{Decision, Entry, Part, Snapshot, SnapshotBuilder, decide};
use proptest::test_runner::TestCaseError;

use crate::histories::{self, Seen};
use history::{History, Step, steps};

/// How many histories there are, at least.
const CASES: u32 = 800;

/// What has to happen in some history: every kind of event that a command can cause, and
/// what only replies show.
const SOMETIMES: [&str; 35] = [
    "registered",
    "heartbeat",
    "registration_cut",
    "granted",
    "renewed",
    "upgraded",
    "queued",
    "ticket_renewed",
    "promoted",
    "released",
    "cancelled",
    "lapsed",
    "lease_cut",
    "posted",
    "cursor_moved",
    "expired",
    "keys_forgotten",
    "a run was promoted together",
    "a retry posted nothing",
    "an expired message was hidden",
    "an inbox did not hold all",
    "a claim was denied",
    "a rejection",
    "a new incarnation",
    "mesh told of a promotion",
    "mesh told of a loss",
    "a claim was told of its loss",
    "a held claim was due",
    "a promoted claim was collected",
    "a promoted claim was decided again",
    "a held claim waited on",
    "a held inbox was due",
    "an event concerned who waits",
    "what was due went before in pieces",
    "a resource was too much for one piece",
];

/// A3, A6, C2, C3, C5, C6, C8, C9, C12, M2, M3, M4, M5, M6, M7, W1, W5, W6, G3: They hold in every
/// history.
#[test]
fn every_history_keeps_the_rules() {
    histories::each(CASES, &steps(), &SOMETIMES, |steps, seen| {
        live_through(&steps, seen)
    });
}

fn live_through(steps: &[Step], seen: &Seen) -> Result<(), TestCaseError> {
    let mut history = History::default();
    let mut snapshot = Snapshot::within(&pieces::FEW);
    let mut posts = mail::Posts::default();
    let mut told = told::Told::default();
    for step in steps {
        let now = history.pass_time(step);
        let command = history.command(step);
        let before = snapshot.state.clone();
        let first = decide(&before, now, &command, step.entropy);
        let again = decide(&before, now, &command, step.entropy);
        require(first == again, || {
            format!("{command:?} was decided in two ways")
        })?;
        require(before == snapshot.state, || {
            "deciding changed the state".to_owned()
        })?;
        let decision = match first {
            Ok(decision) => decision,
            Err(_) => {
                seen.borrow_mut().insert("a rejection");
                continue;
            }
        };
        let said = trace::check(&before, now, &command, &decision, seen)
            .and_then(|()| mail::check(&decision, now, &command, seen))
            .and_then(|()| posts.check(now, &command, &decision, seen))
            .and_then(|()| told.check(&before, now, &command, &decision, seen))
            .and_then(|()| held::check(&decision.state, now, seen))
            .and_then(|()| held::check_concerns(&before, now, &decision.events, seen))
            .and_then(|()| pieces::check(&before, now, &command, step.entropy, &decision, seen))
            .and_then(|()| commit(&mut snapshot, now, &decision));
        said.map_err(|broken| TestCaseError::fail(format!("at {now}, {command:?}: {broken}")))?;
        history.learn(&decision);
    }
    Ok(())
}

/// Takes a decision into the log, and holds the state, its replay and its checkpoint
/// against each other.
fn commit(snapshot: &mut Snapshot, now: u64, decision: &Decision) -> Result<(), String> {
    if !decision.events.is_empty() {
        let seq = snapshot.seq + 1;
        let entry = Entry {
            seq,
            id: seq.to_string(),
            at: now,
            events: decision.events.clone(),
        };
        let line = serde_json::to_string(&entry).map_err(|error| error.to_string())?;
        let entry = serde_json::from_str(&line).map_err(|error| error.to_string())?;
        snapshot.apply(&entry);
    }
    ensure(snapshot.state == decision.state, || {
        "replaying the events gives another state".to_owned()
    })?;
    snapshot.state.invariants()?;
    ensure(restored(snapshot)? == *snapshot, || {
        "a checkpoint gives another state".to_owned()
    })
}

/// The snapshot after its way through a checkpoint.
fn restored(snapshot: &Snapshot) -> Result<Snapshot, String> {
    let mut builder = SnapshotBuilder::new(snapshot.seq);
    for part in snapshot.parts() {
        let json = serde_json::to_string(&part).map_err(|error| error.to_string())?;
        let part: Part = serde_json::from_str(&json).map_err(|error| error.to_string())?;
        builder.add(part).map_err(|error| error.to_string())?;
    }
    Ok(builder.finish())
}

fn ensure(holds: bool, broken: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(broken()) }
}

fn require(holds: bool, broken: impl FnOnce() -> String) -> Result<(), TestCaseError> {
    ensure(holds, broken).map_err(TestCaseError::fail)
}
