//! What can go wrong on stage.

use std::fmt;
use std::io;
use std::time::Duration;

use crate::cli::failure::Failure;

/// Why the demo did not come out as narrated.
#[derive(Debug)]
pub(super) enum DemoError {
    /// A folder or a process could not be had.
    System {
        /// What could not be done.
        what: String,
        /// Why.
        error: io::Error,
    },
    /// An agent did not answer as a server must.
    Call {
        /// Which agent.
        agent: &'static str,
        /// What it was asked.
        tool: &'static str,
        /// What came instead.
        why: String,
    },
    /// An agent answered, but not as narrated.
    Unexpected {
        /// What should have been.
        expected: &'static str,
        /// What was.
        got: String,
    },
    /// The scene hangs.
    TooSlow(Duration),
    /// Somebody pressed Control-C.
    Interrupted,
    /// Standard output does not take any more.
    Output(io::Error),
}

impl fmt::Display for DemoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System { what, error } => write!(f, "demo: {what}: {error}"),
            Self::Call { agent, tool, why } => {
                write!(f, "demo: {agent} called {tool}, and it failed: {why}")
            }
            Self::Unexpected { expected, got } => {
                write!(f, "demo: expected that {expected}; got {got}")
            }
            Self::TooSlow(patience) => {
                write!(f, "demo: not finished after {} s", patience.as_secs())
            }
            Self::Interrupted => f.write_str("demo: interrupted"),
            Self::Output(error) => write!(f, "cannot write to standard output: {error}"),
        }
    }
}

impl std::error::Error for DemoError {}

impl From<DemoError> for Failure {
    fn from(error: DemoError) -> Self {
        match error {
            DemoError::Output(error) => Self::Output(error),
            error => Self::Demo(error.to_string()),
        }
    }
}
