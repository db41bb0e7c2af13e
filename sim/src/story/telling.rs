//! What a picture shows of a run: rows in order, and spans beside them.

use std::collections::BTreeSet;
use std::fmt;

use super::spans::{Spans, Spot};
use super::words::Said;
use crate::trace::{Micros, ProcessNumber};

/// What is drawn on the lane of the process, or across the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// A call is made.
    Asks,
    /// A call is answered.
    Hears,
    /// An entry goes into the log, or comes out of it first to somebody else than its writer.
    Entry { seq: u64, read: bool },
    /// All entries up to here are durable.
    Synced,
    /// A guarded resource is written to.
    Writes { fence: u64, accepted: bool },
    /// A process dies.
    Dies,
    /// Something that befalls everybody.
    Everybody,
    /// Anything else.
    Dot,
}

/// Who does or meets something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// Everybody.
    All,
    Process(ProcessNumber),
    Agent(String),
    Entry(u64),
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => Ok(()),
            Self::Process(number) => write!(f, "p{number}"),
            Self::Agent(name) => f.write_str(name),
            Self::Entry(seq) => write!(f, "entry {seq}"),
        }
    }
}

/// What of a row the rows after it depend on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Moment {
    #[default]
    Other,
    TakesLock,
    FreesLock,
    SeesHalfARecord,
}

/// A line of a picture.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) at: Micros,
    pub(super) process: ProcessNumber,
    pub(super) mark: Mark,
    pub(super) who: Who,
    pub(super) moment: Moment,
    pub(super) said: Said,
    /// How many entries it stands for, if they are of no interest one by one.
    pub(super) entries: usize,
}

/// A picture before it is drawn.
#[derive(Debug)]
pub(super) struct Telling {
    pub(super) rows: Vec<Row>,
    pub(super) spans: Spans,
    /// The processes that have a lane.
    pub(super) lanes: Vec<ProcessNumber>,
}

impl Telling {
    /// The first and last row of those that show texts in their order.
    pub(super) fn shown(&self, texts: &[&str]) -> Option<(usize, usize)> {
        let mut rows = self.rows.iter().enumerate();
        let mut found = |text: &&str| {
            let row = rows.find(|(_, row)| row.text().contains(text));
            row.map(|(at, _)| at)
        };
        let at: Option<Vec<usize>> = texts.iter().map(&mut found).collect();
        let at = at?;
        let whole = (0, self.rows.len().checked_sub(1)?);
        Some(at.first().copied().zip(at.last().copied()).unwrap_or(whole))
    }

    pub(super) fn cropped(mut self, first: usize, last: usize) -> Self {
        self.rows.truncate(last + 1);
        self.rows.drain(..first);
        self.spans
            .crop(2 * first as Spot, 2 * self.rows.len() as Spot);
        let shown = self.rows.iter().filter(|row| row.mark != Mark::Everybody);
        let lanes: BTreeSet<usize> = shown.map(|row| row.process).collect();
        self.lanes = lanes.into_iter().collect();
        self
    }
}

impl Row {
    /// Who, and what.
    pub(super) fn text(&self) -> String {
        match self.who {
            Who::All => self.said.text.clone(),
            ref who => format!("{who} {}", self.said.text),
        }
    }
}
