//! The plugin for Claude Code, its hooks, and the set-up of other clients, each run as the
//! client would run it.

mod files;
mod hooks;
mod keepalive;
mod launcher;
mod snippets;

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tests::{Process, RawClient, Sandbox, binary};

/// A file of the repository.
fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn text(path: &str) -> String {
    fs::read_to_string(file(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn parsed(path: &str) -> Value {
    serde_json::from_str(&text(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// How a program ended, and what it said.
#[derive(Debug, PartialEq, Eq)]
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

/// Runs a program that is told `input`.
fn finish(mut command: Command, input: &str) -> Ran {
    command.stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    // A program that needs no input may be gone.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("an end");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Ran {
        code: output.status.code(),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

/// What Claude Code tells a hook.
fn event(name: &str, session: &str) -> String {
    json!({
        "session_id": session, "transcript_path": "/tmp/t.jsonl", "cwd": "/tmp",
        "hook_event_name": name, "source": "startup", "reason": "other",
    })
    .to_string()
}

/// A directory whose `mesh` is the program under test, as a search path.
fn search_path(sandbox: &Sandbox) -> String {
    let bin = sandbox.path("bin");
    fs::create_dir(&bin).unwrap();
    symlink(binary(), bin.join("mesh")).unwrap();
    format!("{}:/usr/bin:/bin", bin.display())
}

/// Starts a server as a client would, and has it list its tools.
async fn lists_nine_tools(command: Command) {
    let mut client = RawClient::open(Process::start(command));
    client.initialize("2025-11-25").await;
    let tools = client.ask("tools/list", json!({})).await;
    let tools = tools["result"]["tools"].as_array().map(Vec::len);
    assert_eq!(tools, Some(9));
}
