//! Numbers: what repeated measurements say, and whether a goal is met.
//!
//! A *run* measures one thing many times and keeps one number, such as the median of its
//! latencies. A [`Sample`] has one number for each run; the runs of two sides are
//! interleaved, so that their numbers at the same place belong together. What is compared
//! is therefore taken run by run first, and only then the median: a disk that is slower
//! for a minute slows both sides of a run, and leaves their ratio alone.

use std::fmt;
use std::time::Duration;

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Time, in seconds.
    Time,
    /// Events in a second.
    Rate,
    /// Bytes.
    Bytes,
    /// How many times another number.
    Times,
    /// CPU seconds in an hour.
    CpuSecondsPerHour,
    /// A share of one core, in percent.
    PercentOfCore,
}

/// The value below which a share `q` of `values` lies, by the nearest rank; 0 of none.
pub(crate) fn quantile(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (q * sorted.len() as f64).ceil() as usize;
    let index = rank.clamp(1, sorted.len().max(1)) - 1;
    sorted.get(index).copied().unwrap_or(0.0)
}

/// The middle value, or the mean of the two in the middle; 0 of none.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        n if n % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// The latencies of one run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latencies(Vec<f64>);

impl Latencies {
    /// Adds one.
    pub(crate) fn add(&mut self, latency: Duration) {
        self.0.push(latency.as_secs_f64());
    }

    /// Adds another's.
    pub(crate) fn extend(&mut self, nanoseconds: impl IntoIterator<Item = u64>) {
        let seconds = nanoseconds.into_iter().map(|ns| ns as f64 / 1e9);
        self.0.extend(seconds);
    }

    /// The latency that a share `q` stays below, in seconds.
    pub(crate) fn quantile(&self, q: f64) -> f64 {
        quantile(&self.0, q)
    }
}

/// One number for each run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    /// What the numbers count.
    pub(crate) unit: Unit,
    /// In the order of the runs.
    pub(crate) runs: Vec<f64>,
}

impl Sample {
    /// No runs yet.
    pub(crate) fn new(unit: Unit) -> Self {
        let runs = Vec::new();
        Self { unit, runs }
    }

    /// Adds a run.
    pub(crate) fn add(&mut self, value: f64) {
        self.runs.push(value);
    }

    /// The median of the runs.
    pub(crate) fn median(&self) -> f64 {
        median(&self.runs)
    }

    /// The smallest and the largest run.
    pub(crate) fn spread(&self) -> (f64, f64) {
        (quantile(&self.runs, 0.0), quantile(&self.runs, 1.0))
    }

    /// How many times `other` this is, run by run.
    pub(crate) fn over(&self, other: &Self) -> Self {
        self.paired(other, Unit::Times, |ours, theirs| ours / theirs)
    }

    /// How much more than `other` this is, run by run.
    pub(crate) fn minus(&self, other: &Self) -> Self {
        self.paired(other, self.unit, |ours, theirs| ours - theirs)
    }

    fn paired(&self, other: &Self, unit: Unit, f: impl Fn(f64, f64) -> f64) -> Self {
        let pairs = self.runs.iter().zip(&other.runs);
        let runs = pairs.map(|(ours, theirs)| f(*ours, *theirs)).collect();
        Self { unit, runs }
    }
}

/// The median, and the smallest and largest run where they differ.
impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (low, high) = self.spread();
        let (low, high) = (shown(self.unit, low), shown(self.unit, high));
        write!(f, "{}", shown(self.unit, self.median()))?;
        match low == high {
            true => Ok(()),
            false => write!(f, " ({low} – {high})"),
        }
    }
}

/// A number as people read it, with three digits.
pub(crate) fn shown(unit: Unit, value: f64) -> String {
    let scaled = |steps: &[(f64, &'static str)]| {
        let fits = steps.iter().find(|(size, _)| value.abs() >= *size);
        let (size, name) = fits.or(steps.last()).copied().unwrap_or((1.0, ""));
        format!("{}{name}", digits(value / size))
    };
    match unit {
        Unit::Time => scaled(&[(1.0, " s"), (1e-3, " ms"), (1e-6, " µs")]),
        Unit::Rate => format!("{}/s", digits(value)),
        Unit::Bytes => scaled(&[(1e6, " MB"), (1e3, " kB"), (1.0, " B")]),
        Unit::Times => format!("{} ×", digits(value)),
        Unit::CpuSecondsPerHour => format!("{} s/h", digits(value)),
        Unit::PercentOfCore => format!("{} %", digits(value)),
    }
}

fn digits(value: f64) -> String {
    match value.abs() {
        large if large >= 99.95 => format!("{value:.0}"),
        medium if medium >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// What a number is to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Goal {
    /// This much or less.
    AtMost(f64),
    /// This much or more.
    AtLeast(f64),
}

impl Goal {
    /// Whether the median of `sample` is what it is to be.
    pub(crate) fn is_met(self, sample: &Sample) -> bool {
        match self {
            Self::AtMost(most) => sample.median() <= most,
            Self::AtLeast(least) => sample.median() >= least,
        }
    }

    /// The goal in words, in the unit of what is held to it.
    pub(crate) fn shown(self, unit: Unit) -> String {
        match self {
            Self::AtMost(most) => format!("≤ {}", shown(unit, most)),
            Self::AtLeast(least) => format!("≥ {}", shown(unit, least)),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn sample(unit: Unit, runs: &[f64]) -> Sample {
        let runs = runs.to_vec();
        Sample { unit, runs }
    }

    #[test]
    fn the_median_of_an_even_number_lies_between_the_two_in_the_middle() {
        assert_eq!(median(&[]), 0.0);
        assert_eq!(median(&[7.0]), 7.0);
        assert_eq!(median(&[9.0, 1.0, 4.0]), 4.0);
        assert_eq!(median(&[9.0, 1.0, 4.0, 6.0]), 5.0);
    }

    #[test]
    fn a_quantile_is_a_value_that_was_measured() {
        let hundred: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(quantile(&hundred, 0.5), 50.0);
        assert_eq!(quantile(&hundred, 0.99), 99.0);
        assert_eq!(quantile(&hundred, 0.991), 100.0);
        assert_eq!(quantile(&hundred, 0.0), 1.0);
        assert_eq!(quantile(&hundred, 1.0), 100.0);
        assert_eq!(quantile(&[], 0.99), 0.0);
    }

    #[test]
    fn latencies_come_from_this_process_and_from_others() {
        let mut latencies = Latencies::default();
        latencies.add(Duration::from_millis(3));
        latencies.extend([1_000_000, 2_000_000]);
        assert_eq!(latencies.quantile(0.5), 0.002);
        assert_eq!(latencies.quantile(1.0), 0.003);
    }

    #[test]
    fn sides_are_compared_run_by_run() {
        // The second run was ten times as slow for both. The ratio of the medians would
        // be 20 : 10 or 2 : 1 by luck; run by run it is never anything else.
        let ours = sample(Unit::Time, &[2.0, 20.0, 6.0]);
        let theirs = sample(Unit::Time, &[1.0, 10.0, 2.0]);
        let ratio = ours.over(&theirs);
        assert_eq!(ratio, sample(Unit::Times, &[2.0, 2.0, 3.0]));
        assert_eq!(ratio.median(), 2.0);
        let more = ours.minus(&theirs);
        assert_eq!(more, sample(Unit::Time, &[1.0, 10.0, 4.0]));
    }

    #[test]
    fn a_goal_holds_the_median_and_its_own_border() {
        let ratio = sample(Unit::Times, &[1.0, 1.5, 9.0]);
        assert!(Goal::AtMost(1.5).is_met(&ratio));
        assert!(!Goal::AtMost(1.49).is_met(&ratio));
        assert!(Goal::AtLeast(1.5).is_met(&ratio));
        assert!(!Goal::AtLeast(1.51).is_met(&ratio));
        assert_eq!(Goal::AtMost(1.5).shown(Unit::Times), "≤ 1.50 ×");
    }

    #[test]
    fn numbers_are_shown_with_three_digits_and_a_fitting_unit() {
        assert_eq!(shown(Unit::Time, 0.000_123_4), "123 µs");
        assert_eq!(shown(Unit::Time, 0.0099), "9.90 ms");
        assert_eq!(shown(Unit::Time, -0.000_02), "-20.0 µs");
        assert_eq!(shown(Unit::Time, 0.0), "0.00 µs");
        assert_eq!(shown(Unit::Bytes, 12_345_678.0), "12.3 MB");
        assert_eq!(shown(Unit::Rate, 99.96), "100/s");
        assert_eq!(
            sample(Unit::Times, &[1.0, 3.0, 2.0]).to_string(),
            "2.00 × (1.00 × – 3.00 ×)"
        );
        assert_eq!(sample(Unit::Times, &[1.0, 1.0]).to_string(), "1.00 ×");
    }
}
