//! A folder that cannot be used: each of the nine tools says why.

use serde_json::{Value, json};
use tests::Client;

const ZERO: &str = "00000000000000000000000000";

/// One call of each tool, all of which would be answered in a healthy folder.
fn nine_calls() -> [(&'static str, Value); 9] {
    [
        (
            "register",
            json!({"agent_id": "a", "branch": "b", "prompt_ptr": "p"}),
        ),
        ("roster", json!({"agent_id": "a"})),
        ("claim", json!({"agent_id": "a", "resource": "r"})),
        (
            "release",
            json!({"agent_id": "a", "claim_id": "c", "resource": "r"}),
        ),
        ("claims", json!({"agent_id": "a"})),
        ("post", json!({"agent_id": "a", "to": "b", "body": "x"})),
        ("inbox", json!({"agent_id": "a"})),
        ("read", json!({"agent_id": "a", "up_to": ZERO})),
        ("gc", json!({})),
    ]
}

/// G7: the server starts, and each of the nine tools answers with the same error.
pub(crate) async fn every_call_is_refused_with(client: &Client) -> String {
    let first = client.refused("claims", &json!({"agent_id": "a"})).await;
    for (tool, arguments) in nine_calls() {
        assert_eq!(client.refused(tool, &arguments).await, first, "{tool}");
    }
    first
}
