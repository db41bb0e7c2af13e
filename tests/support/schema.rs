//! Holding replies to their schemas, for the part of JSON Schema that mesh uses.
//!
//! A keyword that is not known here is a failure, so that nothing passes because nobody
//! looked. The Python client validates with a full implementation.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde_json::Value;

/// Holds a reply of `tool` to its output schema, as the table of tools has it. That the
/// server lists the same is a test of its own.
///
/// # Panics
///
/// Where it does not match.
pub fn check_reply(tool: &str, reply: &Value) {
    static SCHEMAS: OnceLock<BTreeMap<&str, Value>> = OnceLock::new();
    let schemas = SCHEMAS.get_or_init(|| {
        let rows = mesh::tools::TOOLS.iter();
        rows.map(|tool| (tool.name, Value::Object(tool.output_schema())))
            .collect()
    });
    check(&schemas[tool], reply).unwrap_or_else(|why| panic!("G2: {tool}'s reply {why}: {reply}"));
}

/// Whether `value` is what `schema` describes.
///
/// # Errors
///
/// Where and how it is not.
pub fn check(schema: &Value, value: &Value) -> Result<(), String> {
    at("$", schema, value)
}

fn at(path: &str, schema: &Value, value: &Value) -> Result<(), String> {
    let keywords = schema.as_object().ok_or("has a schema that is no object")?;
    for (keyword, rule) in keywords {
        let holds = match keyword.as_str() {
            "type" => is_a(rule, value),
            "enum" => rule.as_array().is_some_and(|all| all.contains(value)),
            "minimum" => value.as_i64() >= rule.as_i64(),
            "maximum" => value.as_i64() <= rule.as_i64(),
            "required" => has_all(rule, value),
            "additionalProperties" => *rule != false || only_known(schema, value),
            "properties" => {
                for (name, schema) in rule.as_object().into_iter().flatten() {
                    if let Some(value) = value.get(name) {
                        at(&format!("{path}.{name}"), schema, value)?;
                    }
                }
                true
            }
            "items" => {
                for (place, item) in value.as_array().into_iter().flatten().enumerate() {
                    at(&format!("{path}[{place}]"), rule, item)?;
                }
                true
            }
            "description" | "default" => true,
            other => return Err(format!("has a schema with {other:?}, unknown here")),
        };
        if !holds {
            return Err(format!("breaks {keyword} {rule} at {path}"));
        }
    }
    Ok(())
}

fn is_a(kind: &Value, value: &Value) -> bool {
    match kind.as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("boolean") => value.is_boolean(),
        _ => false,
    }
}

fn has_all(names: &Value, value: &Value) -> bool {
    let mut names = names.as_array().into_iter().flatten();
    names.all(|name| name.as_str().is_some_and(|name| value.get(name).is_some()))
}

fn only_known(schema: &Value, value: &Value) -> bool {
    let mut given = value.as_object().into_iter().flatten();
    given.all(|(name, _)| schema["properties"].get(name).is_some())
}
