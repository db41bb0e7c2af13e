//! One `mesh mcp`, spoken to in raw JSON-RPC by a client that expects anything.
//!
//! Nothing here panics over what the server does: that it is gone, that it is silent or
//! that it refuses are answers, and what they mean is for the caller to judge.

use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use tests::json_rpc::{VERSION, cancelled, reply};
use tests::{NoMessage, PATIENCE, Process, RawClient};
use tokio::time::{sleep, timeout};

/// Within this a server ends once its client is gone.
const ENDING: Duration = Duration::from_secs(30);

/// What became of a call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    /// The tool's reply.
    Reply(Value),
    /// The tool's error: what it says.
    Error(String),
    /// The server ended without an answer. Whether the call took effect is unknown.
    Gone,
    /// There was no answer within [`PATIENCE`].
    Silent,
}

impl Answer {
    /// The reply, if it is one.
    #[must_use]
    pub(crate) fn reply(&self) -> Option<&Value> {
        match self {
            Self::Reply(reply) => Some(reply),
            _ => None,
        }
    }

    /// What the error says, if it is one.
    #[must_use]
    pub(crate) fn error(&self) -> Option<&str> {
        match self {
            Self::Error(said) => Some(said),
            _ => None,
        }
    }
}

/// A server process, and its client.
#[derive(Debug)]
pub(crate) struct Server {
    client: RawClient,
}

impl Server {
    /// Starts `command` and shakes hands. An error says what the process said instead.
    ///
    /// # Errors
    ///
    /// Where there is no session in time.
    pub(crate) async fn start(command: Command) -> Result<Self, String> {
        let mut client = RawClient::open(Process::start(command));
        match client.try_initialize(VERSION, "torture").await {
            Ok(answer) if answer.get("result").is_some() => Ok(Self { client }),
            other => Err(format!("{other:?}: {}", client.process().complaints())),
        }
    }

    /// Its process.
    #[must_use]
    pub(crate) fn id(&self) -> u32 {
        self.client.process().id()
    }

    /// What it said on standard error so far.
    #[must_use]
    pub(crate) fn complaints(&self) -> String {
        self.client.process().complaints()
    }

    /// Calls a tool and waits for its answer.
    pub(crate) async fn call(&mut self, tool: &str, arguments: Value) -> Answer {
        let id = self.begin(tool, arguments).await;
        self.answer(id, PATIENCE).await
    }

    /// Sends a call: its id, to wait for its answer by, or to cancel it.
    pub(crate) async fn begin(&mut self, tool: &str, arguments: Value) -> u64 {
        self.client.try_begin(tool, arguments).await
    }

    /// Takes a call back, which is a wish that may come too late.
    pub(crate) async fn cancel(&mut self, id: u64) {
        self.client.try_send(&cancelled(id)).await;
    }

    /// Waits for the answer to a call. Answers to calls before it, which came after they
    /// were cancelled, are passed over.
    pub(crate) async fn answer(&mut self, id: u64, limit: Duration) -> Answer {
        let answer = timeout(limit, self.message(id)).await;
        match answer.unwrap_or(Err(Answer::Silent)) {
            Ok(message) => reply(&message).map_or_else(Answer::Error, Answer::Reply),
            Err(answer) => answer,
        }
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        self.client.process().signal(signal);
    }

    /// Kills it as nothing can prepare for. What it had written before can still be read.
    pub(crate) fn kill(&mut self) {
        self.client.kill();
    }

    /// Goes away without a word, and waits for the server to notice.
    ///
    /// # Errors
    ///
    /// Where it does not end, or ends as a failure.
    pub(crate) async fn leave(mut self) -> Result<String, String> {
        self.client.close_input();
        let pid = self.id();
        let ended = async {
            while self.client.try_receive(ENDING).await != Err(NoMessage::Ended) {}
            self.client.ended(ENDING).await
        };
        let status = timeout(ENDING, ended).await;
        let complaints = self.complaints();
        match status {
            Ok(status) if status.success() => Ok(complaints),
            Ok(status) => Err(format!("process {pid} ended with {status}: {complaints}")),
            Err(_) => Err(format!(
                "process {pid} lives on {ENDING:?} after its client went away: {complaints}"
            )),
        }
    }

    async fn message(&mut self, id: u64) -> Result<Value, Answer> {
        let mut torn = None;
        loop {
            match (self.client.try_receive(PATIENCE).await, torn) {
                (Err(NoMessage::Ended), _) => return Err(Answer::Gone),
                (Err(NoMessage::Silent), _) => return Err(Answer::Silent),
                (_, Some(torn)) => return Err(Answer::Error(format!("no JSON: {torn}"))),
                (Ok(message), None) if message["id"] == id => return Ok(message),
                (Ok(_), None) => torn = None,
                // Whoever is killed while it writes leaves half a last line.
                (Err(NoMessage::NoJson(line)), None) => torn = Some(line),
            }
        }
    }
}

/// Stops a server for a while, wherever it is.
pub(crate) async fn stop_for(server: &Server, pause: Duration) {
    server.signal(Signal::STOP);
    sleep(pause).await;
    server.signal(Signal::CONT);
}
