//! The command line: what a person, a script or a client starts.
//!
//! Exit codes: 0 when it is done, also when a server was asked to end by a signal or by
//! its client; 75 (`EX_TEMPFAIL`) when a claim is queued or denied, so that a script can
//! tell "not now" from "no"; 1 when it failed; 2 for wrong usage. `mesh run` has more, since
//! it passes on those of another command. Errors go to standard
//! error as `mesh: …`, and so do hints and all logs. When nobody reads standard output any
//! more, the command ends in silence, as a success.
//!
//! Commands that only look (`status`, `log`, `state`) go through an
//! [`Observer`](crate::Observer), which changes nothing. Names and texts that others wrote
//! are escaped before a person sees them.

mod demo;
mod doctor;
mod failure;
mod fence;
mod folder;
mod hook;
mod log;
mod logging;
mod mcp;
mod output;
mod pages;
mod run;
mod screen;
mod session;
mod signals;
mod state;
mod status;
mod table;
mod tool;
mod upgrade;
mod words;

use std::io::{self, IsTerminal};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use failure::Failure;

/// Coordinates the coding agents that share a repository: presence, leased fenced
/// locks, durable messages.
#[derive(Debug, Parser)]
#[command(name = "mesh", version, after_help = ENVIRONMENT)]
struct Line {
    /// Without a command: `mcp` if standard input is piped, else this help.
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the Model Context Protocol on standard input and output
    Mcp(mcp::Arguments),
    #[command(flatten)]
    Tool(tool::ToolCall),
    /// Run a command while a claim is held
    Run(run::Arguments),
    /// Check that a fence is that of a live holder
    Fence(fence::Arguments),
    /// Show agents, claims, unread mail and the folder at one glance
    Status(status::Arguments),
    /// Show what happened
    Log(log::Arguments),
    /// Print all of the state as JSON, in the shape of state.json
    State,
    /// Examine the folder, explain what is wrong, and save what can be saved
    Doctor(doctor::Arguments),
    /// Raise the folder to this version's format, once every agent has this version
    Upgrade(upgrade::Arguments),
    /// What a client's hooks run: greet a session, and release what it held
    Hook(hook::Arguments),
    /// Watch three agents share a lock, in a folder that is thrown away
    Demo,
    /// Print a completion script for a shell
    Completions(pages::Completions),
    /// Print a man page
    Man(pages::Page),
}

/// How a command ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// As wished.
    Done,
    /// Not now: a claim is queued or denied.
    Waiting,
    /// There was nothing of the kind to be done, or something is left to be done.
    Unmet,
    /// As the command ended that it ran, or why that did not.
    Code(u8),
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Done => Self::SUCCESS,
            Ending::Waiting => Self::from(75),
            Ending::Unmet => Self::FAILURE,
            Ending::Code(code) => Self::from(code),
        }
    }
}

const ENVIRONMENT: &str = "\
Environment:
  MESH_DIR    The folder to share, instead of .mesh in the repository
  MESH_AGENT  The agent that acts, where --agent does not say
  MESH_LOG    What to log to standard error, e.g. debug or mesh=debug [default: warn]
  NO_COLOR    No colours; CLICOLOR_FORCE=1 asks for them where there is no terminal

Exit codes:
  0 done or granted, 75 queued or denied, 2 wrong usage, 1 failure";

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let ended = match run::guard::asked_for() {
        Some(asked) => asked.map(|arguments| run::guard::run(&arguments)),
        None => Line::try_parse().map(|line| run(line.command)),
    };
    let ended = match ended {
        Ok(ended) => ended,
        Err(error) => return refuse(&error),
    };
    match ended {
        Ok(ending) => ending.into(),
        Err(failure) if failure.is_closed_output() => ExitCode::SUCCESS,
        Err(failure) => {
            output::complain(&failure);
            ExitCode::from(failure.code())
        }
    }
}

fn run(command: Option<Command>) -> Result<Ending, Failure> {
    match command {
        Some(Command::Mcp(arguments)) => mcp::run(arguments),
        Some(Command::Tool(call)) => tool::run(call),
        Some(Command::Run(arguments)) => run::run(&arguments),
        Some(Command::Fence(arguments)) => fence::run(&arguments),
        Some(Command::Status(arguments)) => status::run(&arguments),
        Some(Command::Log(arguments)) => log::run(arguments),
        Some(Command::State) => state::run(),
        Some(Command::Doctor(arguments)) => doctor::run(&arguments),
        Some(Command::Upgrade(arguments)) => upgrade::run(&arguments),
        Some(Command::Hook(arguments)) => hook::run(&arguments),
        Some(Command::Demo) => demo::run(),
        Some(Command::Completions(wanted)) => pages::completions(&wanted),
        Some(Command::Man(wanted)) => pages::page(&wanted),
        None if io::stdin().is_terminal() => help(),
        None => mcp::run(mcp::Arguments::of_environment()),
    }
}

fn help() -> Result<Ending, Failure> {
    output::say(Line::command().render_help())?;
    Ok(Ending::Done)
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
    descriptors_for_a_runtime()
        .map_err(|error| Failure::system("cannot start without more open files", error))?;
    let failed = |error| Failure::system("cannot start", error);
    let runtime = builder.enable_all().build().map_err(failed)?;
    {
        let _within = runtime.enter();
        signals::survive_file_size_limit().map_err(failed)?;
    }
    Ok(runtime)
}

/// A runtime without descriptors for its signals panics, so whether there are enough is
/// tried out first.
fn descriptors_for_a_runtime() -> io::Result<()> {
    const PAIRS: usize = 4;
    let pairs = (0..PAIRS).map(|_| UnixStream::pair());
    pairs.collect::<io::Result<Vec<_>>>().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Option<Command>, clap::Error> {
        let all = ["mesh"].iter().chain(arguments);
        Line::try_parse_from(all).map(|line| line.command)
    }

    #[test]
    fn the_commands_and_their_aliases_are_understood() {
        Line::command().debug_assert();
        assert!(matches!(parse(&[]), Ok(None)));
        assert!(matches!(parse(&["mcp"]), Ok(Some(Command::Mcp(_)))));
        assert!(matches!(parse(&["gc"]), Ok(Some(Command::Tool(_)))));
        assert!(matches!(
            parse(&["compact", "--json"]),
            Ok(Some(Command::Tool(_)))
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
