//! A run that is worth telling: a tape with a sentence.

use super::caption::Drawn;
use super::focus::Focus;
use crate::explore::planted::PlantedBug;
use crate::explore::{Outcome, Runner, run_on};
use crate::trace::Seen;
use crate::world::tape::{self, Tape};

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

impl Story {
    /// Runs it, with its bug if it has one.
    ///
    /// # Errors
    ///
    /// Where its tape does not read, or its bug is not there.
    pub fn run(&self) -> Result<Outcome, String> {
        let _planted = match self.tells {
            Tells::Breaks(bug, _) => Some(PlantedBug::named(bug)?.plant()),
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
            Tells::Breaks(bug, _) => Some((bug, PlantedBug::named(bug)?.description())),
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
