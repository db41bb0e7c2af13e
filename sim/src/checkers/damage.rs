//! Real damage: whoever comes to a folder in which something was altered is told so,
//! or nothing that counts was altered (rule G7).
//!
//! That an answer from such a folder is still right is not checked here: it is held
//! against the log like every other answer, and so is a log that ends too early.

use mesh::MeshError;
use mesh::ports::StorageErrorKind;

use crate::trace::{Coverage, INSPECTOR, Incident, Record, Seen, Trace, Violation, ensure};

/// Looks at what the inspector was told.
pub(super) fn check(trace: &Trace, seen: &mut Coverage) -> Result<(), Violation> {
    let mut calls = trace.calls.iter().filter(|call| call.agent == INSPECTOR);
    let Some(call) = calls.next() else {
        return Ok(());
    };
    let told = call.answer.as_ref().map(|answer| &answer.result);
    let kind = match told {
        Some(Err(MeshError::Storage(error))) => Some(error.kind),
        _ => None,
    };
    let newer = trace.records.iter().any(|stamped| {
        matches!(
            &stamped.record,
            Record::Incident(Incident::NewerWrote { .. })
        )
    });
    if newer {
        seen.hit(Seen::NewerReported);
        return ensure(kind == Some(StorageErrorKind::Newer), "G7", || {
            format!("a newer mesh wrote an event, and the next one is told {told:?}")
        });
    }
    let forged = trace.records.iter().any(|stamped| {
        matches!(
            &stamped.record,
            Record::Incident(Incident::NumberForged { .. })
        )
    });
    if forged {
        seen.hit(Seen::NumberRefused);
        return ensure(kind == Some(StorageErrorKind::Damaged), "G7", || {
            format!("a number is beyond all that there can be, and the next one is told {told:?}")
        });
    }
    if kind == Some(StorageErrorKind::Damaged) {
        seen.hit(Seen::RotReported);
        return Ok(());
    }
    ensure(matches!(told, Some(Ok(_))), "G7", || {
        format!("a bit flipped, and the next one is told {told:?}")
    })
}
