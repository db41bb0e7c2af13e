//! The command as the run sees it: behind its guard.

use std::collections::BTreeMap;
use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use async_channel::Receiver;
use rustix::fs::{Mode, OFlags, open};
use rustix::process::{Pid, Signal, getpgrp, kill_process, kill_process_group};
use rustix::termios::tcgetpgrp;
use tokio::process::{Child, Command};

use super::guard;
use super::link::{Link, Order, Report};
use super::signals::is_key;

/// A command behind its guard.
pub(super) struct Guarded {
    guard: Child,
    link: Link,
    reports: Receiver<Report>,
    /// Whether the command is in the foreground job of a terminal, as this process is.
    shares_job: bool,
    command: Option<Pid>,
}

impl Guarded {
    /// Starts the guard, and it the command, with `environment` beside what there is.
    pub(super) fn start(
        command: &[OsString],
        environment: &BTreeMap<&str, OsString>,
        until: Duration,
    ) -> io::Result<Self> {
        let shares_job = is_foreground();
        let group = match shares_job {
            true => getpgrp().as_raw_nonzero().get(),
            false => 0,
        };
        let (link, theirs) = Link::pair()?;
        link.send_file(io::stdin())?;
        let guard = Command::new(this_program()?)
            .arg0("mesh")
            .args([OsStr::new(guard::COMMAND), "--group".as_ref()])
            .args([OsStr::new(&group.to_string()), "--".as_ref()])
            .args(command)
            .envs(environment)
            .stdin(theirs)
            // What is sent to the group of the run is not for the guard.
            .process_group(0)
            .spawn()?;
        link.send(&Order::Lease { until })?;
        let reports = link.listen()?;
        Ok(Self {
            guard,
            link,
            reports,
            shares_job,
            command: None,
        })
    }

    /// Whether the terminal sends its keys' signals to the command, too.
    pub(super) fn shares_job(&self) -> bool {
        self.shares_job
    }

    /// Tells the guard. One that is gone is noticed by its silence.
    pub(super) fn order(&self, order: Order) {
        let _ = self.link.send(&order);
    }

    /// Has the command ended. A guard that somebody has stopped alone is let go on.
    pub(super) fn stop(&self) {
        self.order(Order::Stop);
        let guard = self.guard.id().and_then(|pid| Pid::from_raw(pid as i32));
        // It is a child that was not waited for, so its process id is nobody else's.
        let _ = guard.map(|guard| kill_process(guard, Signal::CONT));
    }

    /// Passes a signal on, unless the terminal has done so.
    pub(super) fn pass_on(&self, signal: Signal) {
        if !(self.shares_job && is_key(signal)) {
            let number = signal.as_raw();
            self.order(Order::Signal { number });
        }
    }

    /// The next report; `None` once the guard is gone.
    pub(super) async fn next(&mut self) -> Option<Report> {
        let report = self.reports.recv().await.ok()?;
        if let Report::Started { pid } = report {
            self.command = Pid::from_raw(pid);
        }
        Some(report)
    }

    /// Waits for the end of a guard that has nothing left to do.
    pub(super) async fn leave(mut self) {
        // Nothing depends on how it ended.
        let _ = self.guard.wait().await;
    }

    /// Kills a command whose guard was killed, or does nothing: nobody else looks after it
    /// now.
    pub(super) fn kill(&self) {
        if let Some(command) = self.command {
            // It may have ended.
            let _ = match self.shares_job {
                true => kill_process(command, Signal::KILL),
                false => kill_process_group(command, Signal::KILL),
            };
        }
    }
}

/// Whether this process is in the foreground job of its terminal.
fn is_foreground() -> bool {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let terminal = open("/dev/tty", flags, Mode::empty());
    terminal.is_ok_and(|terminal| tcgetpgrp(terminal) == Ok(getpgrp()))
}

/// This very program, also if another one has taken its place on the disk since.
fn this_program() -> io::Result<PathBuf> {
    #[cfg(target_os = "linux")]
    if std::path::Path::new("/proc/self/exe").exists() {
        return Ok("/proc/self/exe".into());
    }
    env::current_exe()
}
