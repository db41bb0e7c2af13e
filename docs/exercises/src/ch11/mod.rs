//! Chapter 11: an append whose answer was lost.
//!
//! A client appends entries to a log on a server, over a network that loses requests,
//! loses answers, and delivers requests late. It must tell its caller what became of the
//! entry, and must not be wrong, whatever the network does.

pub mod answer;
mod link;
mod show;
pub mod start;

pub use link::{Entry, Fate, Link, Place};

use crate::Exercise;

/// The exercise of chapter 11.
pub const EXERCISE: Exercise = Exercise {
    chapter: 11,
    title: "Beyond one machine",
    task: "Tell the caller what became of an entry when the server did not answer.",
    start: || check(start::append),
    answer: || check(answer::append),
    show: show::show,
};

/// What a client tells its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The entry is in the log.
    Committed,
    /// It is not, and never will be.
    Lost,
    /// Nobody knows. That is allowed only after [`ASKS`] requests in a row that were not answered.
    Unknown,
}

/// After how many unanswered requests in a row a client may give up.
pub const ASKS: usize = 3;
/// How many requests of a run the network may spoil.
const SPOILT: usize = 4;

/// A client: tries to have `entry` appended.
pub type Append = fn(&mut Link, &Entry) -> Outcome;

/// Runs a client through every way in which the network can treat its first requests,
/// with another writer that comes to the same place at every moment, or never.
///
/// # Errors
///
/// The first run in which the client says what is not so.
pub fn check(append: Append) -> Result<(), String> {
    let fates = [Fate::Fine, Fate::RequestLost, Fate::AnswerLost, Fate::Late];
    for number in 0..fates.len().pow(SPOILT as u32) {
        let digit = |at: usize| fates[number / fates.len().pow(at as u32) % fates.len()];
        let plan: Vec<Fate> = (0..SPOILT).map(digit).collect();
        for rival_comes_before in [None].into_iter().chain((0..=SPOILT).map(Some)) {
            judge(append, &plan, rival_comes_before)?;
        }
    }
    Ok(())
}

fn judge(append: Append, plan: &[Fate], rival_comes_before: Option<usize>) -> Result<(), String> {
    let mut link = Link::new(plan, rival_comes_before);
    let entry = Entry {
        seq: 1,
        id: "mine".to_owned(),
    };
    let told = append(&mut link, &entry);
    let unanswered = link.unanswered();
    let log = link.settle();
    let times = log
        .iter()
        .filter(|other| other.id.starts_with("mine"))
        .count();
    let wrong = match (told, times) {
        (_, 2..) => "the entry counts twice",
        (Outcome::Committed, 0) => "the client says that the entry is in the log, and it is not",
        (Outcome::Lost, 1) => "the client says that the entry is lost, and it is in the log",
        (Outcome::Unknown, _) if unanswered < ASKS => {
            "the client says that nobody knows, and did not ask often enough"
        }
        _ => return Ok(()),
    };
    Err(format!("{wrong}\n{}", link.story()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both usual repairs of a client that takes a time-out for a loss are wrong.
    #[test]
    fn a_client_that_sends_a_new_entry_or_looks_once_is_caught() {
        let anew: Append = |link, entry| match link.append(entry) {
            Some(Place::Yours) => Outcome::Committed,
            Some(_) => Outcome::Lost,
            None => {
                let again = Entry {
                    seq: link.newest() + 1,
                    id: "mine again".to_owned(),
                };
                match link.append(&again) {
                    Some(Place::Yours) => Outcome::Committed,
                    _ => Outcome::Lost,
                }
            }
        };
        let twice = check(anew).unwrap_err();
        assert!(twice.starts_with("the entry counts twice"), "{twice}");

        let looks_once: Append = |link, entry| match link.append(entry) {
            Some(Place::Yours) => Outcome::Committed,
            Some(_) => Outcome::Lost,
            None => match link.look(entry) {
                Some(Place::Yours) => Outcome::Committed,
                _ => Outcome::Lost,
            },
        };
        let late = check(looks_once).unwrap_err();
        assert!(late.contains("is lost, and it is in the log"), "{late}");
    }

    #[test]
    fn a_client_that_never_knows_is_caught() {
        let lazy: Append = |_, _| Outcome::Unknown;
        let said = check(lazy).unwrap_err();
        assert!(said.contains("did not ask often enough"), "{said}");
    }
}
