//! W2 where the user's inotify instances are used up: who waits still hears of its turn,
//! and says once that it looks instead of being told; so does the doctor.

use std::io::{self, Write};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use tests::{Client, Sandbox, run};

/// How long it may take until a process that was started waits.
const PROMPT: Duration = Duration::from_secs(8);
/// A namespace of users with a limit of its own, in which nobody can watch anything.
const NOBODY_WATCHES: &str = "echo 0 > /proc/sys/user/max_inotify_instances && exec \"$@\"";

fn unwatched(sandbox: &Sandbox, arguments: &[&str]) -> Command {
    let plain = sandbox.command("", arguments);
    let mut command = Command::new("unshare");
    command.args([
        "--user",
        "--map-root-user",
        "sh",
        "-c",
        NOBODY_WATCHES,
        "sh",
    ]);
    command.arg(plain.get_program()).args(plain.get_args());
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.current_dir(sandbox.root()).stdin(Stdio::null());
    command
}

/// Whether this machine lets a test have such a namespace.
fn is_possible() -> bool {
    let shell = [
        "--user",
        "--map-root-user",
        "sh",
        "-c",
        NOBODY_WATCHES,
        "sh",
        "true",
    ];
    let tried = Command::new("unshare").args(shell).output();
    let possible = tried.is_ok_and(|output| output.status.success());
    if !possible {
        let _ = writeln!(
            io::stderr(),
            "SKIPPED: no namespaces of users on this machine"
        );
    }
    possible
}

async fn until_somebody_queues(holder: &Client) {
    let begun = Instant::now();
    loop {
        let claims = holder.claims(json!({"resource": "r"})).await;
        if claims["claims"][0]["queue"]
            .as_array()
            .is_some_and(|queue| !queue.is_empty())
        {
            return;
        }
        assert!(begun.elapsed() < PROMPT, "nobody queues");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn complaints(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn who_waits_without_a_watch_says_so_once_and_is_granted_in_turn() {
    if !is_possible() {
        return;
    }
    run(async {
        let sandbox = Sandbox::new().await;
        let holder = sandbox.client("holder").await;
        let held = holder.claim("r", json!({})).await;
        let mut waits = unwatched(
            &sandbox,
            &["claim", "r", "--agent", "waiter", "--wait-seconds", "50"],
        );
        let waiter = waits.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let waiter = waiter.expect("unshare starts");
        until_somebody_queues(&holder).await;
        holder
            .release("r", held["claim_id"].as_str().unwrap())
            .await;
        let output = waiter.wait_with_output().unwrap();
        let said = complaints(&output);
        assert!(output.status.success(), "{said}");
        assert_eq!(said.matches("does not tell").count(), 1, "{said}");
        assert!(said.contains("max_user_instances"), "{said}");
    });
}

#[test]
fn the_doctor_says_that_nobody_is_told_of_changes() {
    if !is_possible() {
        return;
    }
    run(async {
        let sandbox = Sandbox::new().await;
        sandbox.client("ann").await.claim("r", json!({})).await;
        let output = unwatched(&sandbox, &["doctor"]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert!(
            said.contains("does not tell this user's processes of changes"),
            "{said}"
        );
        assert!(said.contains("max_user_instances"), "{said}");
    });
}
