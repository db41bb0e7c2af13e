//! The planted-bug matrix: proof that the checkers look.
//!
//! Each bug is switched on in turn, and must be caught, by a rule that it breaks, within
//! a bounded number of seeds. Bugs of mesh are planted in mesh (`mesh::planted`).
//! Bugs of the simulator are planted here: a world that never pauses or never cuts
//! power is caught by what it no longer meets, a checker that always agrees by a canary,
//! a log that no checker may let pass.

use std::cell::Cell;
use std::fmt::Write;

#[cfg(feature = "planted")]
use mesh::planted::{Bug, plant};

use crate::checkers::Violation;
use crate::run::Runner;
use crate::sometimes::Seen;
use crate::sweep::{Sweep, sweep};

/// Seeds in which a sound world meets everything that a bug of the simulator starves.
const ENOUGH: u64 = 400;

/// A bug of the simulator itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SimBug {
    /// No process ever stands still.
    NeverPauses,
    /// The power never fails.
    NeverCutsPower,
    /// A power cut loses nothing.
    DiskKeepsEverything,
    /// No checker finds anything.
    CheckersAlwaysAgree,
    /// A log client takes a time-out for a lost race.
    TimeoutTakenForLoss,
}

thread_local! {
    static PLANTED: Cell<Option<SimBug>> = const { Cell::new(None) };
}

/// Whether a bug of the simulator is planted in this thread.
pub(crate) fn is(bug: SimBug) -> bool {
    PLANTED.get() == Some(bug)
}

impl SimBug {
    const ALL: [Self; 5] = [
        Self::NeverPauses,
        Self::NeverCutsPower,
        Self::DiskKeepsEverything,
        Self::CheckersAlwaysAgree,
        Self::TimeoutTakenForLoss,
    ];

    fn description(self) -> &'static str {
        match self {
            Self::NeverPauses => "The simulator never pauses a process.",
            Self::NeverCutsPower => "The simulator never cuts the power.",
            Self::DiskKeepsEverything => "The simulated disk loses nothing in a power cut.",
            Self::CheckersAlwaysAgree => "The simulator's checkers always agree.",
            Self::TimeoutTakenForLoss => {
                "The simulator's client of a log server takes a time-out for a lost race."
            }
        }
    }

    /// What no longer comes up.
    fn starves(self) -> Option<Seen> {
        match self {
            Self::NeverPauses => Some(Seen::LapsedWhilePaused),
            Self::NeverCutsPower => Some(Seen::CutBeforeSync),
            Self::DiskKeepsEverything => Some(Seen::EntryLost),
            Self::CheckersAlwaysAgree | Self::TimeoutTakenForLoss => None,
        }
    }
}

/// A bug that can be planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// In mesh.
    #[cfg(feature = "planted")]
    Mesh(Bug),
    /// In the simulator.
    Sim(SimBug),
}

/// A planted bug, until it is dropped.
#[must_use = "the bug is gone when this is dropped"]
pub struct Planted(());

impl Drop for Planted {
    fn drop(&mut self) {
        PLANTED.set(None);
        #[cfg(feature = "planted")]
        plant(None);
    }
}

impl Mutant {
    /// All that there are.
    pub fn all() -> Vec<Self> {
        #[cfg(feature = "planted")]
        let mesh = Bug::ALL.iter().copied().map(Self::Mesh);
        #[cfg(not(feature = "planted"))]
        let mesh = std::iter::empty();
        mesh.chain(SimBug::ALL.into_iter().map(Self::Sim)).collect()
    }

    /// The one of a name.
    ///
    /// # Errors
    ///
    /// Lists the names, where there is no such one.
    pub fn named(name: &str) -> Result<Self, String> {
        let all = Self::all();
        let found = all.iter().find(|mutant| mutant.name() == name);
        found.copied().ok_or_else(|| {
            let names: Vec<String> = all.iter().map(|mutant| mutant.name()).collect();
            format!("no bug is called {name}; there are {}", names.join(", "))
        })
    }

    /// Its name.
    pub fn name(self) -> String {
        match self {
            #[cfg(feature = "planted")]
            Self::Mesh(bug) => bug.name().to_owned(),
            Self::Sim(bug) => format!("{bug:?}"),
        }
    }

    /// What it is.
    pub fn description(self) -> &'static str {
        match self {
            #[cfg(feature = "planted")]
            Self::Mesh(bug) => bug.description(),
            Self::Sim(bug) => bug.description(),
        }
    }

    /// The rules, any of which it may be caught by.
    pub fn breaks(self) -> &'static [&'static str] {
        match self {
            #[cfg(feature = "planted")]
            Self::Mesh(bug) => bug.breaks(),
            Self::Sim(SimBug::TimeoutTakenForLoss) => &["G6"],
            Self::Sim(_) => &[],
        }
    }

    /// Plants it in this thread.
    pub fn plant(self) -> Planted {
        match self {
            #[cfg(feature = "planted")]
            Self::Mesh(bug) => plant(Some(bug)),
            Self::Sim(bug) => PLANTED.set(Some(bug)),
        }
        Planted(())
    }
}

/// How a planted bug was caught.
#[derive(Clone, Debug)]
pub struct Caught {
    /// Which.
    pub mutant: Mutant,
    /// After how many seeds, and by what; `None`: not at all.
    pub by: Option<(u64, Violation)>,
}

impl Caught {
    /// Whether it was caught by a rule that it breaks.
    pub fn is_right(&self) -> bool {
        match (self.mutant, &self.by) {
            (_, None) => false,
            (mutant, Some((_, broken))) => {
                let breaks = mutant.breaks();
                breaks.is_empty() || breaks.contains(&broken.rule)
            }
        }
    }
}

/// Plants every bug in turn, for at most `seeds` seeds each.
pub fn matrix(seeds: u64, threads: usize, progress: &(dyn Fn() + Sync)) -> Vec<Caught> {
    let mutants = Mutant::all().into_iter();
    let caught = mutants.map(|mutant| {
        let caught = hunt(mutant, seeds, threads);
        progress();
        caught
    });
    caught.collect()
}

fn hunt(mutant: Mutant, seeds: u64, threads: usize) -> Caught {
    let how = Sweep {
        threads,
        mutant: Some(mutant),
        until_failure: !matches!(mutant, Mutant::Sim(_)),
        ..Sweep::default()
    };
    if mutant == Mutant::Sim(SimBug::CheckersAlwaysAgree) {
        let by = canary(mutant).map(|broken| (1, broken));
        return Caught { mutant, by };
    }
    let by = match mutant {
        Mutant::Sim(SimBug::TimeoutTakenForLoss) => {
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
        Mutant::Sim(bug) => starved(bug, seeds.min(ENOUGH), &how),
        #[cfg(feature = "planted")]
        Mutant::Mesh(_) => first(seeds, &how),
    };
    Caught { mutant, by }
}

/// After how many seeds, and by what, something is broken.
fn first(seeds: u64, how: &Sweep<'_>) -> Option<(u64, Violation)> {
    let failures = sweep(0..seeds, how).failures.into_iter();
    failures.map(|(seed, broken)| (seed + 1, broken)).next()
}

/// What a sound world meets in as many seeds must be missing in the unsound one.
fn starved(bug: SimBug, seeds: u64, how: &Sweep<'_>) -> Option<(u64, Violation)> {
    let seen = bug.starves()?;
    let count = |mutant| {
        let summary = sweep(0..seeds, &Sweep { mutant, ..*how });
        summary.seen.count(seen)
    };
    let what = format!("{seen:?} never comes up");
    let broken = Violation {
        rule: "sometimes",
        what,
    };
    (count(how.mutant) == 0 && count(None) > 0).then_some((seeds, broken))
}

/// A log with a hole in an order that no checker may let pass. Whoever does is caught.
fn canary(mutant: Mutant) -> Option<Violation> {
    let _planted = mutant.plant();
    match crate::checkers::check_canary() {
        Ok(()) => Some(Violation {
            rule: "canary",
            what: "two exclusive holders at once are let pass".to_owned(),
        }),
        Err(_) => None,
    }
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
        let description = row.mutant.description().trim();
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| `{}` | {description} | {rule} | {after} |",
            row.mutant.name()
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
         cargo run -p sim --release -- mutants --out docs/planted-bugs.md\n\
         ```\n\n{}",
        table(caught)
    )
}
