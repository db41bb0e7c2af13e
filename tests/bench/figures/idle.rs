//! A child that has nothing to do, and one that waits: what they cost in the meantime.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::error::Result;
use crate::folder::Folder;
use crate::plan::Plan;
use crate::report::{Group, Row};
use crate::server::{Server, leave_alone};
use crate::stats::{Goal, Sample, Unit};
use crate::usage::Usage;

/// Takes the figures.
pub(crate) fn take(plan: &Plan) -> Result<Group> {
    let time = plan.or(Duration::from_secs(40), Duration::from_secs(6));
    plan.expect(1);
    plan.doing(format_args!("leaving children alone for {time:?}"));
    let place = plan.fresh("idle")?;
    let folder = Folder::open(&place)?;
    folder.claim("holder", "resource", 0)?;
    // Nobody writes, so children do not disturb each other, and all runs are taken at once.
    let mut idle = Vec::new();
    let mut waiting = Vec::new();
    for run in 0..plan.runs {
        let mut server = Server::ready(&place)?;
        server.call("claims", &json!({"agent_id": "idle"}))?;
        idle.push(server);
        let mut server = Server::ready(&place)?;
        let agent_id = format!("waiter-{run}");
        let claim = json!({"agent_id": agent_id, "resource": "resource", "wait_seconds": 50});
        server.ask("claim", &claim)?;
        waiting.push(server);
    }
    // Whatever starting and asking still has to do is done by then.
    leave_alone(Duration::from_secs(2));
    let all = || idle.iter().chain(&waiting);
    let before: Vec<Usage> = usages(all())?;
    let start = Instant::now();
    leave_alone(time);
    let seconds = start.elapsed().as_secs_f64();
    let after = usages(all())?;
    let mut cpu = [(); 2].map(|()| Sample::new(Unit::CpuSecondsPerHour));
    let mut wakes = [(); 2].map(|()| Sample::new(Unit::Rate));
    for (index, (after, before)) in after.into_iter().zip(before).enumerate() {
        let used = after.since(before);
        let side = index / plan.runs;
        cpu[side].add(used.cpu as f64 / 1e9 / seconds * 3600.0);
        wakes[side].add(used.wakes as f64 / seconds);
    }
    plan.done();
    let mut rows = Vec::new();
    for (side, name) in ["idle child", "child that waits"].into_iter().enumerate() {
        let row = Row::new(format!("{name}, CPU"), &cpu[side]);
        rows.push(row.goal(cpu[side].clone(), Goal::AtMost(0.5)));
        let row = Row::new(format!("{name}, wake-ups"), &wakes[side]);
        rows.push(row.goal(wakes[side].clone(), Goal::AtMost(1.0)));
    }
    Ok(Group {
        title: "Nothing to do",
        method: format!(
            "{} `mesh mcp` have answered a call and have nothing to do, and as many hold a claim \
             call that waits for a held resource; all are left alone for {time:?}. CPU time and \
             wake-ups (voluntary context switches) are the kernel's own count, all threads \
             together, from two seconds after the start. Nobody writes meanwhile: a waiting \
             child wakes for each commit.",
            plan.runs
        ),
        rows,
        plots: Vec::new(),
    })
}

fn usages<'a>(servers: impl Iterator<Item = &'a Server>) -> Result<Vec<Usage>> {
    let usages = servers.map(|server| Usage::of(server.id()));
    Ok(usages.collect::<std::io::Result<_>>()?)
}
