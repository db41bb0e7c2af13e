//! A hundred thousand worlds, none of which breaks a rule; and what they met.

use sim::sweep::{Sweep, cores, sweep};

const SEEDS: u64 = 100_000;

#[test]
fn a_hundred_thousand_seeds_break_nothing_and_meet_everything() {
    let how = Sweep {
        threads: cores(),
        mutant: None,
        until_failure: false,
        progress: &|_| {},
    };
    let summary = sweep(0..SEEDS, &how);
    assert_eq!(summary.seeds, SEEDS);
    let failures: Vec<String> = summary
        .failures
        .iter()
        .take(5)
        .map(|(seed, broken)| {
            format!("{broken}\n  cargo run -p sim --release -- replay --seed {seed}")
        })
        .collect();
    assert!(
        failures.is_empty(),
        "{} seeds fail:\n{}",
        summary.failures.len(),
        failures.join("\n")
    );
    assert_eq!(summary.seen.missing(), [], "these situations never came up");
}
