//! The records of a run, in order.
//!
//! The entries of the log are in the trace in the core's own vocabulary; around them
//! stand calls, answers and faults.

use std::fmt;
use std::sync::Arc;

use mesh::core::{Entry, Limits, Snapshot};

use super::call::{Call, Told};
use super::incident::Incident;
use super::time::{Micros, ProcessNumber};

/// One record of the trace.
#[derive(Clone, Debug)]
#[allow(
    missing_docs,
    reason = "the fields are named as in the rest of the crate"
)]
pub enum Record {
    /// Something happened to a process, or to all.
    Incident(Incident),
    /// An agent called.
    Called { call: usize },
    /// A call was answered.
    Answered { call: usize },
    /// Its caller went away: while it waited, or without a look at the answer.
    Left { call: usize },
    /// An entry became part of the log for the first time: it was committed by this
    /// process, or read by it before its writer could say so.
    Accepted { seq: u64, committed: bool },
    /// Entries from this one on were lost, and another took the place.
    Replaced { seq: u64 },
    /// A sync succeeded that covers all entries up to this one.
    Durable { seq: u64 },
    /// A guarded resource was written to.
    Wrote {
        resource: String,
        agent: String,
        fence: u64,
        refused: bool,
    },
}

/// One record with its place and time.
#[derive(Clone, Debug)]
pub struct Stamped {
    /// When.
    pub at: Micros,
    /// Where.
    pub process: ProcessNumber,
    /// What.
    pub record: Record,
}

/// A whole state that the storage gave or was given.
#[derive(Clone, Debug)]
pub struct StateSeen {
    /// The process that saw it.
    pub process: ProcessNumber,
    /// The state.
    pub snapshot: Box<Snapshot>,
    /// What gave the occasion.
    pub occasion: &'static str,
    /// The entry that it goes up to: a state may be of a branch that a power cut took.
    pub tip: Option<Arc<Entry>>,
}

/// Everything that happened in one world.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// Whether the folder was a predecessor's.
    pub adopts: bool,
    /// Whether nobody was told of changes in the folder.
    pub deaf: bool,
    /// Whether pages were dropped that a failed sync had left unwritten.
    pub pages_dropped: bool,
    /// What was told around a backup that was restored, in order.
    pub restored: Option<Vec<Told>>,
    /// What everybody stays within.
    pub limits: &'static Limits,
    /// In order.
    pub records: Vec<Stamped>,
    /// All calls, in the order in which they were made.
    pub calls: Vec<Call>,
    /// States that were loaded or saved.
    pub states: Vec<StateSeen>,
    /// Entries by the order in which they were accepted, for printing.
    pub entries: Vec<Arc<Entry>>,
}

impl Trace {
    /// Adds a record.
    pub fn push(&mut self, at: Micros, process: ProcessNumber, record: Record) {
        self.records.push(Stamped {
            at,
            process,
            record,
        });
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut accepted = self.entries.iter();
        for stamped in &self.records {
            let seconds = stamped.at as f64 / 1e6;
            write!(f, "{seconds:>12.6} p{} ", stamped.process)?;
            match &stamped.record {
                Record::Incident(incident) => writeln!(f, "!! {incident:?}")?,
                Record::Called { call } => {
                    let call = &self.calls[*call];
                    writeln!(f, "{} -> {:?}", call.agent, call.command)?;
                }
                Record::Answered { call } => {
                    let call = &self.calls[*call];
                    match call.answer.as_ref().map(|answer| &answer.result) {
                        Some(Ok(reply)) => writeln!(f, "{} <- {reply:?}", call.agent)?,
                        Some(Err(error)) => writeln!(f, "{} <- error: {error}", call.agent)?,
                        None => writeln!(f, "{} <- nothing", call.agent)?,
                    }
                }
                Record::Left { call } => writeln!(f, "{} goes away", self.calls[*call].agent)?,
                Record::Accepted { seq, committed } => {
                    let how = if *committed { "commits" } else { "reads" };
                    writeln!(f, "{how} entry {seq}")?;
                    if let Some(entry) = accepted.next() {
                        writeln!(f, "{:>18} id {} at {}", "", entry.id, entry.at)?;
                        for event in &entry.events {
                            writeln!(f, "{:>18} {event:?}", "")?;
                        }
                    }
                }
                other => writeln!(f, "{other:?}")?,
            }
        }
        Ok(())
    }
}
