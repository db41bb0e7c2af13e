//! Errors: a rejection must be deserved (G3), and damage must be real (G7).

use mesh::MeshError;
use mesh::core::Command;
use mesh::ports::StorageErrorKind;

use super::replies::is_of_a_full_queue;
use crate::trace::{INSPECTOR, Trace, Violation, ensure};

/// No world of the plain sweep has damage in it, so whoever reports some is wrong.
pub(super) fn check(trace: &Trace) -> Result<(), Violation> {
    for call in trace.calls.iter().filter(|call| call.agent != INSPECTOR) {
        let Some(Err(error)) = call.answer.as_ref().map(|answer| &answer.result) else {
            continue;
        };
        let told = || {
            // What it asked for stands in the trace.
            let command = format!("{:?}", call.command).to_lowercase();
            let command = command.split('(').next().unwrap_or_default();
            format!("{} calls {command} and is told: {error}", call.agent)
        };
        match error {
            MeshError::Rejected(rejection) => {
                let deserved = match &call.command {
                    Command::Read(_) => rejection.field == "up_to",
                    Command::Claim(claim) => {
                        rejection.field == "mode" && claim.mode.is_some()
                            || is_of_a_full_queue(rejection)
                    }
                    _ => false,
                };
                ensure(deserved, "G3", told)?;
            }
            MeshError::Storage(error) => {
                let damage = [StorageErrorKind::Damaged, StorageErrorKind::Newer];
                ensure(!damage.contains(&error.kind), "G7", told)?;
            }
            MeshError::Closed => {}
        }
    }
    Ok(())
}
