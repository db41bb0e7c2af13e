//! Pinning: a connection that speaks for one agent only.
//!
//! An agent id is a name, not a proof. Whoever starts an agent can still decide which
//! name it has, by pinning its connection: then `agent_id` may be left out of every
//! call, and any other is refused, so that an agent that is talked into posing as
//! another cannot. What this does not do is keep out whoever can start a process of
//! their own.

use serde_json::{Map, Value};

use crate::core::{AgentId, Rejection, escape};

use super::decode::describe;
use super::tool::Tool;

/// The argument by which a caller names itself.
const AGENT_ID: &str = "agent_id";

/// The agent that a connection speaks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin(AgentId);

impl Pin {
    /// Pins to `agent_id`.
    ///
    /// # Errors
    ///
    /// Where no agent may have that id (rule G8).
    pub fn new(agent_id: &str) -> Result<Self, Rejection> {
        AgentId::acting(AGENT_ID, agent_id).map(Self)
    }

    /// Who it is.
    pub fn agent_id(&self) -> &AgentId {
        &self.0
    }

    /// Names the agent in the arguments of a call that names nobody.
    ///
    /// # Errors
    ///
    /// Where the call names anybody else.
    pub fn fill(&self, arguments: &mut Map<String, Value>) -> Result<(), Rejection> {
        match arguments.get(AGENT_ID) {
            None | Some(Value::Null) => {
                arguments.insert(AGENT_ID.to_owned(), (*self.0).into());
                Ok(())
            }
            Some(Value::String(named)) if **named == *self.0 => Ok(()),
            Some(other) => Err(self.refuse(other)),
        }
    }

    fn refuse(&self, named: &Value) -> Rejection {
        let pinned = escape(&self.0);
        let allowed =
            format!("\"{pinned}\" alone, to which this connection is pinned, or nothing at all");
        Rejection::described(AGENT_ID, describe(named), allowed)
    }

    /// The schema of a tool's arguments for a caller that need not name itself.
    pub fn input_schema(tool: &Tool) -> Map<String, Value> {
        let mut schema = tool.input_schema();
        let mut none_left = false;
        if let Some(Value::Array(required)) = schema.get_mut("required") {
            required.retain(|name| name != AGENT_ID);
            none_left = required.is_empty();
        }
        // Early drafts of JSON Schema forbid an empty list here.
        if none_left {
            schema.remove("required");
        }
        schema
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::TOOLS;
    use super::*;

    fn filled(arguments: &Value) -> Result<Value, String> {
        let mut arguments = arguments.as_object().cloned().unwrap_or_default();
        let filled = Pin::new("a").unwrap().fill(&mut arguments);
        filled.map(|()| arguments.into()).map_err(|r| r.to_string())
    }

    #[test]
    fn a_pinned_call_is_the_agents_own_and_nobody_elses() {
        let own = json!({"agent_id": "a", "resource": "r"});
        assert_eq!(filled(&json!({"resource": "r"})), Ok(own.clone()));
        assert_eq!(
            filled(&json!({"agent_id": null, "resource": "r"})),
            Ok(own.clone())
        );
        assert_eq!(filled(&own), Ok(own));
        let allowed = "\"a\" alone, to which this connection is pinned, or nothing at all";
        for (other, got) in [
            (json!("b"), "the string \"b\""),
            (json!("b\u{1b}"), "the string \"b\\u{1b}\""),
            (json!(""), "the string \"\""),
            (json!(1), "the number 1"),
        ] {
            assert_eq!(
                filled(&json!({"agent_id": other})),
                Err(format!("agent_id: got {got}; allowed is {allowed}"))
            );
        }
    }

    #[test]
    fn nobody_can_be_pinned_to_what_no_agent_may_be_called() {
        for name in ["", "*", "mesh", "topic:x", "a\u{202e}b"] {
            assert!(Pin::new(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_pinned_schema_requires_all_but_the_agent_id() {
        for tool in &TOOLS {
            let (open, pinned) = (tool.input_schema(), Pin::input_schema(tool));
            assert_eq!(open["properties"], pinned["properties"], "{}", tool.name);
            let names = |schema: &Map<String, Value>| -> Vec<Value> {
                let required = schema.get("required").and_then(Value::as_array);
                required.cloned().unwrap_or_default()
            };
            let mut expected = names(&open);
            expected.retain(|name| name != AGENT_ID);
            assert_eq!(names(&pinned), expected, "{}", tool.name);
            assert_eq!(pinned.contains_key("required"), !expected.is_empty());
        }
    }
}
