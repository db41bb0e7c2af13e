//! What a run has to show: what it did, what it saw, what it could not do, what is wrong.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// The report of a run, filled from many tasks of one thread.
#[derive(Debug, Default)]
pub(crate) struct Report {
    counts: RefCell<BTreeMap<&'static str, u64>>,
    longest: RefCell<BTreeMap<&'static str, Duration>>,
    skipped: RefCell<Vec<String>>,
    findings: RefCell<Vec<String>>,
}

impl Report {
    /// Counts something that happened.
    pub(crate) fn count(&self, what: &'static str) {
        *self.counts.borrow_mut().entry(what).or_insert(0) += 1;
    }

    /// Notes how long something took, to tell the longest.
    pub(crate) fn took(&self, what: &'static str, time: Duration) {
        let mut longest = self.longest.borrow_mut();
        let most = longest.entry(what).or_insert(time);
        *most = time.max(*most);
    }

    /// Notes that something could not be tried here.
    pub(crate) fn skip(&self, what: impl Into<String>) {
        let what = what.into();
        let mut skipped = self.skipped.borrow_mut();
        if !skipped.contains(&what) {
            skipped.push(what);
        }
    }

    /// Notes that something is wrong.
    pub(crate) fn finding(&self, scene: &str, what: impl fmt::Display) {
        self.findings.borrow_mut().push(format!("{scene}: {what}"));
    }

    /// Notes that something is wrong, where it is.
    pub(crate) fn expect(&self, scene: &str, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.finding(scene, what());
        }
    }

    /// Holds what a process said on standard error to what a process may say.
    pub(crate) fn complaints(&self, scene: &str, said: &str) {
        if said.contains("panicked") || said.contains("RUST_BACKTRACE") {
            self.finding(scene, format!("a panic: {said}"));
        }
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub(crate) fn is_sound(&self) -> bool {
        self.findings.borrow().is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.counts.borrow();
        let counts: Vec<String> = counts
            .iter()
            .map(|(what, n)| format!("{n} {what}"))
            .collect();
        writeln!(f, "{}", counts.join(", "))?;
        for (what, time) in self.longest.borrow().iter() {
            writeln!(f, "longest {what}: {:.3} s", time.as_secs_f64())?;
        }
        for what in self.skipped.borrow().iter() {
            writeln!(f, "not tried here: {what}")?;
        }
        let findings = self.findings.borrow();
        for finding in findings.iter() {
            writeln!(f, "WRONG: {finding}")?;
        }
        match findings.len() {
            0 => write!(f, "nothing is wrong"),
            n => write!(f, "{n} things are wrong"),
        }
    }
}
