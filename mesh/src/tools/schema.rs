//! JSON Schemas of a row, as compact as they can be.
//!
//! An agent's tool list is part of its context, and some clients warn about keywords
//! that they do not know on every listing. So: no `$schema`, no titles, no `format`,
//! and nothing in the output that an agent would not miss.

use serde_json::{Map, Value, json};

use super::tool::{Field, Kind, Literal, Parameter, Shape, Tool};

/// A JSON object.
type Object = Map<String, Value>;

impl Tool {
    /// The schema of its arguments. Nothing else is allowed beside them.
    pub fn input_schema(&self) -> Object {
        let fields = self
            .parameters
            .iter()
            .map(|parameter| (parameter.name, parameter.schema()));
        let mut schema = object(fields);
        let required = self
            .parameters
            .iter()
            .filter(|parameter| parameter.required);
        require(&mut schema, required.map(|parameter| parameter.name));
        schema.insert("additionalProperties".into(), false.into());
        schema
    }

    /// The schema of its reply. Later versions may add fields (rule G2), so it does
    /// not close the object.
    pub fn output_schema(&self) -> Object {
        let mut schema = record(self.reply);
        let required = self.reply.iter().filter(|field| !field.optional);
        require(&mut schema, required.map(|field| field.name));
        schema
    }
}

impl Parameter {
    fn schema(&self) -> Value {
        let mut schema = self.kind.schema();
        if let Some(default) = self.default {
            schema.insert("default".into(), default.value());
        }
        schema.insert("description".into(), self.description.into());
        Value::Object(schema)
    }
}

impl Literal {
    fn value(self) -> Value {
        match self {
            Self::Integer(value) => value.into(),
            Self::Flag(value) => value.into(),
            Self::Choice(value) => value.into(),
            Self::NoTexts => json!([]),
        }
    }
}

impl Kind {
    fn schema(self) -> Object {
        match self {
            Self::Text => simple("string"),
            Self::Integer { min, max } => {
                let mut schema = simple("integer");
                schema.insert("minimum".into(), min.into());
                schema.insert("maximum".into(), max.into());
                schema
            }
            Self::Flag => simple("boolean"),
            Self::Choice(choices) => one_of(choices),
            Self::Texts => list(simple("string")),
        }
    }
}

impl Field {
    fn schema(&self) -> Value {
        Value::Object(match self.shape {
            Shape::Text => simple("string"),
            Shape::Integer => simple("integer"),
            Shape::Choice(choices) => one_of(choices),
            Shape::Texts => list(simple("string")),
            Shape::Record(fields) => record(fields),
            Shape::Records(fields) => list(record(fields)),
        })
    }
}

/// The fields without a list of those that are always there: in nested records it would
/// cost more room than it is worth to a reader.
fn record(fields: &'static [Field]) -> Object {
    object(fields.iter().map(|field| (field.name, field.schema())))
}

fn object(properties: impl Iterator<Item = (&'static str, Value)>) -> Object {
    let mut schema = simple("object");
    let properties = properties
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect();
    schema.insert("properties".into(), Value::Object(properties));
    schema
}

/// Early drafts of JSON Schema forbid an empty list here.
fn require(schema: &mut Object, names: impl Iterator<Item = &'static str>) {
    let names: Vec<Value> = names.map(Value::from).collect();
    if !names.is_empty() {
        schema.insert("required".into(), names.into());
    }
}

fn list(items: Object) -> Object {
    let mut schema = simple("array");
    schema.insert("items".into(), Value::Object(items));
    schema
}

fn one_of(choices: &[&str]) -> Object {
    let mut schema = simple("string");
    schema.insert("enum".into(), choices.into());
    schema
}

fn simple(name: &str) -> Object {
    Object::from_iter([("type".to_owned(), name.into())])
}

#[cfg(test)]
mod tests {
    use serde::Serialize;
    use serde::de::DeserializeOwned;

    use super::super::{TOOLS, find};
    use super::*;
    use crate::core::{
        ClaimReply, ClaimsReply, GcReply, InboxReply, PostReply, ReadReply, RegisterReply,
        ReleaseReply, RosterReply,
    };

    #[test]
    fn an_input_schema_is_compact_and_closed() {
        let schema = Value::Object(find("inbox").unwrap().input_schema());
        assert_eq!(
            schema,
            json!({
                "type": "object",
                "properties": {
                    "agent_id": {
                        "type": "string",
                        "description": "your stable name",
                    },
                    "topics": {
                        "type": "array",
                        "items": {"type": "string"},
                        "default": [],
                        "description": "topics you follow",
                    },
                    "since": {
                        "type": "string",
                        "description": "look above this message_id, not your cursor",
                    },
                    "limit": {
                        "type": "integer",
                        "minimum": 1,
                        "maximum": 1000,
                        "default": 100,
                        "description": "messages at most",
                    },
                    "wait_seconds": {
                        "type": "integer",
                        "minimum": 0,
                        "maximum": 50,
                        "description": "hold the answer until there is one",
                    },
                },
                "required": ["agent_id"],
                "additionalProperties": false,
            })
        );
    }

    /// G2: later versions may add fields, so no output schema closes its object.
    #[test]
    fn an_output_schema_stays_open_and_requires_what_is_always_there() {
        let schema = Value::Object(find("release").unwrap().output_schema());
        assert_eq!(
            schema,
            json!({
                "type": "object",
                "properties": {
                    "status": {"type": "string", "enum": ["released", "not_holder", "unknown"]},
                    "fence": {"type": "integer"},
                    "next_holder": {"type": "string"},
                },
                "required": ["status"],
            })
        );
        for tool in &TOOLS {
            let schema = Value::Object(tool.output_schema()).to_string();
            assert!(
                !schema.contains("additionalProperties"),
                "{}: {schema}",
                tool.name
            );
        }
    }

    /// G2: the schema names the very fields that the replies of core have.
    #[test]
    fn the_output_schemas_are_those_of_the_replies() {
        let (id, at) = ("01ARZ3NDEKTSV4RRFFQ69G5FAV", "2026-06-14T12:00:00Z");
        let holder = json!({"agent_id": "a", "claim_id": id, "fence": 1, "lease_expires_at": at,
            "note": "n"});
        let ticket = json!({"agent_id": "b", "claim_id": id, "mode": "shared", "position": 1});
        check::<RegisterReply>(
            "register",
            &json!({"agent_id": "a", "registered_at": at, "expires_at": at, "epoch": 1, "now": at}),
        );
        check::<RosterReply>(
            "roster",
            &json!({"agents": [{"agent_id": "a", "branch": "b", "prompt_ptr": "p", "role": "r",
                "liveness": "alive", "last_seen": at, "expires_at": at, "epoch": 1,
                "held_claims": ["r"]}], "now": at}),
        );
        check::<ClaimReply>(
            "claim",
            &json!({"status": "granted", "resource": "r", "claim_id": id, "fence": 1, "holder": "a",
                "lease_expires_at": at, "queue_position": 1,
                "deadlock": [{"agent_id": "a", "holds": "q", "waits_for": "r"}],
                "lost": {"claim_id": id, "fence": 1, "at": at, "reason": "lease"}, "now": at}),
        );
        check::<ReleaseReply>(
            "release",
            &json!({"status": "released", "fence": 1, "next_holder": "b"}),
        );
        check::<ClaimsReply>(
            "claims",
            &json!({"claims": [{"resource": "r", "mode": "exclusive", "holder": ["a"],
                "claim_id": id, "fence": 1, "lease_expires_at": at, "note": "n",
                "holders": [holder], "queue": [ticket]}], "now": at}),
        );
        check::<PostReply>(
            "post",
            &json!({"message_id": id, "posted_at": at, "fanout": 1}),
        );
        check::<InboxReply>(
            "inbox",
            &json!({"messages": [{"message_id": id, "from": "a", "to": "b", "subject": "s",
                "body": "b", "reply_to": "m", "posted_at": at}], "cursor": id, "unread": 0}),
        );
        check::<ReadReply>("read", &json!({"cursor": id, "remaining": 0}));
        check::<GcReply>("gc", &json!({"reclaimed": 0}));
    }

    /// `full` has every field that a reply can have: core reads and writes it as it is,
    /// the schema of `tool` describes exactly its fields, and core can leave out exactly
    /// those that the schema does not require.
    fn check<R: Serialize + DeserializeOwned>(tool: &str, full: &Value) {
        let fields = |value: Value| serde_json::from_value::<R>(value);
        let reply = fields(full.clone()).expect("core knows every field");
        assert_eq!(&serde_json::to_value(&reply).unwrap(), full, "{tool}");
        let schema = find(tool).unwrap().output_schema();
        assert_describes(tool, &Value::Object(schema.clone()), full);
        for name in full.as_object().unwrap().keys() {
            let mut without = full.clone();
            without.as_object_mut().unwrap().remove(name);
            let required = schema["required"]
                .as_array()
                .unwrap()
                .contains(&json!(name));
            assert_eq!(fields(without).is_err(), required, "{tool}: {name}");
        }
    }

    fn assert_describes(path: &str, schema: &Value, value: &Value) {
        let kind = match value {
            Value::Object(_) => "object",
            Value::Array(_) => "array",
            Value::Number(_) => "integer",
            _ => "string",
        };
        assert_eq!(schema["type"], kind, "{path}");
        if let Some(choices) = schema.get("enum") {
            assert!(
                choices.as_array().unwrap().contains(value),
                "{path}: {value}"
            );
        }
        if let Some(items) = value.as_array() {
            assert_describes(&format!("{path}[]"), &schema["items"], &items[0]);
        }
        if let Some(object) = value.as_object() {
            let properties = schema["properties"].as_object().unwrap();
            assert!(
                properties.keys().eq(object.keys()),
                "{path}: {properties:?}"
            );
            for (name, value) in object {
                assert_describes(&format!("{path}.{name}"), &properties[name], value);
            }
        }
    }

    #[test]
    fn a_tool_without_required_arguments_has_no_empty_list() {
        assert!(!find("gc").unwrap().input_schema().contains_key("required"));
    }
}
