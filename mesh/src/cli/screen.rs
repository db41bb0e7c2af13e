//! What is known about where the output goes: whether it shows colours, and how wide it
//! is.
//!
//! Colours are for people: they are used on a terminal only, unless `CLICOLOR_FORCE` asks
//! for them elsewhere, and `NO_COLOR` forbids them everywhere. Output that goes to a file
//! or a pipe is never cut to a width, unless `COLUMNS` names one.

use std::env;
use std::ffi::OsString;
use std::io::{self, IsTerminal};

use rustix::termios::tcgetwinsize;

/// What a piece of text means to the reader, and so how it looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Paint {
    /// Nothing in particular.
    #[default]
    Plain,
    /// Of less interest.
    Dim,
    /// As wished.
    Good,
    /// Not yet.
    Waiting,
    /// Refused, or dead.
    Bad,
}

impl Paint {
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "0",
            Self::Dim => "2",
            Self::Good => "32",
            Self::Waiting => "33",
            Self::Bad => "31",
        }
    }
}

/// Where output goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Screen {
    /// Whether it shows colours.
    pub(super) colour: bool,
    /// How many columns a line may take; any number, where there is none.
    pub(super) columns: Option<usize>,
    /// How many lines there are, on a terminal.
    pub(super) lines: Option<usize>,
}

impl Screen {
    /// Standard output, as it is now: a terminal may change its size.
    pub(super) fn stdout() -> Self {
        let out = io::stdout();
        let size = tcgetwinsize(&out).ok();
        let columns = size.map(|size| usize::from(size.ws_col));
        let lines = size.map(|size| usize::from(size.ws_row));
        Self {
            colour: shows_colour(out.is_terminal()),
            columns: named_columns().or(columns).filter(|n| *n > 0),
            lines: lines.filter(|n| *n > 0),
        }
    }

    /// `text` as it is to be written.
    pub(super) fn paint(&self, paint: Paint, text: &str) -> String {
        match self.colour && paint != Paint::Plain && !text.is_empty() {
            true => format!("\x1b[{}m{text}\x1b[0m", paint.code()),
            false => text.to_owned(),
        }
    }
}

/// Whether a stream shows colours, as the environment has it.
pub(super) fn shows_colour(is_terminal: bool) -> bool {
    wants_colour(is_terminal, |name| env::var_os(name))
}

fn wants_colour(is_terminal: bool, env: impl Fn(&str) -> Option<OsString>) -> bool {
    let set = |name| env(name).filter(|value| !value.is_empty());
    if set("NO_COLOR").is_some() {
        return false;
    }
    if set("CLICOLOR_FORCE").is_some_and(|value| value != "0") {
        return true;
    }
    is_terminal && set("TERM").is_none_or(|term| term != "dumb")
}

fn named_columns() -> Option<usize> {
    env::var("COLUMNS").ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_unless_the_environment_says_otherwise() {
        let asked = |is_terminal, set: &[(&str, &str)]| {
            wants_colour(is_terminal, |name| {
                let found = set.iter().find(|(key, _)| *key == name);
                found.map(|(_, value)| (*value).into())
            })
        };
        assert!(asked(true, &[("TERM", "xterm")]));
        assert!(
            asked(true, &[("NO_COLOR", "")]),
            "an empty value says nothing"
        );
        assert!(asked(false, &[("CLICOLOR_FORCE", "1")]));
        assert!(!asked(false, &[]));
        assert!(!asked(false, &[("CLICOLOR_FORCE", "0")]));
        assert!(!asked(true, &[("TERM", "dumb")]));
        assert!(!asked(true, &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")]));
    }
}
