//! A client that sends what it is told, for what no client library would send.
//!
//! What it expects of its server is for the caller to choose. The methods that begin with
//! `try_` expect nothing: that the server is gone, silent or talks nonsense is an answer. The
//! others are for tests of a server that is well, and panic.

use std::process::ExitStatus;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::time::timeout;

use super::json_rpc::{self, Requests};
use super::process::Process;
use super::run::PATIENCE;

/// Why there is no next message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoMessage {
    /// The server's output has ended.
    Ended,
    /// Nothing came in time.
    Silent,
    /// Something that is no JSON on a line of its own: why, and the line.
    NoJson(String),
}

/// A client of one server, in raw JSON-RPC. Requests get ids from 1.
#[derive(Debug)]
pub struct RawClient {
    process: Process,
    input: Option<ChildStdin>,
    output: Option<Lines<BufReader<ChildStdout>>>,
    requests: Requests,
}

impl RawClient {
    /// Takes a started process over; nothing is said yet.
    pub fn open((process, input, output): (Process, ChildStdin, ChildStdout)) -> Self {
        Self {
            process,
            input: Some(input),
            output: Some(BufReader::new(output).lines()),
            requests: Requests::default(),
        }
    }

    /// The server.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Sends bytes as they are; whether the server took them.
    pub async fn try_send_bytes(&mut self, bytes: &[u8]) -> bool {
        let Some(input) = &mut self.input else {
            return false;
        };
        let sent = timeout(PATIENCE, input.write_all(bytes)).await;
        matches!(sent, Ok(Ok(())))
    }

    /// Sends a message on a line of its own; whether the server took it.
    pub async fn try_send(&mut self, message: &Value) -> bool {
        self.try_send_bytes(format!("{message}\n").as_bytes()).await
    }

    /// Calls a tool without waiting for the answer: the id. A server that takes nothing in
    /// any more is found by its missing answer.
    pub async fn try_begin(&mut self, tool: &str, arguments: Value) -> u64 {
        let (id, message) = self.requests.call(tool, &arguments);
        self.try_send(&message).await;
        id
    }

    /// The next message, if it comes within `limit`.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub async fn try_receive(&mut self, limit: Duration) -> Result<Value, NoMessage> {
        let Some(output) = &mut self.output else {
            return Err(NoMessage::Ended);
        };
        match timeout(limit, output.next_line()).await {
            Ok(Ok(Some(line))) => serde_json::from_str(&line)
                .map_err(|error| NoMessage::NoJson(format!("{error}: {line}"))),
            Ok(Ok(None)) => Err(NoMessage::Ended),
            Ok(Err(error)) => Err(NoMessage::NoJson(error.to_string())),
            Err(_) => Err(NoMessage::Silent),
        }
    }

    /// Begins a session as a client of that name. Returns the answer, which may be an error.
    ///
    /// # Errors
    ///
    /// Where there is no answer.
    pub async fn try_initialize(&mut self, version: &str, name: &str) -> Result<Value, NoMessage> {
        let (_, message) = self.requests.initialize(version, name);
        self.try_send(&message).await;
        let answer = self.try_receive(PATIENCE).await?;
        self.try_send(&json_rpc::initialized()).await;
        Ok(answer)
    }

    /// Sends bytes as they are.
    ///
    /// # Panics
    ///
    /// Where the server does not take them.
    pub async fn send_bytes(&mut self, bytes: &[u8]) {
        let taken = self.try_send_bytes(bytes).await;
        assert!(taken, "the server reads:\n{}", self.process.complaints());
    }

    /// Sends a message on a line of its own.
    pub async fn send(&mut self, message: &Value) {
        self.send_bytes(format!("{message}\n").as_bytes()).await;
    }

    /// Sends a request: its id.
    pub async fn request(&mut self, method: &str, params: Value) -> u64 {
        let (id, message) = self.requests.next(method, &params);
        self.send(&message).await;
        id
    }

    /// Calls a tool without waiting for the answer: the id.
    pub async fn begin(&mut self, tool: &str, arguments: Value) -> u64 {
        self.request("tools/call", json_rpc::call(tool, &arguments))
            .await
    }

    /// Takes a call back.
    pub async fn cancel(&mut self, id: u64) {
        self.send(&json_rpc::cancelled(id)).await;
    }

    /// The next message, or `None` at the end of the output.
    ///
    /// # Panics
    ///
    /// When nothing comes in time, or something that is no JSON.
    pub async fn receive_or_end(&mut self) -> Option<Value> {
        match self.try_receive(PATIENCE).await {
            Ok(message) => Some(message),
            Err(NoMessage::Ended) => None,
            Err(NoMessage::Silent) => panic!("no message from the server after {PATIENCE:?}"),
            Err(NoMessage::NoJson(why)) => panic!("not a message: {why}"),
        }
    }

    /// The next message.
    ///
    /// # Panics
    ///
    /// As [`receive_or_end`](Self::receive_or_end), and at the end of the output.
    pub async fn receive(&mut self) -> Value {
        match self.receive_or_end().await {
            Some(message) => message,
            None => panic!("the server ended:\n{}", self.process.complaints()),
        }
    }

    /// The answer to a request.
    ///
    /// # Panics
    ///
    /// Where another message comes first.
    pub async fn answer(&mut self, id: u64) -> Value {
        let answer = self.receive().await;
        assert_eq!(answer["id"], id, "the answer to request {id}: {answer}");
        answer
    }

    /// Sends a request and waits for its answer.
    ///
    /// # Panics
    ///
    /// Where another message comes first.
    pub async fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.request(method, params).await;
        self.answer(id).await
    }

    /// Shakes hands in the way of the versions up to 2025-11-25.
    ///
    /// # Panics
    ///
    /// Where the server does not speak `version`.
    pub async fn initialize(&mut self, version: &str) -> Value {
        let (id, message) = self.requests.initialize(version, "raw");
        self.send(&message).await;
        let answer = self.answer(id).await;
        assert_eq!(answer["result"]["protocolVersion"], version, "{answer}");
        self.send(&json_rpc::initialized()).await;
        answer["result"].clone()
    }

    /// Calls a tool: the result, which may be a tool error.
    pub async fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let id = self.begin(tool, arguments).await;
        self.answer(id).await["result"].clone()
    }

    /// Closes the server's input.
    pub fn close_input(&mut self) {
        self.input = None;
    }

    /// Closes the server's output: whatever it writes now fails.
    pub fn close_output(&mut self) {
        self.output = None;
    }

    /// Kills the server as nothing can prepare for. What it had written before can still be
    /// read.
    pub fn kill(&mut self) {
        self.process.kill();
        self.input = None;
    }

    /// Waits for the server's end.
    ///
    /// # Panics
    ///
    /// When it has not ended within `limit`.
    pub async fn ended(&mut self, limit: Duration) -> ExitStatus {
        self.process.ended(limit).await
    }
}
