//! Errors: a rejection must be deserved (G3), and damage must be real (G7).

use mesh::MeshError;
use mesh::core::Command;
use mesh::ports::StorageErrorKind;

use super::reference::Reference;
use super::replies::is_of_a_resource;
use crate::trace::{INSPECTOR, Trace, Violation, ensure};

/// No world of the plain sweep has damage in it, unless the kernel dropped pages, so whoever
/// reports some is wrong.
pub(super) fn check(trace: &Trace, reference: &Reference) -> Result<(), Violation> {
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
                    Command::Read(_) if rejection.field == "up_to" => true,
                    Command::Claim(claim) if rejection.field == "mode" => claim.mode.is_some(),
                    Command::Claim(_) if is_of_a_resource(rejection) => true,
                    // Epochs only rise: whose are used up now may have been refused for it.
                    _ if rejection.field == "agent_id" => {
                        let agent = reference.agents.get(&call.agent);
                        agent.is_some_and(|agent| agent.epoch >= reference.limits.count)
                    }
                    _ => false,
                };
                ensure(deserved, "G3", told)?;
            }
            MeshError::Storage(error) => {
                let damage = [StorageErrorKind::Damaged, StorageErrorKind::Newer];
                // What was read, and dropped by the kernel before it was synced, is damage to
                // who read it.
                let real = trace.pages_dropped && error.kind == StorageErrorKind::Damaged;
                ensure(real || !damage.contains(&error.kind), "G7", told)?;
                // Who asks for no more than others is not told that it is too much.
                let long = |command: &Command| match command {
                    Command::Post(post) => post.body.len() >= reference.limits.record_bytes,
                    _ => false,
                };
                let fits = error.kind == StorageErrorKind::Unfit && !long(&call.command);
                ensure(!fits, "G8", told)?;
                // No world has so many entries; and fences and epochs are not for the log to
                // find out.
                ensure(error.kind != StorageErrorKind::Spent, "G8", told)?;
            }
            MeshError::Closed => {}
        }
    }
    Ok(())
}
