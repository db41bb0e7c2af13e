//! Arguments that are missing, unknown, of another type or out of range.

use serde_json::{Value, json};
use tests::{Sandbox, run};

use super::{Unchanged, valid, with};

/// Every argument: tool, name, what is allowed, and whether it is required.
const ARGUMENTS: &[(&str, &str, &str, bool)] = &[
    ("register", "agent_id", TEXT, true),
    ("register", "branch", TEXT, true),
    ("register", "prompt_ptr", TEXT, true),
    ("register", "role", TEXT, false),
    ("register", "ttl_seconds", LEASE, false),
    ("roster", "agent_id", TEXT, true),
    ("roster", "include_stale", FLAG, false),
    ("claim", "agent_id", TEXT, true),
    ("claim", "resource", TEXT, true),
    ("claim", "mode", "\"exclusive\" or \"shared\"", false),
    ("claim", "lease_seconds", LEASE, false),
    ("claim", "wait", "\"no_wait\" or \"queue\"", false),
    ("claim", "note", TEXT, false),
    ("release", "agent_id", TEXT, true),
    ("release", "claim_id", TEXT, true),
    ("release", "resource", TEXT, true),
    ("claims", "agent_id", TEXT, true),
    ("claims", "resource", TEXT, false),
    ("post", "agent_id", TEXT, true),
    ("post", "to", TEXT, true),
    ("post", "body", TEXT, true),
    ("post", "subject", TEXT, false),
    ("post", "reply_to", TEXT, false),
    ("post", "ttl_seconds", MESSAGE_TTL, false),
    ("post", "key", TEXT, false),
    ("inbox", "agent_id", TEXT, true),
    ("inbox", "topics", TEXTS, false),
    ("inbox", "since", TEXT, false),
    ("inbox", "limit", LIMIT, false),
    ("read", "agent_id", TEXT, true),
    ("read", "up_to", TEXT, true),
    ("read", "topics", TEXTS, false),
    ("gc", "agent_id", TEXT, false),
];
const TEXT: &str = "a string";
const FLAG: &str = "true or false";
const TEXTS: &str = "a list of strings";
const LEASE: &str = "a whole number from 1 to 2592000";
const MESSAGE_TTL: &str = "a whole number from 1 to 315360000";
const LIMIT: &str = "a whole number from 1 to 1000";

#[test]
fn an_argument_of_another_type_is_refused() {
    run(async {
        let mut server = Unchanged::new().await;
        for &(tool, field, allowed, required) in ARGUMENTS {
            let end = if required { ", and it is required" } else { "" };
            let all_of_another_type = [
                (json!("60"), "the string \"60\""),
                (json!(60), "the number 60"),
                (json!(true), "true"),
                (json!(["x"]), "a list"),
                (json!({"x": 1}), "an object"),
            ];
            for (value, got) in all_of_another_type {
                let fits = match allowed {
                    TEXT => value.is_string(),
                    FLAG => value.is_boolean(),
                    TEXTS => value.is_array(),
                    LEASE | MESSAGE_TTL | LIMIT => value.is_number(),
                    // A text that is none of the choices is shown as it is.
                    _ => value.is_string(),
                };
                if !fits {
                    let message = format!("{field}: got {got}; allowed is {allowed}{end}");
                    server
                        .refuses(tool, &with(tool, field, value), &message)
                        .await;
                }
            }
        }
        let lists = [(json!(["x", 7]), "a list whose item 2 is the number 7")];
        for (value, got) in lists {
            for tool in ["inbox", "read"] {
                let message = format!("topics: got {got}; allowed is {TEXTS}");
                server
                    .refuses(tool, &with(tool, "topics", value.clone()), &message)
                    .await;
            }
        }
        assert_eq!(
            server.refused,
            ARGUMENTS.len() * 4 + 2,
            "no case is passed over"
        );
    });
}

/// G3: `null` means left out, where that is allowed.
#[test]
fn a_required_argument_is_asked_for_and_null_is_left_out() {
    run(async {
        let mut server = Unchanged::new().await;
        for &(tool, field, allowed, required) in ARGUMENTS {
            if !required {
                continue;
            }
            let mut missing = valid(tool);
            missing.as_object_mut().unwrap().remove(field);
            let end = format!("allowed is {allowed}, and it is required");
            let message = format!("{field}: got nothing; {end}");
            server.refuses(tool, &missing, &message).await;
            let message = format!("{field}: got null; {end}");
            server
                .refuses(tool, &with(tool, field, Value::Null), &message)
                .await;
        }
        for &(tool, field, _, required) in ARGUMENTS {
            if !required {
                let reply = server
                    .client
                    .call(tool, &with(tool, field, Value::Null))
                    .await;
                assert!(reply.is_ok(), "{tool} with {field} null: {reply:?}");
            }
        }
    });
}

#[test]
fn a_value_out_of_range_is_refused() {
    run(async {
        let mut server = Unchanged::new().await;
        for (tool, field, allowed, above) in [
            ("register", "ttl_seconds", LEASE, 2_592_001_u64),
            ("claim", "lease_seconds", LEASE, 2_592_001),
            ("post", "ttl_seconds", MESSAGE_TTL, 315_360_001),
            ("inbox", "limit", LIMIT, 1001),
        ] {
            let cases = [
                (json!(0), "0"),
                (json!(-1), "-1"),
                (json!(1.5), "1.5"),
                (json!(above), &above.to_string()),
                (json!(u64::MAX), "18446744073709551615"),
                (json!(1e300), "1e+300"),
            ];
            for (value, got) in cases {
                let message = format!("{field}: got {got}; allowed is {allowed}");
                server
                    .refuses(tool, &with(tool, field, value), &message)
                    .await;
            }
        }
        for (field, value, allowed) in [
            ("mode", "write", "\"exclusive\" or \"shared\""),
            ("mode", "Exclusive", "\"exclusive\" or \"shared\""),
            ("wait", "forever", "\"no_wait\" or \"queue\""),
        ] {
            let message = format!("{field}: got \"{value}\"; allowed is {allowed}");
            server
                .refuses("claim", &with("claim", field, json!(value)), &message)
                .await;
        }
        for id in [
            "yesterday",
            "01ARZ3NDEKTSV4RRFFQ69G5FA",
            "8ZZZZZZZZZZZZZZZZZZZZZZZZZ",
            "",
        ] {
            let end = "allowed is the message_id of a message: a ULID, 26 letters and digits";
            let message = format!("since: got \"{id}\"; {end}");
            server
                .refuses("inbox", &with("inbox", "since", json!(id)), &message)
                .await;
            let message = format!("up_to: got \"{id}\"; {end}");
            server
                .refuses("read", &with("read", "up_to", json!(id)), &message)
                .await;
        }
        let zero = "00000000000000000000000000";
        let above = "00000000000000000000000001";
        let message =
            format!("up_to: got \"{above}\"; allowed is at most the newest message, {zero}");
        server
            .refuses("read", &with("read", "up_to", json!(above)), &message)
            .await;
    });
}

#[test]
fn an_unknown_argument_is_refused_with_a_guess() {
    run(async {
        let mut server = Unchanged::new().await;
        let cases = [
            (
                "register",
                "branchname",
                "one of agent_id, branch, prompt_ptr, role, ttl_seconds (did you mean branch?)",
            ),
            (
                "roster",
                "stale",
                "one of agent_id, include_stale (did you mean include_stale?)",
            ),
            (
                "claim",
                "lease",
                "one of agent_id, resource, mode, lease_seconds, wait, wait_seconds, note (did you mean lease_seconds?)",
            ),
            (
                "claim",
                "fence",
                "one of agent_id, resource, mode, lease_seconds, wait, wait_seconds, note",
            ),
            (
                "release",
                "claimId",
                "one of agent_id, claim_id, resource (did you mean claim_id?)",
            ),
            ("claims", "x", "one of agent_id, resource"),
            (
                "post",
                "topic",
                "one of agent_id, to, body, subject, reply_to, ttl_seconds, key",
            ),
            (
                "inbox",
                "up_to",
                "one of agent_id, topics, since, limit, wait_seconds",
            ),
            ("read", "since", "one of agent_id, up_to, topics"),
            ("gc", "force", "only agent_id"),
        ];
        for (tool, field, allowed) in cases {
            let message =
                format!("{field}: got an argument that {tool} does not have; allowed is {allowed}");
            server
                .refuses(tool, &with(tool, field, json!("x")), &message)
                .await;
        }
        let message =
            "x\\u{1b}[31m: got an argument that gc does not have; allowed is only agent_id";
        server
            .refuses("gc", &json!({"x\u{1b}[31m": 1}), message)
            .await;
    });
}

/// G3, for what no client library sends: arguments that are no object.
#[test]
fn arguments_that_are_no_object_are_refused() {
    run(async {
        let sandbox = Sandbox::new().await;
        let mut client = sandbox.raw_session().await;
        for (arguments, got) in [
            (json!([1]), "a list"),
            (json!("{}"), "a string"),
            (json!(1), "a number or a truth value"),
        ] {
            let result = client.call("claims", arguments).await;
            assert_eq!(result["isError"], true, "{result}");
            let message = format!("arguments: got {got}; allowed is a JSON object");
            assert_eq!(result["content"][0]["text"], message);
        }
        let result = client.call("claims", json!({"agent_id": "a"})).await;
        assert_eq!(result["isError"], false, "the session goes on: {result}");
    });
}
