//! The environment's fault, with what is known about the outcome.

use std::fmt;

use mesh_core::printable;

/// What a failed operation may have done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing, now or later.
    NoEffect,
    /// It may have taken effect, or may still do so.
    Unknown,
}

/// What kind of trouble the environment is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StorageErrorKind {
    /// Something that was acknowledged is missing or altered (rule G7).
    Damaged,
    /// The folder was written by a newer mesh.
    Newer,
    /// There is no room for the operation.
    Full,
    /// A number that the log counts in is used up, so nothing more can be written (rule G8).
    Spent,
    /// The entry is none that a reader would take: too long for a record, or with a number out
    /// of range. Nothing of it was written, and another entry may be taken.
    Unfit,
    /// The place cannot hold a mesh folder at all (rules S4 and S6).
    Refused,
    /// Any other failure of the file system or engine.
    Io,
}

/// A storage operation failed: what happened, to what, and what to do next.
///
/// Not deterministic and not the caller's fault, but for [`Unfit`](StorageErrorKind::Unfit),
/// which the same entry meets again. The next call may succeed, except
/// after [`Damaged`](StorageErrorKind::Damaged), [`Newer`](StorageErrorKind::Newer),
/// [`Spent`](StorageErrorKind::Spent) and [`Refused`](StorageErrorKind::Refused), which need
/// a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageError {
    /// What kind of trouble it is.
    pub kind: StorageErrorKind,
    /// What happened, to what (file, line and byte for damage).
    pub what: String,
    /// What to do next.
    pub next: String,
    /// What the failed operation may have done.
    pub outcome: Outcome,
}

impl StorageError {
    /// The same failure, of an operation that may have taken effect before it.
    #[must_use]
    pub fn of_unknown_outcome(self) -> Self {
        Self {
            outcome: Outcome::Unknown,
            ..self
        }
    }

    /// Whether it stays until a person does something about it.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        use StorageErrorKind::{Damaged, Full, Io, Newer, Refused, Spent, Unfit};
        match self.kind {
            Damaged | Newer | Refused | Spent => true,
            Full | Io | Unfit => false,
        }
    }
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names in it may come from a folder that a stranger made.
        write!(f, "{}; {}", printable(&self.what), printable(&self.next))?;
        match self.outcome {
            Outcome::NoEffect => Ok(()),
            Outcome::Unknown => f.write_str(" (whether the call took effect is unknown)"),
        }
    }
}

impl std::error::Error for StorageError {}
