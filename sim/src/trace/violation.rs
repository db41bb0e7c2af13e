//! A rule that was broken, and how.
//!
//! The [ledger](super::Ledger) finds some while the world runs, and the
//! [checkers](crate::checkers) the others in the finished trace.

use std::fmt;

/// A broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule's id in the contract; `lock` for the contract of the store's lock.
    pub rule: &'static str,
    /// How it is broken.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.what)
    }
}

/// Breaks a rule unless something holds.
pub(crate) fn ensure(
    holds: bool,
    rule: &'static str,
    what: impl FnOnce() -> String,
) -> Result<(), Violation> {
    match holds {
        true => Ok(()),
        false => Err(Violation { rule, what: what() }),
    }
}
