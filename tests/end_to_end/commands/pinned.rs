//! `mesh mcp --agent ID`: a connection that speaks for one agent only.

use serde_json::json;
use tests::{Client, Sandbox, run};

use super::mesh;

#[test]
fn a_pinned_connection_needs_no_agent_id_and_refuses_others() {
    run(async {
        let sandbox = Sandbox::new().await;
        let client = Client::connect("a", sandbox.command("", &["mcp", "--agent", "a"])).await;
        let register = json!({"branch": "main", "prompt_ptr": "p"});
        let registered = client.call("register", &register).await.expect("a reply");
        assert_eq!(registered["agent_id"], "a");
        let granted = client.claim("r", json!({})).await;
        assert_eq!(granted["holder"], "a", "its own name is fine, too");
        let why = "agent_id: got the string \"b\"; allowed is \"a\" alone, to which this \
                   connection is pinned, or nothing at all";
        for (tool, arguments) in [
            ("claim", json!({"agent_id": "b", "resource": "s"})),
            ("post", json!({"agent_id": "b", "to": "c", "body": "x"})),
            ("inbox", json!({"agent_id": "b"})),
            ("gc", json!({"agent_id": "b"})),
        ] {
            assert_eq!(client.refused(tool, &arguments).await, why, "{tool}");
        }
        let claims = client.call("claims", &json!({})).await.expect("a reply");
        assert_eq!(claims["claims"].as_array().map(Vec::len), Some(1));
        client.leave().await;
    });
}

/// The environment that a client passes on to all its servers must not decide who they
/// are.
#[test]
fn the_environment_pins_nobody() {
    run(async {
        let sandbox = Sandbox::new().await;
        let mut command = sandbox.command("", &["mcp"]);
        command.env("MESH_AGENT", "a");
        let client = Client::connect("b", command).await;
        assert_eq!(client.claim("r", json!({})).await["holder"], "b");
        let why = client.refused("claim", &json!({"resource": "r"})).await;
        let expected = "agent_id: got nothing; allowed is a string, and it is required";
        assert_eq!(why, expected);
        client.leave().await;
    });
}

#[test]
fn nobody_is_pinned_to_a_name_that_no_agent_may_have() {
    let sandbox = Sandbox::bare();
    for name in ["", "*", "mesh", "topic:x", "a\u{1b}[2J"] {
        let ran = mesh(&sandbox, &["mcp", "--agent", name]);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{name:?}");
    }
}
