//! The voice of the demo: aligned lines, in colour where somebody can see it.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use super::error::DemoError;
use crate::cli::screen::shows_colour;

/// How an outcome looks.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mood {
    /// As wished.
    Good,
    /// Not yet.
    Waiting,
    /// Refused, or dead.
    Bad,
    /// Neither good nor bad.
    Plain,
}

impl Mood {
    fn colour(self) -> &'static str {
        match self {
            Self::Good => "32",
            Self::Waiting => "33",
            Self::Bad => "31",
            Self::Plain => "0",
        }
    }
}

/// Tells the story line by line, each as soon as it is known.
pub(super) struct Narrator<W> {
    out: W,
    colour: bool,
    chapter: u32,
}

impl Narrator<io::Stdout> {
    /// Speaks to standard output; in colour on a terminal, unless `NO_COLOR` is set.
    pub(super) fn on_stdout() -> Self {
        let colour = shows_colour(io::stdout().is_terminal());
        Self::new(io::stdout(), colour)
    }
}

impl<W: Write> Narrator<W> {
    /// Speaks to `out`.
    pub(super) fn new(out: W, colour: bool) -> Self {
        Self {
            out,
            colour,
            chapter: 0,
        }
    }

    /// The title.
    pub(super) fn title(&mut self, title: &str, subtitle: &str) -> Result<(), DemoError> {
        let line = format!("{}  {}", self.paint("1", title), self.paint("2", subtitle));
        self.line(&line)
    }

    /// Begins a chapter.
    pub(super) fn chapter(&mut self, name: &str) -> Result<(), DemoError> {
        self.chapter += 1;
        let line = format!("\n{} {}", self.chapter, self.paint("1", name));
        self.line(&line)
    }

    /// Who did what, and what came of it.
    pub(super) fn step(
        &mut self,
        who: &str,
        what: impl Display,
        mood: Mood,
        outcome: impl Display,
    ) -> Result<(), DemoError> {
        // Padded as strings, since what is only formatted ignores a width, and before
        // they are painted, since escape codes have none.
        let who = self.paint("36", &format!("{who:<5}"));
        let what = format!("{:<43}", what.to_string());
        let outcome = self.paint(mood.colour(), &outcome.to_string());
        self.line(&format!("  {who} {what} {outcome}"))
    }

    /// A remark.
    pub(super) fn remark(&mut self, text: &str) -> Result<(), DemoError> {
        let line = self.paint("2", text);
        self.line(&line)
    }

    /// A line as it is, to be copied.
    pub(super) fn line(&mut self, line: &str) -> Result<(), DemoError> {
        writeln!(self.out, "{line}")
            .and_then(|()| self.out.flush())
            .map_err(DemoError::Output)
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(colour: bool) -> String {
        let mut out = Vec::new();
        let mut narrator = Narrator::new(&mut out, colour);
        narrator.chapter("A lock").unwrap();
        narrator
            .step("ada", "claims it", Mood::Good, "granted")
            .unwrap();
        narrator
            .step("cleo", format_args!("claims {}", 2), Mood::Bad, "denied")
            .unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn outcomes_stand_in_one_column() {
        let text = told(false);
        let columns: Vec<_> = text
            .lines()
            .filter_map(|l| l.find("granted").or(l.find("denied")))
            .collect();
        assert_eq!(columns, [52, 52], "{text}");
        assert!(text.starts_with("\n1 A lock\n"), "{text}");
    }

    #[test]
    fn colour_is_all_that_a_terminal_adds() {
        let plain = told(false);
        assert!(!plain.contains('\u{1b}'));
        let mut stripped = told(true);
        for code in ["0", "1", "31", "32", "36"] {
            stripped = stripped.replace(&format!("\u{1b}[{code}m"), "");
        }
        assert_eq!(stripped, plain);
    }
}
