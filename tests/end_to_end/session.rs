//! A session's beginning and end, and what it must survive in between.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;
use tests::json_rpc::call;
use tests::{Process, RawClient, Sandbox, run};

/// How long the end of a server may take, far below the 5 s that rmcp would drain.
const PROMPT: Duration = Duration::from_secs(4);

async fn answers(client: &mut RawClient) {
    let result = client.call("claims", json!({"agent_id": "a"})).await;
    assert_eq!(result["isError"], false, "the session goes on: {result}");
}

/// G8: a request of at most 1 MiB.
#[test]
fn an_over_long_line_is_refused_by_its_id_and_the_session_goes_on() {
    run(async {
        let sandbox = Sandbox::new().await;
        let mut client = sandbox.raw_session().await;
        let body = "x".repeat(1 << 20);
        let params = call("post", &json!({"agent_id": "a", "to": "b", "body": body}));
        let answer = client.ask("tools/call", params).await;
        assert_eq!(answer["error"]["code"], -32600);
        let message = answer["error"]["message"].as_str().expect("a message");
        let end = " bytes; allowed are 1048576 at most: send less at once";
        assert!(
            message.starts_with("the request has 104") && message.ends_with(end),
            "{message}"
        );
        answers(&mut client).await;
        // Without an id it is no request, and nobody waits for an answer.
        client.send_bytes(format!("{body}\n").as_bytes()).await;
        answers(&mut client).await;
    });
}

#[test]
fn what_is_no_message_is_passed_over() {
    run(async {
        let sandbox = Sandbox::new().await;
        let mut client = sandbox.raw_session().await;
        let invalid_utf8 = b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}\n";
        for bytes in [
            &b"not json\n"[..],
            b"\n",
            b"\r\n",
            b"{\n",
            b"\0\n",
            invalid_utf8,
        ] {
            client.send_bytes(bytes).await;
        }
        answers(&mut client).await;
    });
}

#[test]
fn what_is_no_request_of_ours_is_a_protocol_error() {
    run(async {
        let sandbox = Sandbox::new().await;
        let mut client = sandbox.raw_session().await;
        let answer = client.ask("tools/call", call("lock", &json!({}))).await;
        assert_eq!(answer["error"]["code"], -32602);
        assert_eq!(
            answer["error"]["message"],
            "unknown tool \"lock\"; there are register, roster, claim, release, claims, post, \
             inbox, read, gc"
        );
        let answer = client.ask("no/such", json!({})).await;
        assert_eq!(answer["error"]["code"], -32601);
        client
            .send(&json!([{"jsonrpc": "2.0", "id": 90, "method": "ping"}]))
            .await;
        assert_eq!(
            client.receive().await["error"]["code"],
            -32600,
            "no batches"
        );
        answers(&mut client).await;
    });
}

#[test]
fn a_call_before_initialize_is_an_error_that_the_session_survives() {
    run(async {
        let sandbox = Sandbox::new().await;
        let mut client = sandbox.raw_client();
        let answer = client
            .ask("tools/call", call("claims", &json!({"agent_id": "a"})))
            .await;
        assert_eq!(answer["error"]["code"], -32602, "{answer}");
        client.initialize("2025-11-25").await;
        answers(&mut client).await;
    });
}

#[test]
fn a_refused_call_does_not_end_the_session() {
    run(async {
        let sandbox = Sandbox::new().await;
        let mut client = sandbox.raw_session().await;
        for _ in 0..3 {
            let result = client.call("claim", json!({"agent_id": "a"})).await;
            assert_eq!(result["isError"], true);
        }
        answers(&mut client).await;
    });
}

/// The input ends right behind the calls: all that were received are answered, and the
/// process ends at once, as a success.
#[test]
fn the_end_of_the_input_waits_for_calls_in_flight() {
    run(async {
        let sandbox = Sandbox::new().await;
        let mut client = sandbox.raw_session().await;
        let mut ids = Vec::new();
        for n in 0..20 {
            let post = json!({"agent_id": "a", "to": "b", "body": format!("{n}")});
            ids.push(client.begin("post", post).await);
        }
        client.close_input();
        let closed = Instant::now();
        let mut answered = Vec::new();
        while let Some(answer) = client.receive_or_end().await {
            assert_eq!(answer["result"]["isError"], false, "{answer}");
            answered.push(answer["id"].as_u64().expect("an id"));
        }
        answered.sort_unstable();
        assert_eq!(answered, ids, "every call is answered");
        assert_eq!(client.ended(PROMPT).await.code(), Some(0));
        assert!(
            closed.elapsed() < PROMPT,
            "promptly, not after {:?}",
            closed.elapsed()
        );
        let reader = sandbox.client("b").await;
        assert_eq!(reader.whole_inbox(&[]).await.len(), ids.len());
    });
}

/// The process ends as a success, and leaves what a clean exit leaves.
#[test]
fn a_signal_ends_the_server_in_order() {
    run(async {
        for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
            let sandbox = Sandbox::new().await;
            let mut client = sandbox.raw_session().await;
            let result = client
                .call("claim", json!({"agent_id": "a", "resource": "r"}))
                .await;
            assert_eq!(result["isError"], false);
            client.process().signal(signal);
            assert_eq!(client.receive_or_end().await, None);
            assert_eq!(client.ended(PROMPT).await.code(), Some(0), "{signal:?}");
            assert!(sandbox.mesh().join("state.json").exists(), "S2");
        }
    });
}

#[test]
fn a_signal_before_the_first_word_ends_the_server_too() {
    run(async {
        let sandbox = Sandbox::new().await;
        let mut client = sandbox.raw_client();
        // A server that answers handles signals by now.
        let ping = client.ask("ping", json!({})).await;
        assert_eq!(ping["result"], json!({}));
        client.process().signal(Signal::TERM);
        assert_eq!(client.ended(PROMPT).await.code(), Some(0));
    });
}

/// Nobody reads the answers any more: the server does not stay behind as a zombie of the
/// roster, although its input is still open.
#[test]
fn a_client_that_is_gone_ends_the_server() {
    run(async {
        let sandbox = Sandbox::new().await;
        let mut client = sandbox.raw_session().await;
        client.close_output();
        client.begin("claims", json!({"agent_id": "a"})).await;
        assert_eq!(client.ended(PROMPT).await.code(), Some(0));
    });
}

#[test]
fn a_client_that_never_speaks_leaves_in_peace() {
    run(async {
        let sandbox = Sandbox::new().await;
        let mut client = sandbox.raw_client();
        client.close_input();
        assert_eq!(client.receive_or_end().await, None);
        assert_eq!(client.ended(PROMPT).await.code(), Some(0));
        assert_eq!(client.process().complaints(), "");
    });
}

/// The predecessor's binary had no commands: with piped input, neither needs this one.
#[test]
fn without_a_command_piped_input_is_served() {
    run(async {
        let sandbox = Sandbox::new().await;
        let mut client = RawClient::open(Process::start(sandbox.command("", &[])));
        client.initialize("2025-11-25").await;
        answers(&mut client).await;
        client.close_input();
        assert_eq!(client.receive_or_end().await, None);
        assert_eq!(client.ended(PROMPT).await.code(), Some(0));
    });
}

/// Logs go to standard error only: each line of the output is a message, whatever is
/// logged.
#[test]
fn logs_go_to_standard_error() {
    run(async {
        let sandbox = Sandbox::new().await;
        let mut command = sandbox.command("", &["mcp"]);
        command.env("MESH_LOG", "trace");
        let mut client = RawClient::open(Process::start(command));
        client.initialize("2025-11-25").await;
        answers(&mut client).await;
        client.close_input();
        assert_eq!(client.receive_or_end().await, None);
        assert_eq!(client.ended(PROMPT).await.code(), Some(0));
        assert_ne!(
            client.process().complaints(),
            "",
            "there was something to log"
        );
    });
}
