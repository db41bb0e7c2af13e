//! Which events of the trail are wanted.

use crate::core::{Event, Millis, Timestamp, TrailRecord};

use super::Arguments;

/// A point in time, as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// A time.
    At(Timestamp),
    /// So many milliseconds ago.
    Ago(Millis),
}

impl Moment {
    /// Reads an RFC 3339 time, or a whole number with one of the units s, m, h and d.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let units = [('s', 1), ('m', 60), ('h', 3600), ('d', 86_400)];
        for (unit, seconds) in units {
            let number = text.strip_suffix(unit).map(str::parse::<u64>);
            if let Some(Ok(number)) = number {
                return Ok(Self::Ago(number.saturating_mul(seconds * 1000)));
            }
        }
        let time = serde_json::from_value(text.into()).map(Self::At);
        time.map_err(|_| "a time such as 2026-06-14T12:00:00Z, or 90s, 10m, 2h, 3d".to_owned())
    }

    fn before(self, now: Millis) -> Millis {
        match self {
            Self::At(time) => time.0,
            Self::Ago(ago) => now.saturating_sub(ago),
        }
    }
}

/// What an event must be like.
#[derive(Debug)]
pub(super) struct Filter {
    agent: Option<String>,
    resource: Option<String>,
    kinds: Vec<String>,
    since: Millis,
    until: Millis,
}

impl Filter {
    /// The filter that the arguments describe at `now`.
    pub(super) fn new(arguments: Arguments, now: Millis) -> Self {
        Self {
            agent: arguments.agent,
            resource: arguments.resource,
            kinds: arguments.kind,
            since: arguments.since.map_or(0, |since| since.before(now)),
            until: arguments
                .until
                .map_or(Millis::MAX, |until| until.before(now)),
        }
    }

    /// Whether the record is wanted.
    pub(super) fn lets(&self, record: &TrailRecord) -> bool {
        let event = &record.event;
        let of_kind = self.kinds.is_empty() || self.kinds.iter().any(|kind| kind == event.kind());
        let on_resource = |name: &String| event.resource().is_some_and(|found| **found == **name);
        of_kind
            && (self.since..=self.until).contains(&record.at)
            && self.resource.as_ref().is_none_or(on_resource)
            && self
                .agent
                .as_ref()
                .is_none_or(|agent| concerns(event, agent))
    }
}

fn concerns(event: &Event, agent: &str) -> bool {
    let sent = matches!(event, Event::Posted { to, .. } if **to == *agent);
    sent || event.agent_id().is_some_and(|found| **found == *agent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_time_or_how_long_ago() {
        let time = Moment::parse("1970-01-01T00:00:10Z").unwrap();
        assert_eq!(time.before(99_000), 10_000);
        let before = |text| Moment::parse(text).map(|moment| moment.before(500_000_000));
        assert_eq!(before("90s"), Ok(499_910_000));
        assert_eq!(before("10m"), Ok(499_400_000));
        assert_eq!(before("2h"), Ok(492_800_000));
        assert_eq!(before("3d"), Ok(240_800_000));
        assert_eq!(before("99999999999999999d"), Ok(0));
        for wrong in ["", "10", "m", "-5m", "1.5h", "yesterday", "2026-06-14"] {
            assert!(Moment::parse(wrong).is_err(), "{wrong}");
        }
    }
}
