//! Words for people, written so that a closed pipe is an error and not a panic.

use std::fmt::Display;
use std::io::{self, Write};

use super::failure::Failure;

/// Writes a line to standard output.
pub(super) fn say(line: impl Display) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .map_err(Failure::Output)
}

/// Writes an error to standard error. There is nowhere to complain about that failing.
pub(super) fn complain(error: impl Display) {
    let _ = writeln!(io::stderr().lock(), "mesh: {error}");
}
