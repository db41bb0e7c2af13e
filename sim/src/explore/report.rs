//! What a person gets to see of a failure.

use std::fmt::Write;

use super::run::{Outcome, Runner, run_on};
use super::shrink::{Goal, shrink};
use crate::trace::Violation;
use crate::world::tape::{self, Tape};

/// How many failing seeds are told of, and how many runs the first of them is shrunk in.
const TOLD: usize = 5;
const SHRINKING: usize = 2_000;

/// A failure in full: seed, knobs, the broken rule, the trace, and the tape that makes
/// it again.
pub fn report(origin: &str, outcome: &Outcome) -> String {
    let mut text = String::new();
    let broken = outcome.violation.as_ref();
    let broken = broken.map_or_else(|| "nothing is broken".to_owned(), ToString::to_string);
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{origin}\nknobs: {}", outcome.knobs);
    let _ = writeln!(text, "broken: {broken}\n\n{}", outcome.trace);
    let _ = writeln!(
        text,
        "broken: {broken}\ntape ({} entries):",
        outcome.tape.len()
    );
    text.push_str(&tape::print(&trimmed(&outcome.tape)));
    text
}

/// What a test says of failing seeds: how to replay the first few, and the first of them
/// in full, shrunk.
pub fn failures(runner: Runner, failures: &[(u64, Violation)]) -> String {
    let mut text = format!("{} seeds fail\n", failures.len());
    for (seed, broken) in failures.iter().take(TOLD) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}", line(runner, *seed, broken, ""));
    }
    if let Some((seed, broken)) = failures.first() {
        let tape = run_on(runner, Tape::from_seed(*seed)).tape;
        let goal = Goal {
            breaks: Some(broken.rule),
            ..Goal::default()
        };
        let shrunk = shrink(runner, tape, goal, SHRINKING);
        text.push_str(&report(&format!("seed {seed}, shrunk"), &shrunk.outcome));
    }
    text
}

/// One failing seed: what it breaks, and the command that replays it.
pub fn line(runner: Runner, seed: u64, broken: &Violation, more: &str) -> String {
    let what: String = broken.to_string().chars().take(160).collect();
    let runner = runner.argument();
    format!("{what}\n    cargo run -p sim -- replay --seed {seed}{runner}{more}")
}

fn trimmed(tape: &[u32]) -> Vec<u32> {
    let len = tape
        .iter()
        .rposition(|entry| *entry != 0)
        .map_or(0, |at| at + 1);
    tape[..len].to_vec()
}
