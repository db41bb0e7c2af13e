//! Words for people, written so that a closed pipe is an error and not a panic.

use std::fmt::Display;
use std::io::{self, Write};

use serde::Serialize;

use super::failure::Failure;
use crate::core::{printable, printable_json};

/// Writes a line to standard output.
pub(super) fn say(line: impl Display) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .map_err(Failure::Output)
}

/// Writes a line of JSON to standard output. A terminal shows it to people, too, so what
/// does not print is escaped as JSON escapes.
pub(super) fn say_json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value)
        .map_err(|error| Failure::system("cannot write the answer", error.into()))?;
    say(printable_json(&text))
}

/// Writes an error to standard error, with the paths and names in it escaped. There is
/// nowhere to complain about that failing.
pub(super) fn complain(error: impl Display) {
    let text = error.to_string();
    let lines: Vec<String> = text.split('\n').map(printable).collect();
    let _ = writeln!(io::stderr().lock(), "mesh: {}", lines.join("\n"));
}
