//! From a run to its picture.

use super::caption::Drawn;
use super::focus::Focus;
use super::{picture, rows};
use crate::explore::Outcome;
use crate::explore::shrink::Shows;

impl Focus<'_> {
    /// In how many rows a run shows what it should; `None`: it does not.
    pub fn rows(&self, outcome: &Outcome) -> Option<usize> {
        rows::tell(outcome, self).map(|telling| telling.rows.len())
    }
}

impl Shows for Focus<'_> {
    fn rows(&self, outcome: &Outcome) -> Option<usize> {
        self.rows(outcome)
    }
}

impl Drawn<'_> {
    pub(super) fn picture(&self, outcome: &Outcome, focus: &Focus<'_>) -> Option<String> {
        let telling = rows::tell(outcome, focus)?;
        Some(picture::picture(self, &telling, focus))
    }
}

/// Draws any run as SVG; `None`: it does not show what it should.
pub fn draw(title: &str, outcome: &Outcome, focus: &Focus<'_>) -> Option<String> {
    Drawn::of(title, "", outcome).picture(outcome, focus)
}
