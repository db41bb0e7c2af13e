//! One caller: what a durable claim and release costs.

use std::path::Path;
use std::time::{Duration, Instant};

use mesh::backends::fs::LockKind;
use serde_json::json;

use crate::bare::Bare;
use crate::error::Result;
use crate::folder::{Folder, journal};
use crate::plan::Plan;
use crate::report::{Group, Row};
use crate::server::Server;
use crate::stats::{Goal, Latencies, Sample, Unit};

/// How many times in a row a side is measured: few enough that a slow moment of the disk
/// meets all sides, enough that a side's own caches and timers are warm.
const BLOCK: usize = 20;

/// p50 and p99 of one side, in each run.
struct Side {
    latencies: Latencies,
    p50: Sample,
    p99: Sample,
}

impl Side {
    fn new() -> Self {
        Self {
            latencies: Latencies::default(),
            p50: Sample::new(Unit::Time),
            p99: Sample::new(Unit::Time),
        }
    }

    fn end_run(&mut self) {
        let latencies = std::mem::take(&mut self.latencies);
        self.p50.add(latencies.quantile(0.5));
        self.p99.add(latencies.quantile(0.99));
    }
}

/// Takes the figures.
pub(crate) fn take(plan: &Plan) -> Result<Group> {
    let place = plan.fresh("durable")?;
    let kernel = Folder::open(&place.join("kernel"))?;
    let directory = Folder::open_with(&place.join("directory"), LockKind::Directory)?;
    let mut server = Server::ready(&place.join("server"))?;
    let entry_bytes = entry_bytes(&kernel, &place.join("kernel"))?;
    let mut bare = Bare::open(&place.join("bare"), entry_bytes)?;
    let mut sides: [Side; 4] = std::array::from_fn(|_| Side::new());
    let pairs = plan.or(500, 60);
    plan.expect(plan.runs + 1);
    for run in 0..=plan.runs {
        plan.doing(format_args!("pairs, run {run} of {}", plan.runs));
        for block in 0..pairs / BLOCK {
            for turn in 0..sides.len() {
                // There and back again, so that none always comes after the same one.
                let back = sides.len() - 1 - turn;
                let side = if (block + run) % 2 == 0 { turn } else { back };
                for _ in 0..BLOCK {
                    let took = match side {
                        0 => kernel.pair("agent", "resource")?,
                        1 => directory.pair("agent", "resource")?,
                        2 => through_mcp(&mut server)?,
                        _ => bare.append()? + bare.append()?,
                    };
                    sides[side].latencies.add(took);
                }
            }
        }
        // The first run only warms up.
        match run {
            0 => sides = std::array::from_fn(|_| Side::new()),
            _ => sides.iter_mut().for_each(Side::end_run),
        }
        plan.done();
    }
    drop(server);
    let [kernel, directory, mcp, bare] = &sides;
    Ok(Group {
        title: "A durable claim and release",
        method: format!(
            "One caller claims and releases one resource, {pairs} times a run, and waits for each \
             answer; the sides take turns, {BLOCK} times each. *Bare* is two times one `O_APPEND` write \
             of {entry_bytes} bytes, the mean of a claim's and a release's entry, and \
             `fdatasync`. Opening the folders and the first run are not in it; checkpoints are."
        ),
        rows: vec![
            Row::new("claim + release through the library, p50", &kernel.p50)
                .beside("bare", &bare.p50)
                .goal(kernel.p50.over(&bare.p50), Goal::AtMost(1.5)),
            Row::new("the same, p99", &kernel.p99).beside("bare", &bare.p99),
            Row::new("with the lock directory, p50", &directory.p50)
                .beside("kernel lock", &kernel.p50),
            Row::new("the same, p99", &directory.p99).beside("kernel lock", &kernel.p99),
            Row::new("through MCP over stdio, p50", &mcp.p50)
                .beside("library", &kernel.p50)
                .goal(mcp.p50.minus(&kernel.p50), Goal::AtMost(150e-6)),
            Row::new("the same, p99", &mcp.p99).beside("library", &kernel.p99),
        ],
        plots: Vec::new(),
    })
}

/// How many bytes the entries of a claim and a release take, on average.
fn entry_bytes(folder: &Folder, path: &Path) -> Result<usize> {
    let pairs = 20;
    let (_, before) = journal(path)?;
    for _ in 0..pairs {
        folder.pair("agent", "resource")?;
    }
    let (_, after) = journal(path)?;
    Ok((after - before) as usize / (2 * pairs))
}

fn through_mcp(server: &mut Server) -> Result<Duration> {
    let start = Instant::now();
    let arguments = json!({"agent_id": "agent", "resource": "resource"});
    let claim = server.call("claim", &arguments)?;
    let arguments =
        json!({"agent_id": "agent", "resource": "resource", "claim_id": claim["claim_id"]});
    server.call("release", &arguments)?;
    Ok(start.elapsed())
}
