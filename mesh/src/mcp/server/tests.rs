//! The server over a pair of pipes, spoken to line by line, as a client would.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines, duplex};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, LocalSet, spawn_local};

use super::fake::fake;
use super::*;
use crate::core::{Command, MAX_REQUEST_BYTES, State, decide};
use crate::mcp::INSTRUCTIONS;
use crate::ports::{Outcome, StorageErrorKind};

/// 2026-06-14T12:00:00Z.
const NOW: u64 = 1_781_438_400_000;

/// A mesh whose state is in memory.
fn in_memory() -> Mesh {
    let mut state = State::default();
    let (mesh, task) = fake(move |command| {
        let answer = decide(&state, NOW, &command, 0).map(|decision| {
            state = decision.state;
            decision.reply
        });
        async { answer.map_err(MeshError::Rejected) }
    });
    spawn_local(task);
    mesh
}

/// A client that has shaken hands.
struct Client {
    writer: Option<DuplexStream>,
    lines: Lines<BufReader<DuplexStream>>,
    server: JoinHandle<Result<(), ServeError>>,
    shutdown: Shutdown,
    next_id: u64,
}

impl Client {
    async fn connect(folder: Folder) -> Self {
        let mut client = Self::dial(folder);
        client.send(
            &json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"}}}),
        );
        let reply = client.receive().await;
        assert_eq!(reply["result"]["protocolVersion"], "2025-11-25");
        assert_eq!(reply["result"]["serverInfo"]["name"], "mesh");
        assert_eq!(reply["result"]["instructions"], INSTRUCTIONS);
        client
    }

    fn dial(folder: Folder) -> Self {
        Self::dial_pinned(folder, None)
    }

    fn dial_pinned(folder: Folder, pin: Option<Pin>) -> Self {
        let (writer, server_reads) = duplex(4 << 20);
        let (server_writes, reader) = duplex(4 << 20);
        let shutdown = Shutdown::default();
        let ends = shutdown.clone();
        let client = super::Client {
            pin,
            ..super::Client::default()
        };
        let server =
            spawn_local(
                async move { serve(folder, client, server_reads, server_writes, &ends).await },
            );
        let lines = BufReader::new(reader).lines();
        Self {
            writer: Some(writer),
            lines,
            server,
            shutdown,
            next_id: 1,
        }
    }

    fn send(&mut self, message: &Value) {
        self.send_line(&format!("{message}\n"));
    }

    /// The pipe holds 4 MiB, so that a write is done at once.
    fn send_line(&mut self, line: &str) {
        let writer = self.writer.as_mut().unwrap();
        let writing = tokio::task::unconstrained(writer.write_all(line.as_bytes()));
        let mut writing = std::pin::pin!(writing);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(writing.as_mut().poll(&mut context).is_ready());
    }

    async fn receive(&mut self) -> Value {
        self.receive_or_end().await.expect("a message")
    }

    async fn receive_or_end(&mut self) -> Option<Value> {
        let line = self.lines.next_line();
        let line = tokio::time::timeout(Duration::from_secs(10), line)
            .await
            .expect("in time");
        line.unwrap()
            .map(|line| serde_json::from_str(&line).unwrap())
    }

    fn request(&mut self, method: &str, params: &Value) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        id
    }

    async fn answer(&mut self, method: &str, params: &Value) -> Value {
        let id = self.request(method, params);
        let reply = self.receive().await;
        assert_eq!(reply["id"], id);
        reply
    }

    async fn call(&mut self, tool: &str, arguments: &Value) -> Value {
        let reply = self
            .answer("tools/call", &json!({"name": tool, "arguments": arguments}))
            .await;
        reply["result"].clone()
    }

    /// The message of a call that is refused.
    async fn refused(&mut self, tool: &str, arguments: &Value) -> String {
        let result = self.call(tool, arguments).await;
        assert_eq!(result["isError"], true, "{result}");
        assert!(result.get("structuredContent").is_none(), "{result}");
        result["content"][0]["text"].as_str().unwrap().to_owned()
    }

    /// Waits for the server to end, well within rmcp's own patience of 5 s.
    async fn ended(self) {
        let ended = tokio::time::timeout(Duration::from_secs(4), self.server).await;
        ended
            .expect("the server ends promptly")
            .unwrap()
            .expect("without an error");
    }
}

/// Runs a story on one thread, where tasks need not be `Send`.
fn run(story: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(LocalSet::new().run_until(story));
}

#[test]
fn the_tool_list_teaches_within_10_kb() {
    run(async {
        let mut client = Client::connect(Ok(in_memory())).await;
        let reply = client.answer("tools/list", &json!({})).await;
        let size = reply.to_string().len();
        assert!(size < 10_000, "{size} bytes");
        let tools = reply["result"]["tools"].as_array().unwrap();
        let names: Vec<&str> = tools
            .iter()
            .map(|tool| tool["name"].as_str().unwrap())
            .collect();
        let nine = [
            "register", "roster", "claim", "release", "claims", "post", "inbox", "read", "gc",
        ];
        assert_eq!(names, nine);
        for tool in tools {
            for part in [
                "title",
                "description",
                "annotations",
                "inputSchema",
                "outputSchema",
            ] {
                assert!(!tool[part].is_null(), "{} has no {part}", tool["name"]);
            }
            assert!(!tool.to_string().contains("\"format\""), "{tool}");
            assert!(!tool.to_string().contains("$schema"), "{tool}");
        }
        let hints: Vec<&Value> = tools.iter().map(|tool| &tool["annotations"]).collect();
        let reads = json!({"readOnlyHint": true});
        let repeatable = json!({"destructiveHint": false, "idempotentHint": true});
        let adds = json!({"destructiveHint": false});
        let deletes = json!({"destructiveHint": true, "idempotentHint": true});
        let (reads, again) = (&reads, &repeatable);
        assert_eq!(
            hints,
            [
                again, reads, again, again, reads, &adds, reads, again, &deletes
            ]
        );
    });
}

/// G2: structured content, and the same JSON as text.
#[test]
fn a_reply_is_structured_and_text() {
    run(async {
        let mut client = Client::connect(Ok(in_memory())).await;
        let result = client
            .call("claim", &json!({"agent_id": "a", "resource": "r"}))
            .await;
        assert_eq!(result["isError"], false);
        assert_eq!(result["structuredContent"]["status"], "granted");
        assert_eq!(result["structuredContent"]["fence"], 1);
        assert_eq!(result["structuredContent"]["now"], "2026-06-14T12:00:00Z");
        let text = result["content"][0]["text"].as_str().unwrap();
        assert!(
            text.starts_with(r#"{"status":"granted","resource":"r""#),
            "{text}"
        );
        let parsed: Value = serde_json::from_str(text).unwrap();
        assert_eq!(parsed, result["structuredContent"]);
    });
}

/// G3: a bad argument is a tool error, and the session goes on.
#[test]
fn a_bad_argument_is_a_tool_error_that_leaves_the_session_alone() {
    run(async {
        let mut client = Client::connect(Ok(in_memory())).await;
        assert_eq!(
            client.refused("claims", &json!({})).await,
            "agent_id: got nothing; allowed is a string, and it is required"
        );
        assert_eq!(
            client.refused("claims", &Value::Null).await,
            "agent_id: got nothing; allowed is a string, and it is required"
        );
        assert_eq!(
            client
                .refused("claim", &json!({"agent_id": "", "resource": "r"}))
                .await,
            "agent_id: got an empty string; allowed is 1 to 256 bytes"
        );
        for (arguments, got) in [
            (json!([1]), "a list"),
            (json!("{}"), "a string"),
            (json!(1), "a number or a truth value"),
        ] {
            assert_eq!(
                client.refused("claims", &arguments).await,
                format!("arguments: got {got}; allowed is a JSON object")
            );
        }
        let result = client.call("claims", &json!({"agent_id": "a"})).await;
        assert_eq!(result["structuredContent"]["claims"], json!([]));
    });
}

#[test]
fn an_unknown_tool_is_a_protocol_error_that_names_the_tools() {
    run(async {
        let mut client = Client::connect(Ok(in_memory())).await;
        for arguments in [json!({}), json!([])] {
            let params = json!({"name": "lock\u{1b}", "arguments": arguments});
            let error = client.answer("tools/call", &params).await["error"].clone();
            assert_eq!(error["code"], -32602);
            assert_eq!(
                error["message"],
                "unknown tool \"lock\\u{1b}\"; there are register, roster, claim, release, claims, \
                 post, inbox, read, gc"
            );
        }
        let error = client.answer("tools/call", &json!({"arguments": {}})).await["error"].clone();
        assert_eq!(error["code"], -32602);
        let error = client.answer("no/such", &json!({})).await["error"].clone();
        assert_eq!(error["code"], -32601);
    });
}

/// G7: the server starts without a folder, and says on every call what is wrong.
#[test]
fn a_folder_that_cannot_be_used_is_named_in_every_answer() {
    run(async {
        let error = StorageError {
            kind: StorageErrorKind::Refused,
            what: "/mnt/share/.mesh is on NFS".to_owned(),
            next: "set MESH_DIR to a local folder".to_owned(),
            outcome: Outcome::NoEffect,
        };
        let mut client = Client::connect(Err(error)).await;
        for _ in 0..2 {
            assert_eq!(
                client.refused("claims", &json!({"agent_id": "a"})).await,
                "/mnt/share/.mesh is on NFS; set MESH_DIR to a local folder"
            );
        }
        let bad = client.refused("claims", &json!({})).await;
        assert!(bad.starts_with("agent_id: got nothing"), "{bad}");
    });
}

#[test]
fn a_panic_is_answered_and_the_session_goes_on() {
    run(async {
        let server = Server::new(
            Ok(in_memory()),
            super::Client::default(),
            Shutdown::default(),
            Outbox::default(),
        );
        let id = RequestId::Number(1);
        static BROKEN: tools::Tool = tools::Tool::broken();
        let result = server.call(&BROKEN, Map::new(), &id).await;
        assert_eq!(result.is_error, Some(true));
        assert_eq!(result.content[0].as_text().unwrap().text, BUG);
        let claims = tools::find("claims").unwrap();
        let arguments = Map::from_iter([("agent_id".to_owned(), json!("a"))]);
        assert_eq!(
            server.call(claims, arguments, &id).await.is_error,
            Some(false)
        );
    });
}

#[test]
fn a_pinned_connection_speaks_for_one_agent_only() {
    run(async {
        let pin = Some(Pin::new("a").unwrap());
        let mut client = Client::dial_pinned(Ok(in_memory()), pin);
        let params = json!({"protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"}});
        let hello = client.answer("initialize", &params).await;
        let told = hello["result"]["instructions"].as_str().unwrap();
        assert!(told.starts_with(INSTRUCTIONS) && told.contains("You are \"a\" here"));
        let listed = client.answer("tools/list", &json!({})).await;
        assert!(listed.to_string().len() < 10_000);
        for tool in listed["result"]["tools"].as_array().unwrap() {
            let required = &tool["inputSchema"]["required"];
            assert!(!required.to_string().contains("agent_id"), "{tool}");
        }
        let granted = client.call("claim", &json!({"resource": "r"})).await;
        assert_eq!(granted["structuredContent"]["holder"], "a");
        let own = json!({"agent_id": "a", "resource": "r"});
        let renewed = client.call("claim", &own).await;
        assert_eq!(renewed["structuredContent"]["fence"], 1);
        let posing = json!({"agent_id": "b", "resource": "s"});
        assert_eq!(
            client.refused("claim", &posing).await,
            "agent_id: got the string \"b\"; allowed is \"a\" alone, to which this connection \
             is pinned, or nothing at all"
        );
        let claims = client.call("claims", &json!({})).await;
        let claims = claims["structuredContent"]["claims"].as_array().unwrap();
        assert_eq!(claims.len(), 1, "the refused call changed nothing");
    });
}

/// G8: a request over 1 MiB gets a clear error, and the session goes on.
#[test]
fn an_over_long_request_is_refused_by_its_id() {
    run(async {
        let mut client = Client::connect(Ok(in_memory())).await;
        let mut request = json!({"jsonrpc": "2.0", "method": "tools/call", "id": 77, "params": {
            "name": "post", "arguments": {"agent_id": "a", "to": "b", "body": ""}}});
        let pad = MAX_REQUEST_BYTES - request.to_string().len();

        request["params"]["arguments"]["body"] = "x".repeat(pad).into();
        client.send(&request);
        let reply = client.receive().await;
        let text = reply["result"]["content"][0]["text"].as_str().unwrap();
        assert!(text.starts_with("body: got "), "1 MiB is read: {text}");

        request["params"]["arguments"]["body"] = "x".repeat(pad + 2).into();
        client.send(&request);
        let reply = client.receive().await;
        assert_eq!(reply["id"], 77);
        assert_eq!(reply["error"]["code"], -32600);
        assert_eq!(
            reply["error"]["message"],
            "the request has 1048579 bytes; allowed are 1048576 at most: send less at once"
        );
        let result = client.call("claims", &json!({"agent_id": "a"})).await;
        assert_eq!(result["isError"], false);
    });
}

#[test]
fn an_over_long_last_request_is_refused_before_the_end() {
    run(async {
        let mut client = Client::connect(Ok(in_memory())).await;
        client.send_line(&format!(
            "{{\"id\":5,\"x\":\"{}\"}}",
            "x".repeat(MAX_REQUEST_BYTES)
        ));
        drop(client.writer.take());
        let reply = client.receive().await;
        assert_eq!(
            (&reply["id"], &reply["error"]["code"]),
            (&json!(5), &json!(-32600))
        );
        assert_eq!(client.receive_or_end().await, None);
        client.ended().await;
    });
}

/// A mesh that answers `gc` once it is told to, and the way to tell it.
fn held() -> (Mesh, Rc<Notify>) {
    let release = Rc::new(Notify::new());
    let told = release.clone();
    let commands = Rc::new(RefCell::new(Vec::new()));
    let (mesh, task) = fake(move |command: Command| {
        let (told, commands) = (told.clone(), commands.clone());
        async move {
            told.notified().await;
            commands.borrow_mut().push(command);
            let reclaimed = commands.borrow().len() as u64;
            Ok(Reply::Gc(crate::core::GcReply { reclaimed }))
        }
    });
    spawn_local(task);
    (mesh, release)
}

/// The input may end right behind the last call: what was received is answered.
#[test]
fn the_end_of_the_input_waits_for_calls_in_flight() {
    run(async {
        let (mesh, release) = held();
        let mut client = Client::connect(Ok(mesh)).await;
        client.request("tools/call", &json!({"name": "gc"}));
        client.request("tools/call", &json!({"name": "gc"}));
        drop(client.writer.take());
        // Let the server see the end of its input before the calls can finish.
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        assert!(!client.server.is_finished());
        release.notify_one();
        assert_eq!(
            client.receive().await["result"]["structuredContent"]["reclaimed"],
            1
        );
        release.notify_one();
        assert_eq!(
            client.receive().await["result"]["structuredContent"]["reclaimed"],
            2
        );
        assert_eq!(client.receive_or_end().await, None);
        client.ended().await;
    });
}

#[test]
fn a_shutdown_waits_for_calls_in_flight_and_takes_nothing_more() {
    run(async {
        let (mesh, release) = held();
        let mut client = Client::connect(Ok(mesh)).await;
        let id = client.request("tools/call", &json!({"name": "gc"}));
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        client.shutdown.begin();
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        client.request("tools/call", &json!({"name": "gc"}));
        release.notify_one();
        assert_eq!(client.receive().await["id"], id);
        assert_eq!(client.receive_or_end().await, None);
        client.ended().await;
    });
}

#[test]
fn a_client_that_reads_no_more_ends_the_server() {
    run(async {
        let mut client = Client::connect(Ok(in_memory())).await;
        let (_, unused) = duplex(1);
        client.lines = BufReader::new(unused).lines();
        client.request(
            "tools/call",
            &json!({"name": "claims", "arguments": {"agent_id": "a"}}),
        );
        // The input is still open.
        assert!(client.writer.is_some());
        client.ended().await;
    });
}

/// The answers fill the pipe, and nobody takes them out.
#[test]
fn a_shutdown_does_not_wait_for_a_client_that_reads_nothing() {
    run(async {
        let mut client = Client::connect(Ok(in_memory())).await;
        for _ in 0..500 {
            client.request("tools/list", &json!({}));
        }
        for _ in 0..5000 {
            tokio::task::yield_now().await;
        }
        client.shutdown.begin();
        client.ended().await;
    });
}

#[test]
fn a_client_that_never_speaks_ends_the_server_in_peace() {
    run(async {
        let mut client = Client::dial(Ok(in_memory()));
        drop(client.writer.take());
        client.ended().await;

        let client = Client::dial(Ok(in_memory()));
        client.shutdown.begin();
        client.ended().await;
    });
}

#[test]
fn what_comes_before_the_first_request_is_passed_over() {
    run(async {
        let mut client = Client::dial(Ok(in_memory()));
        client.send_line("hello\n\n{}\n");
        client.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        client.send(&json!({"jsonrpc": "2.0", "id": 9, "result": {}}));
        client.send(&json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}));
        loop {
            let reply = client.receive().await;
            if reply["id"] == 1 {
                assert_eq!(reply["result"], json!({}));
                break;
            }
            assert_eq!(reply["error"]["code"], -32600, "{reply}");
        }
    });
}
