//! What `mesh run` is asked for.

use std::ffi::OsString;

use clap::Args;

use crate::backends::seed;
use crate::core::{MAX_LEASE_SECONDS, Mode};

use super::ending;

/// Short, since nobody else gets the resource before it is over when a run is killed; and
/// long enough to ride out a machine that is busy.
const LEASE_SECONDS: u64 = 60;
/// How much of the host's name is worth having in an agent's.
const HOST_CHARS: usize = 64;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mesh run deploy:staging -- ./deploy.sh
  mesh run db --wait 30 -- make migrate        # give up after 30 s
  mesh run docs --shared --no-wait -E 0 -- make docs   # no claim, no matter
  mesh run db --resource cache -- ./reset.sh   # both, or neither

COMMAND finds in its environment:
  MESH_FENCE, MESH_CLAIM_ID, MESH_RESOURCE  The claim on RESOURCE
  MESH_FENCES                               Every resource and its fence, as JSON
  MESH_AGENT, MESH_DIR                      Who holds, and the folder: `mesh fence` needs no more

Let whatever COMMAND writes to refuse a lower fence than it has seen. A run that lost its
lease is stopped, but nothing can be stopped in no time.

Signals to mesh run reach COMMAND. If the lease is lost, or mesh run is killed, COMMAND gets
SIGTERM, and SIGKILL 5 s later. Started by a terminal's foreground job, COMMAND shares that
job, so that Ctrl-C and Ctrl-Z work, and only COMMAND itself is signalled; else it gets a
process group of its own, and all of that is signalled.

Exit codes: COMMAND's own; 128 + N if signal N ended it; 75 (or -E) not granted; 124 the lease
was lost; 127 COMMAND not found; 126 it cannot be started; 125 mesh failed; 2 wrong usage.")]
pub(in crate::cli) struct Arguments {
    /// What to hold while COMMAND runs
    #[arg(value_name = "RESOURCE")]
    pub(super) resource: String,
    /// Hold this too, all or nothing; may be given several times
    #[arg(id = "also", short = 'r', long = "resource", value_name = "RESOURCE")]
    pub(super) also: Vec<String>,
    /// The agent that holds [default: another one for each run]
    #[arg(
        short,
        long,
        value_name = "ID",
        env = "MESH_AGENT",
        hide_env_values = true
    )]
    agent: Option<String>,
    /// Share with others that share; without it, nobody else holds
    #[arg(short, long)]
    shared: bool,
    /// Wait this long in line, in seconds [default: without limit]
    #[arg(short, long, value_name = "S", conflicts_with = "no_wait")]
    wait: Option<u64>,
    /// Do not wait in line
    #[arg(short, long)]
    no_wait: bool,
    /// After how many seconds others may have it if this run is killed or stopped
    #[arg(
        long,
        visible_alias = "lease-seconds",
        value_name = "S",
        default_value_t = LEASE_SECONDS,
        value_parser = clap::value_parser!(u64).range(1..=MAX_LEASE_SECONDS)
    )]
    lease: u64,
    /// The exit code if it was not granted
    #[arg(
        short = 'E',
        long = "conflict-exit-code",
        value_name = "CODE",
        default_value_t = ending::NOT_GRANTED
    )]
    pub(super) conflict_exit_code: u8,
    /// What it is for, for others to read
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// What to run, with its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(super) command: Vec<OsString>,
}

/// What is to be claimed, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wish {
    /// Who holds.
    pub(super) agent_id: String,
    /// Whether somebody chose that name, so that another run may go by it too.
    pub(super) named: bool,
    /// What, sorted and each once: whoever claims in one order never waits in a circle.
    pub(super) resources: Vec<String>,
    /// How.
    pub(super) mode: Mode,
    /// For how long at a time.
    pub(super) lease_seconds: u64,
    /// How long to wait in line, in seconds; `None` without limit.
    pub(super) wait_seconds: Option<u64>,
    /// What for.
    pub(super) note: Option<String>,
}

impl Arguments {
    /// What is to be claimed, and how.
    pub(super) fn wish(&self) -> Wish {
        // An empty MESH_AGENT names nobody.
        let agent = self.agent.clone().filter(|agent| !agent.is_empty());
        let mut resources = self.also.clone();
        resources.push(self.resource.clone());
        resources.sort();
        resources.dedup();
        Wish {
            named: agent.is_some(),
            agent_id: agent.unwrap_or_else(own_agent),
            resources,
            mode: if self.shared {
                Mode::Shared
            } else {
                Mode::Exclusive
            },
            lease_seconds: self.lease,
            wait_seconds: if self.no_wait { Some(0) } else { self.wait },
            note: self.note.clone(),
        }
    }
}

/// A name that no other run has. Host and process are for people to find it by; what makes
/// it unique is the rest, since containers share names and small process ids.
fn own_agent() -> String {
    let uname = rustix::system::uname();
    let host = uname.nodename().to_string_lossy();
    let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let host: String = host.chars().filter(plain).take(HOST_CHARS).collect();
    let (pid, unique) = (std::process::id(), seed() as u32);
    format!("run-{host}-{pid}-{unique:08x}")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        let words = ["run"].into_iter().chain(line.split(' '));
        Line::try_parse_from(words).map(|line| line.arguments)
    }

    #[test]
    fn resources_are_sorted_and_named_once() {
        let arguments = parse("b -r c --resource a -r b -- true").unwrap();
        assert_eq!(arguments.wish().resources, ["a", "b", "c"]);
        assert_eq!(arguments.resource, "b");
    }

    #[test]
    fn without_a_limit_it_waits_for_ever_and_with_no_wait_not_at_all() {
        let waits = |line| parse(line).unwrap().wish().wait_seconds;
        assert_eq!(waits("r -- true"), None);
        assert_eq!(waits("r --wait 5 -- true"), Some(5));
        assert_eq!(waits("r -n -- true"), Some(0));
        assert!(parse("r -n --wait 5 -- true").is_err());
    }

    #[test]
    fn each_run_without_a_name_is_another_agent() {
        let wish = || parse("r --agent= -- true").unwrap().wish();
        assert!(!wish().named && wish().agent_id.starts_with("run-"));
        assert_ne!(wish().agent_id, wish().agent_id);
    }

    #[test]
    fn what_comes_after_the_dashes_is_the_commands_own() {
        let arguments = parse("r -- make -n --wait 5").unwrap();
        assert_eq!(arguments.command, ["make", "-n", "--wait", "5"]);
        for wrong in ["r", "r make", "r --", "r --lease 0 -- true", "-- true"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
