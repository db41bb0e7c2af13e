//! What people see: colours, widths, a screen that is drawn again and again, and nothing
//! that somebody else's name could do to it.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::process::Signal;
use serde_json::{Value, json};
use tests::{Sandbox, Terminal};

use super::{finish, mesh};

fn claimed() -> Sandbox {
    let sandbox = Sandbox::bare();
    let note = "a note that goes on for quite a while, since people write long notes";
    mesh(
        &sandbox,
        &["claim", "feature:auth", "--agent", "ann", "--note", note],
    )
    .well();
    sandbox
}

fn on_terminal(
    sandbox: &Sandbox,
    arguments: &[&str],
    columns: u16,
    env: &[(&str, &str)],
) -> String {
    let mut command = sandbox.command("", arguments);
    command.envs(env.iter().copied());
    let (status, text) = Terminal::start(command, columns, 24).ended();
    assert!(status.success(), "{text}");
    text.replace("\r\n", "\n")
}

#[test]
fn colours_are_for_terminals() {
    let sandbox = claimed();
    let colourful = on_terminal(&sandbox, &["claims"], 200, &[]);
    assert!(colourful.contains("\x1b[32mholds\x1b[0m"), "{colourful:?}");
    for plain in [
        on_terminal(&sandbox, &["claims"], 200, &[("NO_COLOR", "1")]),
        on_terminal(&sandbox, &["claims", "--json"], 200, &[]),
        mesh(&sandbox, &["claims"]).well().out,
    ] {
        assert!(!plain.contains('\x1b'), "{plain:?}");
    }
    let mut command = sandbox.command("", &["status"]);
    command.env("CLICOLOR_FORCE", "1");
    assert!(finish(command).well().out.contains("\x1b[32mholds\x1b[0m"));
}

#[test]
fn tables_fit_the_terminal() {
    let sandbox = claimed();
    for columns in [120, 80, 60, 40] {
        for command in ["claims", "status", "log"] {
            let text = on_terminal(&sandbox, &[command], columns, &[("NO_COLOR", "1")]);
            for line in text.lines() {
                let width = line.chars().count();
                // The path of the folder may be long, and is cut as well.
                assert!(
                    width <= usize::from(columns),
                    "{command} {columns}: {line:?}"
                );
            }
            assert!(text.contains("ann"), "{command} {columns}: {text}");
        }
    }
    let wide = on_terminal(&sandbox, &["status"], 120, &[("NO_COLOR", "1")]);
    assert!(
        wide.contains("  a note that goes on") && wide.contains('…'),
        "{wide}"
    );
    let narrow = on_terminal(&sandbox, &["claims"], 40, &[("NO_COLOR", "1")]);
    assert!(narrow.contains("\nAGENT     ann\n"), "{narrow}");
    let piped = mesh(&sandbox, &["status"]).well().out;
    assert!(piped.contains("since people write long notes"), "{piped}");
}

#[test]
fn the_watch_draws_again_and_leaves_the_terminal_as_it_was() {
    let sandbox = claimed();
    for signal in [Signal::INT, Signal::TERM] {
        let command = sandbox.command("", &["status", "--watch"]);
        let mut terminal = Terminal::start(command, 100, 24);
        let entered = terminal.wait_for("\x1b[?1049h\x1b[?25l\x1b[H");
        assert_eq!(entered.matches('\x1b').count(), 3, "{entered:?}");
        terminal.wait_for("feature:auth");
        terminal.wait_for("\x1b[J");
        let resource = format!("made:while:{}", signal.as_raw());
        mesh(&sandbox, &["claim", &resource, "--agent", "bob"]).well();
        let redrawn = terminal.wait_for(&resource);
        assert!(redrawn.starts_with("\x1b[H"), "drawn over: {redrawn:?}");
        terminal.resize(100, 3);
        terminal.wait_for("more lines");
        terminal.signal(signal);
        let (status, last) = terminal.ended();
        assert_eq!(status.code(), Some(0), "{last:?}");
        assert!(last.ends_with("\x1b[?25h\x1b[?1049l"), "{last:?}");
    }
}

#[test]
fn a_watched_folder_may_go_and_the_watch_says_so() {
    let sandbox = claimed();
    let command = sandbox.command("", &["status", "--watch"]);
    let mut terminal = Terminal::start(command, 200, 24);
    terminal.wait_for("feature:auth");
    fs::remove_dir_all(sandbox.mesh()).unwrap();
    terminal.wait_for("there is no mesh folder");
    terminal.signal(Signal::INT);
    assert_eq!(terminal.ended().0.code(), Some(0));
    assert!(!sandbox.mesh().exists(), "and none was made");
}

/// A predecessor's folder may hold names that no command would make now.
fn hostile() -> Sandbox {
    let sandbox = Sandbox::bare();
    fs::create_dir(sandbox.mesh()).unwrap();
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let bad = |text: &str| format!("{text}\x1b[2J\u{9b}31m\u{202e}\u{2066}\r\n\x07\x00end");
    let id = |n: u64| format!("01JZ00000000000000000000{n:02}");
    let agent = json!({"agent_id": bad("ann"), "branch": bad("main"), "prompt_ptr": bad("p"),
        "role": bad("lead"), "registered_at": now, "last_seen": now, "expires_at": now + 600,
        "epoch": 1});
    let ticket = json!({"agent_id": bad("bob"), "claim_id": id(2), "mode": "exclusive",
        "lease_seconds": 600, "note": bad("me too")});
    let claim = json!({"resource": bad("r"), "mode": "exclusive", "fence": 1, "holders": [
        {"agent_id": bad("ann"), "claim_id": id(1), "lease_expires_at": now + 600,
            "note": bad("n")}], "queue": [ticket]});
    let message = json!({"message_id": id(3), "from": bad("eve"), "to": "ann",
        "subject": bad("s"), "body": bad("b"), "reply_to": bad("m"), "posted_at": now,
        "expires_at": null});
    let event = json!({"resource": bad("r"), "event": bad("grant"), "agent_id": bad("ann"),
        "fence": 1, "at": "2025-06-15T15:05:40.000Z"});
    let state: Value = json!({"roster": {bad("ann"): agent}, "claims": {bad("r"): claim},
        "messages": {id(3): message}, "log": [], "cursors": {}, "events": [event],
        "fence_floor": {bad("r"): 1}});
    fs::write(sandbox.mesh().join("state.json"), state.to_string()).unwrap();
    mesh(&sandbox, &["gc"]).well();
    sandbox
}

#[test]
fn what_others_wrote_is_shown_escaped() {
    let sandbox = hostile();
    for (arguments, expected) in [
        (&["status"][..], "ann\\u{1b}[2J\\u{9b}31m\\u{202e}\\u{2066}"),
        (&["roster"], "lead\\u{1b}[2J"),
        (&["claims"], "me too"),
        (&["claims"], "r\\u{1b}[2J"),
        (&["log"], "grant\\u{1b}[2J"),
        (&["inbox", "--agent", "ann"], "Subject: s\\u{1b}[2J"),
        (&["inbox", "--agent", "ann"], "From:    eve\\u{1b}[2J"),
        (&["claim", "r\u{1b}", "--agent", "x"], "r\\u{1b}"),
    ] {
        let ran = mesh(&sandbox, arguments);
        let shown = format!("{}{}", ran.out, ran.err);
        if expected != "me too" && arguments[0] != "claim" {
            assert!(shown.contains(expected), "{arguments:?}: {shown:?}");
        }
        let harmful = |c: char| {
            c != '\n' && (c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c))
                || ('\u{2066}'..='\u{2069}').contains(&c)
        };
        let found: Vec<char> = shown.chars().filter(|c| harmful(*c)).collect();
        assert!(found.is_empty(), "{arguments:?}: {found:?} in {shown:?}");
    }
}

/// JSON is shown on terminals too, and stays what it says.
#[test]
fn what_others_wrote_is_escaped_in_json() {
    let sandbox = hostile();
    for (arguments, end) in [
        (&["status"][..], "n"),
        (&["roster"], "lead"),
        (&["claims"], "bob"),
        (&["log"], "grant"),
        (&["inbox", "--agent", "ann"], "b"),
    ] {
        let ran = mesh(&sandbox, &[arguments, &["--json"]].concat());
        let harmful = |c: char| c != '\n' && (c.is_control() || !c.is_ascii());
        let found: Vec<char> = ran.out.chars().filter(|c| harmful(*c)).collect();
        assert!(
            found.is_empty(),
            "{arguments:?}: {found:?} in {:?}",
            ran.out
        );
        let lines = ran.out.lines().map(serde_json::from_str::<Value>);
        let told: Vec<String> = lines.map(|line| spelled(&line.unwrap())).collect();
        let whole = format!("{end}\u{1b}[2J\u{9b}31m\u{202e}\u{2066}");
        assert!(told.concat().contains(&whole), "{arguments:?}: {told:?}");
    }
}

/// All texts in a JSON value, one after the other.
fn spelled(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(spelled).collect(),
        Value::Object(fields) => fields.values().map(spelled).collect(),
        _ => String::new(),
    }
}

/// A directory may have any name, and errors name directories.
#[test]
fn an_error_shows_paths_escaped() {
    let sandbox = Sandbox::bare();
    for command in ["status", "gc"] {
        let mut command = sandbox.command("", &[command]);
        command.env("MESH_DIR", sandbox.path("a\x1b[2J\u{202e}b"));
        let ran = finish(command);
        assert_eq!(ran.code, Some(1));
        assert!(ran.err.contains("a\\u{1b}[2J\\u{202e}b; "), "{:?}", ran.err);
    }
}
