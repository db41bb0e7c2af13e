//! The planted-bug matrix: proof that the checkers look.
//!
//! Each bug is switched on in turn, and must be caught, by a rule that it breaks, within
//! a bounded number of seeds. Bugs of mesh are planted in mesh (`mesh::planted`).
//! Bugs of the simulator have other signs: a world that never pauses or never cuts
//! power is caught by what it no longer meets, a checker that always agrees by a canary,
//! a log that no checker may let pass.

use std::fmt::Write;

use mesh::core::{ClaimId, ClaimRef, Entry, Event, Mode, Terms};

use super::planted::PlantedBug;
use super::run::{Runner, judge};
use super::sweep::{Sweep, sweep};
use crate::trace::{Coverage, Ledger, Trace, Violation};
use crate::world::planted::SimBug;

/// Seeds in which a sound world meets everything that a bug of the simulator starves.
const ENOUGH: u64 = 400;

/// How a planted bug was caught.
#[derive(Clone, Debug)]
pub struct Caught {
    /// Which.
    pub bug: PlantedBug,
    /// After how many seeds, and by what; `None`: not at all.
    pub by: Option<(u64, Violation)>,
}

impl Caught {
    /// Whether it was caught by a rule that it breaks.
    pub fn is_right(&self) -> bool {
        match (self.bug, &self.by) {
            (_, None) => false,
            (bug, Some((_, broken))) => {
                let breaks = bug.breaks();
                breaks.is_empty() || breaks.contains(&broken.rule)
            }
        }
    }
}

/// Plants every bug in turn, for at most `seeds` seeds each.
pub fn matrix(seeds: u64, threads: usize, progress: &(dyn Fn() + Sync)) -> Vec<Caught> {
    let bugs = PlantedBug::all().into_iter();
    let caught = bugs.map(|bug| {
        let caught = hunt(bug, seeds, threads);
        progress();
        caught
    });
    caught.collect()
}

fn hunt(bug: PlantedBug, seeds: u64, threads: usize) -> Caught {
    let how = Sweep {
        threads,
        bug: Some(bug),
        until_failure: !matches!(bug, PlantedBug::Sim(_)),
        ..Sweep::default()
    };
    if bug == PlantedBug::Sim(SimBug::CheckersAlwaysAgree) {
        let by = canary(bug).map(|broken| (1, broken));
        return Caught { bug, by };
    }
    let by = match bug {
        PlantedBug::Sim(SimBug::TimeoutTakenForLoss) => {
            let runner = Runner::Network;
            let until_failure = true;
            first(
                seeds,
                &Sweep {
                    runner,
                    until_failure,
                    ..how
                },
            )
        }
        PlantedBug::Sim(bug) => starved(bug, seeds.min(ENOUGH), &how),
        #[cfg(feature = "planted")]
        PlantedBug::Mesh(_) => first(seeds, &how),
    };
    Caught { bug, by }
}

/// After how many seeds, and by what, something is broken.
fn first(seeds: u64, how: &Sweep<'_>) -> Option<(u64, Violation)> {
    let failures = sweep(0..seeds, how).failures.into_iter();
    failures.map(|(seed, broken)| (seed + 1, broken)).next()
}

/// What a sound world meets in as many seeds must be missing in the unsound one.
fn starved(bug: SimBug, seeds: u64, how: &Sweep<'_>) -> Option<(u64, Violation)> {
    let seen = bug.starves()?;
    let count = |bug| {
        let summary = sweep(0..seeds, &Sweep { bug, ..*how });
        summary.seen.count(seen)
    };
    let what = format!("{seen:?} never comes up");
    let broken = Violation {
        rule: "sometimes",
        what,
    };
    (count(how.bug) == 0 && count(None) > 0).then_some((seeds, broken))
}

/// A log with a hole in an order that no checker may let pass. Whoever does is caught.
fn canary(bug: PlantedBug) -> Option<Violation> {
    let _planted = bug.plant();
    match canary_passes() {
        Ok(()) => Some(Violation {
            rule: "canary",
            what: "two exclusive holders at once are let pass".to_owned(),
        }),
        Err(_) => None,
    }
}

/// A forged log in which two agents hold one resource exclusively.
///
/// # Errors
///
/// The broken rule: whoever gets none has checkers that do not look.
fn canary_passes() -> Result<(), Violation> {
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
    judge(&Trace::default(), &ledger, &mut Coverage::default()).map(drop)
}

/// The matrix as a Markdown table.
pub fn table(caught: &[Caught]) -> String {
    let mut text =
        String::from("| bug | what it is | caught by | after seeds |\n|---|---|---|---|\n");
    for row in caught {
        let (rule, after) = match &row.by {
            Some((after, broken)) if row.is_right() => (broken.rule.to_owned(), after.to_string()),
            Some((after, broken)) => (
                format!("**{}**, the wrong rule", broken.rule),
                after.to_string(),
            ),
            None => ("**nothing**".to_owned(), "—".to_owned()),
        };
        let description = row.bug.description().trim();
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| `{}` | {description} | {rule} | {after} |",
            row.bug.name()
        );
    }
    text
}

/// The page for `docs/`.
pub fn page(seeds: u64, caught: &[Caught]) -> String {
    format!(
        "# Planted bugs\n\n\
         Each of these bugs was switched on in turn, and the simulator run until it was caught, \
         for at most {seeds} seeds.\n\
         The rule is the one in [contract.md](contract.md) that the checkers found broken; `lock` is \
         the contract of the\n\
         store's lock (`ports::Lock`). Bugs of the simulator itself come last: they are caught by what \
         no longer comes\n\
         up, or by a canary. This page is written by\n\n\
         ```sh\n\
         cargo run -p sim -- mutants --out docs/planted-bugs.md\n\
         ```\n\n{}",
        table(caught)
    )
}
