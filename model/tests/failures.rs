//! A run that shows nothing must fail.

use std::time::Duration;

use model::cases::{Bounds, JOURNAL, LOCKED, naive};
use model::commit::{Bounds as CommitBounds, Commit, Fault};
use model::naive::{Bounds as NaiveBounds, Naive};
use model::{Failure, exhaust};

const LONG: Duration = Duration::from_secs(60);

#[test]
fn a_run_that_was_cut_short_fails() {
    let endless = CommitBounds {
        writers: 3,
        ..JOURNAL
    };
    let limit = Duration::from_millis(200);
    let failure = exhaust(Commit::new(endless), limit, &mut |_, _| {}).unwrap_err();
    assert!(matches!(failure, Failure::TimeLimit { .. }), "{failure}");
}

#[test]
fn a_run_in_which_nothing_happens_fails() {
    let idle = CommitBounds {
        commands: 0,
        ..JOURNAL
    };
    let failure = exhaust(Commit::new(idle), LONG, &mut |_, _| {}).unwrap_err();
    assert_eq!(failure, Failure::Vacuous("an entry is acknowledged"));
}

#[test]
fn another_number_of_states_fails() {
    let mut case = naive().remove(0);
    let pinned = case.states.unwrap();
    assert!(matches!(case.bounds, Bounds::Naive(_)));
    case.states = Some(pinned + 1);
    let failure = case.check(LONG, &mut |_, _| {}).unwrap_err();
    let found = pinned;
    let pinned = pinned + 1;
    assert_eq!(failure, Failure::Count { pinned, found });
}

#[test]
fn a_broken_promise_is_told_as_a_story() {
    let broken = CommitBounds {
        fault: Some(Fault::NoSync),
        ..JOURNAL
    };
    let failure = exhaust(Commit::new(broken), LONG, &mut |_, _| {}).unwrap_err();
    let Failure::Broken(story) = failure else {
        panic!("{failure}");
    };
    assert!(
        story.starts_with("G4 G5 what was told is never lost"),
        "{story}"
    );
    assert!(story.contains("the power fails"), "{story}");
}

/// Theft alone does not break the naive commit where only one process commits.
#[test]
fn one_naive_writer_is_safe() {
    let alone = NaiveBounds {
        writers: 1,
        theft: true,
        ..LOCKED
    };
    assert!(exhaust(Naive(alone), LONG, &mut |_, _| {}).is_ok());
}
