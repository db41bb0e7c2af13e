//! Your copy: a client that takes silence for a loss.

use super::{Entry, Link, Outcome, Place};

/// Has an entry appended, and says what became of it.
pub fn append(link: &mut Link, entry: &Entry) -> Outcome {
    match link.append(entry) {
        Some(Place::Yours) => Outcome::Committed,
        Some(_) => Outcome::Lost,
        // The server did not answer, so nothing happened.
        None => Outcome::Lost,
    }
}
