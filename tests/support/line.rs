//! JSON-RPC line by line, for what no client library would send.

use std::process::ExitStatus;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{ChildStdin, ChildStdout};

use super::process::Process;
use super::story::{PATIENCE, in_time};

/// A line to a server. Requests get ids from 1.
#[derive(Debug)]
pub struct Line {
    process: Process,
    input: Option<ChildStdin>,
    output: Option<Lines<BufReader<ChildStdout>>>,
    next_id: u64,
}

impl Line {
    /// Takes a started process over.
    pub fn open((process, input, output): (Process, ChildStdin, ChildStdout)) -> Self {
        Self {
            process,
            input: Some(input),
            output: Some(BufReader::new(output).lines()),
            next_id: 1,
        }
    }

    /// The server.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Sends bytes as they are.
    ///
    /// # Panics
    ///
    /// Where the server does not take them.
    pub async fn send_bytes(&mut self, bytes: &[u8]) {
        let input = self.input.as_mut().expect("an open input");
        let sent = in_time(PATIENCE, "a server that reads", input.write_all(bytes)).await;
        sent.expect("a server that is there");
    }

    /// Sends a message on a line of its own.
    pub async fn send(&mut self, message: &Value) {
        self.send_bytes(format!("{message}\n").as_bytes()).await;
    }

    /// Sends a request, and gives its id.
    pub async fn request(&mut self, method: &str, params: Value) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        let message = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        self.send(&message).await;
        id
    }

    /// The next message, or `None` at the end of the output.
    ///
    /// # Panics
    ///
    /// When nothing comes in time, or something that is no JSON.
    pub async fn receive_or_end(&mut self) -> Option<Value> {
        let output = self.output.as_mut().expect("an open output");
        let line = in_time(PATIENCE, "a message from the server", output.next_line()).await;
        let line = line.expect("a readable output")?;
        let message = serde_json::from_str(&line);
        Some(message.unwrap_or_else(|error| panic!("not a message ({error}): {line}")))
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

    /// Sends a request and waits for its answer.
    ///
    /// # Panics
    ///
    /// Where another message comes first.
    pub async fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.request(method, params).await;
        let answer = self.receive().await;
        assert_eq!(answer["id"], id, "the answer to {method}: {answer}");
        answer
    }

    /// Shakes hands in the way of the versions up to 2025-11-25.
    ///
    /// # Panics
    ///
    /// Where the server does not speak `version`.
    pub async fn initialize(&mut self, version: &str) -> Value {
        let client = json!({"name": "line", "version": "1"});
        let params = json!({"protocolVersion": version, "capabilities": {}, "clientInfo": client});
        let answer = self.ask("initialize", params).await;
        assert_eq!(answer["result"]["protocolVersion"], version, "{answer}");
        let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        self.send(&initialized).await;
        answer["result"].clone()
    }

    /// Calls a tool: the result, which may be a tool error.
    pub async fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let params = json!({"name": tool, "arguments": arguments});
        self.ask("tools/call", params).await["result"].clone()
    }

    /// Closes the server's input.
    pub fn close_input(&mut self) {
        self.input = None;
    }

    /// Closes the server's output: whatever it writes now fails.
    pub fn close_output(&mut self) {
        self.output = None;
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
