//! Runs that are worth telling, and their pictures: a lane for each process, one for the
//! log, and one for whatever else a story is about.
//!
//! A story is a tape with a sentence. Some show mesh as it is, and must meet what they
//! tell; others show a planted bug, and must break the rule that the bug breaks, and
//! nothing without it. So a picture cannot go on telling what is no longer so.

mod bands;
mod picture;
mod rows;
mod svg;
mod table;
mod telling;
mod turns;
mod words;

pub use table::STORIES;
pub use telling::On;

use crate::mutants::Mutant;
use crate::run::{Outcome, Runner, run_on};
use crate::sometimes::Seen;
use crate::tape::{self, Tape};

/// A run that is worth telling, kept as a tape.
#[derive(Clone, Copy, Debug)]
pub struct Story {
    /// What it is asked for by.
    pub name: &'static str,
    /// What it tells.
    pub sentence: &'static str,
    /// What it is that it tells.
    pub tells: Tells,
    /// What it runs on.
    pub runner: Runner,
    /// What its picture shows.
    pub focus: Focus<'static>,
    /// The tape.
    pub tape: &'static str,
}

/// What must come true in a story.
#[derive(Clone, Copy, Debug)]
pub enum Tells {
    /// This is met, and nothing is broken.
    Meets(Seen),
    /// With this bug planted this rule is broken, and nothing without.
    Breaks(&'static str, &'static str),
}

/// What a picture shows, and what it leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Focus<'a> {
    /// What it is about.
    pub on: On,
    /// Whether the store's lock is shown where the picture is not about that.
    pub lock: bool,
    /// Whether the resource that is written to takes every write, whatever its fence.
    pub unfenced: bool,
    /// Texts that stand in its rows, in this order: it begins with the first, and ends
    /// with the last. Without any it shows the whole run.
    pub shows: &'a [&'a str],
}

impl<'a> Focus<'a> {
    /// The whole run.
    pub const fn on(on: On) -> Self {
        Self {
            on,
            lock: false,
            unfenced: false,
            shows: &[],
        }
    }

    /// From the first of these texts to the last.
    #[must_use]
    pub const fn shows(self, shows: &'a [&'a str]) -> Self {
        Self { shows, ..self }
    }

    /// The store's lock, too.
    #[must_use]
    pub const fn with_lock(self) -> Self {
        Self { lock: true, ..self }
    }

    /// A resource that checks nothing.
    #[must_use]
    pub const fn unfenced(self) -> Self {
        Self {
            unfenced: true,
            ..self
        }
    }

    fn shows_lock(&self) -> bool {
        self.lock || matches!(self.on, On::Lock)
    }

    fn held(&self) -> &'static [&'static str] {
        match self.on {
            On::Claims(resources) => resources,
            _ => &[],
        }
    }

    /// In how many rows a run shows what it should; `None`: it does not.
    pub fn rows(&self, outcome: &Outcome) -> Option<usize> {
        rows::tell(outcome, self).map(|telling| telling.rows.len())
    }
}

impl Story {
    /// The one of a name.
    ///
    /// # Errors
    ///
    /// Where there is no such one.
    pub fn named(name: &str) -> Result<Self, String> {
        let found = STORIES.iter().find(|story| story.name == name);
        found.copied().ok_or_else(|| {
            format!("no story is called {name}; `sim story` without a name lists them")
        })
    }

    /// Runs it, with its bug if it has one.
    ///
    /// # Errors
    ///
    /// Where its tape does not read, or its bug is not there.
    pub fn run(&self) -> Result<Outcome, String> {
        let _planted = match self.tells {
            Tells::Breaks(bug, _) => Some(Mutant::named(bug)?.plant()),
            Tells::Meets(_) => None,
        };
        self.run_sound()
    }

    /// Runs it without the bug.
    ///
    /// # Errors
    ///
    /// Where its tape does not read.
    pub fn run_sound(&self) -> Result<Outcome, String> {
        let entries = tape::parse(self.tape)?;
        Ok(run_on(self.runner, Tape::stored(entries)))
    }

    /// Its picture.
    ///
    /// # Errors
    ///
    /// As [`Story::run`].
    pub fn draw(&self) -> Result<String, String> {
        let outcome = self.run()?;
        let planted = match self.tells {
            Tells::Breaks(bug, _) => Some((bug, Mutant::named(bug)?.description())),
            Tells::Meets(_) => None,
        };
        let drawn = Drawn {
            planted,
            ..Drawn::of(self.name, self.sentence, &outcome)
        };
        let picture = drawn.picture(&outcome, &self.focus);
        picture.ok_or_else(|| format!("{} is another story by now", self.name))
    }
}

/// What stands above and below a picture.
#[derive(Debug)]
struct Drawn<'a> {
    name: &'a str,
    sentence: &'a str,
    planted: Option<(&'a str, &'a str)>,
    broken: Option<String>,
    agents_each: usize,
}

impl<'a> Drawn<'a> {
    fn of(name: &'a str, sentence: &'a str, outcome: &Outcome) -> Self {
        let broken = outcome.violation.as_ref();
        Self {
            name,
            sentence,
            planted: None,
            broken: broken.map(|broken| words::verdict(&broken.to_string())),
            agents_each: outcome.knobs.agents_each,
        }
    }

    fn picture(&self, outcome: &Outcome, focus: &Focus<'_>) -> Option<String> {
        let telling = rows::tell(outcome, focus)?;
        Some(picture::picture(self, &telling, focus))
    }
}

/// Draws any run as SVG; `None`: it does not show what it should.
pub fn draw(title: &str, outcome: &Outcome, focus: &Focus<'_>) -> Option<String> {
    Drawn::of(title, "", outcome).picture(outcome, focus)
}
