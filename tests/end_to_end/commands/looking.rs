//! `status`, `log` and `state`: they show everything and change nothing.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::process::Stdio;
use std::time::Instant;

use serde_json::{Value, json};
use tests::{PATIENCE, Sandbox};

use super::mesh;
use super::running::until;

/// Everything about a folder that looking could change.
fn content(sandbox: &Sandbox) -> BTreeMap<String, (Vec<u8>, u32, i64)> {
    let files = fs::read_dir(sandbox.mesh()).unwrap().map(|entry| {
        let entry = entry.unwrap();
        let about = entry.metadata().unwrap();
        let name = entry.file_name().into_string().unwrap();
        let bytes = fs::read(entry.path()).unwrap_or_default();
        (name, (bytes, about.mode(), about.mtime_nsec()))
    });
    files.collect()
}

/// A folder with a holder, a waiter and a message.
fn busy() -> Sandbox {
    let sandbox = Sandbox::bare();
    let register = [
        "register",
        "--branch",
        "main",
        "--prompt-ptr",
        "p",
        "--agent",
    ];
    for agent in ["a", "b"] {
        mesh(&sandbox, &[&register[..], &[agent]].concat()).well();
    }
    mesh(&sandbox, &["claim", "r", "--agent", "a", "--note", "mine"]).well();
    let queued = mesh(&sandbox, &["claim", "r", "--agent", "b", "--queue"]);
    assert_eq!(queued.code, Some(75));
    mesh(
        &sandbox,
        &[
            "post",
            "b",
            "secret words",
            "--agent",
            "a",
            "--subject",
            "s",
        ],
    )
    .well();
    sandbox
}

#[test]
fn looking_changes_nothing() {
    let sandbox = busy();
    let before = content(&sandbox);
    for arguments in [
        &["status"][..],
        &["status", "--json", "--all"],
        &["log"],
        &["log", "--json", "-n", "1"],
        &["state"],
    ] {
        mesh(&sandbox, arguments).well();
        assert_eq!(content(&sandbox), before, "{arguments:?}");
    }
}

/// A lease that ended is not shown as held, and yet nobody reaped it.
#[test]
fn a_lapsed_lease_is_told_but_not_reaped() {
    let sandbox = Sandbox::bare();
    mesh(&sandbox, &["claim", "r", "--agent", "a", "--lease", "1"]).well();
    let before = content(&sandbox);
    let start = Instant::now();
    while !mesh(&sandbox, &["status"]).well().out.contains("no claims") {
        assert!(start.elapsed() < PATIENCE, "a lease of 1 s ends");
    }
    assert_eq!(content(&sandbox), before);
    let lapsed = mesh(&sandbox, &["log", "--kind", "lapsed"]).well();
    assert_eq!(lapsed.out, "");
}

/// S3: a predecessor's folder is for those to take over who take part.
#[test]
fn a_predecessors_folder_is_left_to_those_who_take_part() {
    let sandbox = Sandbox::bare();
    fs::create_dir(sandbox.mesh()).unwrap();
    let state = r#"{"roster":{},"claims":{},"messages":{},"log":[],"cursors":{},"events":[],"fence_floor":{"r":7}}"#;
    fs::write(sandbox.mesh().join("state.json"), state).unwrap();
    let before = content(&sandbox);
    for command in ["status", "log", "state"] {
        let ran = mesh(&sandbox, &[command]);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(
            ran.err.contains("run `mesh upgrade`, which does"),
            "{ran:?}"
        );
        assert_eq!(content(&sandbox), before);
    }
    mesh(&sandbox, &["upgrade"]).well();
    assert_eq!(
        mesh(&sandbox, &["state"]).well().json()["fence_floor"]["r"],
        7
    );
}

/// G7: damage is an error that names the place, and never an empty view.
#[test]
fn damage_is_told_in_place_of_an_empty_view() {
    let sandbox = busy();
    let journal = sandbox.mesh().join("journal.1");
    let mut bytes = fs::read(&journal).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&journal, bytes).unwrap();
    for command in ["status", "log", "state"] {
        let ran = mesh(&sandbox, &[command]);
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{ran:?}");
        assert!(ran.err.contains("journal.1, line "), "{ran:?}");
    }
}

#[test]
fn the_status_shows_everybody_and_everything() {
    let sandbox = busy();
    let text = mesh(&sandbox, &["status"]).well().out;
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines[0].starts_with(&format!(
            "{}  healthy  generation 1, 5 entries, ",
            sandbox.mesh().display()
        )),
        "{text}"
    );
    assert_eq!(lines[2], "AGENT  STATE  SEEN    UNREAD  BRANCH  TASK");
    assert!(
        lines[3].starts_with("a      alive  ") && lines[3].contains("  0       main    p"),
        "{text}"
    );
    assert!(
        lines[4].starts_with("b      alive  ") && lines[4].contains("  1       main    p"),
        "{text}"
    );
    assert!(
        lines[6].starts_with("RESOURCE  AGENT  STATE    MODE       FENCE  LEFT"),
        "{text}"
    );
    assert!(
        lines[7].starts_with("r         a      holds    exclusive  1      "),
        "{text}"
    );
    assert!(lines[7].ends_with("  mine"), "{text}");
    assert_eq!(lines[8], "r         b      waits 1  exclusive");
    let view = mesh(&sandbox, &["status", "--json"]).well().json();
    assert_eq!(view["folder"]["entries"], 5);
    assert_eq!(view["folder"]["lock"], "kernel");
    assert_eq!(view["agents"][1]["unread"], 1);
    assert_eq!(view["claims"][0]["queue"][0]["agent_id"], "b");
}

#[test]
fn dead_agents_are_counted_and_shown_on_demand() {
    let sandbox = Sandbox::bare();
    fs::create_dir(sandbox.mesh()).unwrap();
    let agent = json!({"agent_id": "old", "branch": "main", "prompt_ptr": "p", "role": null,
        "registered_at": 1000, "last_seen": 1000, "expires_at": 1060, "epoch": 1});
    let state = json!({"roster": {"old": agent}, "claims": {}, "messages": {}, "log": [],
        "cursors": {}, "events": [], "fence_floor": {}});
    fs::write(sandbox.mesh().join("state.json"), state.to_string()).unwrap();
    mesh(&sandbox, &["gc"]).well();
    let hidden = mesh(&sandbox, &["status"]).well().out;
    assert!(
        hidden.contains("no agents\n1 dead agent hidden; --all shows them"),
        "{hidden}"
    );
    let all = mesh(&sandbox, &["status", "--all"]).well().out;
    assert!(all.contains("\nold    dead "), "{all}");
}

fn kinds(sandbox: &Sandbox, filter: &[&str]) -> Vec<String> {
    let all = [&["log", "--json"][..], filter].concat();
    let text = mesh(sandbox, &all).well().out;
    let events = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let kind = |event: Value| event["kind"].as_str().map(str::to_owned);
    events.filter_map(kind).collect()
}

#[test]
fn the_log_is_filtered_by_agent_resource_kind_and_time() {
    let sandbox = busy();
    let all = kinds(&sandbox, &[]);
    assert_eq!(kinds(&sandbox, &["--resource", "r"]), ["granted", "queued"]);
    assert_eq!(
        kinds(&sandbox, &["--kind", "granted", "-k", "posted"]),
        ["granted", "posted"]
    );
    // What was sent to an agent concerns it, too.
    assert_eq!(
        kinds(
            &sandbox,
            &["--agent", "b", "--kind", "posted", "--kind", "queued"]
        ),
        ["queued", "posted"]
    );
    assert_eq!(kinds(&sandbox, &["-n", "1"]), [all[all.len() - 1].as_str()]);
    assert_eq!(kinds(&sandbox, &["-n", "1", "--resource", "r"]), ["queued"]);
    assert_eq!(kinds(&sandbox, &["--since", "1h"]), all);
    assert_eq!(kinds(&sandbox, &["--until", "1h"]), [""; 0]);
    assert_eq!(
        kinds(&sandbox, &["--since", "2100-01-01T00:00:00Z"]),
        [""; 0]
    );
    assert_eq!(kinds(&sandbox, &["--until", "2100-01-01T00:00:00Z"]), all);
    for wrong in [&["--kind", "grant"][..], &["--since", "yesterday"]] {
        let ran = mesh(&sandbox, &[&["log"][..], wrong].concat());
        assert_eq!(ran.code, Some(2), "{ran:?}");
    }
}

/// G1: times are RFC 3339 and durations whole seconds, and no body is in the trail.
#[test]
fn a_log_record_has_the_times_of_the_contract_and_no_body() {
    let sandbox = busy();
    let text = mesh(&sandbox, &["log", "--json"]).well().out;
    assert!(!text.contains("secret words"), "{text}");
    let granted = text
        .lines()
        .find(|line| line.contains("\"granted\""))
        .unwrap();
    let granted: Value = serde_json::from_str(granted).unwrap();
    assert_eq!(granted["lease_seconds"], 120);
    for name in ["at", "expires_at"] {
        let time = granted[name].as_str().unwrap();
        assert!(time.len() == 20 && time.ends_with('Z'), "{granted}");
    }
    let lines = mesh(&sandbox, &["log", "--resource", "r"]).well().out;
    let lines: Vec<&str> = lines.lines().map(|line| &line[20..]).collect();
    let granted = "  granted           a  r  fence 1, lease 2m00s";
    assert_eq!(lines, [granted, "  queued            b  r"]);
}

#[test]
fn a_followed_log_shows_what_happens_next() {
    let sandbox = Sandbox::bare();
    mesh(&sandbox, &["claim", "before", "--agent", "a"]).well();
    let mut command = sandbox.command("", &["log", "--follow", "--kind", "granted"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || lines.next().unwrap().unwrap();
    assert!(next().contains("  a  before  fence 1"));
    mesh(&sandbox, &["claim", "after", "--agent", "a"]).well();
    assert!(next().contains("  a  after  fence 1"));
    mesh(&sandbox, &["post", "b", "no grant", "--agent", "a"]).well();
    mesh(&sandbox, &["claim", "later", "--agent", "a"]).well();
    assert!(next().contains("  a  later  fence 1"));
    child.kill().unwrap();
    child.wait().unwrap();
}

/// S2: the state is that of `state.json`, in the same shape, as the log has it now.
#[test]
fn the_state_is_that_of_state_json() {
    let sandbox = busy();
    let state = mesh(&sandbox, &["state"]).well().json();
    let keys: Vec<&str> = state
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let seven = [
        "claims",
        "cursors",
        "events",
        "fence_floor",
        "log",
        "mesh",
        "messages",
        "roster",
    ];
    assert_eq!(keys, seven);
    assert_eq!(state["claims"]["r"]["queue"][0]["agent_id"], "b");
    // Each command that wrote has left cleanly.
    let file = fs::read_to_string(sandbox.mesh().join("state.json")).unwrap();
    let mut file: Value = serde_json::from_str(&file).unwrap();
    // Of which log it is, only a file needs to say.
    let mark = file["mesh"].as_object_mut().unwrap();
    assert!(mark.remove("log").is_some());
    assert_eq!(state, file);
}

/// A hold has lapsed, and nobody has touched the resource since: whoever looks sees that nobody
/// holds it and who waits, and no grant that no entry tells of.
#[test]
fn a_look_shows_no_grant_that_nobody_made() {
    let sandbox = Sandbox::bare();
    mesh(&sandbox, &["claim", "r", "--agent", "a", "--lease", "1"]).well();
    mesh(&sandbox, &["claim", "r", "--agent", "b", "--queue"]);
    until("the end of the lease", || {
        mesh(&sandbox, &["fence", "r", "1"]).code == Some(1)
    });
    let status = mesh(&sandbox, &["status", "--json"]).json();
    let claim = &status["claims"][0];
    assert_eq!(claim["holders"], json!([]), "{claim}");
    assert_eq!(claim["fence"], 1);
    assert_eq!(claim["queue"][0]["agent_id"], "b");
    let shown = mesh(&sandbox, &["status"]).well().out;
    assert!(
        shown.contains("waits 1") && !shown.contains("holds"),
        "{shown}"
    );
    let granted = mesh(&sandbox, &["claim", "r", "--agent", "b", "--json"]).well();
    assert_eq!(granted.json()["fence"], 2, "it is granted when b asks");
    assert_eq!(
        mesh(&sandbox, &["status", "--json"]).json()["claims"][0]["fence"],
        2
    );
}
