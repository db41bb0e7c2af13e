//! The answer: look at the place, and propose the same entry again where it is empty.

use super::{ASKS, Entry, Link, Outcome, Place};

/// Has an entry appended, and says what became of it.
pub fn append(link: &mut Link, entry: &Entry) -> Outcome {
    let mut unanswered = 0;
    let mut place = link.append(entry);
    loop {
        place = match place {
            Some(Place::Yours) => return Outcome::Committed,
            // The place is taken, so mine can never come there.
            Some(Place::Others) => return Outcome::Lost,
            // Mine may still be on its way. The same entry again can do no harm, since the
            // server knows it by its nonce.
            Some(Place::Empty) => {
                unanswered = 0;
                link.append(entry)
            }
            None => {
                unanswered += 1;
                if unanswered == ASKS {
                    return Outcome::Unknown;
                }
                link.look(entry)
            }
        };
    }
}
