//! What a claim asks for, held against what it gets (C1): the lease and the note of a new hold
//! or ticket are those of a call that was not over yet.
//!
//! A held call may take a ticket more than once, since one lapses while its process stands
//! still. Each of them is as the call asked for it.

use std::collections::BTreeSet;

use mesh::core::{Claim, ClaimRef, Command, Millis, Terms};

use crate::trace::{Call, Record, Trace, Violation, ensure};

/// The lease of a new claim that does not say for how long (C1).
const DEFAULT_LEASE: Millis = 120_000;

/// Holds every new claim of the log against the calls that may have made it.
pub(super) fn check(trace: &Trace) -> Result<(), Violation> {
    let mut open: BTreeSet<usize> = BTreeSet::new();
    let mut entries = trace.entries.iter();
    for stamped in &trace.records {
        match stamped.record {
            Record::Called { call } => {
                open.insert(call);
            }
            Record::Answered { call } if is_over(&trace.calls[call]) => {
                open.remove(&call);
            }
            Record::Accepted { .. } => {
                let Some(entry) = entries.next() else {
                    continue;
                };
                for event in &entry.events {
                    if let (Some(claim), Some(terms)) = (event.new_claim(), event.terms()) {
                        let calls = open.iter().map(|call| &trace.calls[*call]);
                        check_terms(calls, claim, terms)?;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether nothing of a call can come into the log any more. What ended with an error, or was
/// left, may be there and not be read yet.
fn is_over(call: &Call) -> bool {
    let answer = call.answer.as_ref();
    !call.left && answer.is_some_and(|answer| answer.result.is_ok())
}

fn check_terms<'a>(
    calls: impl Iterator<Item = &'a Call>,
    claim: &ClaimRef,
    terms: &Terms,
) -> Result<(), Violation> {
    let mut asked = calls
        .filter(|call| *call.agent == *claim.agent_id)
        .filter_map(|call| match &call.command {
            Command::Claim(asked) if *asked.resource == *claim.resource => Some(asked),
            _ => None,
        });
    let is_asked_for = asked.any(|asked| gives(asked, terms));
    ensure(is_asked_for, "C1", || {
        format!(
            "{} gets {} for {} ms with the note {:?}, and no open call asks for that",
            claim.agent_id, claim.resource, terms.lease_ms, terms.note
        )
    })
}

fn gives(asked: &Claim, terms: &Terms) -> bool {
    let lease = asked.lease_seconds.map_or(DEFAULT_LEASE, |s| s * 1000);
    lease == terms.lease_ms && asked.note.as_deref() == terms.note.as_deref()
}
