//! The command line as scripts see it: output, standard error, exit code.

use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tests::{PATIENCE, Sandbox, in_time, run};

fn output_of(sandbox: &Sandbox, arguments: &[&str]) -> Output {
    let mut command = sandbox.command("", arguments);
    let output = command.stdin(Stdio::null()).output();
    output.expect("the program starts")
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).expect("text")
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).expect("text")
}

#[test]
fn the_version_is_one_line_and_needs_no_folder() {
    let sandbox = Sandbox::bare();
    for flag in ["--version", "-V"] {
        let output = output_of(&sandbox, &[flag]);
        assert!(output.status.success());
        assert_eq!(
            stdout(&output),
            format!("mesh {}\n", env!("CARGO_PKG_VERSION"))
        );
        assert_eq!(stderr(&output), "");
    }
    assert!(!sandbox.mesh().exists(), "nothing was made");
}

#[test]
fn help_names_the_commands_and_the_environment() {
    let output = output_of(&Sandbox::bare(), &["--help"]);
    assert!(output.status.success());
    for word in ["mcp", "gc", "compact", "demo", "MESH_DIR", "MESH_LOG"] {
        assert!(
            stdout(&output).contains(word),
            "{word}: {}",
            stdout(&output)
        );
    }
    assert_eq!(stderr(&output), "");
}

#[test]
fn wrong_usage_exits_with_2_and_a_hint() {
    for arguments in [&["clam"][..], &["gc", "--force"], &["mcp", "extra"]] {
        let output = output_of(&Sandbox::bare(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert_eq!(stdout(&output), "");
        let complaint = stderr(&output);
        assert!(complaint.starts_with("mesh: "), "{complaint}");
        assert!(
            complaint.contains(arguments[arguments.len() - 1]),
            "{complaint}"
        );
    }
}

/// S1: `mesh gc` and its alias say how many messages went.
#[test]
fn gc_says_how_many_messages_went() {
    run(async {
        let sandbox = Sandbox::new().await;
        let client = sandbox.client("a").await;
        let lasting = client.post("b", "stays", json!({})).await;
        for n in 0..3 {
            client
                .post("b", &format!("goes {n}"), json!({"ttl_seconds": 1}))
                .await;
        }
        let reader = sandbox.client("b").await;
        let only_one_is_left = async {
            loop {
                let inbox = reader.inbox(json!({})).await;
                if let Some([only]) = inbox["messages"].as_array().map(Vec::as_slice) {
                    return only["message_id"].clone();
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let left = in_time(PATIENCE, "the end of a TTL of 1 s", only_one_is_left).await;
        assert_eq!(left, lasting["message_id"]);
        let output = output_of(&sandbox, &["gc"]);
        assert!(output.status.success(), "{output:?}");
        let said = "mesh: reclaimed 3 expired message(s); lapsed claims swept\n";
        assert_eq!(stdout(&output), said);
        let output = output_of(&sandbox, &["compact", "--json"]);
        let reply: Value = serde_json::from_str(stdout(&output)).expect("JSON");
        assert_eq!(reply, json!({"reclaimed": 0}));
        assert_eq!(reader.inbox(json!({})).await["unread"], 0);
        assert_eq!(client.gc().await, json!({"reclaimed": 0}));
    });
}

#[test]
fn gc_in_a_folder_that_cannot_be_used_fails_with_the_reason() {
    let sandbox = Sandbox::bare();
    std::fs::write(sandbox.mesh(), "a file").unwrap();
    let output = output_of(&sandbox, &["gc"]);
    assert_eq!(output.status.code(), Some(1));
    let expected = format!(
        "mesh: {} is not a folder, or its parent is none; move it away, or set MESH_DIR to another folder\n",
        sandbox.mesh().display()
    );
    assert_eq!(stderr(&output), expected);
}

/// The demo plays its scene with real processes, and ends with how to set mesh up.
#[test]
fn the_demo_plays_and_ends_with_the_line_that_sets_mesh_up() {
    let output = output_of(&Sandbox::bare(), &["demo"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let told = stdout(&output);
    for line in [
        "granted, fence 1",
        "queued, first",
        "kill -9",
        "granted, fence 2",
        "refused: 1 is older than 2",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
    let last = told.trim_end().lines().last().unwrap_or_default().trim();
    assert!(
        last.starts_with("claude mcp add mesh -- ") && last.ends_with(" mcp"),
        "{last}"
    );
}
