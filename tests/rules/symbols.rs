//! Short names for what a script cannot know: ids and points in time.

use mesh::core::{Entry, Event, Millis, Timestamp};

/// When every script begins: 2026-06-14T12:00:00Z.
pub(crate) const START: Millis = 1_781_438_400_000;

/// The id below all others, by which an unread cursor is printed.
const ZERO: &str = "00000000000000000000000000";

/// Ids in the order in which the log issued them: claims are `c1`, `c2` …, messages
/// `m1`, `m2` …, and `m0` is the cursor before the first read.
#[derive(Default)]
pub(crate) struct Symbols {
    claims: Vec<String>,
    messages: Vec<String>,
}

impl Symbols {
    /// Gives names to the ids that an entry issues.
    pub(crate) fn learn(&mut self, entry: &Entry) {
        for event in &entry.events {
            if let Some(claim) = event.new_claim() {
                self.claims.push(claim.claim_id.to_string());
            }
            if let Event::Posted { message_id, .. } = event {
                self.messages.push(message_id.to_string());
            }
        }
    }

    /// The id that a name stands for; any other text stands for itself.
    pub(crate) fn resolve(&self, text: &str) -> String {
        let id = match text.split_at_checked(1) {
            Some(("m", "0")) => Some(ZERO),
            Some(("c", number)) => nth(&self.claims, number),
            Some(("m", number)) => nth(&self.messages, number),
            _ => None,
        };
        id.unwrap_or(text).to_owned()
    }

    /// The text with every id in it replaced by its name.
    pub(crate) fn hide(&self, text: &str) -> String {
        let mut text = text.replace(ZERO, "m0");
        for (letter, ids) in [("c", &self.claims), ("m", &self.messages)] {
            for (id, number) in ids.iter().zip(1..) {
                if text.len() >= id.len() {
                    text = text.replace(id, &format!("{letter}{number}"));
                }
            }
        }
        text
    }
}

fn nth<'a>(ids: &'a [String], number: &str) -> Option<&'a str> {
    let number: usize = number.parse().ok()?;
    ids.get(number.checked_sub(1)?).map(String::as_str)
}

/// A point in time, counted from the beginning of the script and rounded down as
/// replies are: `@90s`.
pub(crate) fn at(time: Timestamp) -> String {
    let since = time.0 as i64 / 1000 - START as i64 / 1000;
    match since {
        0.. => format!("@{}", span(since as u64 * 1000)),
        _ => format!("@-{}", span(since.unsigned_abs() * 1000)),
    }
}

/// A duration, as scripts write it: `90s`, `1d+5s`, `100y`, `1500ms`.
pub(crate) fn span(mut ms: Millis) -> String {
    let mut parts = Vec::new();
    for (unit, name) in [(YEAR, "y"), (DAY, "d"), (1000, "s"), (1, "ms")] {
        if ms >= unit {
            parts.push(format!("{}{name}", ms / unit));
            ms %= unit;
        }
    }
    match parts.is_empty() {
        true => "0s".to_owned(),
        false => parts.join("+"),
    }
}

/// Reads a duration: a whole number and `ms`, `s`, `m`, `h`, `d` or `y`.
pub(crate) fn duration(text: &str) -> Result<Millis, String> {
    let digits = text.trim_end_matches(|c: char| c.is_alphabetic());
    let unit = match &text[digits.len()..] {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => DAY,
        "y" => YEAR,
        other => return Err(format!("no unit of time: {other:?}")),
    };
    let number: Millis = digits
        .parse()
        .map_err(|_| format!("no number: {digits:?}"))?;
    Ok(number * unit)
}

const DAY: Millis = 24 * 3_600_000;
const YEAR: Millis = 365 * DAY;
