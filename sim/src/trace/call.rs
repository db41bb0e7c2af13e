//! Calls and their answers, each with what a checker needs in order to judge it.

use mesh::MeshError;
use mesh::core::{Command, Millis, Reply};

use super::time::{Micros, ProcessNumber};

/// A call, with what it was answered.
#[derive(Clone, Debug)]
pub struct Call {
    /// Who called.
    pub agent: String,
    /// Through which process.
    pub process: ProcessNumber,
    /// What.
    pub command: Command,
    /// The newest entry that anybody had been told of when the call was made. The
    /// answer must know it.
    pub told_before: u64,
    /// Calls that the same process had open at that time.
    pub others_open: usize,
    /// Whether its caller went away: the call may still be decided, and what it led to
    /// withdrawn.
    pub left: bool,
    /// The answer, if it ever came.
    pub answer: Option<Answer>,
}

/// What a call was answered, and on what ground.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The answer.
    pub result: Result<Reply, MeshError>,
    /// The newest entry that it was decided on, its own included; where that cannot be
    /// told, a range.
    pub decided: (u64, u64),
    /// The wall clock at the decision.
    pub now: Millis,
    /// Which batch of its process's incarnation the call was answered with.
    pub batch: (u32, u64),
    /// Whether calls of the same process waited on, which may have been decided with it.
    pub beside_waiting: bool,
    /// The entries that its process proposed while the call was open, by their ids.
    pub proposed: Vec<String>,
}

/// A call around a backup that is restored, and what it was told.
#[derive(Clone, Debug)]
pub struct Told {
    /// Who called.
    pub agent: &'static str,
    /// Whether the call was made before the backup was restored.
    pub before: bool,
    /// How long it took.
    pub took: Micros,
    /// What it was.
    pub command: Command,
    /// What it was told.
    pub result: Result<Reply, MeshError>,
}
