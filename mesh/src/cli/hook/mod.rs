//! `mesh hook`: what a client runs when a session of it begins and ends.
//!
//! The client writes what it knows as JSON on standard input; only its `session_id`
//! matters here. What the first hook prints, the client puts before its model. Both are
//! guests in somebody else's session: neither may fail it, so what is wrong with the
//! folder is a line of text, and no exit code is the one by which a hook forbids
//! something (2).

mod departure;
mod greeting;

use std::io::{self, IsTerminal, Read};

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::core::{SessionId, State};
use crate::ports::StorageErrorKind;

use super::failure::Failure;
use super::folder::observe_folder;
use super::{Ending, logging, output};

/// The most that a client's words may take, in bytes.
const MAX_INPUT_BYTES: u64 = 1 << 20;

/// Which hook.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  echo '{\"session_id\":\"s-1\"}' | mesh hook session-start
  echo '{\"session_id\":\"s-1\"}' | mesh hook session-end

Standard input is the JSON that Claude Code gives its hooks. The session is the one that
`mesh mcp` notes with each registration: CLAUDE_CODE_SESSION_ID, or --session.")]
pub(super) struct Arguments {
    #[command(subcommand)]
    hook: Hook,
}

#[derive(Clone, Copy, Debug, Subcommand)]
enum Hook {
    /// Print what a model should know at first: who is here, what is held, unread mail
    SessionStart,
    /// Release what the agents of the session hold, and their places in queues
    SessionEnd,
}

/// Runs the hook.
pub(super) fn run(arguments: &Arguments) -> Result<Ending, Failure> {
    logging::start();
    let session = session()?;
    match arguments.hook {
        Hook::SessionStart => output::say(greeting::lines(&session).join("\n"))?,
        Hook::SessionEnd => departure::release(&session)?,
    }
    Ok(Ending::Done)
}

fn session() -> Result<SessionId, Failure> {
    let input = io::stdin();
    if input.is_terminal() {
        return Err(unreadable("it is a terminal"));
    }
    let mut text = String::new();
    let read = input.lock().take(MAX_INPUT_BYTES).read_to_string(&mut text);
    read.map_err(|error| Failure::system("cannot read standard input", error))?;
    let event: Value = serde_json::from_str(&text).map_err(unreadable)?;
    // It says more, and may say more still one day.
    let event = event
        .as_object()
        .ok_or_else(|| unreadable("it is no object"))?;
    let session = event.get("session_id").and_then(Value::as_str);
    let session = session.ok_or_else(|| unreadable("it has no session_id, a string"))?;
    SessionId::new(session).map_err(|rejection| Failure::Hook(rejection.to_string()))
}

/// What the log says now; `None` where no agent can have used the folder: there is none,
/// or it is still in the making, by a server that started a moment ago, say.
fn state() -> Result<Option<State>, Failure> {
    let mut observer = match observe_folder() {
        Ok((observer, _)) => observer,
        Err(Failure::NoFolder(_)) => return Ok(None),
        Err(failure) => return Err(failure),
    };
    match observer.look() {
        Ok(snapshot) => Ok(Some(snapshot.state.clone())),
        Err(error) if error.kind == StorageErrorKind::Refused => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn unreadable(why: impl std::fmt::Display) -> Failure {
    Failure::Hook(format!(
        "standard input is not the JSON of a hook, an object with a session_id: {why}"
    ))
}
