//! Texts that are empty, too long, reserved, or do not print.

use serde_json::json;
use tests::run;

use super::{Unchanged, with};

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
    run(async {
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
    run(async {
        let mut server = Unchanged::new().await;
        for (tool, field) in [
            ("roster", "agent_id"),
            ("release", "agent_id"),
            ("release", "claim_id"),
            ("release", "resource"),
            ("claims", "agent_id"),
            ("claims", "resource"),
            ("inbox", "agent_id"),
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
        // `read` leaves a cursor behind, so a name that nobody has must be one to create.
        let nobody = with("read", "agent_id", json!(""));
        let message = "agent_id: got an empty string; allowed is 1 to 256 bytes";
        server.refuses("read", &nobody, message).await;
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
    run(async {
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
    run(async {
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
