//! How long to wait before the next attempt.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Waiting times that double from a first one up to a longest one, each shortened by
/// up to a half at random, so that those who collided once do not collide in step.
#[derive(Debug)]
pub(crate) struct Backoff {
    micros: u64,
    longest: u64,
    seed: u64,
    attempt: u64,
}

impl Backoff {
    /// `first` and `longest` are in microseconds; equal seeds give equal times.
    pub(crate) fn new(first: u64, longest: u64, seed: u64) -> Self {
        Self {
            micros: first,
            longest,
            seed,
            attempt: 0,
        }
    }

    /// The next waiting time, in microseconds.
    pub(crate) fn next_micros(&mut self) -> u64 {
        let random = xxh3_64_with_seed(&self.attempt.to_le_bytes(), self.seed);
        let micros = self.micros - random % (self.micros / 2 + 1);
        self.attempt += 1;
        self.micros = (self.micros * 2).min(self.longest);
        micros
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_times_double_up_to_the_longest_and_vary_by_half() {
        let mut backoff = Backoff::new(100, 1_000, 42);
        for full in [100, 200, 400, 800, 1_000, 1_000] {
            let micros = backoff.next_micros();
            assert!((full / 2..=full).contains(&micros), "{micros} of {full}");
        }
    }

    #[test]
    fn two_seeds_do_not_wait_in_step() {
        let times = |seed| {
            let mut backoff = Backoff::new(1_000, 1_000, seed);
            [(); 8].map(|()| backoff.next_micros())
        };
        assert_eq!(times(1), times(1));
        assert_ne!(times(1), times(2));
    }
}
