//! A session's beginning and end, and what it must survive in between.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};
use tests::{Line, Process, Site, story};

/// How long the end of a server may take, far below the 5 s that rmcp would drain.
const PROMPT: Duration = Duration::from_secs(4);

async fn opened(site: &Site) -> Line {
    let mut line = site.line();
    line.initialize("2025-11-25").await;
    line
}

fn call(tool: &str, arguments: &Value) -> Value {
    json!({"name": tool, "arguments": arguments})
}

async fn answers(line: &mut Line) {
    let result = line.call("claims", json!({"agent_id": "a"})).await;
    assert_eq!(result["isError"], false, "the session goes on: {result}");
}

/// G8: a request of at most 1 MiB.
#[test]
fn an_over_long_line_is_refused_by_its_id_and_the_session_goes_on() {
    story(async {
        let site = Site::new().await;
        let mut line = opened(&site).await;
        let body = "x".repeat(1 << 20);
        let params = call("post", &json!({"agent_id": "a", "to": "b", "body": body}));
        let answer = line.ask("tools/call", params).await;
        assert_eq!(answer["error"]["code"], -32600);
        let message = answer["error"]["message"].as_str().expect("a message");
        let end = " bytes; allowed are 1048576 at most: send less at once";
        assert!(
            message.starts_with("the request has 104") && message.ends_with(end),
            "{message}"
        );
        answers(&mut line).await;
        // Without an id it is no request, and nobody waits for an answer.
        line.send_bytes(format!("{body}\n").as_bytes()).await;
        answers(&mut line).await;
    });
}

#[test]
fn what_is_no_message_is_passed_over() {
    story(async {
        let site = Site::new().await;
        let mut line = opened(&site).await;
        let invalid_utf8 = b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}\n";
        for bytes in [
            &b"not json\n"[..],
            b"\n",
            b"\r\n",
            b"{\n",
            b"\0\n",
            invalid_utf8,
        ] {
            line.send_bytes(bytes).await;
        }
        answers(&mut line).await;
    });
}

#[test]
fn what_is_no_request_of_ours_is_a_protocol_error() {
    story(async {
        let site = Site::new().await;
        let mut line = opened(&site).await;
        let answer = line.ask("tools/call", call("lock", &json!({}))).await;
        assert_eq!(answer["error"]["code"], -32602);
        assert_eq!(
            answer["error"]["message"],
            "unknown tool \"lock\"; there are register, roster, claim, release, claims, post, \
             inbox, read, gc"
        );
        let answer = line.ask("no/such", json!({})).await;
        assert_eq!(answer["error"]["code"], -32601);
        line.send(&json!([{"jsonrpc": "2.0", "id": 90, "method": "ping"}]))
            .await;
        assert_eq!(line.receive().await["error"]["code"], -32600, "no batches");
        answers(&mut line).await;
    });
}

#[test]
fn a_call_before_initialize_is_an_error_that_the_session_survives() {
    story(async {
        let site = Site::new().await;
        let mut line = site.line();
        let answer = line
            .ask("tools/call", call("claims", &json!({"agent_id": "a"})))
            .await;
        assert_eq!(answer["error"]["code"], -32602, "{answer}");
        line.initialize("2025-11-25").await;
        answers(&mut line).await;
    });
}

#[test]
fn a_refused_call_does_not_end_the_session() {
    story(async {
        let site = Site::new().await;
        let mut line = opened(&site).await;
        for _ in 0..3 {
            let result = line.call("claim", json!({"agent_id": "a"})).await;
            assert_eq!(result["isError"], true);
        }
        answers(&mut line).await;
    });
}

/// The input ends right behind the calls: all that were received are answered, and the
/// process ends at once, as a success.
#[test]
fn the_end_of_the_input_waits_for_calls_in_flight() {
    story(async {
        let site = Site::new().await;
        let mut line = opened(&site).await;
        let mut ids = Vec::new();
        for n in 0..20 {
            let post = json!({"agent_id": "a", "to": "b", "body": format!("{n}")});
            ids.push(line.request("tools/call", call("post", &post)).await);
        }
        line.close_input();
        let closed = Instant::now();
        let mut answered = Vec::new();
        while let Some(answer) = line.receive_or_end().await {
            assert_eq!(answer["result"]["isError"], false, "{answer}");
            answered.push(answer["id"].as_u64().expect("an id"));
        }
        answered.sort_unstable();
        assert_eq!(answered, ids, "every call is answered");
        assert_eq!(line.ended(PROMPT).await.code(), Some(0));
        assert!(
            closed.elapsed() < PROMPT,
            "promptly, not after {:?}",
            closed.elapsed()
        );
        let reader = site.client("b").await;
        assert_eq!(reader.whole_inbox(&[]).await.len(), ids.len());
    });
}

/// The process ends as a success, and leaves what a clean exit leaves.
#[test]
fn a_signal_ends_the_server_in_order() {
    story(async {
        for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
            let site = Site::new().await;
            let mut line = opened(&site).await;
            let result = line
                .call("claim", json!({"agent_id": "a", "resource": "r"}))
                .await;
            assert_eq!(result["isError"], false);
            line.process().signal(signal);
            assert_eq!(line.receive_or_end().await, None);
            assert_eq!(line.ended(PROMPT).await.code(), Some(0), "{signal:?}");
            assert!(site.mesh().join("state.json").exists(), "S2");
        }
    });
}

#[test]
fn a_signal_before_the_first_word_ends_the_server_too() {
    story(async {
        let site = Site::new().await;
        let mut line = site.line();
        // A server that answers handles signals by now.
        let ping = line.ask("ping", json!({})).await;
        assert_eq!(ping["result"], json!({}));
        line.process().signal(Signal::TERM);
        assert_eq!(line.ended(PROMPT).await.code(), Some(0));
    });
}

/// Nobody reads the answers any more: the server does not stay behind as a zombie of the
/// roster, although its input is still open.
#[test]
fn a_client_that_is_gone_ends_the_server() {
    story(async {
        let site = Site::new().await;
        let mut line = opened(&site).await;
        line.close_output();
        line.request("tools/call", call("claims", &json!({"agent_id": "a"})))
            .await;
        assert_eq!(line.ended(PROMPT).await.code(), Some(0));
    });
}

#[test]
fn a_client_that_never_speaks_leaves_in_peace() {
    story(async {
        let site = Site::new().await;
        let mut line = site.line();
        line.close_input();
        assert_eq!(line.receive_or_end().await, None);
        assert_eq!(line.ended(PROMPT).await.code(), Some(0));
        assert_eq!(line.process().complaints(), "");
    });
}

/// The predecessor's binary had no commands: with piped input, neither needs this one.
#[test]
fn without_a_command_piped_input_is_served() {
    story(async {
        let site = Site::new().await;
        let mut line = Line::open(Process::start(site.command("", &[])));
        line.initialize("2025-11-25").await;
        answers(&mut line).await;
        line.close_input();
        assert_eq!(line.receive_or_end().await, None);
        assert_eq!(line.ended(PROMPT).await.code(), Some(0));
    });
}

/// Logs go to standard error only: each line of the output is a message, whatever is
/// logged.
#[test]
fn logs_go_to_standard_error() {
    story(async {
        let site = Site::new().await;
        let mut command = site.command("", &["mcp"]);
        command.env("MESH_LOG", "trace");
        let mut line = Line::open(Process::start(command));
        line.initialize("2025-11-25").await;
        answers(&mut line).await;
        line.close_input();
        assert_eq!(line.receive_or_end().await, None);
        assert_eq!(line.ended(PROMPT).await.code(), Some(0));
        assert_ne!(
            line.process().complaints(),
            "",
            "there was something to log"
        );
    });
}
