//! `mesh run`: a command that runs under a claim, as `flock` and `consul lock` do it.
//!
//! It gets what is wished for or nothing, starts the command, renews the leases while it
//! lives, passes signals and the exit code on, and gives everything back.
//!
//! Guarantees:
//!
//! * The command starts only once every claim is granted, and has their fences in its
//!   environment.
//! * When a lease is lost, by whatever the folder says or by the steady clock, or when
//!   `mesh run` is killed, the command gets SIGTERM, and SIGKILL 5 s later; somebody says
//!   why on standard error. A [guard](guard) sees to that, which outlives the run.
//! * A run that was cancelled while it waited leaves no ticket and no claim behind.
//!
//! Left to others: what the command writes between the end of the lease and its own end. No
//! supervisor can take that back, so the store that is written compares fences; see
//! `docs/fencing.md`. Decisions: `docs/decisions/0013-run-and-its-guard.md`.

mod acquire;
mod arguments;
mod child;
mod ending;
mod entry;
pub(super) mod guard;
mod link;
mod renew;
mod signals;
mod steady;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::failure::Failure;
use super::folder::{Wanted, close_folder, location, open_folder};
use super::{Ending, logging, output, runtime};
use crate::MeshError;

use acquire::Holdings;
pub(super) use arguments::Arguments;
use child::Guarded;
use ending::Ungranted;
use link::{Order, Report};
use signals::Signals;

/// How long after the order to stop a guard has to tell that the command has ended: the 5 s
/// that the command itself has, and as much as a busy machine may take.
const OVERDUE: Duration = Duration::from_secs(10);

/// Runs the command under its claims.
pub(super) fn run(arguments: &Arguments) -> Result<Ending, Failure> {
    logging::start();
    let code = runtime()?.block_on(hold_and_run(arguments));
    match code {
        Ok(code) => Ok(Ending::Code(code)),
        Err(usage @ Failure::Usage(_)) => Err(usage),
        // 1 would be taken for the command's own.
        Err(failure) => {
            output::complain(&failure);
            Ok(Ending::Code(ending::FAILED))
        }
    }
}

async fn hold_and_run(arguments: &Arguments) -> Result<u8, Failure> {
    let signals = Signals::catch().map_err(|error| Failure::system("cannot catch", error))?;
    let mesh = open_folder(Wanted::Made)?;
    let folder = location()?.path;
    let mut holdings = Holdings::new(mesh.clone(), folder.clone(), arguments.wish());
    let acquired = holdings.acquire(&signals).await;
    let granted = acquired.is_ok();
    let code = match acquired {
        Ok(()) => {
            let environment = environment(arguments, &holdings, folder.into());
            supervise(arguments, &mut holdings, &environment, &signals).await
        }
        Err(ungranted) => refuse(arguments, ungranted),
    };
    let given_back = holdings.give_back().await;
    drop(holdings);
    close_folder(Ok(mesh)).await;
    let code = code?;
    Ok(match given_back {
        Err(error) => {
            output::complain(format_args!(
                "the claim lasts until its lease ends, since it cannot be released: {error}"
            ));
            code
        }
        Ok(gone) if granted => seen_whole(code, &gone),
        Ok(_) => code,
    })
}

/// The exit code of a run that was not granted what it wished for.
fn refuse(arguments: &Arguments, ungranted: Ungranted) -> Result<u8, Failure> {
    match ungranted {
        Ungranted::Taken(why) => {
            output::complain(why);
            Ok(arguments.conflict_exit_code)
        }
        Ungranted::Cancelled(signal) => Ok(ending::by_signal(signal.as_raw())),
        Ungranted::Lost(why) => {
            output::complain(format_args!("{why}; the command was not started"));
            Ok(ending::LOST)
        }
        Ungranted::Failed(Failure::Mesh(MeshError::Rejected(rejection))) => {
            Err(Failure::Usage(rejection.to_string()))
        }
        Ungranted::Failed(failure) => Err(failure),
    }
}

/// What the command finds in its environment.
fn environment(
    arguments: &Arguments,
    holdings: &Holdings,
    folder: OsString,
) -> BTreeMap<&'static str, OsString> {
    let mut environment = BTreeMap::from([("MESH_DIR", folder)]);
    if let Some(hold) = holdings.hold(&arguments.resource) {
        environment.extend([
            ("MESH_AGENT", hold.agent_id.clone().into()),
            ("MESH_CLAIM_ID", hold.claim_id.clone().into()),
            ("MESH_FENCE", hold.fence.to_string().into()),
            ("MESH_RESOURCE", hold.resource.clone().into()),
        ]);
    }
    let fences = serde_json::to_string(&holdings.fences()).unwrap_or_default();
    environment.insert("MESH_FENCES", fences.into());
    environment
}

/// Starts the command and stays with it until it has ended. Gives the exit code.
async fn supervise(
    arguments: &Arguments,
    holdings: &mut Holdings,
    environment: &BTreeMap<&'static str, OsString>,
    signals: &Signals,
) -> Result<u8, Failure> {
    let failed = |error| Failure::system("cannot start the guard of the command", error);
    let mut guarded =
        Guarded::start(&arguments.command, environment, holdings.until()).map_err(failed)?;
    if !guarded.shares_job() {
        // A terminal stops the job as a whole; nobody else does.
        signals.catch_job_control().map_err(failed)?;
    }
    let mut lost = false;
    let mut overdue = pin!(sleep(Duration::MAX));
    loop {
        tokio::select! {
            report = guarded.next() => match report {
                Some(Report::Started { .. }) => {}
                Some(Report::NotStarted { errno }) => {
                    guarded.leave().await;
                    return Ok(not_started(arguments, errno));
                }
                Some(Report::Ended { code, signal, lapsed }) => {
                    guarded.leave().await;
                    return Ok(if lost || lapsed { ending::LOST } else { exit_code(code, signal) });
                }
                None => {
                    guarded.kill();
                    output::complain("the guard of the command was killed, so the command is, too");
                    return Ok(ending::FAILED);
                }
            },
            news = holdings.next(), if !lost => match news {
                Ok(until) => guarded.order(Order::Lease { until }),
                Err(why) => {
                    lost = true;
                    output::complain(format_args!("{why}; the command is stopped"));
                    guarded.stop();
                    overdue.as_mut().reset(Instant::now() + OVERDUE);
                }
            },
            () = &mut overdue, if lost => {
                guarded.kill();
                output::complain("the guard of the command does nothing, so the command is killed");
                return Ok(ending::LOST);
            }
            signal = signals.next() => guarded.pass_on(signal),
        }
    }
}

fn not_started(arguments: &Arguments, errno: i32) -> u8 {
    let error = io::Error::from_raw_os_error(errno);
    let command = arguments.command.first();
    let command = command.map_or_else(Default::default, |c| c.to_string_lossy());
    output::complain(format_args!("cannot run {command}: {error}"));
    match error.kind() {
        io::ErrorKind::NotFound => ending::NOT_FOUND,
        _ => ending::NOT_STARTED,
    }
}

fn exit_code(code: Option<i32>, signal: Option<i32>) -> u8 {
    match (code, signal) {
        (Some(code), _) => u8::try_from(code).unwrap_or(u8::MAX),
        (None, Some(signal)) => ending::by_signal(signal),
        (None, None) => ending::FAILED,
    }
}

/// The exit code of a command that has run, given the claims that were `gone` when they were
/// to be given back.
fn seen_whole(code: u8, gone: &[String]) -> u8 {
    if gone.is_empty() || code == ending::LOST {
        return code;
    }
    let gone = gone.join(", ");
    output::complain(format_args!(
        "the claim on {gone} was lost while the command ran"
    ));
    ending::LOST
}
