//! Words for people, written so that a closed pipe is an error and not a panic.

use std::fmt::Display;
use std::io::{self, Write};

use super::failure::Failure;
use crate::core::printable;

/// Writes a line to standard output.
pub(super) fn say(line: impl Display) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .map_err(Failure::Output)
}

/// Writes an error to standard error, with the paths and names in it escaped. There is
/// nowhere to complain about that failing.
pub(super) fn complain(error: impl Display) {
    let text = error.to_string();
    let lines: Vec<String> = text.split('\n').map(printable).collect();
    let _ = writeln!(io::stderr().lock(), "mesh: {}", lines.join("\n"));
}
