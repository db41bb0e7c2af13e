//! MCP as both of its generations speak it.

use serde_json::{Value, json};
use tests::{Sandbox, run, schema};

const NINE: [&str; 9] = [
    "register", "roster", "claim", "release", "claims", "post", "inbox", "read", "gc",
];
/// The versions that begin with `initialize`.
const VERSIONS: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];

/// The whole list stays under 10 KB, as it crosses the wire, and its schemas are those
/// that every reply in these tests is held to.
#[test]
fn the_list_has_nine_tools_in_less_than_10_kb() {
    run(async {
        let sandbox = Sandbox::new().await;
        let mut client = sandbox.raw_session().await;
        let answer = client.ask("tools/list", json!({})).await;
        let bytes = answer.to_string().len();
        assert!(bytes < 10_000, "{bytes} bytes");
        let tools = answer["result"]["tools"].as_array().expect("tools");
        let names: Vec<&str> = tools
            .iter()
            .filter_map(|tool| tool["name"].as_str())
            .collect();
        assert_eq!(names, NINE);
        for (tool, row) in tools.iter().zip(&mesh::tools::TOOLS) {
            assert_eq!(tool["inputSchema"], Value::Object(row.input_schema()));
            assert_eq!(tool["outputSchema"], Value::Object(row.output_schema()));
            assert!(
                tool["title"].is_string() && tool["annotations"].is_object(),
                "{tool}"
            );
        }
    });
}

#[test]
fn the_server_introduces_itself_and_teaches_the_protocol() {
    run(async {
        let sandbox = Sandbox::new().await;
        let result = sandbox.raw_client().initialize("2025-11-25").await;
        assert_eq!(result["serverInfo"]["name"], "mesh");
        assert_eq!(result["serverInfo"]["version"], env!("CARGO_PKG_VERSION"));
        let instructions = result["instructions"].as_str().expect("instructions");
        assert!(instructions.len() < 1500, "{} bytes", instructions.len());
    });
}

/// G2: every tool's reply is structured, matches its listed schema, has the same JSON as
/// text, and nothing in it is null.
#[test]
fn every_reply_matches_its_schema_and_its_text() {
    run(async {
        let sandbox = Sandbox::new().await;
        let mut client = sandbox.raw_session().await;
        let list = client.ask("tools/list", json!({})).await;
        let claim = json!({"agent_id": "a", "resource": "r", "note": "n"});
        let mut seen = Vec::new();
        let calls = [
            (
                "register",
                json!({"agent_id": "a", "branch": "b", "prompt_ptr": "p", "role": "r"}),
            ),
            (
                "register",
                json!({"agent_id": "b", "branch": "b", "prompt_ptr": "p"}),
            ),
            ("claim", claim.clone()),
            (
                "claim",
                json!({"agent_id": "b", "resource": "r", "wait": "queue"}),
            ),
            ("claim", json!({"agent_id": "c", "resource": "r"})),
            ("roster", json!({"agent_id": "a", "include_stale": true})),
            ("claims", json!({"agent_id": "a"})),
            (
                "release",
                json!({"agent_id": "a", "claim_id": "no ULID", "resource": "r"}),
            ),
            (
                "post",
                json!({"agent_id": "a", "to": "b", "body": "x", "subject": "s", "reply_to": "m"}),
            ),
            ("post", json!({"agent_id": "a", "to": "*", "body": "y"})),
            ("inbox", json!({"agent_id": "b"})),
            (
                "read",
                json!({"agent_id": "b", "up_to": "00000000000000000000000000"}),
            ),
            ("gc", json!({})),
        ];
        for (tool, arguments) in calls {
            let result = client.call(tool, arguments).await;
            assert_eq!(result["isError"], false, "{tool}: {result}");
            let reply = &result["structuredContent"];
            let text = result["content"][0]["text"].as_str().expect("text");
            assert_eq!(serde_json::from_str::<Value>(text).expect("JSON"), *reply);
            let tools = list["result"]["tools"].as_array().expect("tools");
            let listed = tools
                .iter()
                .find(|listed| listed["name"] == tool)
                .expect("listed");
            assert_eq!(
                schema::check(&listed["outputSchema"], reply),
                Ok(()),
                "{tool}: {reply}"
            );
            assert!(!has_null(reply), "{tool}: {reply}");
            seen.push(tool);
        }
        assert!(NINE.iter().all(|tool| seen.contains(tool)), "{seen:?}");
    });
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(has_null),
        Value::Object(members) => members.values().any(has_null),
        _ => false,
    }
}

#[test]
fn every_version_that_begins_with_initialize_is_spoken() {
    run(async {
        let sandbox = Sandbox::new().await;
        for version in VERSIONS {
            let mut client = sandbox.raw_client();
            client.initialize(version).await;
            let result = client.call("claims", json!({"agent_id": "a"})).await;
            assert_eq!(result["isError"], false, "{version}: {result}");
        }
        // A version of the future gets one that the server speaks.
        let params = json!({"protocolVersion": "2999-01-01", "capabilities": {},
            "clientInfo": {"name": "t", "version": "1"}});
        let answer = sandbox.raw_client().ask("initialize", params).await;
        let spoken = answer["result"]["protocolVersion"]
            .as_str()
            .expect("a version");
        assert!(spoken >= "2025-11-25", "{answer}");
    });
}

/// The stateless generation: no handshake, each request says who speaks which version.
#[test]
fn the_stateless_version_is_spoken_on_the_same_pipe() {
    run(async {
        let sandbox = Sandbox::new().await;
        let mut client = sandbox.raw_client();
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "t", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let answer = client.ask("server/discover", json!({"_meta": meta})).await;
        let versions = answer["result"]["supportedVersions"]
            .as_array()
            .expect("versions");
        assert!(versions.contains(&json!("2026-07-28")), "{answer}");
        let params = json!({"name": "claims", "arguments": {"agent_id": "a"}, "_meta": meta});
        let answer = client.ask("tools/call", params).await;
        assert_eq!(
            answer["result"]["structuredContent"]["claims"],
            json!([]),
            "{answer}"
        );
    });
}
