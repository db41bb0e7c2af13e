//! JSON-RPC as MCP speaks it: the messages of a client, and what comes back. No pipes.
//!
//! [`RawClient`](super::RawClient) sends them through the pipes of a runtime, within limits,
//! since tests have many servers at once and must not hang. The benchmarks send them through
//! blocking pipes, so that what they measure is the server and no runtime of a client. What a
//! request, a handshake and an answer are is written here, once.

use serde_json::{Value, json};

/// The newest version of MCP that begins with `initialize`.
pub const VERSION: &str = "2025-11-25";

/// The requests of one session, with ids from 1.
#[derive(Debug, Default)]
pub struct Requests {
    made: u64,
}

impl Requests {
    /// The next request, and its id.
    pub fn next(&mut self, method: &str, params: &Value) -> (u64, Value) {
        self.made += 1;
        let id = self.made;
        let message = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        (id, message)
    }

    /// The request that begins a session in `version`, by a client of that name.
    pub fn initialize(&mut self, version: &str, name: &str) -> (u64, Value) {
        let client = json!({"name": name, "version": "1"});
        let params = json!({"protocolVersion": version, "capabilities": {}, "clientInfo": client});
        self.next("initialize", &params)
    }

    /// The call of a tool.
    pub fn call(&mut self, tool: &str, arguments: &Value) -> (u64, Value) {
        self.next("tools/call", &call(tool, arguments))
    }
}

/// The parameters of a tool's call.
pub fn call(tool: &str, arguments: &Value) -> Value {
    json!({"name": tool, "arguments": arguments})
}

/// What a client says once it knows the answer to `initialize`.
pub fn initialized() -> Value {
    json!({"jsonrpc": "2.0", "method": "notifications/initialized"})
}

/// Takes a request back, which is a wish that may come too late.
pub fn cancelled(id: u64) -> Value {
    let params = json!({"requestId": id, "reason": "no longer wanted"});
    json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params})
}

/// The reply that an answer to a tool's call brings.
///
/// # Errors
///
/// What the tool says in place of one, or the protocol.
pub fn reply(answer: &Value) -> Result<Value, String> {
    if let Some(error) = answer.get("error") {
        return Err(error.to_string());
    }
    let result = &answer["result"];
    if result["isError"] == true {
        let text = result["content"][0]["text"].as_str().unwrap_or_default();
        return Err(text.to_owned());
    }
    let reply = &result["structuredContent"];
    let structured = reply.is_object().then(|| reply.clone());
    structured.ok_or_else(|| format!("an answer without a structured reply: {answer}"))
}
