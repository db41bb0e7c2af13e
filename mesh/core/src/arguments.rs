//! Whether an argument is one that may create something (rule G8): the checks behind the
//! numbers of [`limits`](super::limits).

use std::ops::RangeInclusive;

use super::limits::MAX_WAIT_SECONDS;
use super::rejection::{Rejection, is_printable};
use super::time::Millis;

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
