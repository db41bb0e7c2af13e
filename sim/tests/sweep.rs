//! A hundred thousand worlds, none of which breaks a rule; and what they met.

use sim::Runner;
use sim::explore::report::failures;
use sim::explore::sweep::{Sweep, sweep};
use sim::trace::Seen;

const SEEDS: u64 = 100_000;

#[test]
fn a_hundred_thousand_seeds_break_nothing_and_meet_everything() {
    let summary = sweep(0..SEEDS, &Sweep::default());
    assert_eq!(summary.seeds, SEEDS);
    assert!(
        summary.failures.is_empty(),
        "{}",
        failures(Runner::Plain, &summary.failures)
    );
    let missing = summary.seen.missing(Seen::DISK);
    assert_eq!(missing, [], "these situations never came up");
}
