//! rmcp's own client on a process of its own, and its nine tools.

use std::fmt;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use rmcp::ServiceExt;
use rmcp::model::{CallToolRequestParams, CallToolResult};
use rmcp::service::{RoleClient, RunningService, ServiceError};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::process::Process;
use super::run::{PATIENCE, in_time};
use super::schema;

/// Why a call brought no reply.
#[derive(Debug)]
pub enum CallError {
    /// The tool answered with an error: what it says.
    Refused(String),
    /// The server is gone, and whether the call took effect is unknown.
    Gone,
    /// The protocol was not kept.
    Protocol(String),
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(why) => write!(f, "refused: {why}"),
            Self::Gone => f.write_str("the server is gone"),
            Self::Protocol(why) => write!(f, "not MCP: {why}"),
        }
    }
}

/// An agent with a server process of its own.
///
/// The methods named after tools call them in the agent's name and panic where the call
/// fails; each takes further arguments as a JSON object, `json!({})` for none.
#[derive(Debug)]
pub struct Client {
    /// The id in whose name it calls.
    pub agent_id: String,
    session: RunningService<RoleClient, ()>,
    process: Process,
}

impl Client {
    /// Starts `command` and shakes hands with it.
    ///
    /// # Panics
    ///
    /// Where there is no session in time.
    pub async fn connect(agent_id: &str, command: Command) -> Self {
        let (process, stdin, stdout) = Process::start(command);
        let what = format!("a session for {agent_id}");
        let session = in_time(PATIENCE, what, ().serve((stdout, stdin))).await;
        let session = session.unwrap_or_else(|error| {
            let complaints = process.complaints();
            panic!("no session for {agent_id}: {error}\n{complaints}")
        });
        Self {
            agent_id: agent_id.to_owned(),
            session,
            process,
        }
    }

    /// Its server.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Calls `tool` with exactly these arguments. Each reply is held to rule G2.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    ///
    /// # Panics
    ///
    /// When no answer comes in time, or one that breaks rule G2.
    pub async fn call(&self, tool: &'static str, arguments: &Value) -> Result<Value, CallError> {
        let object = arguments.as_object().cloned().unwrap_or_default();
        let request = CallToolRequestParams::new(tool).with_arguments(object);
        let what = format!("the answer to {}'s {tool} {arguments}", self.agent_id);
        let result = match in_time(PATIENCE, &what, self.session.call_tool(request)).await {
            Ok(result) => result,
            Err(ServiceError::TransportClosed | ServiceError::TransportSend(_)) => {
                return Err(CallError::Gone);
            }
            Err(error) => return Err(CallError::Protocol(error.to_string())),
        };
        let text = only_text(&result);
        if result.is_error == Some(true) {
            return Err(CallError::Refused(text));
        }
        let reply = result.structured_content.expect("G2: structured content");
        let copy: Value = serde_json::from_str(&text).expect("G2: the text is JSON");
        assert_eq!(copy, reply, "G2: the text is the same JSON");
        schema::check_reply(tool, &reply);
        Ok(reply)
    }

    /// Calls `tool` in the agent's name, with `more` arguments.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    pub async fn try_call(&self, tool: &'static str, mut more: Value) -> Result<Value, CallError> {
        more["agent_id"] = json!(self.agent_id);
        self.call(tool, &more).await
    }

    async fn expect(&self, tool: &'static str, more: &Value, given: Value) -> Value {
        let mut arguments = given;
        if let (Some(all), Some(more)) = (arguments.as_object_mut(), more.as_object()) {
            all.extend(more.clone());
        }
        match self.try_call(tool, arguments).await {
            Ok(reply) => reply,
            Err(error) => panic!(
                "{}'s {tool} {more}: {error}\n{}",
                self.agent_id,
                self.process.complaints()
            ),
        }
    }

    /// Registers for `ttl_seconds`.
    pub async fn register(&self, ttl_seconds: u64) -> Value {
        let given =
            json!({"branch": "main", "prompt_ptr": "docs/task.md", "ttl_seconds": ttl_seconds});
        self.expect("register", &json!({}), given).await
    }

    /// The agents.
    pub async fn roster(&self, more: Value) -> Value {
        self.expect("roster", &more, json!({})).await
    }

    /// Claims `resource`.
    pub async fn claim(&self, resource: &str, more: Value) -> Value {
        self.expect("claim", &more, json!({"resource": resource}))
            .await
    }

    /// Releases `claim_id`, which is of `resource`.
    pub async fn release(&self, resource: &str, claim_id: &str) -> Value {
        let given = json!({"resource": resource, "claim_id": claim_id});
        self.expect("release", &json!({}), given).await
    }

    /// The claims.
    pub async fn claims(&self, more: Value) -> Value {
        self.expect("claims", &more, json!({})).await
    }

    /// Posts `body` to `to`.
    pub async fn post(&self, to: &str, body: &str, more: Value) -> Value {
        self.expect("post", &more, json!({"to": to, "body": body}))
            .await
    }

    /// The inbox.
    pub async fn inbox(&self, more: Value) -> Value {
        self.expect("inbox", &more, json!({})).await
    }

    /// Everything that was ever addressed to the agent, broadcasts and `topics` included.
    pub async fn whole_inbox(&self, topics: &[&str]) -> Vec<Value> {
        let mut all: Vec<Value> = Vec::new();
        let mut since = json!("00000000000000000000000000");
        loop {
            let more = json!({"since": since, "limit": 1000, "topics": topics});
            let reply = self.inbox(more).await;
            let messages = reply["messages"].as_array().cloned().unwrap_or_default();
            let Some(last) = messages.last() else {
                assert_eq!(reply["unread"], 0, "an empty page leaves nothing");
                return all;
            };
            since = last["message_id"].clone();
            all.extend(messages);
        }
    }

    /// Marks as read up to `up_to`.
    pub async fn read(&self, up_to: &str, more: Value) -> Value {
        self.expect("read", &more, json!({"up_to": up_to})).await
    }

    /// Tidies up.
    pub async fn gc(&self) -> Value {
        self.expect("gc", &json!({}), json!({})).await
    }

    /// Calls `tool` with exactly these arguments, which must be refused: the message.
    ///
    /// # Panics
    ///
    /// Where the call is not refused.
    pub async fn refused(&self, tool: &'static str, arguments: &Value) -> String {
        match self.call(tool, arguments).await {
            Err(CallError::Refused(why)) => why,
            other => panic!("{tool} {arguments} was to be refused: {other:?}"),
        }
    }

    /// Stops the server where it is, as an overloaded machine or a closed lid does.
    pub fn stop(&self) {
        self.process.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn go_on(&self) {
        self.process.signal(Signal::CONT);
    }

    /// Kills the server as nothing can prepare for.
    pub fn kill(mut self) {
        self.process.kill();
    }

    /// Ends the session as a client does, by closing the server's input.
    ///
    /// # Panics
    ///
    /// Where the server does not end in time, and well.
    pub async fn leave(self) {
        let Self {
            agent_id,
            session,
            mut process,
        } = self;
        // The task behind the session ends with the pipes closed.
        let _ = in_time(PATIENCE, "the end of a session", session.cancel()).await;
        let status: ExitStatus = process.ended(Duration::from_secs(20)).await;
        let complaints = process.complaints();
        assert!(
            status.success(),
            "{agent_id}'s server: {status}\n{complaints}"
        );
    }
}

fn only_text(result: &CallToolResult) -> String {
    match &result.content[..] {
        [one] => one.as_text().expect("text").text.clone(),
        other => panic!("G2: one text, not {other:?}"),
    }
}
