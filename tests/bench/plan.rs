//! How much is measured, where, and how far it has come.

use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::error::Result;

/// What all figures have in common.
pub(crate) struct Plan {
    /// Where folders are made; on the disk that is measured.
    dir: PathBuf,
    /// Whether to measure just enough to see that everything works.
    pub(crate) quick: bool,
    /// How often each side of a figure is measured.
    pub(crate) runs: usize,
    bar: ProgressBar,
}

impl Plan {
    /// A plan whose folders are made in `dir`, with a bar on standard error.
    ///
    /// # Errors
    ///
    /// Where `dir` cannot be made.
    pub(crate) fn new(dir: &Path, quick: bool, runs: usize) -> Result<Self> {
        fs::create_dir_all(dir)?;
        let bar = ProgressBar::new(0);
        let style = "{elapsed_precise} {bar:24} {pos}/{len} {msg}";
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style);
        }
        Ok(Self {
            dir: dir.canonicalize()?,
            quick,
            runs,
            bar,
        })
    }

    /// The directory of all folders.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// An empty place named `name`; whatever an earlier measurement left there is gone.
    ///
    /// # Errors
    ///
    /// Where it cannot be made.
    pub(crate) fn fresh(&self, name: &str) -> Result<PathBuf> {
        let place = self.dir.join(name);
        remove(&place)?;
        fs::create_dir_all(&place)?;
        Ok(place)
    }

    /// `usual`, or `quick` where a quick look was asked for.
    pub(crate) fn or<T>(&self, usual: T, quick: T) -> T {
        if self.quick { quick } else { usual }
    }

    /// How long a side of a run works whose result is a rate.
    pub(crate) fn stretch(&self) -> Duration {
        self.or(Duration::from_millis(1500), Duration::from_millis(400))
    }

    /// Says that `steps` more are to come.
    pub(crate) fn expect(&self, steps: usize) {
        self.bar.inc_length(steps as u64);
    }

    /// Says what is done next.
    pub(crate) fn doing(&self, what: impl Display) {
        self.bar.set_message(what.to_string());
        self.bar.tick();
    }

    /// Says that a step is done.
    pub(crate) fn done(&self) {
        self.bar.inc(1);
    }

    /// Prints a line above the bar.
    pub(crate) fn print(&self, line: impl Display) {
        self.bar.suspend(|| println!("{line}"));
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// Removes a folder with all that is in it; one that is not there is fine.
///
/// # Errors
///
/// Where it cannot be removed.
pub(crate) fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
