//! The examples of `docs/fencing.md`: a late holder is refused.
//!
//! What is frozen here is the run, its guard and the command alike, as it happens to a
//! machine that sleeps or a container that is paused: whatever ends a command cannot help
//! then.

use std::env;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;
use tests::{Sandbox, binary};

use super::running::{Running, send, state_of, until};
use super::{Ran, finish, mesh};

fn example(name: &str) -> PathBuf {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    docs.join("examples").join(name)
}

/// `mesh run` for `deploy:production`, where scripts find `mesh` on the PATH.
fn deploying(sandbox: &Sandbox, lease_seconds: u32, command: &[&str]) -> Command {
    let bin = sandbox.path("bin");
    if !bin.exists() {
        std::fs::create_dir(&bin).unwrap();
        symlink(binary(), bin.join("mesh")).unwrap();
    }
    let lease = lease_seconds.to_string();
    let line = ["run", "deploy:production", "--lease", &lease, "--"];
    let mut run = sandbox.command("", &[&line[..], command].concat());
    let path = env::var_os("PATH").unwrap_or_default();
    let found = [bin].into_iter().chain(env::split_paths(&path));
    run.env("PATH", env::join_paths(found).unwrap());
    run
}

/// Shows the command and its guard, and waits for a line.
const PAUSE: &str = "echo $PPID; echo $$; read go; ";

/// A holder, frozen with all its processes, whose claim somebody else has taken since.
struct Late {
    running: Running,
    guard: i32,
    command: i32,
}

impl Late {
    /// The holder runs `script` after [`PAUSE`]; `winner` is deployed meanwhile.
    fn holder(sandbox: &Sandbox, script: &str, winner: &[&str]) -> Self {
        let script = format!("{PAUSE}{script}");
        let running = Running::of(deploying(sandbox, 1, &["sh", "-c", &script]));
        let (guard, command) = (running.pid(), running.pid());
        running.signal(Signal::STOP);
        for frozen in [guard, command] {
            send(frozen, Signal::STOP);
        }
        until("the end of the lease", || {
            mesh(sandbox, &["fence", "deploy:production", "1"]).code == Some(1)
        });
        finish(deploying(sandbox, 60, winner)).well();
        Self {
            running,
            guard,
            command,
        }
    }

    /// The command goes on before anybody can end it. Gives all that it says then.
    fn goes_on(mut self) -> (Vec<String>, String) {
        self.running.tell("go");
        send(self.command, Signal::CONT);
        until("the end of the late command", || {
            // Its guard is frozen, so nobody waits for it yet.
            matches!(state_of(self.command).get(..1), None | Some("Z"))
        });
        send(self.guard, Signal::CONT);
        self.running.signal(Signal::CONT);
        let (code, complaints) = self.running.ended();
        assert_eq!(code, Some(124), "{complaints}");
        (self.running.everybody_gone(), complaints)
    }
}

fn deployed(sandbox: &Sandbox) -> Ran {
    let show = "import sqlite3; print(*sqlite3.connect('db').execute(
        'SELECT version, fence FROM deployed').fetchone())";
    let mut python = Command::new("python3");
    python.args(["-c", show]).current_dir(sandbox.root());
    finish(python).well()
}

#[test]
fn the_database_refuses_a_late_write() {
    let sandbox = Sandbox::bare();
    let record = example("record.py");
    let record = record.to_str().unwrap();
    let late = format!("exec python3 {record} db late");
    let late = Late::holder(&sandbox, &late, &["python3", record, "db", "newer"]);
    assert_eq!(deployed(&sandbox).out, "newer 2\n");
    let (lines, complaints) = late.goes_on();
    let refused = "late is refused: deploy:production was written under a fence above 1";
    assert_eq!(lines, [""; 0]);
    assert!(complaints.contains(refused), "{complaints}");
    assert_eq!(deployed(&sandbox).out, "newer 2\n");
}

/// The anomaly itself: a writer that shows no fence does clobber.
#[test]
fn without_its_fence_the_late_write_wins() {
    let sandbox = Sandbox::bare();
    let record = example("record.py");
    let record = record.to_str().unwrap();
    let write = "import sqlite3; db = sqlite3.connect('db'); db.execute(
        'UPDATE deployed SET version = ?', ('late',)); db.commit()";
    let late = format!("exec python3 -c \"{write}\"");
    let late = Late::holder(&sandbox, &late, &["python3", record, "db", "newer"]);
    late.goes_on();
    assert_eq!(deployed(&sandbox).out, "late 2\n");
}

#[test]
fn the_deploy_script_refuses_to_go_on_late() {
    let sandbox = Sandbox::bare();
    let deploy = example("deploy.sh");
    let deploy = deploy.to_str().unwrap();
    let late = format!("BUILD=true exec {deploy} late db");
    let winner = format!("BUILD=true exec {deploy} newer db");
    let late = Late::holder(&sandbox, &late, &["sh", "-c", &winner]);
    let (lines, complaints) = late.goes_on();
    assert_eq!(lines, [""; 0]);
    let refused = "mesh: fence 1 of deploy:production is not live: nobody holds it\n";
    assert!(complaints.contains(refused), "{complaints}");
    assert_eq!(deployed(&sandbox).out, "newer 2\n");
}

#[test]
fn one_holder_after_the_other_deploys() {
    let sandbox = Sandbox::bare();
    let deploy = example("deploy.sh");
    let deploy = deploy.to_str().unwrap();
    for (version, fence) in [("one", 1), ("two", 2)] {
        let line = format!("BUILD='echo built' exec {deploy} {version} db");
        let ran = finish(deploying(&sandbox, 60, &["sh", "-c", &line])).well();
        let said = format!(
            "built\ndeploy:production is {version} now, under fence {fence}\n{version} is deployed\n"
        );
        assert_eq!(ran.out, said);
    }
}
