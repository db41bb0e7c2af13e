//! What may be created: the limits of rule G8, in one place.
//!
//! Limits bind what creates (`register`, `claim`, `post`). Whatever only names
//! something (`release`, `read`, `inbox`, `claims`) accepts any name that exists, so
//! a folder adopted from the predecessor stays usable whatever its names look like.

use std::ops::RangeInclusive;

use super::names::{AgentId, Resource};
use super::rejection::Rejection;
use super::time::Millis;

/// Agent ids, resources, topic names, `reply_to` and sessions, in bytes.
pub const MAX_NAME_BYTES: usize = 256;
/// `branch`, `prompt_ptr`, `role`, `subject` and `note`, in bytes.
pub const MAX_TEXT_BYTES: usize = 1024;
/// A message body, in bytes.
pub const MAX_BODY_BYTES: usize = 65_536;
/// A retry key, in bytes (rule M7).
pub const MAX_KEY_BYTES: usize = 256;
/// Leases and agent TTLs, in seconds: 30 days.
pub const MAX_LEASE_SECONDS: u64 = 30 * 24 * 3600;
/// Message TTLs, in seconds: 10 years.
pub const MAX_MESSAGE_TTL_SECONDS: u64 = 10 * 365 * 24 * 3600;
/// How long a call may be held, in seconds (rule W1): the shortest time-out that clients
/// are known to have is 60.
pub const MAX_WAIT_SECONDS: u64 = 50;
/// Tickets that may wait for one resource.
pub const MAX_TICKETS: usize = 1000;
/// A request to the server, in bytes.
pub const MAX_REQUEST_BYTES: usize = 1 << 20;
/// Messages that one `inbox` reply may hold.
pub const MAX_INBOX_LIMIT: u64 = 1000;
/// Bytes of messages at which an `inbox` reply stops, but not before one (rule M3).
pub const MAX_INBOX_BYTES: usize = 1 << 20;
/// Records of the audit trail that are kept (rule S5).
pub const MAX_TRAIL: usize = 10_000;

/// Fences, epochs, places in the log and generations never exceed this: every reader of
/// JSON tells whole numbers up to here apart (2^53). Beyond it lies only what somebody
/// wrote by hand, and readers refuse it.
pub const MAX_COUNT: u64 = 1 << 53;

/// `ttl_seconds` of `register` when left out.
pub const DEFAULT_TTL_SECONDS: u64 = 60;
/// `lease_seconds` of a new `claim` when left out.
pub const DEFAULT_LEASE_SECONDS: u64 = 120;
/// `limit` of `inbox` when left out.
pub const DEFAULT_INBOX_LIMIT: u64 = 100;

/// How long an agent stays `stale` before it is `dead` (rule A2).
pub(super) const STALE_GRACE: Millis = 30_000;
/// How far a deadline may lie beyond now + its duration before it is cut (rule C12).
pub(super) const CLOCK_TOLERANCE: Millis = 60_000;
/// How long a retry key is remembered (rule M7).
pub(super) const KEY_MEMORY: Millis = 3_600_000;
/// How long an agent is told of a loss (rules W5 and W6).
pub(super) const LOSS_MEMORY: Millis = 3_600_000;
/// Losses that are remembered, the newest ones: a bound on what a fleet that loses
/// everything all the time leaves behind.
pub(super) const MAX_LOSSES: usize = 10_000;

/// Who sends what agents are told.
pub(super) const MESH: &str = "mesh";

/// Whether `c` is printable here: no control and no bidirectional formatting
/// character, no line or paragraph separator, no noncharacter.
pub(super) fn is_printable(c: char) -> bool {
    let bidi = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let separator = matches!(c, '\u{2028}' | '\u{2029}');
    let noncharacter =
        matches!(c, '\u{fdd0}'..='\u{fdef}') || matches!(u32::from(c) & 0xffff, 0xfffe | 0xffff);
    !(c.is_control() || bidi || separator || noncharacter)
}

/// A non-empty string of printable characters, at most `max` bytes.
pub(super) fn line(field: &str, text: &str, max: usize) -> Result<(), Rejection> {
    checked(field, text, max, is_printable, "printable characters")
}

/// Like [`line`], but line breaks and tabs are allowed too.
pub(super) fn lines(field: &str, text: &str, max: usize) -> Result<(), Rejection> {
    let allowed = |c| is_printable(c) || matches!(c, '\n' | '\r' | '\t');
    checked(
        field,
        text,
        max,
        allowed,
        "printable characters, line breaks and tabs",
    )
}

fn checked(
    field: &str,
    text: &str,
    max: usize,
    allowed: impl Fn(char) -> bool,
    what: &str,
) -> Result<(), Rejection> {
    if text.is_empty() || text.len() > max {
        let got = match text.len() {
            0 => "an empty string".to_owned(),
            n => format!("{n} bytes"),
        };
        return Err(Rejection::described(
            field,
            got,
            format!("1 to {max} bytes"),
        ));
    }
    match text.chars().find(|c| !allowed(*c)) {
        None => Ok(()),
        Some(c) => Err(Rejection::described(
            field,
            format!("the character U+{:04X}", u32::from(c)),
            format!("{what} only, without control and bidirectional formatting characters"),
        )),
    }
}

/// A name that only refers to something: any that is not empty.
pub(super) fn present(field: &str, text: &str) -> Result<(), Rejection> {
    if text.is_empty() {
        return Err(Rejection::described(
            field,
            "an empty string",
            "a non-empty string",
        ));
    }
    Ok(())
}

/// The id of an agent that acts: never a broadcast, a topic, or mesh itself.
pub(super) fn agent_id(field: &str, text: &str) -> Result<AgentId, Rejection> {
    line(field, text, MAX_NAME_BYTES)?;
    if text == "*" || text == MESH || text.starts_with("topic:") {
        let allowed = "an id other than \"*\" and \"mesh\" that does not start with \"topic:\"";
        return Err(Rejection::new(field, text, allowed));
    }
    Ok(AgentId::from(text))
}

/// A resource that may be claimed.
pub(super) fn resource(text: &str) -> Result<Resource, Rejection> {
    line("resource", text, MAX_NAME_BYTES)?;
    Ok(Resource::from(text))
}

/// How long a call may be held, in milliseconds.
pub(super) fn wait_seconds(value: Option<u64>) -> Result<Millis, Rejection> {
    seconds("wait_seconds", value.unwrap_or(0), 0..=MAX_WAIT_SECONDS)
}

/// A duration in whole seconds, given back in milliseconds.
pub(super) fn seconds(
    field: &str,
    value: u64,
    allowed: RangeInclusive<u64>,
) -> Result<Millis, Rejection> {
    if !allowed.contains(&value) {
        let range = format!("{} to {} seconds", allowed.start(), allowed.end());
        return Err(Rejection::described(field, value, range));
    }
    Ok(value * 1000)
}
