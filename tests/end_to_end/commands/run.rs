//! `mesh run`: a command under a claim.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};
use tests::{Sandbox, binary};

use super::running::{Running, send, state_of, until};
use super::{Ran, finish, mesh};

/// Who holds a resource and who waits for it.
fn claims(sandbox: &Sandbox, resource: &str) -> (Vec<String>, Vec<String>) {
    let reply = mesh(sandbox, &["claims", resource, "--json"]).well().json();
    let agents = |list: &Value| {
        let list = list.as_array().cloned().unwrap_or_default();
        let agents = list.iter().map(|one| one["agent_id"].as_str());
        agents.map(|agent| agent.unwrap().to_owned()).collect()
    };
    let claim = &reply["claims"][0];
    (agents(&claim["holders"]), agents(&claim["queue"]))
}

fn is_free(sandbox: &Sandbox, resource: &str) -> bool {
    claims(sandbox, resource) == (vec![], vec![])
}

/// `mesh run` with `arguments`, to its end.
fn run(sandbox: &Sandbox, arguments: &[&str]) -> Ran {
    finish(sandbox.command("", &[&["run"], arguments].concat()))
}

#[test]
fn the_command_finds_its_claim_in_the_environment() {
    let sandbox = Sandbox::bare();
    let shown = "echo $MESH_AGENT $MESH_RESOURCE $MESH_FENCE $MESH_FENCES; echo $MESH_DIR; mesh=$0
        $mesh claims $MESH_RESOURCE --json; exit 7";
    let mesh_path = binary().to_str().unwrap();
    let line = [
        "db", "--agent", "ann", "-r", "cache", "--note", "why", "--", "sh", "-c", shown, mesh_path,
    ];
    let ran = run(&sandbox, &line);
    assert_eq!((ran.code, ran.err.as_str()), (Some(7), ""), "{ran:?}");
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!(lines[0], r#"ann db 1 {"cache":1,"db":1}"#);
    assert_eq!(Path::new(lines[1]), sandbox.mesh());
    let held: Value = serde_json::from_str(lines[2]).unwrap();
    let held = &held["claims"][0];
    assert_eq!(held["holder"], json!(["ann"]));
    assert_eq!((&held["fence"], &held["note"]), (&1.into(), &"why".into()));
    assert!(is_free(&sandbox, "db") && is_free(&sandbox, "cache"));
}

#[test]
fn input_and_output_are_the_commands_own() {
    let sandbox = Sandbox::bare();
    let mut running = Running::start(&sandbox, &["r", "--", "cat"]);
    running.tell("through");
    assert_eq!(running.line(), "through");
}

#[test]
fn without_a_name_each_run_is_an_agent_of_its_own() {
    let sandbox = Sandbox::bare();
    let name = || {
        run(&sandbox, &["r", "--", "sh", "-c", "echo $MESH_AGENT"])
            .well()
            .out
    };
    let (first, second) = (name(), name());
    assert!(first.starts_with("run-"), "{first}");
    assert_ne!(first, second);
}

#[test]
fn exit_codes_are_those_that_shells_use() {
    let sandbox = Sandbox::bare();
    let code = |command: &[&str]| run(&sandbox, &[&["r", "--"], command].concat()).code;
    assert_eq!(code(&["true"]), Some(0));
    assert_eq!(code(&["sh", "-c", "exit 42"]), Some(42));
    assert_eq!(code(&["sh", "-c", "kill -9 $$"]), Some(137));
    let missing = run(&sandbox, &["r", "--", "no-such-command"]);
    assert_eq!(missing.code, Some(127));
    assert!(
        missing
            .err
            .starts_with("mesh: cannot run no-such-command: "),
        "{missing:?}"
    );
    assert_eq!(code(&["/"]), Some(126));
    assert!(is_free(&sandbox, "r"), "whatever came of it");
}

#[test]
fn wrong_usage_is_told_before_anything_is_held() {
    let sandbox = Sandbox::bare();
    let long = "x".repeat(257);
    for line in [
        &["r"][..],
        &["r", "true"],
        &["r", "--lease", "0", "--", "true"],
        &["r", "--wait", "1", "--no-wait", "--", "true"],
        &["", "--", "true"],
        &[&long, "--", "true"],
        &["r", "--agent", "*", "--", "true"],
    ] {
        let ran = run(&sandbox, line);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{ran:?}");
    }
    assert!(is_free(&sandbox, "r"));
}

/// G7: damage is a failure of mesh, with a code that no command is likely to have.
#[test]
fn a_damaged_folder_is_a_failure_of_mesh() {
    let sandbox = Sandbox::bare();
    run(&sandbox, &["r", "--", "true"]).well();
    let journal = sandbox.mesh().join("journal.1");
    let mut bytes = fs::read(&journal).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&journal, bytes).unwrap();
    let ran = run(&sandbox, &["r", "--", "echo", "never"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(125), ""), "{ran:?}");
    assert!(ran.err.contains("journal.1, line "), "{ran:?}");
}

#[test]
fn what_is_taken_is_not_waited_for_unless_wished() {
    let sandbox = Sandbox::bare();
    mesh(&sandbox, &["claim", "r", "--agent", "ann"]).well();
    let ran = run(&sandbox, &["r", "--no-wait", "--", "echo", "never"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(75), ""));
    assert_eq!(
        ran.err,
        "mesh: r is taken: ann holds it, or others wait for it\n"
    );
    let ran = run(&sandbox, &["r", "-n", "-E", "9", "--", "true"]);
    assert_eq!(ran.code, Some(9));

    let start = Instant::now();
    let ran = run(&sandbox, &["r", "--wait", "1", "--", "echo", "never"]);
    assert!(start.elapsed() >= Duration::from_secs(1));
    assert_eq!((ran.code, ran.out.as_str()), (Some(75), ""));
    assert_eq!(ran.err, "mesh: r was not granted within 1 s\n");
    let alone = (vec!["ann".to_owned()], vec![]);
    assert_eq!(claims(&sandbox, "r"), alone, "no ticket is left");
}

#[test]
fn runs_wait_in_line_and_each_has_a_higher_fence() {
    let sandbox = Sandbox::bare();
    let holder = "echo in; read go; echo out";
    let mut first = Running::begun(
        &sandbox,
        &["r", "--agent", "a", "--", "sh", "-c", holder],
        "in",
    );
    let second = "echo fence $MESH_FENCE";
    let mut second = Running::start(&sandbox, &["r", "--agent", "b", "--", "sh", "-c", second]);
    until("the second in line", || claims(&sandbox, "r").1 == ["b"]);
    first.tell("go");
    assert_eq!(second.line(), "fence 2");
    second.ends_well();
    first.ends_well();
    assert!(is_free(&sandbox, "r"));
}

#[test]
fn sharers_run_side_by_side() {
    let sandbox = Sandbox::bare();
    let line = ["r", "--shared", "--", "sh", "-c", "echo in; read go"];
    let _running = [
        Running::begun(&sandbox, &line, "in"),
        Running::begun(&sandbox, &line, "in"),
    ];
    assert_eq!(run(&sandbox, &["r", "-n", "--", "true"]).code, Some(75));
    run(&sandbox, &["r", "-n", "-s", "--", "true"]).well();
    let ever = u64::MAX.to_string();
    run(&sandbox, &["r", "-s", "--wait", &ever, "--", "true"]).well();
}

#[test]
fn several_resources_are_all_or_nothing() {
    let sandbox = Sandbox::bare();
    mesh(&sandbox, &["claim", "b", "--agent", "ann"]).well();
    let ran = run(&sandbox, &["c", "-r", "b", "-r", "a", "-n", "--", "true"]);
    assert_eq!(ran.code, Some(75), "{ran:?}");
    assert!(is_free(&sandbox, "a") && is_free(&sandbox, "c"));
    // While it waits for b, it holds a, and it does not hold c yet.
    let line = ["c", "-r", "b", "-r", "a", "--agent", "bob", "--lease", "1"];
    let line = [&line[..], &["--", "sh", "-c", "echo $MESH_FENCES"]].concat();
    let mut waiting = Running::start(&sandbox, &line);
    until("bob in line", || claims(&sandbox, "b").1 == ["bob"]);
    assert!(is_free(&sandbox, "c"));
    // Longer than its lease, which is renewed meanwhile.
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(2500) {
        assert_eq!(claims(&sandbox, "a").0, ["bob"]);
    }
    mesh(&sandbox, &["release", "b", "--agent", "ann"]).well();
    assert_eq!(waiting.line(), r#"{"a":2,"b":2,"c":1}"#);
    waiting.ends_well();
}

#[test]
fn runs_that_name_the_same_resources_in_any_order_get_them_in_turn() {
    let sandbox = Sandbox::bare();
    // A directory is made by one alone.
    let alone = "mkdir inside && rmdir inside";
    let rounds = |line: &'static [&'static str]| {
        let line = [line, &["--", "sh", "-c", alone]].concat();
        let runs: Vec<_> = (0..6).map(|_| Running::start(&sandbox, &line)).collect();
        runs
    };
    let runs = [rounds(&["a", "-r", "b"]), rounds(&["b", "-r", "a"])];
    for mut one in runs.into_iter().flatten() {
        one.ends_well();
    }
    assert!(is_free(&sandbox, "a") && is_free(&sandbox, "b"));
}

/// W4: a command waits in the name of the run around it, so a circle is seen.
#[test]
fn a_run_that_would_wait_for_ever_is_told_so() {
    let sandbox = Sandbox::bare();
    mesh(&sandbox, &["claim", "b", "--agent", "bob"]).well();
    let script = "echo in; read go; exec $0 run b -- echo never";
    let mesh_path = binary().to_str().unwrap();
    let line = ["a", "--agent", "ann", "--", "sh", "-c", script, mesh_path];
    let mut outer = Running::begun(&sandbox, &line, "in");
    let queued = mesh(&sandbox, &["claim", "a", "--agent", "bob", "--queue"]);
    assert_eq!(queued.code, Some(75));
    outer.tell("go");
    let (code, complaints) = outer.ended();
    assert_eq!(code, Some(75), "{complaints}");
    let told = "mesh: waiting for b would never end: ";
    assert!(complaints.starts_with(told), "{complaints}");
    for link in ["ann has a and waits for b", "bob has b and waits for a"] {
        assert!(complaints.contains(link), "{complaints}");
    }
    assert_eq!(claims(&sandbox, "a").0, ["bob"], "the next in line");
}

/// C4: to mesh, two runs of one agent have one claim between them.
#[test]
fn runs_of_one_agent_are_not_taken_for_one() {
    let sandbox = Sandbox::bare();
    let line = ["r", "--agent", "ann", "--", "sh", "-c", "echo in; read go"];
    let mut first = Running::begun(&sandbox, &line, "in");
    let second = run(&sandbox, &line);
    assert_eq!((second.code, second.out.as_str()), (Some(75), ""));
    assert!(
        second.err.starts_with("mesh: ann holds r already, "),
        "{second:?}"
    );
    first.tell("go");
    first.ends_well();

    let alone = "mkdir inside && rmdir inside";
    let line = ["r", "--agent", "ann", "-E", "0", "--", "sh", "-c", alone];
    let runs: Vec<_> = (0..8).map(|_| Running::start(&sandbox, &line)).collect();
    for mut one in runs {
        let (code, complaints) = one.ended();
        assert_eq!(code, Some(0), "{complaints}");
    }
}

#[test]
fn signals_reach_the_command_and_its_answer_comes_back() {
    let sandbox = Sandbox::bare();
    let each = [
        ("HUP", Signal::HUP),
        ("INT", Signal::INT),
        ("QUIT", Signal::QUIT),
        ("TERM", Signal::TERM),
        ("USR1", Signal::USR1),
        ("USR2", Signal::USR2),
    ];
    for (name, signal) in each {
        let script =
            format!("trap 'echo got {name}; exit 3' {name}; echo up; while :; do read x; done");
        let mut running = Running::begun(&sandbox, &["r", "--", "sh", "-c", &script], "up");
        running.signal(signal);
        assert_eq!(running.line(), format!("got {name}"));
        running.ends_with(3);
    }
    let mut running = Running::begun(&sandbox, &["r", "--", "sh", "-c", "echo up; read x"], "up");
    running.signal(Signal::TERM);
    running.ends_with(143);
    assert!(is_free(&sandbox, "r"));
}

#[test]
fn a_command_is_stopped_and_goes_on_with_its_run() {
    let sandbox = Sandbox::bare();
    let line = ["r", "--lease", "1", "--", "sh", "-c", "echo $$; read x"];
    let mut running = Running::start(&sandbox, &line);
    let command = running.pid();
    running.signal(Signal::TSTP);
    until("a stopped command", || state_of(command).starts_with('T'));
    // The run is there, so the claim is kept, as flock keeps its lock.
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(1500) {
        mesh(&sandbox, &["fence", "r", "1"]).well();
    }
    running.signal(Signal::CONT);
    until("a command that goes on", || {
        !state_of(command).starts_with('T')
    });
    running.tell("end");
    running.ends_well();
}

#[test]
fn a_run_that_is_asked_to_end_while_it_waits_leaves_nothing() {
    let sandbox = Sandbox::bare();
    mesh(&sandbox, &["claim", "b", "--agent", "ann"]).well();
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let line = ["b", "-r", "a", "--agent", "bob", "--", "echo", "never"];
        let mut waiting = Running::start(&sandbox, &line);
        until("bob in line", || claims(&sandbox, "b").1 == ["bob"]);
        waiting.signal(signal);
        waiting.ends_with(code);
        assert_eq!(waiting.everybody_gone(), [""; 0]);
        assert_eq!(claims(&sandbox, "b"), (vec!["ann".to_owned()], vec![]));
        assert!(is_free(&sandbox, "a"));
    }
}

#[test]
fn the_lease_is_renewed_while_the_command_lives() {
    let sandbox = Sandbox::bare();
    let line = ["r", "--lease", "1", "--", "sh", "-c", "echo up; read x"];
    let mut running = Running::start(&sandbox, &line);
    assert_eq!(running.line(), "up");
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(3500) {
        mesh(&sandbox, &["fence", "r", "1"]).well();
    }
    running.tell("end");
    running.ends_well();
    let log = mesh(&sandbox, &["log", "--resource", "r", "--json"])
        .well()
        .out;
    let count = |kind| log.matches(&format!("\"kind\":\"{kind}\"")).count();
    assert_eq!(
        (count("granted"), count("lapsed"), count("released")),
        (1, 0, 1)
    );
    assert!(count("renewed") >= 5, "a third of the lease: {log}");
}

#[test]
fn a_lost_lease_ends_the_command_and_what_it_started() {
    let sandbox = Sandbox::bare();
    let script = "trap 'echo ends; exit 0' TERM; (trap '' TERM; sleep 600) & echo up; wait";
    let line = [
        "r", "--agent", "ann", "--lease", "1", "--", "sh", "-c", script,
    ];
    let mut running = Running::begun(&sandbox, &line, "up");
    let start = Instant::now();
    mesh(&sandbox, &["release", "r", "--agent", "ann"]).well();
    mesh(&sandbox, &["claim", "r", "--agent", "bob"]).well();
    assert_eq!(running.line(), "ends");
    let told = "mesh: the claim on r under fence 1 is lost: bob holds it now; the newest fence is \
                2; the command is stopped\n";
    assert_eq!(running.ended(), (Some(124), told.to_owned()));
    assert_eq!(running.everybody_gone(), [""; 0]);
    // The command ended at once; what it had left behind ignores SIGTERM.
    assert!(
        start.elapsed() >= Duration::from_secs(5),
        "SIGKILL comes 5 s later"
    );
    assert_eq!(claims(&sandbox, "r").0, ["bob"]);
}

#[test]
fn a_killed_run_takes_its_command_with_it_and_its_lease_lapses() {
    let sandbox = Sandbox::bare();
    let line = ["r", "--agent", "ann", "--lease", "2", "--"];
    let line = [&line[..], &["sh", "-c", "sleep 600 & echo up; wait"]].concat();
    let mut running = Running::begun(&sandbox, &line, "up");
    running.signal(Signal::KILL);
    assert_eq!(running.ended().0, None);
    assert_eq!(running.everybody_gone(), [""; 0]);
    let told = "mesh: `mesh run` is gone, and nobody renews the lease; the command is stopped\n";
    assert_eq!(running.complaints(), told);
    until("the end of its lease", || is_free(&sandbox, "r"));
    run(&sandbox, &["r", "-n", "--", "true"]).well();
}

#[test]
fn a_run_that_stands_still_does_not_keep_its_command_beyond_the_lease() {
    let sandbox = Sandbox::bare();
    let script = "trap 'echo ends; exit 0' TERM; echo up; while :; do read x; done";
    let line = [
        "r", "--agent", "ann", "--lease", "1", "--", "sh", "-c", script,
    ];
    let mut running = Running::begun(&sandbox, &line, "up");
    running.signal(Signal::STOP);
    assert_eq!(running.line(), "ends");
    let told = "mesh: the lease has ended, and nobody renewed it in time; the command is stopped\n";
    assert_eq!(running.complaints(), told);
    running.signal(Signal::CONT);
    let (code, complaints) = running.ended();
    assert_eq!(code, Some(124), "{complaints}");
    assert!(complaints.starts_with(told), "{complaints}");
}

#[test]
fn a_guard_that_stands_still_does_not_keep_its_command_beyond_the_lease() {
    let sandbox = Sandbox::bare();
    let script = "trap 'echo ends; exit 0' TERM; echo $PPID; while :; do read x; done";
    let line = [
        "r", "--agent", "ann", "--lease", "1", "--", "sh", "-c", script,
    ];
    let mut running = Running::start(&sandbox, &line);
    let guard = running.pid();
    send(guard, Signal::STOP);
    until("its stop", || state_of(guard).starts_with('T'));
    mesh(&sandbox, &["release", "r", "--agent", "ann"]).well();
    mesh(&sandbox, &["claim", "r", "--agent", "bob"]).well();
    assert_eq!(running.line(), "ends");
    assert_eq!(running.ended().0, Some(124));
    assert_eq!(running.everybody_gone(), [""; 0]);
}

#[test]
fn a_command_whose_guard_is_killed_is_killed() {
    let sandbox = Sandbox::bare();
    let script = "trap 'echo heard' USR1; sleep 600 & echo $PPID; while :; do read x; done";
    let mut running = Running::start(&sandbox, &["r", "--", "sh", "-c", script]);
    let guard = running.pid();
    // By the time that the guard obeys, it has told who the command is.
    running.signal(Signal::USR1);
    assert_eq!(running.line(), "heard");
    send(guard, Signal::KILL);
    let told = "mesh: the guard of the command was killed, so the command is, too\n";
    assert_eq!(running.ended(), (Some(125), told.to_owned()));
    assert_eq!(running.everybody_gone(), [""; 0]);
    assert!(is_free(&sandbox, "r"));
}

/// What a command leaves in the background when it ends by itself is its own affair.
#[test]
fn a_run_ends_with_its_command() {
    let sandbox = Sandbox::bare();
    let script = "sleep 600 >/dev/null 2>&1 & echo $!";
    let mut running = Running::start(&sandbox, &["r", "--", "sh", "-c", script]);
    let left = running.pid();
    running.ends_well();
    assert!(is_free(&sandbox, "r"));
    send(left, Signal::KILL);
}

/// In a terminal's foreground job, Ctrl-C reaches the command from the terminal, and only
/// from there: a second SIGINT makes many programs end without tidying up.
#[test]
fn on_a_terminal_a_key_reaches_the_command_once() {
    let sandbox = Sandbox::bare();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("end_to_end/commands/terminal.py");
    let mesh = sandbox.command("", &[]);
    let mut python = Command::new("python3");
    python.arg(script).arg(mesh.get_program());
    python
        .env("MESH_DIR", sandbox.mesh())
        .current_dir(sandbox.root());
    let ran = finish(python);
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (Some(0), "code 4\n"),
        "{ran:?}"
    );
}
