//! First of all: a run is a function of its tape. Were it not, no failure could be
//! replayed, and nothing that the other tests say would mean much.

use std::process::Command;

use sim::world::tape::Tape;
use sim::{run, run_seed};

const SEEDS: u64 = 20;

/// Everything that a seed makes, as another process prints it.
fn printed_elsewhere(seed: u64, runner: &str) -> Vec<u8> {
    let output = Command::new(env!("CARGO_BIN_EXE_sim"))
        .args(["replay", "--seed", &seed.to_string(), "--runner", runner])
        .output();
    let output = output.expect("the simulator's own binary runs");
    assert!(!output.stdout.is_empty(), "seed {seed} prints nothing");
    output.stdout
}

#[test]
fn a_seed_in_two_processes_gives_two_traces_that_are_equal_byte_for_byte() {
    for seed in 0..SEEDS {
        for runner in ["plain", "network"] {
            let first = printed_elsewhere(seed, runner);
            let second = printed_elsewhere(seed, runner);
            assert!(
                first == second,
                "seed {seed} of the {runner} runner differs from process to process"
            );
        }
    }
}

#[test]
fn a_recorded_tape_makes_the_same_run_as_its_seed() {
    for seed in 0..SEEDS {
        let first = run_seed(seed);
        let again = run(Tape::stored(first.tape.clone()));
        assert_eq!(
            first.trace.to_string(),
            again.trace.to_string(),
            "seed {seed}"
        );
    }
}

/// Zero is the harmless choice, so the empty tape is the calmest world there is.
#[test]
fn the_empty_tape_is_a_calm_world_in_which_nothing_breaks() {
    let outcome = run(Tape::stored(Vec::new()));
    assert_eq!(outcome.violation, None);
    assert!(outcome.trace.entries.len() > 20, "the agents do something");
    let trace = outcome.trace.to_string();
    assert!(!trace.contains("Crashed") && !trace.contains("PowerCut") && !trace.contains("Paused"));
}
