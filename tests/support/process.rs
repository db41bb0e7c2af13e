//! A process of the program under test.

use std::fs;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::NamedTempFile;
use tokio::process::{ChildStdin, ChildStdout};

use super::run::in_time;

/// A child process that is killed and reaped when it goes out of scope.
#[derive(Debug)]
pub struct Process {
    child: Child,
    complaints: NamedTempFile,
}

impl Process {
    /// Starts `command` with its input and output piped, and its standard error kept for
    /// [`complaints`](Self::complaints).
    ///
    /// # Panics
    ///
    /// Where it cannot be started.
    pub fn start(mut command: Command) -> (Self, ChildStdin, ChildStdout) {
        let complaints = NamedTempFile::new().expect("a file for standard error");
        let stderr = complaints.reopen().expect("a second descriptor");
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr);
        let spawned = command.spawn();
        let mut child = spawned.unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let stdin = child.stdin.take().expect("a piped input");
        let stdout = child.stdout.take().expect("a piped output");
        let stdin = ChildStdin::from_std(stdin).expect("a pipe");
        let stdout = ChildStdout::from_std(stdout).expect("a pipe");
        (Self { child, complaints }, stdin, stdout)
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal. It gets there even if the process has ended, since nobody else
    /// reaps it.
    ///
    /// # Panics
    ///
    /// Where the system refuses.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.id() as i32).expect("a process id");
        kill_process(pid, signal).expect("a signal to a child");
    }

    /// What it said on standard error so far.
    pub fn complaints(&self) -> String {
        let text = fs::read(self.complaints.path());
        text.map_or_else(
            |error| format!("(unreadable: {error})"),
            |bytes| String::from_utf8_lossy(&bytes).into_owned(),
        )
    }

    /// Waits for its end.
    ///
    /// # Panics
    ///
    /// When it has not ended within `limit`.
    pub async fn ended(&mut self, limit: Duration) -> ExitStatus {
        let what = format!("the end of process {}", self.id());
        let ended = async {
            loop {
                match self.child.try_wait() {
                    Ok(Some(status)) => return status,
                    Ok(None) => tokio::time::sleep(Duration::from_millis(2)).await,
                    Err(error) => panic!("cannot wait for a child: {error}"),
                }
            }
        };
        in_time(limit, what, ended).await
    }

    /// Kills it as nothing can prepare for, and reaps it.
    ///
    /// # Panics
    ///
    /// Where the system refuses.
    pub fn kill(&mut self) {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a killed child ends");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended, and has been reaped then.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
