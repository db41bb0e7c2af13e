//! Every planted bug is caught, by a rule that it breaks, within 2,000 seeds.
#![cfg(feature = "planted")]

use sim::explore::matrix::matrix;
use sim::explore::planted::PlantedBug;
use sim::explore::sweep::cores;

const SEEDS: u64 = 2_000;

#[test]
fn every_planted_bug_is_caught_by_a_rule_that_it_breaks() {
    assert!(PlantedBug::all().len() >= 20);
    let caught = matrix(SEEDS, cores(), &|| {});
    let missed: Vec<String> = caught
        .iter()
        .filter(|caught| !caught.is_right())
        .map(|caught| format!("{}: {:?}", caught.bug.name(), caught.by))
        .collect();
    assert!(missed.is_empty(), "not caught:\n{}", missed.join("\n"));
}
