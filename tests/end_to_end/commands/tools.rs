//! The nine tools from the command line: exit codes, tables, and the exact reply.

use std::io::Write;
use std::process::Stdio;

use serde_json::{Value, json};
use tests::{PATIENCE, Sandbox, run, schema};

use super::{finish, mesh};

/// Runs with `--json`, and holds the output to one line with the tool's reply in it.
fn reply(sandbox: &Sandbox, arguments: &[&str], code: i32) -> Value {
    let mut all = arguments.to_vec();
    all.push("--json");
    let ran = mesh(sandbox, &all);
    assert_eq!((ran.code, ran.err.as_str()), (Some(code), ""), "{ran:?}");
    assert_eq!(ran.out.matches('\n').count(), 1, "one line: {ran:?}");
    let reply = ran.json();
    schema::check_reply(arguments[0], &reply);
    reply
}

const REGISTER: [&str; 7] = [
    "register",
    "--agent",
    "a",
    "--branch",
    "main",
    "--prompt-ptr",
    "docs/a.md",
];

/// G2: `--json` is the reply that the MCP tool gives.
#[test]
fn every_tool_gives_the_exact_reply_as_json() {
    run(async {
        let sandbox = Sandbox::new().await;
        let registered = reply(&sandbox, &REGISTER, 0);
        assert_eq!(
            (&registered["agent_id"], &registered["epoch"]),
            (&json!("a"), &json!(1))
        );
        let roster = reply(&sandbox, &["roster"], 0);
        assert_eq!(roster["agents"][0]["prompt_ptr"], "docs/a.md");
        let granted = reply(
            &sandbox,
            &["claim", "r", "-a", "a", "--lease", "600", "--note", "n"],
            0,
        );
        assert_eq!(
            (&granted["status"], &granted["fence"]),
            (&json!("granted"), &json!(1))
        );
        let client = sandbox.client("b").await;
        let mut over_mcp = client.claims(json!({})).await;
        let mut typed = reply(&sandbox, &["claims", "r"], 0);
        for claims in [&mut over_mcp, &mut typed] {
            claims["now"].take();
        }
        assert_eq!(typed, over_mcp);
        let posted = reply(
            &sandbox,
            &["post", "b", "hello", "--agent", "a", "--subject", "s"],
            0,
        );
        let inbox = reply(
            &sandbox,
            &["inbox", "--agent", "b", "--topic", "t", "--limit", "5"],
            0,
        );
        assert_eq!(inbox, client.inbox(json!({})).await);
        assert_eq!(inbox["messages"][0]["message_id"], posted["message_id"]);
        let last = posted["message_id"].as_str().unwrap();
        let read = reply(&sandbox, &["read", last, "--agent", "b"], 0);
        assert_eq!(read, json!({"cursor": last, "remaining": 0}));
        assert_eq!(reply(&sandbox, &["gc"], 0), json!({"reclaimed": 0}));
        let id = granted["claim_id"].as_str().unwrap();
        let released = reply(&sandbox, &["release", "r", id, "--agent", "a"], 0);
        assert_eq!(released, json!({"status": "released", "fence": 1}));
    });
}

/// The JSON has the order of the contract, which puts the status first.
#[test]
fn the_reply_keeps_the_order_of_the_contract() {
    let sandbox = Sandbox::bare();
    let ran = mesh(&sandbox, &["claim", "r", "--agent", "a", "--json"]).well();
    assert!(
        ran.out
            .starts_with(r#"{"status":"granted","resource":"r","claim_id":""#)
    );
}

#[test]
fn a_claim_that_is_not_granted_exits_with_75() {
    let sandbox = Sandbox::bare();
    mesh(&sandbox, &["claim", "r", "--agent", "a"]).well();
    let denied = mesh(&sandbox, &["claim", "r", "--agent", "b"]);
    assert_eq!(denied.code, Some(75));
    assert_eq!(
        denied.out,
        "STATUS  RESOURCE  FENCE  HOLDER\ndenied  r         1      a\n"
    );
    assert_eq!(
        denied.err,
        "mesh: it is taken; claim with --queue to wait in line\n"
    );
    for flags in [&["--queue"][..], &["--wait", "queue"]] {
        let mut claim = vec!["claim", "r", "--agent", "b"];
        claim.extend(flags);
        let queued = mesh(&sandbox, &claim);
        assert_eq!(queued.code, Some(75));
        assert!(
            queued
                .out
                .contains("\nqueued  r         1         a       01"),
            "{queued:?}"
        );
        assert!(queued.err.starts_with("mesh: in line; "), "{queued:?}");
    }
    assert_eq!(
        reply(&sandbox, &["claim", "s", "--agent", "a", "--shared"], 0)["fence"],
        1
    );
    assert_eq!(
        reply(
            &sandbox,
            &["claim", "s", "--agent", "b", "--mode", "shared"],
            0
        )["fence"],
        2
    );
    assert_eq!(
        reply(&sandbox, &["claim", "s", "--agent", "c"], 75)["status"],
        "denied"
    );
}

/// W1: a claim that waits is answered when it is its turn.
#[test]
fn a_claim_that_waits_is_granted_in_its_turn() {
    let sandbox = Sandbox::bare();
    let granted = reply(&sandbox, &["claim", "r", "--agent", "a"], 0);
    let waiting = ["claim", "r", "--agent", "b", "--wait-seconds", "50"];
    let waiter = sandbox.command("", &waiting).stdout(Stdio::piped()).spawn();
    until_waiting(&sandbox, 1);
    let claim_id = granted["claim_id"].as_str().unwrap();
    mesh(&sandbox, &["release", "r", claim_id, "--agent", "a"]).well();
    let output = waiter.unwrap().wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("\ngranted  r         2 "), "{said}");
}

/// W3: whoever is interrupted while it waits has left the line.
/// W6: whoever has lost a claim is told so when it claims again, whatever comes of that.
#[test]
fn a_claim_that_was_lost_is_told_of() {
    run(async {
        let sandbox = Sandbox::new().await;
        let first = mesh(&sandbox, &["claim", "r", "-a", "ann", "--lease", "1"]);
        assert_eq!((first.code, first.err.as_str()), (Some(0), ""), "{first:?}");
        // Waits for the second in which the lease ends.
        let next = mesh(
            &sandbox,
            &["claim", "r", "-a", "bob", "--wait-seconds", "20"],
        );
        assert_eq!((next.code, next.err.as_str()), (Some(0), ""), "{next:?}");
        for _ in 0..2 {
            let again = mesh(&sandbox, &["claim", "r", "-a", "ann"]);
            let (told, hint) = again.err.split_once('\n').unwrap();
            assert!(
                again.out.contains("denied") && hint.contains("--queue"),
                "{again:?}"
            );
            assert!(
                told.starts_with("mesh: the claim with fence 1 was lost ")
                    && told.contains("its lease ended"),
                "{told}"
            );
        }
    });
}

#[test]
fn an_interrupted_claim_leaves_the_line() {
    let sandbox = Sandbox::bare();
    mesh(&sandbox, &["claim", "r", "--agent", "a"]).well();
    let waiting = ["claim", "r", "--agent", "b", "--wait-seconds", "50"];
    let mut waiter = sandbox.command("", &waiting).spawn().unwrap();
    until_waiting(&sandbox, 1);
    let id = rustix::process::Pid::from_child(&waiter);
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    assert_eq!(waiter.wait().unwrap().code(), Some(130));
    until_waiting(&sandbox, 0);
}

/// Returns once so many wait for `r`.
fn until_waiting(sandbox: &Sandbox, tickets: usize) {
    let begun = std::time::Instant::now();
    loop {
        let claims = reply(sandbox, &["claims", "r"], 0);
        let queue = claims["claims"][0]["queue"].as_array();
        if queue.is_some_and(|queue| queue.len() == tickets) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{claims}");
    }
}

/// A release may leave the claim to be found out, and one of nothing exits with 1.
#[test]
fn a_release_finds_the_agents_own_claim() {
    let sandbox = Sandbox::bare();
    mesh(&sandbox, &["claim", "r", "--agent", "a"]).well();
    assert_eq!(
        reply(&sandbox, &["claim", "r", "--agent", "b", "--queue"], 75)["queue_position"],
        1
    );
    assert_eq!(
        reply(&sandbox, &["claim", "r", "--agent", "c", "--queue"], 75)["queue_position"],
        2
    );
    let released = reply(&sandbox, &["release", "r", "--agent", "b"], 0);
    assert_eq!(released, json!({"status": "released", "fence": 1}));
    let released = reply(&sandbox, &["release", "r", "--agent", "a"], 0);
    let promoted = json!({"status": "released", "fence": 2, "next_holder": "c"});
    assert_eq!(released, promoted);
    let unknown = mesh(&sandbox, &["release", "r", "--agent", "a"]);
    assert_eq!(unknown.code, Some(1));
    assert!(unknown.out.ends_with("\nunknown\n"), "{unknown:?}");
    assert!(unknown.err.contains("`mesh claims` shows"), "{unknown:?}");
    let of_c = reply(&sandbox, &["claims", "r"], 0)["claims"][0]["claim_id"].clone();
    let foreign = mesh(
        &sandbox,
        &["release", "r", of_c.as_str().unwrap(), "--agent", "a"],
    );
    assert_eq!(foreign.code, Some(1));
    assert!(foreign.err.contains("another agent's"), "{foreign:?}");
}

#[test]
fn the_agent_may_come_from_the_environment() {
    let sandbox = Sandbox::bare();
    let claim = |name: &str, arguments: &[&str]| {
        let mut command = sandbox.command("", arguments);
        command.env("MESH_AGENT", name);
        finish(command)
    };
    let granted = claim("envy", &["claim", "r", "--json"]).well().json();
    assert_eq!(granted["holder"], "envy");
    let granted = claim("envy", &["claim", "s", "--agent", "a", "--json"])
        .well()
        .json();
    assert_eq!(granted["holder"], "a", "what is typed counts");
    for ran in [claim("", &["claim", "t"]), mesh(&sandbox, &["claim", "t"])] {
        assert_eq!(ran.code, Some(2));
        let complaint = "mesh: claim needs an agent: give --agent ID, or set MESH_AGENT\n";
        assert_eq!(ran.err, complaint);
    }
}

/// G3: what is wrong is named with what came and what is allowed, on standard error.
#[test]
fn bad_arguments_exit_with_2_and_refused_ones_with_1() {
    let sandbox = Sandbox::bare();
    let a = ["--agent", "a"];
    let cases: [(&[&str], i32, &str); 8] = [
        (
            &["claim"],
            2,
            "mesh: the following required arguments were not provided",
        ),
        (
            &["claim", "r", "--mode", "best"],
            2,
            "mesh: invalid value 'best'",
        ),
        (
            &["claim", "r", "--lease", "0"],
            2,
            "mesh: lease_seconds: got 0; allowed is a whole number from 1 to 2592000\n",
        ),
        (
            &["claim", "r", "--lease", "-5"],
            2,
            "mesh: lease_seconds: got -5; allowed is a whole number from 1 to 2592000\n",
        ),
        (
            &["inbox", "--limit", "many"],
            2,
            "mesh: limit: got the string \"many\"; allowed is a whole number from 1 to 1000\n",
        ),
        (
            &["claim", "r", "--queue", "--wait", "no_wait"],
            2,
            "mesh: the argument '--queue'",
        ),
        (
            &["claim", ""],
            1,
            "mesh: resource: got an empty string; allowed is 1 to 256 bytes\n",
        ),
        (
            &["claim", "a\u{202e}b"],
            1,
            "mesh: resource: got the character U+202E; allowed is ",
        ),
    ];
    mesh(&sandbox, &["claim", "other", "--agent", "a"]).well();
    for (arguments, code, complaint) in cases {
        let ran = mesh(&sandbox, &[arguments, &a].concat());
        assert_eq!(
            (ran.code, ran.out.as_str()),
            (Some(code), ""),
            "{arguments:?}"
        );
        assert!(ran.err.starts_with(complaint), "{arguments:?}: {}", ran.err);
    }
    assert_eq!(
        reply(&sandbox, &["claims", "r"], 0)["claims"],
        json!([]),
        "nothing was changed"
    );
}

#[test]
fn a_body_may_come_from_standard_input() {
    let sandbox = Sandbox::bare();
    let mut command = sandbox.command("", &["post", "b", "-", "--agent", "a"]);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = command.spawn().unwrap();
    let text = b"two\tcolumns\nand a second line\n";
    child.stdin.take().unwrap().write_all(text).unwrap();
    assert!(child.wait().unwrap().success());
    let inbox = mesh(&sandbox, &["inbox", "--agent", "b"]).well();
    let letter = "\n\n    two\tcolumns\n    and a second line\n\n1 message, 0 more; ";
    assert!(inbox.out.contains(letter), "{}", inbox.out);
    let message = reply(&sandbox, &["inbox", "--agent", "b"], 0)["messages"][0].clone();
    assert_eq!(message["body"], "two\tcolumns\nand a second line");
}

/// What asks about nothing leaves nothing behind.
#[test]
fn only_what_creates_makes_the_folder() {
    let sandbox = Sandbox::bare();
    let expected = format!(
        "mesh: there is no mesh folder {}; the first `mesh register`, `claim` or `post`, or an \
         agent that starts, makes it; MESH_DIR names another\n",
        sandbox.mesh().display()
    );
    for arguments in [
        &["roster"][..],
        &["claims"],
        &["inbox", "--agent", "a"],
        &["read", "x", "--agent", "a"],
        &["release", "r", "--agent", "a"],
        &["gc"],
        &["status"],
        &["status", "--watch"],
        &["status", "--json"],
        &["log"],
        &["log", "--follow"],
        &["state"],
    ] {
        let ran = mesh(&sandbox, arguments);
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{arguments:?}");
        assert_eq!(ran.err, expected, "{arguments:?}");
        assert!(!sandbox.mesh().exists(), "{arguments:?}");
    }
    mesh(&sandbox, &["post", "b", "hi", "--agent", "a"]).well();
    assert!(sandbox.mesh().exists());
}
