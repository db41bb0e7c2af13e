//! Remembering which properties were decided, so that each is decided once.
//!
//! The checker evaluates every property in every state, and keeps the *last* state that
//! decides one. Here the first one is wanted: a breadth-first search meets it on a
//! shortest path. And a `sometimes` that looks one step ahead is dear, so it stops
//! looking once it was seen.

use std::sync::atomic::{AtomicU64, Ordering};

/// One bit for each property of a model.
#[derive(Debug, Default)]
pub(crate) struct Witness(AtomicU64);

impl Witness {
    /// For `sometimes`: whether this state is the first in which `condition` holds.
    pub(crate) fn first(&self, property: u32, condition: impl FnOnce() -> bool) -> bool {
        let bit = 1 << property;
        if self.0.load(Ordering::Relaxed) & bit != 0 || !condition() {
            return false;
        }
        self.0.fetch_or(bit, Ordering::Relaxed) & bit == 0
    }

    /// For `always`: whether `condition` holds, or failed in an earlier state already.
    pub(crate) fn holds(&self, property: u32, condition: impl FnOnce() -> bool) -> bool {
        !self.first(property, || !condition())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_state_decides_a_property() {
        let witness = Witness::default();
        assert!(!witness.first(3, || false));
        assert!(witness.first(3, || true));
        assert!(!witness.first(3, || true), "it was seen before");
        assert!(witness.holds(4, || true));
        assert!(!witness.holds(4, || false));
        assert!(witness.holds(4, || false), "its counterexample stands");
    }
}
