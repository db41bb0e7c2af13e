//! An agent: a process of its own, and the client that speaks for it.
//!
//! A client of MCP over pipes writes a line for each request and reads lines until one has
//! its number. That much is said here by hand: a client out of a library would be compiled
//! into every server, for the demo alone.

use std::env;
use std::io;
use std::path::Path;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::Mutex;

use super::error::DemoError;

/// The revision of the protocol that the agents speak.
const REVISION: &str = "2025-11-25";

/// One agent with its own `mesh mcp` process.
pub(super) struct Agent {
    /// Its name.
    pub(super) name: &'static str,
    /// Its process.
    pub(super) pid: u32,
    child: Child,
    pipes: Mutex<Pipes>,
}

/// Both ends of a conversation, with the number of the last request.
struct Pipes {
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    last: u64,
}

/// What a server says: an answer, or (without an `id`) something by the way.
#[derive(Deserialize)]
struct Line {
    id: Option<Value>,
    result: Option<Value>,
    error: Option<RpcError>,
}

#[derive(Deserialize)]
struct RpcError {
    message: String,
}

/// The result of `tools/call`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToolResult {
    #[serde(default)]
    is_error: bool,
    #[serde(default)]
    content: Vec<Value>,
    #[serde(default)]
    structured_content: Value,
}

impl Agent {
    /// Starts the process on `folder`, and shakes hands with it.
    pub(super) async fn start(name: &'static str, folder: &Path) -> Result<Self, DemoError> {
        let system = |error| DemoError::System {
            what: format!("cannot start {name}"),
            error,
        };
        let mut child = Command::new(env::current_exe().map_err(system)?)
            .arg("mcp")
            .env("MESH_DIR", folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(system)?;
        let pid = child.id().unwrap_or_default();
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(system(io::ErrorKind::BrokenPipe.into()));
        };
        let mut pipes = Pipes {
            input,
            output: BufReader::new(output),
            last: 0,
        };
        let opened = pipes.open(name).await;
        opened.map_err(|why| DemoError::Call {
            agent: name,
            tool: "initialize",
            why,
        })?;
        let pipes = Mutex::new(pipes);
        Ok(Self {
            name,
            pid,
            child,
            pipes,
        })
    }

    /// Calls a tool in this agent's name.
    pub(super) async fn call<R: DeserializeOwned>(
        &self,
        tool: &'static str,
        mut arguments: Value,
    ) -> Result<R, DemoError> {
        let failed = |why: String| DemoError::Call {
            agent: self.name,
            tool,
            why,
        };
        arguments["agent_id"] = self.name.into();
        let called = json!({"name": tool, "arguments": arguments});
        let answer = self.pipes.lock().await.request("tools/call", called).await;
        let result: ToolResult = parse(answer.map_err(failed)?).map_err(failed)?;
        if result.is_error {
            return Err(failed(text(&result.content)));
        }
        parse(result.structured_content).map_err(failed)
    }

    /// Kills the process as nothing can prepare for.
    pub(super) async fn kill(self) -> Result<(), DemoError> {
        let killed = match i32::try_from(self.pid).ok().and_then(Pid::from_raw) {
            Some(pid) => kill_process(pid, Signal::KILL),
            None => Err(rustix::io::Errno::SRCH),
        };
        killed.map_err(|error| DemoError::System {
            what: format!("cannot kill {}", self.name),
            error: error.into(),
        })?;
        self.leave().await;
        Ok(())
    }

    /// Ends the session, and with it the process.
    pub(super) async fn leave(self) {
        let Self {
            mut child, pipes, ..
        } = self;
        // A server ends when its input does.
        drop(pipes);
        // It is gone or is about to be; there is nothing to do about an error.
        let _ = child.wait().await;
    }
}

impl Pipes {
    /// The handshake.
    async fn open(&mut self, name: &str) -> Result<(), String> {
        let client = json!({"name": name, "version": env!("CARGO_PKG_VERSION")});
        let hello = json!({"protocolVersion": REVISION, "capabilities": {}, "clientInfo": client});
        self.request("initialize", hello).await?;
        self.say(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}))
            .await
    }

    /// Sends a request, and gives its result.
    async fn request(&mut self, method: &str, params: Value) -> Result<Value, String> {
        self.last += 1;
        let id = Value::from(self.last);
        self.say(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
            .await?;
        loop {
            let line = self.hear().await?;
            if line.id.as_ref() != Some(&id) {
                continue;
            }
            return match (line.result, line.error) {
                (Some(result), None) => Ok(result),
                (_, Some(error)) => Err(error.message),
                (None, None) => Err("an answer without a result".to_owned()),
            };
        }
    }

    async fn say(&mut self, message: &Value) -> Result<(), String> {
        let line = format!("{message}\n");
        let written = self.input.write_all(line.as_bytes()).await;
        written.map_err(|error| error.to_string())
    }

    async fn hear(&mut self) -> Result<Line, String> {
        let mut line = String::new();
        match self.output.read_line(&mut line).await {
            Ok(0) => Err("the server has ended".to_owned()),
            Ok(_) => serde_json::from_str(&line).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }
}

fn parse<R: DeserializeOwned>(value: Value) -> Result<R, String> {
    serde_json::from_value(value).map_err(|error| error.to_string())
}

fn text(content: &[Value]) -> String {
    let texts = content.iter().filter_map(|part| part["text"].as_str());
    texts.collect::<Vec<_>>().join("; ")
}
