//! Durations and sizes as people say them.

use crate::core::{Millis, Timestamp};

/// A duration in its two largest units: `45s`, `1m52s`, `2h05m`, `3d04h`.
pub(super) fn duration(millis: Millis) -> String {
    let seconds = millis / 1000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{minutes}m{:02}s", seconds % 60),
        3600..86_400 => format!("{hours}h{:02}m", minutes % 60),
        _ => format!("{days}d{:02}h", hours % 24),
    }
}

/// How long there is until `end`, rounded up: what is not over has a second left.
pub(super) fn left(end: Timestamp, now: Timestamp) -> String {
    match end.0.saturating_sub(now.0) {
        0 => "over".to_owned(),
        left => duration(left.saturating_add(999)),
    }
}

/// How long ago `at` was.
pub(super) fn ago(at: Timestamp, now: Timestamp) -> String {
    format!("{} ago", duration(now.0.saturating_sub(at.0)))
}

/// A number of bytes: `812 B`, `3.4 kB`, `1.0 MB`.
pub(super) fn bytes(count: u64) -> String {
    match count {
        0..1000 => format!("{count} B"),
        1000..1_000_000 => format!("{}.{} kB", count / 1000, count % 1000 / 100),
        _ => format!("{}.{} MB", count / 1_000_000, count % 1_000_000 / 100_000),
    }
}

/// A number with its noun: `1 message`, `2 messages`.
pub(super) fn count(number: u64, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_two_units_at_most() {
        let said = [0, 59_999, 60_000, 112_000, 7_500_000, 273_600_000].map(duration);
        assert_eq!(said, ["0s", "59s", "1m00s", "1m52s", "2h05m", "3d04h"]);
    }

    #[test]
    fn what_is_left_is_rounded_up_and_what_is_over_says_so() {
        let now = Timestamp(10_000);
        assert_eq!(left(Timestamp(10_001), now), "1s");
        assert_eq!(left(Timestamp(130_000), now), "2m00s");
        assert_eq!(left(now, now), "over");
        assert_eq!(ago(Timestamp(7_500), now), "2s ago");
        assert_eq!(ago(Timestamp(u64::MAX), now), "0s ago");
    }

    #[test]
    fn sizes_are_cut_not_rounded() {
        assert_eq!(
            [999, 3_499, 1_000_000].map(bytes),
            ["999 B", "3.4 kB", "1.0 MB"]
        );
    }
}
