//! What the simulator found once, kept as tapes.
//!
//! Each tape in `tapes/` was shrunk from a failure. Its first line says which planted
//! bug stands for what was wrong, and which rule that broke. The tape must still break
//! that rule with the bug in place, or it has gone blind; and nothing without it.
#![cfg(feature = "planted")]

use sim::explore::planted::PlantedBug;
use sim::run;
use sim::world::tape::{Tape, parse};

/// Runs a tape with and without its bug.
fn replay(text: &str) -> Result<(), String> {
    let header = text.lines().next().unwrap_or_default();
    let mut words = header.trim_start_matches("# ").split(' ');
    let (Some(bug), Some(rule)) = (words.next(), words.next()) else {
        return Err(format!(
            "a tape begins with \"# Bug rule\", not with {header:?}"
        ));
    };
    let entries = parse(text)?;

    let planted = PlantedBug::named(bug)?.plant();
    let outcome = run(Tape::stored(entries.clone()));
    let broken = outcome.violation.map(|broken| broken.rule);
    assert_eq!(broken, Some(rule), "the tape does not show {bug} any more");
    drop(planted);

    let outcome = run(Tape::stored(entries));
    assert_eq!(outcome.violation, None);
    Ok(())
}

#[test]
fn an_export_that_appears_while_a_folder_is_opened_is_no_loss() -> Result<(), String> {
    replay(include_str!("tapes/export-taken-for-loss.tape"))
}
