//! The log: what a writer does between its append and its answer, and which records count.
//!
//! Any number of writers append to one file, without a lock. The first record that continues
//! the log counts, the others are void. A writer has to find out whether its own is among
//! those that count, and must not say so before that can no longer change. A power cut keeps
//! of what was not synced whatever it likes.
//!
//! The task is both halves: the writer's steps, and the rule by which everybody counts.

pub mod answer;
mod show;
pub mod start;

use std::fmt;

use crate::Exercise;
use crate::search::{Steps, explore};

/// The exercise of chapter 6.
pub const EXERCISE: Exercise = Exercise {
    chapter: 6,
    title: "The log",
    task: "Write what a writer does between its append and its answer, and which records count.",
    start: check::<start::Writer>,
    answer: check::<answer::Writer>,
    show: show::show,
};

/// How a writer comes to its answer, and how everybody counts.
pub trait Protocol {
    /// Whether a record is the next to count behind `newest`, the newest record that counts.
    /// Asked of each record in the order of the file; a record that does not count is void.
    fn counts(newest: Record, record: Record) -> bool;

    /// What a writer does next, having appended its record.
    fn next(progress: Progress) -> Step;
}

/// A record in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Record {
    /// No other record has this one; stands for the checksum.
    pub id: u8,
    /// Its place in the log: one behind the newest that its writer had read.
    pub seq: u8,
    /// The `id` of the newest record that its writer had read.
    pub prev: u8,
}

/// What a writer has done since its append.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Progress {
    /// Whether it synced the file.
    pub synced: bool,
    /// Whether its record counted when it looked, if it looked.
    pub seen: Option<bool>,
}

/// A step of a writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Makes everything that is in the file survive a power cut.
    Sync,
    /// Reads the whole file, to see whether its record counts.
    Look,
    /// Tells its client what became of the record.
    Answer {
        /// Whether the record counts.
        won: bool,
    },
}

/// The writers. Each appends one record.
const WRITERS: [&str; 3] = ["ann", "bob", "cem"];

/// What everybody begins behind: the newest record of a log that was there before.
const BEFORE: Record = Record {
    id: 0,
    seq: 4,
    prev: 0,
};

/// Where a writer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Idle,
    /// Has read the log, up to this record.
    Read(Record),
    Appended(Progress),
    /// Has told its client.
    Told {
        won: bool,
    },
    /// Ended by the power cut.
    Gone,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct World {
    /// The records, and whether each survives a power cut.
    file: Vec<(Record, bool)>,
    writers: [Phase; 3],
    power: bool,
}

/// Something that happens.
#[derive(Clone, Debug)]
enum Action {
    Reads(usize),
    Appends(usize, Record),
    Takes(usize, Step),
    PowerCut { lost: Vec<Record> },
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reads(n) => write!(f, "{} reads the log", WRITERS[*n]),
            Self::Appends(n, record) => {
                let decided = name(record.prev);
                let (who, seq) = (WRITERS[*n], record.seq);
                write!(f, "{who} appends entry {seq}, decided on {decided}")
            }
            Self::Takes(n, Step::Sync) => write!(f, "{} syncs the file", WRITERS[*n]),
            Self::Takes(n, Step::Look) => write!(f, "{} looks at the file", WRITERS[*n]),
            Self::Takes(n, Step::Answer { won }) => {
                let what = if *won { "won" } else { "lost" };
                write!(f, "{} answers that it {what}", WRITERS[*n])
            }
            Self::PowerCut { lost } if lost.is_empty() => write!(f, "the power fails"),
            Self::PowerCut { lost } => {
                let lost: Vec<String> = lost.iter().map(|record| name(record.id)).collect();
                write!(f, "the power fails, and {} is lost", lost.join(" and "))
            }
        }
    }
}

/// What a record is called in a story.
fn name(id: u8) -> String {
    match usize::from(id).checked_sub(1) {
        None => "entry 4".to_owned(),
        Some(writer) => format!("{}'s record", WRITERS[writer]),
    }
}

/// Tries all orders in which three writers take their steps, with a power cut at any moment
/// that keeps any subset of what is not synced.
///
/// # Errors
///
/// A shortest history after which somebody was told what is not so, and what that is.
pub fn check<P: Protocol>() -> Result<(), String> {
    let first = World {
        file: Vec::new(),
        writers: [Phase::Idle; 3],
        power: true,
    };
    explore(first, World::steps::<P>).map(drop)
}

impl World {
    /// The records that count, oldest first.
    fn log<P: Protocol>(&self) -> Vec<Record> {
        let mut log = vec![BEFORE];
        for (record, _) in &self.file {
            if P::counts(log[log.len() - 1], *record) {
                log.push(*record);
            }
        }
        log
    }

    fn newest<P: Protocol>(&self) -> Record {
        self.log::<P>().last().copied().unwrap_or(BEFORE)
    }

    fn steps<P: Protocol>(&self) -> Steps<Self, Action> {
        let mut steps = Vec::new();
        for (n, who) in WRITERS.iter().enumerate() {
            let mut next = self.clone();
            let action = match self.writers[n] {
                Phase::Told { .. } | Phase::Gone => continue,
                Phase::Idle => {
                    next.writers[n] = Phase::Read(self.newest::<P>());
                    Action::Reads(n)
                }
                Phase::Read(newest) => {
                    let record = Record {
                        id: n as u8 + 1,
                        seq: newest.seq + 1,
                        prev: newest.id,
                    };
                    next.file.push((record, false));
                    next.writers[n] = Phase::Appended(Progress::default());
                    Action::Appends(n, record)
                }
                Phase::Appended(progress) => {
                    let step = P::next(progress);
                    next.take::<P>(n, progress, step);
                    Action::Takes(n, step)
                }
            };
            let judged = match next.writers[n] == self.writers[n] {
                true => Err(format!(
                    "{who} does that again and again, and never answers"
                )),
                false => next.judge::<P>().map(|()| next),
            };
            steps.push((action, judged));
        }
        if self.power {
            self.cut::<P>(&mut steps);
        }
        steps
    }

    fn take<P: Protocol>(&mut self, n: usize, mut progress: Progress, step: Step) {
        match step {
            Step::Sync => {
                self.file.iter_mut().for_each(|(_, synced)| *synced = true);
                progress.synced = true;
            }
            Step::Look => {
                let mut log = self.log::<P>().into_iter();
                progress.seen = Some(log.any(|record| usize::from(record.id) == n + 1));
            }
            Step::Answer { won } => {
                self.writers[n] = Phase::Told { won };
                return;
            }
        }
        self.writers[n] = Phase::Appended(progress);
    }

    /// Every way in which the power can fail now.
    fn cut<P: Protocol>(&self, steps: &mut Steps<Self, Action>) {
        let unsynced = self.file.iter().filter(|(_, synced)| !synced).count();
        for kept in 0..1_u32 << unsynced {
            let mut bit = 0;
            let mut lost = Vec::new();
            let mut next = self.clone();
            next.power = false;
            next.file.retain_mut(|(record, synced)| {
                let keep = *synced || kept & (1 << bit) != 0;
                bit += u32::from(!*synced);
                if !keep {
                    lost.push(*record);
                }
                *synced = true;
                keep
            });
            for writer in &mut next.writers {
                if matches!(writer, Phase::Read(_) | Phase::Appended(_)) {
                    *writer = Phase::Gone;
                }
            }
            let judged = next.judge::<P>().map(|()| next);
            steps.push((Action::PowerCut { lost }, judged));
        }
    }

    /// What is wrong, if anything is.
    fn judge<P: Protocol>(&self) -> Result<(), String> {
        let log = self.log::<P>();
        for (n, writer) in self.writers.iter().enumerate() {
            let counts = log.iter().any(|record| usize::from(record.id) == n + 1);
            let who = WRITERS[n];
            match writer {
                Phase::Told { won: true } if !counts => {
                    return Err(format!(
                        "{who}'s client was told that it won, and its record does not count"
                    ));
                }
                Phase::Told { won: false } if counts => {
                    return Err(format!(
                        "{who}'s client was told that it lost, and its record counts"
                    ));
                }
                _ => {}
            }
        }
        for pair in log.windows(2) {
            if pair[1].prev != pair[0].id {
                return Err(format!(
                    "{} was decided on {}, and counts behind {}",
                    name(pair[1].id),
                    name(pair[1].prev),
                    name(pair[0].id)
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answer, except that who lost says so at once.
    struct LoserWithoutSync;

    impl Protocol for LoserWithoutSync {
        fn counts(newest: Record, record: Record) -> bool {
            answer::Writer::counts(newest, record)
        }

        fn next(progress: Progress) -> Step {
            match progress.seen {
                None => Step::Look,
                Some(true) if !progress.synced => Step::Sync,
                Some(won) => Step::Answer { won },
            }
        }
    }

    /// The answer without the chain.
    struct NoChain;

    impl Protocol for NoChain {
        fn counts(newest: Record, record: Record) -> bool {
            start::Writer::counts(newest, record)
        }

        fn next(progress: Progress) -> Step {
            answer::Writer::next(progress)
        }
    }

    /// Never comes to an answer.
    struct Forever;

    impl Protocol for Forever {
        fn counts(newest: Record, record: Record) -> bool {
            answer::Writer::counts(newest, record)
        }

        fn next(_progress: Progress) -> Step {
            Step::Sync
        }
    }

    #[test]
    fn a_loser_that_does_not_sync_says_what_may_change() {
        let wrong = check::<LoserWithoutSync>().unwrap_err();
        assert!(
            wrong.ends_with("was told that it lost, and its record counts"),
            "{wrong}"
        );
    }

    #[test]
    fn without_a_chain_a_record_counts_behind_another_than_it_was_decided_on() {
        let wrong = check::<NoChain>().unwrap_err();
        assert!(wrong.contains("was decided on"), "{wrong}");
    }

    #[test]
    fn a_writer_that_never_answers_is_found() {
        let wrong = check::<Forever>().unwrap_err();
        assert!(wrong.ends_with("never answers"), "{wrong}");
    }
}
