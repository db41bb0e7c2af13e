//! `mesh fence`: whether a fence is that of a live holder, for scripts that write on a
//! holder's behalf.
//!
//! It goes by what is durable in the log (rule G5) and by this machine's clock, and it only
//! looks: no lock, no reaping, no sign of life. Exit codes: 0 if the fence is live; 1, with
//! the reason on standard error, if it is not or nobody can tell; 2 for wrong usage.

use clap::Args;
use serde_json::{Value, json};

use super::failure::Failure;
use super::folder::observe_folder;
use super::{Ending, logging, output};
use crate::core::{FenceCheck, LapseReason};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mesh fence \"$MESH_RESOURCE\" \"$MESH_FENCE\" || exit 1   # in a script under mesh run
  mesh fence deploy:production 7 --json

A check and a write after it are two steps, and the lease may end between them. So this only
narrows the window; what closes it is a store that compares fences when it writes.

Exit codes: 0 a live holder has it, 1 nobody does or it cannot be told, 2 wrong usage.")]
pub(super) struct Arguments {
    /// What is held
    #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
    resource: String,
    /// The fence that is in question
    #[arg(value_name = "N")]
    fence: u64,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
}

/// Says whether the fence is live.
pub(super) fn run(arguments: &Arguments) -> Result<Ending, Failure> {
    logging::start();
    let (mut observer, _) = observe_folder()?;
    let check = observer.check_fence(&arguments.resource, arguments.fence)?;
    if arguments.json {
        output::say_json(&answer(arguments, &check))?;
    }
    if check.is_live() {
        return Ok(Ending::Done);
    }
    if !arguments.json {
        output::complain(refusal(arguments, &check));
    }
    Ok(Ending::Unmet)
}

fn answer(arguments: &Arguments, check: &FenceCheck) -> Value {
    let Arguments {
        resource, fence, ..
    } = arguments;
    match check {
        FenceCheck::Live {
            agent_id,
            claim_id,
            lease_expires_at,
        } => json!({
            "live": true, "resource": resource, "fence": fence, "holder": agent_id,
            "claim_id": claim_id, "lease_expires_at": lease_expires_at,
        }),
        _ => json!({
            "live": false, "resource": resource, "fence": fence,
            "reason": refusal(arguments, check),
        }),
    }
}

/// Why the fence is not live.
fn refusal(arguments: &Arguments, check: &FenceCheck) -> String {
    let Arguments {
        resource, fence, ..
    } = arguments;
    let why = match check {
        FenceCheck::Live { .. } => "it is live".to_owned(),
        FenceCheck::Lapsed {
            agent_id,
            reason: LapseReason::Lease,
        } => format!("the lease of {agent_id}, who had it, has ended"),
        FenceCheck::Lapsed {
            agent_id,
            reason: LapseReason::Death,
        } => format!("{agent_id}, who had it, is dead"),
        FenceCheck::Other {
            agent_id,
            fence: held,
        } => format!("{agent_id} holds it under fence {held}"),
        FenceCheck::Free => "nobody holds it".to_owned(),
    };
    format!("fence {fence} of {resource} is not live: {why}")
}
