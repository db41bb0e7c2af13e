//! The checkers: what happened, held against the contract.
//!
//! They look at the trace and the contract, and share no rule with the core. Not one
//! of them asks `decide` what it thinks. The [`ledger`] watches while the world runs,
//! whether all processes agree on one log, and whether it keeps what was durable. The
//! rest is a second reading of the finished log: the [`model`] folds entry by entry in
//! its own way, asking of each event whether the contract allows it *here*
//! ([`claims`], [`awareness`], [`messages`], [`waiting`]), and of each answer whether it tells what
//! is so at the place of the log on which it was decided ([`replies`]). [`held`] looks at
//! how long calls wait, and [`liveness`]
//! looks at what is left after the storm.
//!
//! Every violation names the rule that it breaks, by its id in the contract.

pub mod awareness;
pub mod claims;
pub mod damage;
pub mod held;
pub mod ledger;
pub mod liveness;
pub mod messages;
pub mod model;
pub mod replies;
pub mod waiting;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

pub use ledger::{Ledger, Noted};

use mesh::core::{ClaimId, ClaimRef, Entry, Event, Mode, Terms};

use crate::mutants::{self, SimBug};
use crate::sometimes::{Seen, Sometimes};
use crate::trace::{Call, StateSeen, Trace};
use model::Model;

/// A broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule's id in the contract; `lock` for the contract of the store's lock.
    pub rule: &'static str,
    /// How it is broken.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.what)
    }
}

/// Breaks a rule unless something holds.
pub(crate) fn ensure(
    holds: bool,
    rule: &'static str,
    what: impl FnOnce() -> String,
) -> Result<(), Violation> {
    match holds {
        true => Ok(()),
        false => Err(Violation { rule, what: what() }),
    }
}

/// Reads the finished log again, with everything that was answered on its way.
///
/// # Errors
///
/// The first rule that is broken.
pub fn check(trace: &Trace, ledger: &Ledger, seen: &mut Sometimes) -> Result<Model, Violation> {
    if mutants::is(SimBug::CheckersAlwaysAgree) {
        return Ok(Model::default());
    }
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
    let mut model = match trace.adopts {
        true => {
            let adopted = states.get(&0).and_then(|seen| seen.first());
            Model::after_predecessor(adopted.map(|seen| &*seen.snapshot))?
        }
        false => Model::default(),
    };
    for seq in 0..=ledger.newest() {
        let here = answers.remove(&seq).unwrap_or_default();
        let mut open = replies::Open::new(here);
        if open.is_batch() {
            seen.hit(Seen::Batched);
        }
        if seq > 0 {
            let entry = &ledger.entries()[seq as usize - 1];
            model.regained.clear();
            open.before_entry(&model);
            for event in &entry.events {
                model.check(entry, event, seen)?;
                waiting::note(&mut model, entry.at, event);
                model.apply(entry, event);
                open.after_event(&model, entry);
            }
            model.check_end(entry)?;
        }
        open.at_end(&model, seq)?;
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
            model.compare(&state.snapshot).map_err(|mut broken| {
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
    replies::check_errors(trace)?;
    held::check(trace, ledger, seen)?;
    damage::check(trace, seen)?;
    Ok(model)
}

/// A forged log in which two agents hold one resource exclusively.
///
/// # Errors
///
/// The broken rule: whoever gets none has checkers that do not look.
pub(crate) fn check_canary() -> Result<(), Violation> {
    let granted = |agent: &str, fence| Event::Granted {
        claim: ClaimRef::new(&"r".into(), &agent.into(), ClaimId::ZERO),
        fence,
        mode: Mode::Exclusive,
        terms: Terms {
            lease_ms: 1_000,
            expires_at: 1_000,
            note: None,
        },
    };
    let entry = Entry {
        seq: 1,
        id: "canary".to_owned(),
        at: 0,
        events: vec![granted("a", 1), granted("b", 2)],
    };
    let mut ledger = Ledger::default();
    ledger.note(0, &entry);
    check(&Trace::default(), &ledger, &mut Sometimes::default()).map(drop)
}
