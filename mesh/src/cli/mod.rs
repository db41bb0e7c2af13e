//! The command line: what a person or a client starts.
//!
//! Exit codes: 0 when it is done, also when a server was asked to end by a signal or
//! by its client; 1 when it failed; 2 for wrong usage. Errors go to standard error as
//! `mesh: …`, and so do all logs. When nobody reads standard output any more, the
//! command ends in silence, as a success.

mod demo;
mod doctor;
mod failure;
mod folder;
mod gc;
mod logging;
mod mcp;
mod output;
mod signals;
mod upgrade;

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use failure::Failure;

/// Coordinates the coding agents that share a repository: presence, leased fenced
/// locks, durable messages.
#[derive(Debug, Parser)]
#[command(name = "mesh", version, after_help = ENVIRONMENT)]
struct Arguments {
    /// Without a command: `mcp` if standard input is piped, else this help.
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the Model Context Protocol on standard input and output
    Mcp,
    /// Drop expired messages and sweep lapsed claims
    #[command(visible_alias = "compact")]
    Gc {
        /// Print the reply as JSON
        #[arg(long)]
        json: bool,
    },
    /// Examine the folder, explain what is wrong, and save what can be saved
    Doctor(doctor::Arguments),
    /// Raise the folder to this version's format, once every agent has this version
    Upgrade(upgrade::Arguments),
    /// Watch three agents share a lock, in a folder that is thrown away
    Demo,
}

const ENVIRONMENT: &str = "\
Environment:
  MESH_DIR  The folder to share, instead of .mesh in the repository
  MESH_LOG  What to log to standard error, e.g. debug or mesh=debug [default: warn]";

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return refuse(&error),
    };
    let outcome = match arguments.command {
        Some(Command::Mcp) => mcp::run(),
        Some(Command::Gc { json }) => gc::run(json),
        Some(Command::Doctor(arguments)) => return doctor::run(&arguments),
        Some(Command::Upgrade(arguments)) => upgrade::run(&arguments),
        Some(Command::Demo) => demo::run(),
        None if io::stdin().is_terminal() => help(),
        None => mcp::run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if failure.is_closed_output() => ExitCode::SUCCESS,
        Err(failure) => {
            output::complain(&failure);
            ExitCode::FAILURE
        }
    }
}

fn help() -> Result<(), Failure> {
    output::say(Arguments::command().render_help())
}

/// What clap has to say in place of arguments: help and the version, or a complaint.
fn refuse(error: &clap::Error) -> ExitCode {
    if error.use_stderr() {
        let text = error.render().to_string();
        output::complain(text.strip_prefix("error: ").unwrap_or(&text).trim_end());
        return ExitCode::from(2);
    }
    // Nobody reads it; that is their choice.
    let _ = error.print();
    ExitCode::SUCCESS
}

/// A runtime on this thread alone: a child process is one of many on its machine, and
/// sleeps while nothing comes in.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder
        .enable_all()
        .build()
        .map_err(|error| Failure::system("cannot start", error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Option<Command>, clap::Error> {
        let all = ["mesh"].iter().chain(arguments);
        Arguments::try_parse_from(all).map(|arguments| arguments.command)
    }

    #[test]
    fn the_commands_and_their_aliases_are_understood() {
        Arguments::command().debug_assert();
        assert!(matches!(parse(&[]), Ok(None)));
        assert!(matches!(parse(&["mcp"]), Ok(Some(Command::Mcp))));
        assert!(matches!(
            parse(&["gc"]),
            Ok(Some(Command::Gc { json: false }))
        ));
        assert!(matches!(
            parse(&["compact", "--json"]),
            Ok(Some(Command::Gc { json: true }))
        ));
        assert!(matches!(parse(&["demo"]), Ok(Some(Command::Demo))));
    }

    #[test]
    fn the_version_is_printed_for_both_spellings() {
        for flag in ["-V", "--version"] {
            let error = parse(&[flag]).unwrap_err();
            assert!(!error.use_stderr());
            assert_eq!(
                error.to_string(),
                format!("mesh {}\n", env!("CARGO_PKG_VERSION"))
            );
        }
    }

    #[test]
    fn wrong_usage_goes_to_standard_error() {
        for arguments in [&["clam"][..], &["gc", "--force"], &["mcp", "extra"]] {
            let error = parse(arguments).unwrap_err();
            assert!(error.use_stderr());
            assert!(
                error.to_string().starts_with("error: "),
                "what `refuse` strips: {error}"
            );
        }
    }
}
