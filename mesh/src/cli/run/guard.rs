//! The guard of a command: a process between `mesh run` and the command, which ends the
//! command when its claim ends, whatever becomes of `mesh run`.
//!
//! A run that is killed cannot tidy up, and one that is stopped cannot notice that its lease
//! has ended. So the command is the child of another process, which knows until when the
//! lease lasts and whether the run is still there, and needs neither locks nor disk to act.
//!
//! Guarantees, as long as the guard itself is not killed:
//!
//! * The command gets SIGTERM when the lease has ended by the steady clock and no renewal
//!   was reported, when the run is gone, and when the run orders it; SIGKILL 5 s later.
//! * A signal goes to the command or to nobody: the guard is its parent, so its process id
//!   cannot have been given to another process meanwhile.
//!
//! Left to others: to find out whether the lease was renewed, and to release it. If the guard
//! is killed, the run sees that and kills the command at once; only in the instant between the
//! command's start and the guard's report of it does the run not know whom to kill. A guard
//! that is stopped alone goes on as soon as the run has an order for it, and where it still
//! does nothing, the run kills the command. Whoever stops both has stopped the clock that the
//! command runs by: the store that it writes to compares fences.

use std::env;
use std::ffi::OsString;
use std::future::pending;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use async_channel::Receiver;
use clap::Parser;
use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process_group};
use tokio::process::{Child, Command};

use super::link::{Link, Order, Report};
use super::signals::Signals;
use super::steady;
use crate::cli::failure::Failure;
use crate::cli::{Ending, output, runtime};

/// How long a command has to end after SIGTERM.
const GRACE: Duration = Duration::from_secs(5);
/// Timers stand still while the machine sleeps and the lease does not, so none is longer.
const LOOK: Duration = Duration::from_secs(1);
/// How often a group that is about to end is looked at.
const GLANCE: Duration = Duration::from_millis(20);

/// The command that the binary has for guards. It is not among those that people are shown,
/// in help, completions and man pages.
pub(super) const COMMAND: &str = "run-guard";

/// What `mesh run` starts a guard with.
#[derive(Debug, Parser)]
#[command(name = COMMAND)]
pub(in crate::cli) struct Arguments {
    /// The process group that the command joins; 0 for one of its own
    #[arg(long)]
    group: i32,
    /// What to run, with its arguments
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// What this process is to guard, if that is what it was started for.
pub(in crate::cli) fn asked_for() -> Option<Result<Arguments, clap::Error>> {
    let mut line = env::args_os().skip(1).peekable();
    (line.peek()? == COMMAND).then(|| Arguments::try_parse_from(line))
}

/// Runs the command on behalf of a run.
pub(in crate::cli) fn run(arguments: &Arguments) -> Result<Ending, Failure> {
    let failed = |error| Failure::system("`mesh run` alone starts this, for itself", error);
    let link = Link::of_standard_input().map_err(failed)?;
    let input = link.receive_file().map_err(failed)?;
    runtime()?
        .block_on(guard(arguments, &link, input.into()))
        .map_err(|error| Failure::system("cannot guard the command", error))?;
    Ok(Ending::Done)
}

async fn guard(arguments: &Arguments, link: &Link, input: Stdio) -> io::Result<()> {
    // What reaches the guard, too, was meant for the command.
    let signals = Signals::catch()?;
    signals.catch_job_control()?;
    let orders = link.listen()?;
    // It may have ended before the command starts, and then there is nothing to guard.
    let Ok(Order::Lease { until }) = orders.recv().await else {
        return Ok(());
    };
    let mut guarded = match start(arguments, input) {
        Ok(child) => Guarded {
            pid: child.id().and_then(|pid| Pid::from_raw(pid as i32)),
            child,
            grouped: arguments.group == 0,
            until,
            kill_at: None,
            lapsed: false,
        },
        Err(error) => {
            let errno = error.raw_os_error().unwrap_or_default();
            return link.send(&Report::NotStarted { errno });
        }
    };
    let pid = guarded.pid.map_or(0, |pid| pid.as_raw_nonzero().get());
    // A run that is gone by now is noticed below.
    let _ = link.send(&Report::Started { pid });
    let status = guarded.watch(&orders, &signals).await?;
    guarded.end_group().await;
    let _ = link.send(&Report::Ended {
        code: status.code(),
        signal: status.signal(),
        lapsed: guarded.lapsed,
    });
    Ok(())
}

fn start(arguments: &Arguments, input: Stdio) -> io::Result<Child> {
    let (program, rest) = arguments
        .command
        .split_first()
        .ok_or(io::ErrorKind::InvalidInput)?;
    Command::new(program)
        .args(rest)
        .stdin(input)
        .process_group(arguments.group)
        .spawn()
}

/// A command that runs.
struct Guarded {
    child: Child,
    /// Its process, and its group if it has one of its own.
    pid: Option<Pid>,
    grouped: bool,
    /// Until when the lease lasts, by the steady clock.
    until: Duration,
    /// When it is killed, once it was asked to end.
    kill_at: Option<Duration>,
    /// Whether it was the guard that found the lease over.
    lapsed: bool,
}

impl Guarded {
    /// Does what is ordered and what time asks for, until the command has ended.
    async fn watch(
        &mut self,
        orders: &Receiver<Order>,
        signals: &Signals,
    ) -> io::Result<ExitStatus> {
        let mut alone = false;
        loop {
            let next = async {
                match alone {
                    false => orders.recv().await,
                    true => pending().await,
                }
            };
            let look = tokio::time::sleep(self.next_look());
            tokio::select! {
                status = self.child.wait() => return status,
                order = next => match order {
                    Ok(order) => self.obey(order),
                    Err(_) => {
                        alone = true;
                        self.stop("`mesh run` is gone, and nobody renews the lease");
                    }
                },
                signal = signals.next() => self.send(signal),
                () = look => self.look(),
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Lease { until } => self.until = until,
            Order::Signal { number } => {
                if let Some(signal) = Signal::from_named_raw(number) {
                    self.send(signal);
                }
            }
            Order::Stop => self.ask_to_end(),
        }
    }

    fn next_look(&self) -> Duration {
        steady::left(self.kill_at.unwrap_or(self.until)).min(LOOK)
    }

    fn look(&mut self) {
        match self.kill_at {
            None if steady::left(self.until).is_zero() => {
                self.lapsed = true;
                self.stop("the lease has ended, and nobody renewed it in time");
            }
            Some(at) if steady::left(at).is_zero() => {
                self.send(Signal::KILL);
                // It ends now, or the system holds it fast.
                self.kill_at = Some(steady::now() + GRACE);
            }
            _ => {}
        }
    }

    /// Ends the command, and says why.
    fn stop(&mut self, why: &str) {
        if self.kill_at.is_none() {
            output::complain(format_args!("{why}; the command is stopped"));
            self.ask_to_end();
        }
    }

    fn ask_to_end(&mut self) {
        if self.kill_at.is_none() {
            self.kill_at = Some(steady::now() + GRACE);
            self.send(Signal::TERM);
            // One that is stopped hears nothing before it goes on.
            self.send(Signal::CONT);
        }
    }

    /// Sends a signal to the command, and to its group if that is its own. The command has
    /// not been waited for yet, so its process id is still its own.
    fn send(&self, signal: Signal) {
        if let (Some(pid), Some(_)) = (self.pid, self.child.id()) {
            // It may have ended this moment.
            let _ = match self.grouped {
                true => kill_process_group(pid, signal),
                false => kill_process(pid, signal),
            };
        }
    }

    /// After a command that was asked to end: sees to it that what it started ends, too.
    ///
    /// The id of a group is not given away while anybody is in it, so this meets the right
    /// one. Where nobody waits for orphans (some containers), those that have ended count
    /// until the time is up, which costs that time and nothing else. A command that ended by itself may leave something in the background.
    async fn end_group(&self) {
        let (Some(pid), Some(kill_at), true) = (self.pid, self.kill_at, self.grouped) else {
            return;
        };
        while test_kill_process_group(pid).is_ok() {
            if steady::left(kill_at).is_zero() {
                let _ = kill_process_group(pid, Signal::KILL);
                return;
            }
            tokio::time::sleep(GLANCE).await;
        }
    }
}
