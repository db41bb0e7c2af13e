//! Yours to edit: a writer that answers too soon, and readers that count too much.

use super::{Progress, Protocol, Record, Step};

/// How a writer comes to its answer, and how everybody counts.
#[derive(Debug)]
pub struct Writer;

impl Protocol for Writer {
    fn counts(newest: Record, record: Record) -> bool {
        record.seq == newest.seq + 1
    }

    fn next(_progress: Progress) -> Step {
        Step::Answer { won: true }
    }
}
