//! Time as the core knows it: a number that it is told.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Milliseconds since the Unix epoch, or a duration in milliseconds.
pub type Millis = u64;

/// The last millisecond that RFC 3339 can express (end of the year 9999).
const MAX_PRINTABLE: Millis = 253_402_207_200_999;

/// A point in time in a reply: milliseconds inside, RFC 3339 in UTC at second
/// precision, rounded down, outside (rule G1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub Millis);

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Years past 9999 have no RFC 3339 form; a clock that far off shows the last one.
        let seconds = (self.0.min(MAX_PRINTABLE) / 1000) as i64;
        let instant = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::MAX);
        write!(f, "{instant:.0}")
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let instant: jiff::Timestamp = text.parse().map_err(serde::de::Error::custom)?;
        Ok(Self(instant.as_millisecond().max(0) as Millis))
    }
}

/// `at + duration`, at the end of time if that overflows: an absurd clock must not
/// turn a deadline into one that has passed.
pub(super) fn after(at: Millis, duration: Millis) -> Millis {
    at.saturating_add(duration)
}

/// Whether `then` is less than `memory` away from `now`. The distance is measured either
/// way: what a clock that was far ahead has dated must not stay for ever, and a clock
/// that stepped back a little must not make anything forgotten.
pub(super) fn is_recent(then: Millis, now: Millis, memory: Millis) -> bool {
    then.abs_diff(now) < memory
}

#[cfg(test)]
mod tests {
    use super::*;

    /// G1: RFC 3339, UTC, second precision, rounded down.
    #[test]
    fn a_timestamp_is_rounded_down_to_the_second() {
        assert_eq!(
            Timestamp(1_781_438_400_999).to_string(),
            "2026-06-14T12:00:00Z"
        );
        assert_eq!(Timestamp(0).to_string(), "1970-01-01T00:00:00Z");
    }

    #[test]
    fn an_absurd_clock_still_prints() {
        assert!(Timestamp(u64::MAX).to_string().starts_with("9999-"));
    }
}
