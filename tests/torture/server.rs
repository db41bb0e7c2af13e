//! One `mesh mcp`, spoken to in raw JSON-RPC by a client that expects anything.
//!
//! Nothing here panics over what the server does: that it is gone, that it is silent or
//! that it refuses are answers, and what they mean is for the caller to judge.

use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::time::{sleep, timeout};

use tests::Process;

/// Longer than this no answer may take, whatever else happens on the machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
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

/// A server process, and the line to it.
#[derive(Debug)]
pub(crate) struct Server {
    process: Process,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
    next_id: u64,
}

impl Server {
    /// Starts `command` and shakes hands. An error says what the process said instead.
    ///
    /// # Errors
    ///
    /// Where there is no session in time.
    pub(crate) async fn start(command: Command) -> Result<Self, String> {
        let (process, input, output) = Process::start(command);
        let mut server = Self {
            process,
            input: Some(input),
            output: BufReader::new(output).lines(),
            next_id: 1,
        };
        let hello = json!({
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "torture", "version": "1"},
        });
        let id = server.request("initialize", hello).await;
        match server.message(id, PATIENCE).await {
            Ok(message) if message.get("result").is_some() => {}
            other => return Err(format!("{other:?}: {}", server.complaints())),
        }
        let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        server.send(&initialized).await;
        Ok(server)
    }

    /// Its process.
    #[must_use]
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// What it said on standard error so far.
    #[must_use]
    pub(crate) fn complaints(&self) -> String {
        self.process.complaints()
    }

    /// Calls a tool and waits for its answer.
    pub(crate) async fn call(&mut self, tool: &str, arguments: Value) -> Answer {
        let id = self.begin(tool, arguments).await;
        self.answer(id, PATIENCE).await
    }

    /// Sends a call: its id, to wait for its answer by, or to cancel it.
    pub(crate) async fn begin(&mut self, tool: &str, arguments: Value) -> u64 {
        let params = json!({"name": tool, "arguments": arguments});
        self.request("tools/call", params).await
    }

    /// Takes a call back, which is a wish that may come too late.
    pub(crate) async fn cancel(&mut self, id: u64) {
        let params = json!({"requestId": id, "reason": "no longer wanted"});
        let method = "notifications/cancelled";
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}))
            .await;
    }

    /// Waits for the answer to a call. Answers to calls before it, which came after they
    /// were cancelled, are passed over.
    pub(crate) async fn answer(&mut self, id: u64, limit: Duration) -> Answer {
        let message = match self.message(id, limit).await {
            Ok(message) => message,
            Err(answer) => return answer,
        };
        if let Some(error) = message.get("error") {
            return Answer::Error(error.to_string());
        }
        let result = &message["result"];
        if result["isError"] == true {
            let text = result["content"][0]["text"].as_str().unwrap_or_default();
            return Answer::Error(text.to_owned());
        }
        Answer::Reply(result["structuredContent"].clone())
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Kills it as nothing can prepare for. What it had written before can still be read.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
        self.input = None;
    }

    /// Goes away without a word, and waits for the server to notice.
    ///
    /// # Errors
    ///
    /// Where it does not end, or ends as a failure.
    pub(crate) async fn leave(mut self) -> Result<String, String> {
        self.input = None;
        let pid = self.id();
        let ended = async {
            while matches!(self.output.next_line().await, Ok(Some(_))) {}
            self.process.ended(ENDING).await
        };
        let status = timeout(ENDING, ended).await;
        let complaints = self.process.complaints();
        match status {
            Ok(status) if status.success() => Ok(complaints),
            Ok(status) => Err(format!("process {pid} ended with {status}: {complaints}")),
            Err(_) => Err(format!(
                "process {pid} lives on {ENDING:?} after its client went away: {complaints}"
            )),
        }
    }

    async fn request(&mut self, method: &str, params: Value) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        let message = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        self.send(&message).await;
        id
    }

    /// A server that takes nothing in any more is found by its missing answer.
    async fn send(&mut self, message: &Value) {
        if let Some(input) = &mut self.input {
            let line = format!("{message}\n");
            let _ = timeout(PATIENCE, input.write_all(line.as_bytes())).await;
        }
    }

    async fn message(&mut self, id: u64, limit: Duration) -> Result<Value, Answer> {
        let found = async {
            let mut torn = None;
            while let Ok(Some(line)) = self.output.next_line().await {
                if let Some(torn) = torn {
                    return Err(Answer::Error(format!("no JSON: {torn}")));
                }
                match serde_json::from_str::<Value>(&line) {
                    Ok(message) if message["id"] == id => return Ok(message),
                    Ok(_) => {}
                    // Whoever is killed while it writes leaves half a last line.
                    Err(error) => torn = Some(format!("{error}: {line}")),
                }
            }
            Err(Answer::Gone)
        };
        timeout(limit, found).await.unwrap_or(Err(Answer::Silent))
    }
}

/// Stops a server for a while, wherever it is.
pub(crate) async fn stop_for(server: &Server, pause: Duration) {
    server.signal(Signal::STOP);
    sleep(pause).await;
    server.signal(Signal::CONT);
}
