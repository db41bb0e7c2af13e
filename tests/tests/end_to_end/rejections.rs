//! Every rejection of rules G3 and G8, one by one, as an agent gets to read it.
//!
//! After each the journal is what it was, byte for byte, and the session answers on.

use std::fs;

use serde_json::{Value, json};
use tests::{Client, Line, Site, all, story};

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
    site: Site,
    client: Client,
    refused: usize,
}

impl Unchanged {
    async fn new() -> Self {
        let site = Site::new().await;
        let client = site.client("a").await;
        client.register(3600).await;
        Self {
            site,
            client,
            refused: 0,
        }
    }

    /// G3: the call is refused with exactly this message, changes nothing, and the
    /// session goes on.
    async fn refuses(&mut self, tool: &'static str, arguments: &Value, message: &str) {
        let before = fs::read(self.site.mesh().join("journal.1")).unwrap();
        let said = self.client.refused(tool, arguments).await;
        assert_eq!(said, message, "{tool} {arguments}");
        let after = fs::read(self.site.mesh().join("journal.1")).unwrap();
        assert!(before == after, "{tool} {arguments} changed the state");
        let claims = self.client.claims(json!({})).await;
        assert!(claims["claims"].is_array(), "the session goes on");
        self.refused += 1;
    }
}

#[test]
fn an_argument_of_another_type_is_refused() {
    story(async {
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
    story(async {
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
    story(async {
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
    story(async {
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
                "one of agent_id, resource, mode, lease_seconds, wait, note (did you mean lease_seconds?)",
            ),
            (
                "claim",
                "fence",
                "one of agent_id, resource, mode, lease_seconds, wait, note",
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
            ("inbox", "up_to", "one of agent_id, topics, since, limit"),
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

/// Texts that create something: tool, argument, bytes allowed, whether line breaks are.
const CREATING: &[(&str, &str, usize, bool)] = &[
    ("register", "agent_id", 256, false),
    ("register", "branch", 1024, false),
    ("register", "prompt_ptr", 1024, false),
    ("register", "role", 1024, false),
    ("claim", "agent_id", 256, false),
    ("claim", "resource", 256, false),
    ("claim", "note", 1024, true),
    ("post", "agent_id", 256, false),
    ("post", "to", 256, false),
    ("post", "body", 65_536, true),
    ("post", "subject", 1024, false),
    ("post", "reply_to", 256, false),
    ("post", "key", 256, false),
];

/// G8: lengths, from below and above.
#[test]
fn a_text_that_is_empty_or_too_long_is_refused() {
    story(async {
        let mut server = Unchanged::new().await;
        for &(tool, field, max, _) in CREATING {
            let end = format!("allowed is 1 to {max} bytes");
            let message = format!("{field}: got an empty string; {end}");
            server
                .refuses(tool, &with(tool, field, json!("")), &message)
                .await;
            for text in ["x".repeat(max + 1), format!("{}é", "x".repeat(max - 1))] {
                let message = format!("{field}: got {} bytes; {end}", max + 1);
                server
                    .refuses(tool, &with(tool, field, json!(text)), &message)
                    .await;
            }
        }
        for name in ["", &"x".repeat(257)] {
            let got = if name.is_empty() {
                "an empty string"
            } else {
                "257 bytes"
            };
            let message = format!("to: got {got}; allowed is 1 to 256 bytes");
            let to = json!(format!("topic:{name}"));
            server
                .refuses("post", &with("post", "to", to), &message)
                .await;
        }
        for &(tool, field, max, _) in CREATING {
            let longest = with(tool, field, json!("x".repeat(max)));
            let reply = server.client.call(tool, &longest).await;
            assert!(reply.is_ok(), "{tool} with the longest {field}: {reply:?}");
        }
        let longest_topic = json!(format!("topic:{}", "x".repeat(256)));
        let reply = server
            .client
            .call("post", &with("post", "to", longest_topic))
            .await;
        assert!(reply.is_ok(), "the longest topic: {reply:?}");
    });
}

/// What only names something takes any name but none.
#[test]
fn an_empty_name_is_refused_and_an_odd_one_is_not() {
    story(async {
        let mut server = Unchanged::new().await;
        for (tool, field) in [
            ("roster", "agent_id"),
            ("release", "agent_id"),
            ("release", "claim_id"),
            ("release", "resource"),
            ("claims", "agent_id"),
            ("claims", "resource"),
            ("inbox", "agent_id"),
            ("read", "agent_id"),
            ("gc", "agent_id"),
        ] {
            let message = format!("{field}: got an empty string; allowed is a non-empty string");
            server
                .refuses(tool, &with(tool, field, json!("")), &message)
                .await;
            let odd = with(tool, field, json!("\u{1b}".repeat(300)));
            let reply = server.client.call(tool, &odd).await;
            assert!(reply.is_ok(), "{tool} with an odd {field}: {reply:?}");
        }
        for tool in ["inbox", "read"] {
            for topic in ["", "topic:"] {
                let message = "topics: got an empty string; allowed is a non-empty string";
                server
                    .refuses(tool, &with(tool, "topics", json!(["t", topic])), message)
                    .await;
            }
        }
    });
}

/// G8: printable characters only.
#[test]
fn a_character_that_does_not_print_is_refused() {
    story(async {
        let mut server = Unchanged::new().await;
        let end = "without control and bidirectional formatting characters";
        for &(tool, field, _, breaks) in CREATING {
            let allowed = match breaks {
                false => "printable characters only",
                true => "printable characters, line breaks and tabs only",
            };
            for character in [
                '\0', '\u{1b}', '\u{7f}', '\u{9b}', '\u{202e}', '\u{2066}', '\u{2028}',
            ] {
                let code = u32::from(character);
                let message =
                    format!("{field}: got the character U+{code:04X}; allowed is {allowed}, {end}");
                let text = json!(format!("a{character}b"));
                server
                    .refuses(tool, &with(tool, field, text), &message)
                    .await;
            }
            for character in ['\n', '\r', '\t'] {
                let text = with(tool, field, json!(format!("a{character}b")));
                if breaks {
                    let reply = server.client.call(tool, &text).await;
                    assert!(reply.is_ok(), "{tool} with a break in {field}: {reply:?}");
                } else {
                    let code = u32::from(character);
                    let message = format!(
                        "{field}: got the character U+{code:04X}; allowed is {allowed}, {end}"
                    );
                    server.refuses(tool, &text, &message).await;
                }
            }
        }
        let reply = server
            .client
            .call("claim", &with("claim", "resource", json!("Größe 漢字 🦀")))
            .await;
        assert!(reply.is_ok(), "what prints is allowed: {reply:?}");
    });
}

#[test]
fn a_reserved_agent_id_is_refused() {
    story(async {
        let mut server = Unchanged::new().await;
        let allowed = "an id other than \"*\" and \"mesh\" that does not start with \"topic:\"";
        for id in ["*", "mesh", "topic:x", "topic:"] {
            for tool in ["register", "claim", "post"] {
                let message = format!("agent_id: got \"{id}\"; allowed is {allowed}");
                server
                    .refuses(tool, &with(tool, "agent_id", json!(id)), &message)
                    .await;
            }
        }
        let message = format!("to: got \"mesh\"; allowed is {allowed}");
        server
            .refuses("post", &with("post", "to", json!("mesh")), &message)
            .await;
    });
}

/// C7: a ticket keeps its mode.
#[test]
fn another_mode_while_queued_is_refused() {
    story(async {
        let mut server = Unchanged::new().await;
        server
            .client
            .claim("r", json!({"lease_seconds": 600}))
            .await;
        for (agent_id, mode, other) in [("b", "shared", "exclusive"), ("c", "exclusive", "shared")]
        {
            let mut claim =
                json!({"agent_id": agent_id, "resource": "r", "mode": mode, "wait": "queue"});
            let queued = server.client.call("claim", &claim).await.expect("a ticket");
            assert_eq!(queued["status"], "queued");
            claim["mode"] = json!(other);
            let message = format!(
                "mode: got {other} while queued for {mode}; allowed is the mode of the ticket; \
                 release the ticket first to ask for another"
            );
            server.refuses("claim", &claim, &message).await;
        }
    });
}

/// G8: 1,000 tickets a resource.
#[test]
fn the_thousand_and_first_ticket_is_refused() {
    story(async {
        let mut server = Unchanged::new().await;
        server
            .client
            .claim("r", json!({"lease_seconds": 600}))
            .await;
        let claim = |n: usize| json!({"agent_id": format!("waiter-{n}"), "resource": "r", "wait": "queue", "lease_seconds": 600});
        let claims: Vec<Value> = (1..=1000).map(claim).collect();
        let client = &server.client;
        let replies = all(claims.iter().map(|claim| client.call("claim", claim))).await;
        let mut places: Vec<u64> = replies
            .into_iter()
            .map(|reply| {
                reply.expect("a ticket")["queue_position"]
                    .as_u64()
                    .expect("a place")
            })
            .collect();
        places.sort_unstable();
        assert_eq!(places, (1..=1000).collect::<Vec<u64>>());
        let message = "resource: got one for which 1000 agents wait; allowed is one with fewer than \
                       1000 tickets; try again later";
        server.refuses("claim", &claim(1001), message).await;
    });
}

/// G3, for what no client library sends: arguments that are no object.
#[test]
fn arguments_that_are_no_object_are_refused() {
    story(async {
        let site = Site::new().await;
        let mut line: Line = site.line();
        line.initialize("2025-11-25").await;
        for (arguments, got) in [
            (json!([1]), "a list"),
            (json!("{}"), "a string"),
            (json!(1), "a number or a truth value"),
        ] {
            let result = line.call("claims", arguments).await;
            assert_eq!(result["isError"], true, "{result}");
            let message = format!("arguments: got {got}; allowed is a JSON object");
            assert_eq!(result["content"][0]["text"], message);
        }
        let result = line.call("claims", json!({"agent_id": "a"})).await;
        assert_eq!(result["isError"], false, "the session goes on: {result}");
    });
}
