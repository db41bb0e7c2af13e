//! The answer: sync, look, and only then say what became of the record.

use super::{Progress, Protocol, Record, Step};

/// How a writer comes to its answer, and how everybody counts.
#[derive(Debug)]
pub struct Writer;

impl Protocol for Writer {
    fn counts(newest: Record, record: Record) -> bool {
        record.seq == newest.seq + 1 && record.prev == newest.id
    }

    fn next(progress: Progress) -> Step {
        match progress {
            Progress { synced: false, .. } => Step::Sync,
            Progress { seen: None, .. } => Step::Look,
            Progress {
                seen: Some(won), ..
            } => Step::Answer { won },
        }
    }
}
