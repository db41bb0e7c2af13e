//! Running random histories.
//!
//! They are the same on every run, so that a failure stays one; `PROPTEST_CASES` asks for
//! more of them. What must happen *sometimes* is noted and asserted in the end, since a
//! promise about something that never happens is kept by anything.

use std::cell::RefCell;
use std::collections::BTreeSet;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

/// What has happened in any history so far.
pub(crate) type Seen = RefCell<BTreeSet<&'static str>>;

/// Lives through `cases` histories at least, each of which must keep what `live_through`
/// asks, and some of which must show all that happens `sometimes`.
pub(crate) fn each<S: Strategy>(
    cases: u32,
    histories: &S,
    sometimes: &[&str],
    live_through: impl Fn(S::Value, &Seen) -> Result<(), TestCaseError>,
) {
    let asked = Config::default();
    let config = Config {
        cases: asked.cases.max(cases),
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..asked
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let seen = Seen::default();
    match runner.run(histories, |history| live_through(history, &seen)) {
        Ok(()) => {}
        Err(TestError::Fail(reason, history)) => panic!("{reason}\n{history:#?}"),
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
    let seen = seen.into_inner();
    let never: Vec<_> = sometimes
        .iter()
        .filter(|what| !seen.contains(*what))
        .collect();
    assert!(never.is_empty(), "these never happened: {never:?}");
}
