//! `mesh upgrade`: raising the folder's format.

use clap::Args;
use serde_json::json;

use super::failure::Failure;
use super::folder::location;
use super::{Ending, output};
use crate::backends::fs::{Format, Upgrade, upgrade_folder};
use crate::core::escape;

#[derive(Debug, Args)]
#[command(after_help = "\
Agents with an older mesh are refused from then on, so upgrade them first.
A folder of the Node mesh is taken over; its state.json is kept as state.node.json.
A folder of a newer mesh is refused and left as it is.")]
pub(super) struct Arguments {
    /// Print the outcome as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Ending, Failure> {
    super::logging::start();
    let location = location()?;
    let upgrade = upgrade_folder(&location.path, location.explicit)?;
    if arguments.json {
        output::say_json(&as_json(&upgrade))?;
        return Ok(Ending::Done);
    }
    let path = escape(&location.path.display().to_string());
    output::say(match &upgrade {
        Upgrade::Nothing => format!("mesh: there is no {path} yet; its first use makes it"),
        Upgrade::Current(format) => {
            format!(
                "mesh: {path} has {}, the newest; nothing to do",
                named(format)
            )
        }
        Upgrade::Made {
            format,
            adopted: true,
        } => format!(
            "mesh: took over state.json, which is kept as state.node.json; {path} has {} now",
            named(format)
        ),
        Upgrade::Made { format, .. } => format!("mesh: {path} has {} now", named(format)),
        Upgrade::Raised { from, to } => {
            format!("mesh: raised {path} from {} to {}", named(from), named(to))
        }
    })?;
    Ok(Ending::Done)
}

fn named(format: &Format) -> String {
    format!("format {} with events {}", format.format, format.events)
}

fn as_json(upgrade: &Upgrade) -> serde_json::Value {
    match upgrade {
        Upgrade::Nothing => json!({"status": "nothing"}),
        Upgrade::Current(format) => json!({"status": "current", "format": format}),
        Upgrade::Made { format, adopted } => {
            json!({"status": "made", "format": format, "adopted": adopted})
        }
        Upgrade::Raised { from, to } => json!({"status": "raised", "from": from, "format": to}),
    }
}
