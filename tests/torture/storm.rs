//! Everybody at once: agents at work whose servers are killed, stopped, left and started
//! anew, call by call.
//!
//! A few are stopped for as long as it takes others to steal the store's lock, in case
//! they held it.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use crate::agent::Agent;
use crate::inspect::Ground;
use crate::ledger::Ledger;
use crate::report::Report;
use tests::{Random, all};

/// How long a stop must be for the lock to be stolen, and the longest one (milliseconds).
const LONG_STOP: (u64, u64) = (6_000, 12_000);

/// Has the agents work for `duration`, and examines what they leave.
pub(crate) async fn run(
    scene: &str,
    ground: &Ground,
    duration: Duration,
    random: &mut Random,
    report: &Report,
) {
    let ledger = RefCell::new(Ledger::default());
    let begin = Instant::now();
    let (end, millis) = (begin + duration, duration.as_millis() as u64);
    let mut agents: Vec<Agent<'_>> = (0..ground.processes)
        .map(|number| Agent::new(number, ground, &ledger, report, random.fork()))
        .collect();
    // One in five, at most one stop each, so that most of the time most are at work.
    let stopped = agents.len().div_ceil(5);
    for agent in agents.iter_mut().take(stopped) {
        let pause = random.millis(LONG_STOP.0, LONG_STOP.1.min(millis.max(LONG_STOP.0)));
        let latest = millis.saturating_sub(pause.as_millis() as u64);
        agent.stop_long(begin + random.millis(0, latest), pause);
        report.count("long stops");
    }
    all(agents.into_iter().map(|agent| agent.work_until(end))).await;
    ground.inspect(scene, &ledger.into_inner(), report).await;
}
