//! A command that goes on while the test does something else.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::NamedTempFile;
use tests::{PATIENCE, Sandbox};

/// How often something is looked at that does not tell when it changes.
const GLANCE: Duration = Duration::from_millis(5);

/// A `mesh run` and all that it started, whose output is read line by line.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    complaints: NamedTempFile,
}

impl Running {
    /// Starts `mesh run` with `arguments`.
    pub(super) fn start(sandbox: &Sandbox, arguments: &[&str]) -> Self {
        Self::of(sandbox.command("", &[&["run"], arguments].concat()))
    }

    /// Starts a command.
    pub(super) fn of(mut command: Command) -> Self {
        let complaints = NamedTempFile::new().expect("a file for standard error");
        let stderr = complaints.reopen().expect("a second descriptor");
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr);
        let mut child = command.spawn().expect("the program starts");
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().expect("a piped output"));
        let (sender, lines) = channel();
        thread::spawn(move || {
            let mut read = output.lines().map_while(Result::ok);
            read.all(|line| sender.send(line).is_ok());
        });
        Self {
            child,
            input,
            lines,
            complaints,
        }
    }

    /// Starts `mesh run` with `arguments`, and waits until its command says so.
    #[track_caller]
    pub(super) fn begun(sandbox: &Sandbox, arguments: &[&str], said: &str) -> Self {
        let running = Self::start(sandbox, arguments);
        assert_eq!(running.line(), said);
        running
    }

    /// The next line of its output.
    pub(super) fn line(&self) -> String {
        let line = self.lines.recv_timeout(PATIENCE);
        line.unwrap_or_else(|error| panic!("no line: {error}; {}", self.complaints()))
    }

    /// The next line, which is the id of a process.
    pub(super) fn pid(&self) -> i32 {
        let line = self.line();
        line.parse()
            .unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    /// Writes a line to its input.
    pub(super) fn tell(&mut self, line: &str) {
        let input = self.input.as_mut().expect("an open input");
        writeln!(input, "{line}").expect("somebody who reads");
    }

    /// Sends `mesh run` itself a signal.
    pub(super) fn signal(&self, signal: Signal) {
        send(self.child.id() as i32, signal);
    }

    /// Waits until it has ended: its exit code, and what it said on standard error.
    pub(super) fn ended(&mut self) -> (Option<i32>, String) {
        let mut status = None;
        until("its end", || {
            status = self.child.try_wait().expect("a child of ours");
            status.is_some()
        });
        (status.and_then(|status| status.code()), self.complaints())
    }

    /// Waits until it has ended: with this exit code, and without a word on standard error.
    #[track_caller]
    pub(super) fn ends_with(&mut self, code: i32) {
        assert_eq!(self.ended(), (Some(code), String::new()));
    }

    /// The same, as a success.
    #[track_caller]
    pub(super) fn ends_well(&mut self) {
        self.ends_with(0);
    }

    /// Waits until nobody is left who could write to its output: not `mesh run`, not the
    /// command, and nothing that the command started. Gives the lines until then.
    pub(super) fn everybody_gone(&self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => lines.push(line),
                Err(RecvTimeoutError::Disconnected) => return lines,
                Err(RecvTimeoutError::Timeout) => panic!("somebody goes on: {lines:?}"),
            }
        }
    }

    /// What was said on standard error so far.
    pub(super) fn complaints(&self) -> String {
        std::fs::read_to_string(self.complaints.path()).expect("readable text")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Asked to end, it tidies up; and if it does not, its guard does.
        let pid = Pid::from_raw(self.child.id() as i32);
        let _ = pid.map(|pid| kill_process(pid, Signal::TERM));
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a process a signal.
pub(super) fn send(pid: i32, signal: Signal) {
    let pid = Pid::from_raw(pid).expect("a process id");
    kill_process(pid, signal).expect("a process that is there");
}

/// Waits until `condition` holds.
pub(super) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "{what} did not come");
        thread::sleep(GLANCE);
    }
}

/// What `ps` says about a process: `T` is stopped, `Z` is over but not waited for; empty
/// where there is none.
pub(super) fn state_of(pid: i32) -> String {
    let pid = pid.to_string();
    let ps = Command::new("ps")
        .args(["-o", "stat=", "-p", &pid])
        .output();
    let state = String::from_utf8(ps.expect("ps starts").stdout).expect("text");
    state.trim().to_owned()
}
