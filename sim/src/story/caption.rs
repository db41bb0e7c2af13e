//! What stands above and below a picture.

use super::words;
use crate::explore::Outcome;

/// What stands above and below a picture.
#[derive(Debug)]
pub(super) struct Drawn<'a> {
    pub(super) name: &'a str,
    pub(super) sentence: &'a str,
    pub(super) planted: Option<(&'a str, &'a str)>,
    pub(super) broken: Option<String>,
    pub(super) agents_each: usize,
}

impl<'a> Drawn<'a> {
    pub(super) fn of(name: &'a str, sentence: &'a str, outcome: &Outcome) -> Self {
        let broken = outcome.violation.as_ref();
        Self {
            name,
            sentence,
            planted: None,
            broken: broken.map(|broken| words::verdict(&broken.to_string())),
            agents_each: outcome.knobs.agents_each,
        }
    }
}
