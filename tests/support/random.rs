//! Choices that a seed repeats.

use std::time::Duration;

use mesh::coordinator::Nonces;

/// A generator of pseudo-random numbers: the SplitMix64 that mesh draws its nonces from,
/// which is small, and the same everywhere.
#[derive(Clone, Debug)]
pub struct Random(Nonces);

impl Random {
    /// The generator for `seed`.
    pub fn new(seed: u64) -> Self {
        Self(Nonces::new(seed))
    }

    /// The seed in the environment variable `MESH_SEED`, or else a fresh one, and says
    /// which: printed by the test runner only if the test fails.
    ///
    /// # Panics
    ///
    /// Where `MESH_SEED` is no number.
    pub fn seed() -> u64 {
        let seed = match std::env::var("MESH_SEED") {
            Ok(text) => text.parse().expect("MESH_SEED is a number"),
            Err(_) => mesh::backends::seed() >> 16,
        };
        println!("MESH_SEED={seed} repeats the choices of this run");
        seed
    }

    /// A generator of its own for somebody, so that one's choices do not depend on how
    /// many another has made.
    pub fn fork(&mut self) -> Self {
        Self::new(self.next())
    }

    /// The next number.
    #[allow(clippy::should_implement_trait, reason = "it never ends")]
    pub fn next(&mut self) -> u64 {
        self.0.draw()
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// True in `percent` of 100 cases.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of `choices`.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len() as u64) as usize]
    }

    /// A duration from `low` up to `high` milliseconds.
    pub fn millis(&mut self, low: u64, high: u64) -> Duration {
        Duration::from_micros(low * 1000 + self.below((high - low) * 1000 + 1))
    }
}
