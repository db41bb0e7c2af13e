//! What a person gets to see of a failure.

use std::fmt::Write;

use crate::run::Outcome;
use crate::tape;

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

fn trimmed(tape: &[u32]) -> Vec<u32> {
    let len = tape
        .iter()
        .rposition(|entry| *entry != 0)
        .map_or(0, |at| at + 1);
    tape[..len].to_vec()
}
