//! Many seeds on all cores.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use super::planted::PlantedBug;
use super::run::{Outcome, Runner, run_on};
use crate::trace::{Coverage, Violation};
use crate::world::tape::Tape;

/// How many seeds a thread takes at a time.
const STRIDE: u64 = 8;

/// What many seeds came to.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// How many seeds were run.
    pub seeds: u64,
    /// How many calls agents made.
    pub calls: u64,
    /// How many operations of the seam there were.
    pub steps: u64,
    /// What was met.
    pub seen: Coverage,
    /// The failures, by seed.
    pub failures: Vec<(u64, Violation)>,
}

impl Summary {
    fn count(&mut self, seed: u64, outcome: Outcome) {
        self.seeds += 1;
        self.calls += outcome.trace.calls.len() as u64;
        self.steps += outcome.steps;
        self.seen.add(&outcome.seen);
        if let Some(broken) = outcome.violation {
            self.failures.push((seed, broken));
        }
    }

    fn add(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.calls += other.calls;
        self.steps += other.steps;
        self.seen.add(&other.seen);
        self.failures.extend(other.failures);
    }
}

/// How a sweep is run.
#[derive(Clone, Copy)]
pub struct Sweep<'a> {
    /// How many threads share the seeds.
    pub threads: usize,
    /// What the seeds run on.
    pub runner: Runner,
    /// The bug that is planted in mesh meanwhile.
    pub bug: Option<PlantedBug>,
    /// Whether the first failure ends it.
    pub until_failure: bool,
    /// Told about every stride of seeds that is done.
    pub progress: &'a (dyn Fn(u64) + Sync),
}

impl Default for Sweep<'_> {
    /// Plain, on all cores, to the end, and quietly.
    fn default() -> Self {
        Self {
            threads: cores(),
            runner: Runner::Plain,
            bug: None,
            until_failure: false,
            progress: &|_| {},
        }
    }
}

/// Runs all `seeds`. Every seed is a world of its own, so threads change nothing but
/// the time that it takes.
pub fn sweep(seeds: Range<u64>, how: &Sweep<'_>) -> Summary {
    let next = AtomicU64::new(seeds.start);
    let failed = AtomicBool::new(false);
    let total = Mutex::new(Summary::default());
    let work = || {
        let _planted = how.bug.map(PlantedBug::plant);
        let mut mine = Summary::default();
        loop {
            let from = next.fetch_add(STRIDE, Ordering::Relaxed);
            if from >= seeds.end || (how.until_failure && failed.load(Ordering::Relaxed)) {
                break;
            }
            for seed in from..seeds.end.min(from + STRIDE) {
                mine.count(seed, run_on(how.runner, Tape::from_seed(seed)));
            }
            if !mine.failures.is_empty() {
                failed.store(true, Ordering::Relaxed);
            }
            (how.progress)(STRIDE);
        }
        if let Ok(mut total) = total.lock() {
            total.add(mine);
        }
    };
    thread::scope(|scope| (0..how.threads).for_each(|_| drop(scope.spawn(work))));
    let mut total = total
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    total.failures.sort_by_key(|(seed, _)| *seed);
    total
}

/// How many threads this machine runs at once.
pub fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}
