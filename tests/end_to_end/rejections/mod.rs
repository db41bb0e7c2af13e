//! Every rejection of rules G3 and G8, one by one, as an agent gets to read it.
//!
//! After each the journal is what it was, byte for byte, and the session answers on.

mod arguments;
mod texts;
mod tickets;

use std::fs;

use serde_json::{Value, json};
use tests::{Client, Sandbox};

/// Arguments with which `tool` answers.
fn valid(tool: &str) -> Value {
    match tool {
        "register" => json!({"agent_id": "a", "branch": "main", "prompt_ptr": "task.md"}),
        "claim" => json!({"agent_id": "a", "resource": "r"}),
        "release" => json!({"agent_id": "a", "claim_id": "c", "resource": "r"}),
        "post" => json!({"agent_id": "a", "to": "b", "body": "text"}),
        "read" => json!({"agent_id": "a", "up_to": "00000000000000000000000000"}),
        _ => json!({"agent_id": "a"}),
    }
}

fn with(tool: &str, field: &str, value: Value) -> Value {
    let mut arguments = valid(tool);
    arguments[field] = value;
    arguments
}

/// A server, and what its journal is meant to stay.
struct Unchanged {
    sandbox: Sandbox,
    client: Client,
    refused: usize,
}

impl Unchanged {
    async fn new() -> Self {
        let sandbox = Sandbox::new().await;
        let client = sandbox.client("a").await;
        client.register(3600).await;
        Self {
            sandbox,
            client,
            refused: 0,
        }
    }

    /// G3: the call is refused with exactly this message, changes nothing, and the
    /// session goes on.
    async fn refuses(&mut self, tool: &'static str, arguments: &Value, message: &str) {
        let before = fs::read(self.sandbox.mesh().join("journal.1")).unwrap();
        let said = self.client.refused(tool, arguments).await;
        assert_eq!(said, message, "{tool} {arguments}");
        let after = fs::read(self.sandbox.mesh().join("journal.1")).unwrap();
        assert!(before == after, "{tool} {arguments} changed the state");
        let claims = self.client.claims(json!({})).await;
        assert!(claims["claims"].is_array(), "the session goes on");
        self.refused += 1;
    }
}
