//! The same worlds under turmoil, where a process is a host with a tokio runtime, a kill
//! drops that runtime, and wakers are real: they must come to the same traces.

use std::ops::Range;
use std::thread;

use sim::world::tape::Tape;
use sim::{Runner, run_on, run_seed};

const SEEDS: u64 = 2_000;

/// Runs a seed on both, and compares everything that is printed of a run.
fn compare(seed: u64) {
    let turmoil = run_on(Runner::Turmoil, Tape::from_seed(seed));
    let plain = run_seed(seed);
    assert!(
        turmoil.trace.to_string() == plain.trace.to_string(),
        "the runners differ: compare replay --seed {seed} with and without --runner turmoil"
    );
    assert_eq!(turmoil.tape, plain.tape, "seed {seed}");
    assert_eq!(turmoil.violation, None, "seed {seed}");
}

#[test]
fn two_thousand_seeds_have_the_same_trace_under_turmoil() {
    let compare_all = |seeds: Range<u64>| seeds.for_each(compare);
    thread::scope(|scope| {
        scope.spawn(|| compare_all(0..SEEDS / 2));
        compare_all(SEEDS / 2..SEEDS);
    });
}
