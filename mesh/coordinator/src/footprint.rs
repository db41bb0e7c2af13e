//! What a batch may have left in the log, so that its error can say so.
//!
//! Many things fail behind an append: a sync, a look whether the folder still is the one that
//! was written to, a checkpoint from memory. Each knows whether it took effect itself; none
//! knows of the entry in front of it. An error that says "nothing happened" about a batch
//! whose entry is in the log makes an honest caller do everything twice. So the outcome of a
//! batch is not taken from what failed last alone.

use crate::ports::{Append, Outcome, StorageError};
use planted::{Bug, sound};

/// How far a batch came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Footprint {
    /// Nothing was appended.
    #[default]
    None,
    /// All that was appended lost, or failed without effect: the storage knows.
    Raced,
    /// An entry is in the log, or may be.
    Entered,
}

impl Footprint {
    /// Takes in what became of an append of the batch.
    pub(super) fn note(&mut self, appended: &Result<Append, StorageError>) {
        let came = match appended {
            Ok(Append::Committed) => Self::Entered,
            Err(error) if error.outcome == Outcome::Unknown => Self::Entered,
            Ok(Append::Lost) | Err(_) => Self::Raced,
        };
        *self = came.max(*self);
    }

    /// The error as the callers of the batch are told it.
    pub(super) fn told(self, error: StorageError) -> StorageError {
        let outcome = match self {
            Self::None => Outcome::NoEffect,
            Self::Raced => error.outcome,
            Self::Entered => sound!(
                Outcome::Unknown,
                Bug::CommittedIsDenied => Outcome::NoEffect
            ),
        };
        StorageError { outcome, ..error }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::StorageErrorKind;

    fn error(outcome: Outcome) -> StorageError {
        StorageError {
            kind: StorageErrorKind::Io,
            what: "it failed".to_owned(),
            next: "call again".to_owned(),
            outcome,
        }
    }

    /// What a batch is told of a failure of each outcome, after these appends.
    fn told(appends: &[Result<Append, StorageError>]) -> [Outcome; 2] {
        let mut footprint = Footprint::default();
        appends.iter().for_each(|append| footprint.note(append));
        [Outcome::NoEffect, Outcome::Unknown].map(|outcome| footprint.told(error(outcome)).outcome)
    }

    #[test]
    fn an_error_says_what_all_appends_of_its_batch_may_have_done() {
        let (certain, open) = (Outcome::NoEffect, Outcome::Unknown);
        assert_eq!(told(&[]), [certain, certain], "nothing was appended");
        assert_eq!(told(&[Ok(Append::Lost)]), [certain, open]);
        assert_eq!(told(&[Err(error(certain))]), [certain, open]);
        for entered in [Ok(Append::Committed), Err(error(open))] {
            let appends = [entered, Ok(Append::Lost)];
            assert_eq!(told(&appends), [open, open], "whatever comes later");
        }
    }
}
