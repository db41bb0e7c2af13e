//! The shortest counterexamples, pinned.
mod common;

use model::stories::{elements, naive, planted};

#[test]
fn the_usual_ways_to_commit_fail() {
    common::tell(&naive());
}

#[test]
fn each_element_of_the_protocol_is_needed() {
    common::tell(&elements());
}

#[test]
fn the_planted_bugs_of_the_core_are_found() {
    common::tell(&planted());
}

#[test]
fn the_naive_commit_holds_while_nobody_steals() {
    common::check(&model::cases::naive());
}
