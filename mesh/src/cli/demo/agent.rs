//! An agent: a process of its own, and the client that speaks for it.

use std::env;
use std::path::Path;

use rmcp::ServiceExt;
use rmcp::model::{CallToolRequestParams, CallToolResult};
use rmcp::service::{RoleClient, RunningService};
use rmcp::transport::TokioChildProcess;
use rustix::process::{Pid, Signal, kill_process};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::process::Command;

use super::error::DemoError;

/// One agent with its own `mesh mcp` process.
pub(super) struct Agent {
    /// Its name.
    pub(super) name: &'static str,
    /// Its process.
    pub(super) pid: u32,
    session: RunningService<RoleClient, ()>,
}

impl Agent {
    /// Starts the process on `folder`, and shakes hands with it.
    pub(super) async fn start(name: &'static str, folder: &Path) -> Result<Self, DemoError> {
        let system = |error| DemoError::System {
            what: format!("cannot start {name}"),
            error,
        };
        let mut command = Command::new(env::current_exe().map_err(system)?);
        command
            .arg("mcp")
            .env("MESH_DIR", folder)
            .kill_on_drop(true);
        let child = TokioChildProcess::new(command).map_err(system)?;
        let pid = child.id().unwrap_or_default();
        let session = ().serve(child).await;
        let session = session.map_err(|error| DemoError::Call {
            agent: name,
            tool: "initialize",
            why: error.to_string(),
        })?;
        Ok(Self { name, pid, session })
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
        let arguments = arguments.as_object().cloned().unwrap_or_default();
        let request = CallToolRequestParams::new(tool).with_arguments(arguments);
        let result = self.session.call_tool(request).await;
        let result = result.map_err(|error| failed(error.to_string()))?;
        if result.is_error == Some(true) {
            return Err(failed(text(&result)));
        }
        let reply = result.structured_content.unwrap_or_default();
        serde_json::from_value(reply).map_err(|error| failed(error.to_string()))
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
        // The process is gone or is about to be; there is nothing to do about an error.
        let _ = self.session.cancel().await;
    }
}

fn text(result: &CallToolResult) -> String {
    let texts = result
        .content
        .iter()
        .filter_map(|content| content.as_text());
    texts
        .map(|content| content.text.as_str())
        .collect::<Vec<_>>()
        .join("; ")
}
