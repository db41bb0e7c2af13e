//! From a failing tape to the smallest one that still breaks the same rule; or from a
//! run that meets something to the smallest one that does.
//!
//! A tape is a list of numbers, and zero is the harmless choice; so shrinking needs to
//! know nothing about what the numbers mean. It cuts the end off, clears and deletes
//! stretches, and lowers what is left, as long as the same rule stays broken.

use std::fmt;
use std::ops::Range;

use super::run::{Outcome, Runner, run_on};
use crate::trace::Seen;
use crate::world::tape::Tape;

/// A shrunk failure.
#[derive(Debug)]
pub struct Shrunk {
    /// The smallest tape that was found.
    pub tape: Vec<u32>,
    /// What it does.
    pub outcome: Outcome,
    /// How many runs it took.
    pub runs: usize,
}

/// Something that a run is to show to whoever looks at it, as a picture does.
pub trait Shows: fmt::Debug {
    /// In how many rows it does; `None`: it does not.
    fn rows(&self, outcome: &Outcome) -> Option<usize>;
}

/// What must stay so while a tape gets smaller.
#[derive(Clone, Copy, Debug, Default)]
pub struct Goal<'a> {
    /// This rule is broken, or none.
    pub breaks: Option<&'static str>,
    /// In words like these.
    pub says: &'a str,
    /// All of this is met.
    pub meets: &'a [Seen],
    /// A picture shows this.
    pub shows: Option<&'a dyn Shows>,
}

impl Goal<'_> {
    /// In how many rows a picture shows what it should.
    fn rows(&self, outcome: &Outcome) -> Option<usize> {
        self.shows.map_or(Some(0), |focus| focus.rows(outcome))
    }

    /// Whether a run is such a one.
    pub fn is_reached(self, outcome: &Outcome) -> bool {
        let broken = outcome.violation.as_ref();
        let says = broken.is_none_or(|broken| broken.what.contains(self.says));
        broken.map(|broken| broken.rule) == self.breaks
            && says
            && self.rows(outcome).is_some()
            && outcome.seen.missing(self.meets).is_empty()
    }
}

struct Shrinker<'a> {
    runner: Runner,
    goal: Goal<'a>,
    best: Vec<u32>,
    runs: usize,
    budget: usize,
}

impl Shrinker<'_> {
    /// Takes a smaller tape if it still does what it should.
    fn accepts(&mut self, candidate: Vec<u32>) -> bool {
        if self.runs >= self.budget || candidate == self.best {
            return false;
        }
        self.runs += 1;
        let outcome = run_on(self.runner, Tape::stored(candidate.clone()));
        let reached = self.goal.is_reached(&outcome);
        if reached {
            self.best = candidate;
            while self.best.last() == Some(&0) {
                self.best.pop();
            }
        }
        reached
    }

    /// Cuts the end off, as far as that goes.
    fn cut_end(&mut self) {
        let mut step = self.best.len() / 2;
        while step > 0 {
            let kept = self.best.len().saturating_sub(step);
            if !self.accepts(self.best[..kept].to_vec()) {
                step /= 2;
            }
        }
    }

    /// Tries a change on stretches of every length, the longest first.
    fn on_stretches(&mut self, change: impl Fn(&mut Vec<u32>, usize, usize)) -> bool {
        let mut moved = false;
        let mut len = (self.best.len() / 2).max(1);
        loop {
            let mut at = 0;
            while at < self.best.len() {
                let mut candidate = self.best.clone();
                change(&mut candidate, at, (at + len).min(self.best.len()));
                if self.accepts(candidate) {
                    moved = true;
                }
                at += len;
            }
            if len == 1 || self.runs >= self.budget {
                return moved;
            }
            len /= 2;
        }
    }

    /// Halves the numbers that are left.
    fn lower(&mut self) {
        for at in 0..self.best.len() {
            while self.best.get(at).is_some_and(|entry| *entry > 0) {
                let mut candidate = self.best.clone();
                candidate[at] /= 2;
                if !self.accepts(candidate) {
                    break;
                }
            }
        }
    }
}

/// Goes through seeds until `enough` of them reached `goal`, shrinks each in at most
/// `budget` runs, and gives the run in which the least happens, with its seed. `tape`
/// makes a world of a seed.
pub fn simplest(
    runner: Runner,
    seeds: Range<u64>,
    tape: impl Fn(u64) -> Tape,
    goal: Goal<'_>,
    budget: usize,
    enough: usize,
) -> Option<(u64, Shrunk)> {
    let outcomes = seeds.map(|seed| (seed, run_on(runner, tape(seed))));
    let reached = outcomes.filter(|(_, outcome)| goal.is_reached(outcome));
    let shrunk = reached
        .take(enough)
        .map(|(seed, outcome)| (seed, shrink(runner, outcome.tape, goal, budget)));
    shrunk.min_by_key(|(_, shrunk)| {
        let rows = goal.rows(&shrunk.outcome);
        (rows, shrunk.outcome.trace.records.len())
    })
}

/// Shrinks a tape that reaches `goal`, in at most `budget` runs.
pub fn shrink(runner: Runner, tape: Vec<u32>, goal: Goal<'_>, budget: usize) -> Shrunk {
    let mut shrinker = Shrinker {
        runner,
        goal,
        best: tape,
        runs: 0,
        budget,
    };
    loop {
        shrinker.cut_end();
        let cleared = shrinker.on_stretches(|tape, from, to| tape[from..to].fill(0));
        let deleted = shrinker.on_stretches(|tape, from, to| {
            tape.drain(from..to);
        });
        if !(cleared || deleted) || shrinker.runs >= shrinker.budget {
            break;
        }
    }
    shrinker.lower();
    Shrunk {
        outcome: run_on(runner, Tape::stored(shrinker.best.clone())),
        tape: shrinker.best,
        runs: shrinker.runs,
    }
}
