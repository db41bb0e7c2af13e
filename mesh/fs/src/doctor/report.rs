//! What the doctor has to say.

use std::fmt;

use serde::Serialize;

use mesh_coordinator::ports::{StorageError, StorageErrorKind};
use mesh_core::escape;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Nothing needs to be done.
    Note,
    /// The folder works, but somebody should look.
    Warning,
    /// Servers refuse the folder, or something that was acknowledged is missing.
    Error,
}

/// What [`repair`](super::repair) does about a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Remedy {
    /// Nothing: a person decides, or mesh itself does it when it works next.
    None,
    /// Salvage what is provable into a new generation.
    Salvage,
    /// Write the file `format` anew.
    RenewFormat,
    /// Move what has the name of one of mesh's files, and is none, out of the way.
    SetAside,
    /// Remove a leftover.
    Sweep,
}

/// One thing that the doctor found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// The file, relative to the folder and escaped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The byte, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub byte: Option<u64>,
    /// What was found.
    pub what: String,
    /// What it means for those who use the folder.
    pub meaning: String,
    /// What to do next.
    pub next: String,
    /// What `--repair` does about it.
    pub remedy: Remedy,
}

impl Finding {
    /// A finding about the folder as a whole.
    pub(super) fn new(severity: Severity, what: impl Into<String>, meaning: &str) -> Self {
        Self {
            severity,
            file: None,
            line: None,
            byte: None,
            what: what.into(),
            meaning: meaning.to_owned(),
            next: "nothing needs to be done".to_owned(),
            remedy: Remedy::None,
        }
    }

    /// An error that keeps servers from using the folder.
    pub(super) fn error(error: &StorageError, meaning: &str) -> Self {
        let next = match error.kind {
            StorageErrorKind::Newer => "install a newer mesh",
            StorageErrorKind::Damaged => {
                "stop all mesh processes and restore the file from a backup, or save what can be \
                 saved: mesh doctor --repair"
            }
            _ => &error.next,
        };
        let finding = |what: &str| Self::new(Severity::Error, what, meaning).next(next);
        match place_in(&error.what) {
            Some((file, line, byte, what)) => finding(what).file(file).place(line, byte),
            None => finding(&error.what),
        }
    }

    /// The same, about a file.
    pub(super) fn file(mut self, name: &str) -> Self {
        self.file = Some(escape(name));
        self
    }

    /// The same, about a place in its file.
    pub(super) fn place(mut self, line: u64, byte: u64) -> Self {
        (self.line, self.byte) = (Some(line), Some(byte));
        self
    }

    /// The same, with what to do next.
    pub(super) fn next(mut self, next: impl Into<String>) -> Self {
        self.next = next.into();
        self
    }

    /// The same, with what repairing does about it.
    pub(super) fn remedy(mut self, remedy: Remedy) -> Self {
        self.remedy = remedy;
        self
    }

    /// Whether a person, or `--repair`, has to do something about it.
    pub fn needs_action(&self) -> bool {
        self.severity > Severity::Note
    }
}

/// Takes `<file>, line <n>, byte <n>: <what>` apart, as errors of the backend begin.
fn place_in(text: &str) -> Option<(&str, u64, u64, &str)> {
    let (place, what) = text.split_once(": ")?;
    let (file, numbers) = place.split_once(", line ")?;
    let (line, byte) = numbers.split_once(", byte ")?;
    Some((file, line.parse().ok()?, byte.parse().ok()?, what))
}

/// What a readable folder holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Contents {
    /// The newest generation.
    pub generation: u64,
    /// The newest entry.
    pub seq: u64,
    /// How many entries stand behind the checkpoint.
    pub entries: u64,
    /// How many records lost their race or were cut short; none was acknowledged.
    pub void: u64,
    /// Bytes in the newest generation.
    pub bytes: u64,
    /// Registered agents, dead ones included.
    pub agents: u64,
    /// Resources that somebody holds.
    pub claims: u64,
    /// Stored messages.
    pub messages: u64,
    /// The newest entry that the watermark says was durable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub durable: Option<u64>,
}

/// All that an examination found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// What was found, the worst first.
    pub findings: Vec<Finding>,
    /// What the folder holds, as far as it could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contents: Option<Contents>,
    /// Whether bytes at the end may be the beginning of a record: looked at again.
    #[serde(skip)]
    pub(super) unfinished: bool,
    /// Whether it was written by a newer mesh: then nothing may be repaired.
    #[serde(skip)]
    pub(super) newer: bool,
    /// The first thing that could not be read, if there was one: then nothing is repaired.
    #[serde(skip)]
    pub(super) unread: Option<StorageError>,
}

impl Report {
    /// Whether nothing has to be done.
    pub fn is_healthy(&self) -> bool {
        !self.findings.iter().any(Finding::needs_action)
    }

    /// Whether the journal has to be salvaged.
    pub(super) fn needs(&self, remedy: &Remedy) -> bool {
        self.findings.iter().any(|f| f.remedy == *remedy)
    }

    pub(super) fn add(&mut self, finding: Finding) {
        self.findings.push(finding);
        self.findings.sort_by_key(|f| std::cmp::Reverse(f.severity));
    }
}

/// What a repair did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Repair {
    /// What was done, in order.
    pub done: Vec<String>,
    /// What could not be saved, or cannot be proved: one sentence each.
    pub lost: Vec<String>,
    /// The files that were put aside, under their new names.
    pub kept: Vec<String>,
    /// The generation that was written, if one was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}
