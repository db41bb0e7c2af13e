//! Agents on machines of their own, with the log behind a network that breaks: the same
//! coordinator, agents and checkers, and nothing shared but a conditional append.

use sim::explore::report::failures;
use sim::explore::sweep::{Sweep, sweep};
use sim::trace::Seen;
use sim::world::tape::Tape;
use sim::{Runner, run_on};

const SEEDS: u64 = 400;

#[test]
fn four_hundred_seeds_of_the_network_world_break_nothing_and_meet_everything() {
    let how = Sweep {
        runner: Runner::Network,
        ..Sweep::default()
    };
    let summary = sweep(0..SEEDS, &how);
    assert_eq!(summary.seeds, SEEDS);
    assert!(
        summary.failures.is_empty(),
        "{}",
        failures(Runner::Network, &summary.failures)
    );
    let missing = summary.seen.missing(Seen::NETWORK);
    assert_eq!(missing, [], "these situations never came up");
    let fenced = [
        Seen::TwoBelievers,
        Seen::StaleWriteRefused,
        Seen::AppendLost,
    ];
    assert_eq!(summary.seen.missing(&fenced), [], "and these neither");
}

#[test]
fn a_tape_of_the_network_world_makes_the_same_run_again() {
    for seed in 0..20 {
        let first = run_on(Runner::Network, Tape::from_seed(seed));
        let again = run_on(Runner::Network, Tape::stored(first.tape.clone()));
        assert_eq!(
            first.trace.to_string(),
            again.trace.to_string(),
            "seed {seed}"
        );
    }
}

#[test]
fn the_empty_tape_is_a_calm_network() {
    let outcome = run_on(Runner::Network, Tape::stored(Vec::new()));
    assert_eq!(outcome.violation, None);
    assert!(outcome.trace.entries.len() > 20, "the agents do something");
    assert_eq!(outcome.seen.missing(Seen::NETWORK), Seen::NETWORK);
}
