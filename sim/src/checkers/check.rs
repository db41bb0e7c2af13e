//! The second reading of the finished log, from its first entry to its last.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::reference::Reference;
use super::{asked, damage, errors, held, outcomes, replies, restored, trail, waiting};
use crate::trace::{Call, Coverage, Ledger, Seen, StateSeen, Trace, Violation};

/// Reads the finished log again, with everything that was answered on its way.
///
/// # Errors
///
/// The first rule that is broken.
pub fn check(trace: &Trace, ledger: &Ledger, seen: &mut Coverage) -> Result<Reference, Violation> {
    if let Some(broken) = ledger.violations.first() {
        return Err(broken.clone());
    }
    let mut answers: BTreeMap<u64, Vec<&Call>> = BTreeMap::new();
    for call in &trace.calls {
        if let Some(answer) = &call.answer {
            answers.entry(answer.decided.1).or_default().push(call);
        }
    }
    let mut states: BTreeMap<u64, Vec<&StateSeen>> = BTreeMap::new();
    for state in &trace.states {
        states.entry(state.snapshot.seq).or_default().push(state);
    }
    let mut reference = match trace.adopts {
        true => {
            let adopted = states.get(&0).and_then(|seen| seen.first());
            Reference::after_predecessor(trace.limits, adopted.map(|seen| &*seen.snapshot))?
        }
        false => Reference::within(trace.limits),
    };
    for seq in 0..=ledger.newest() {
        let here = answers.remove(&seq).unwrap_or_default();
        let mut open = replies::Open::new(here);
        if open.is_batch() {
            seen.hit(Seen::Batched);
        }
        if seq > 0 {
            let entry = &ledger.entries()[seq as usize - 1];
            reference.regained.clear();
            reference.forgotten.clear();
            open.before_entry(&reference);
            for event in &entry.events {
                reference.check(entry, event, seen)?;
                waiting::note(&mut reference, entry.at, event, seen);
                reference.apply(entry, event);
                open.after_event(&reference, entry);
            }
            reference.check_end(entry, seen)?;
        }
        open.at_end(&reference, seq)?;
        let entry = seq.checked_sub(1).map(|at| &ledger.entries()[at as usize]);
        for state in states.remove(&seq).unwrap_or_default() {
            if !state
                .tip
                .as_ref()
                .zip(entry)
                .is_none_or(|(a, b)| Arc::ptr_eq(a, b))
            {
                continue;
            }
            let right = reference
                .compare(&state.snapshot)
                .and_then(|()| trail::compare(trace, ledger, &state.snapshot, seen));
            right.map_err(|mut broken| {
                if seq == 0 && trace.adopts && broken.rule != "W6" {
                    broken.rule = "S3";
                }
                broken.what = format!(
                    "{} by process {}: {}",
                    state.occasion, state.process, broken.what
                );
                broken
            })?;
        }
    }
    errors::check(trace, &reference)?;
    outcomes::check(trace, seen)?;
    asked::check(trace)?;
    held::check(trace, ledger, seen)?;
    damage::check(trace, seen)?;
    restored::check(trace, seen)?;
    Ok(reference)
}
