//! What reaches the file system for each operation, checkpoints and exports included.

use std::fs::File;
use std::path::Path;

use ::tests::all;
use mesh::core::{Claim, Release};
use pollster::block_on;

use crate::error::Result;
use crate::fill::{Fill, Filled, post};
use crate::folder::{Folder, journal};
use crate::plan::{Plan, remove};
use crate::report::{Group, Row};
use crate::stats::{Goal, Sample, Unit};
use crate::usage::written;

/// How many calls share an entry, so that a whole cycle does not take an hour. The bytes
/// of an entry are nearly all its events', so sharing changes no ratio by much.
const BATCH: usize = 128;

/// One cycle: from right after a checkpoint to right after the next one.
struct Cycle {
    /// Bytes handed to the file system.
    written: f64,
    /// Bytes of entries among them.
    entries: f64,
    /// Operations.
    operations: f64,
}

/// Takes the figures.
pub(crate) fn take(plan: &Plan, filled: &Filled) -> Result<Group> {
    let messages = plan.or(100_000, 1_000);
    plan.expect(2 * (plan.runs + 1));
    let mut rows = Vec::new();
    for (name, operate) in [
        (
            "claim, release",
            claim_and_release as fn(&Folder) -> Result<usize>,
        ),
        ("post of 500 bytes", post_batch),
    ] {
        let path = filled.copy(plan, Fill::Messages(messages), "written")?;
        let folder = Folder::open(&path)?;
        let mut ratio = Sample::new(Unit::Times);
        let mut each = [(); 2].map(|()| Sample::new(Unit::Bytes));
        for run in 0..=plan.runs {
            plan.doing(format_args!("{name}, cycle {run} of {}", plan.runs));
            let cycle = cycle(&folder, &path, operate)?;
            // The first one began somewhere in the middle.
            if run > 0 {
                ratio.add(cycle.written / cycle.entries);
                each[0].add(cycle.written / cycle.operations);
                each[1].add(cycle.entries / cycle.operations);
            }
            plan.done();
        }
        folder.close();
        remove(&path)?;
        let stored = crate::fill::rounded(messages);
        let row = Row::new(format!("{name}: each, from {stored} messages"), &each[0]);
        let row = row.beside("its entry", &each[1]);
        rows.push(row.goal(ratio, Goal::AtMost(3.0)));
    }
    Ok(Group {
        title: "Bytes written",
        method: format!(
            "Bytes that the process hands to `write` and its kin (`wchar` of `/proc/self/io`): \
             entries, watermark, checkpoints, and `state.json`, which is for people. A run is a \
             whole cycle from one checkpoint to the next; {BATCH} calls are made at the same \
             time. Claims leave the state as large as it is; posts let it grow from cycle to \
             cycle, so that each checkpoint is larger than the one before."
        ),
        rows,
        plots: Vec::new(),
    })
}

/// Operates until the next checkpoint is written.
fn cycle(folder: &Folder, path: &Path, operate: fn(&Folder) -> Result<usize>) -> Result<Cycle> {
    let (generation, base) = journal(path)?;
    // The generation is gone from the folder when its size is asked for.
    let entries = File::open(path.join(format!("journal.{generation}")))?;
    let before = written()?;
    let mut operations = 0;
    while journal(path)?.0 == generation {
        operations += operate(folder)?;
    }
    // A checkpoint and its export are written after the answers: the next call waits.
    operations += operate(folder)?;
    Ok(Cycle {
        written: (written()? - before) as f64,
        entries: (entries.metadata()?.len() - base) as f64,
        operations: operations as f64,
    })
}

fn claim_and_release(folder: &Folder) -> Result<usize> {
    let agent_id = |index: usize| format!("agent-{index}");
    let resource = |index: usize| format!("resource-{index}");
    let claims = block_on(all((0..BATCH).map(|index| {
        folder.mesh().claim(Claim {
            agent_id: agent_id(index),
            resource: resource(index),
            ..Claim::default()
        })
    })));
    let mut releases = Vec::new();
    for (index, claim) in claims.into_iter().enumerate() {
        releases.push(folder.mesh().release(Release {
            agent_id: agent_id(index),
            resource: resource(index),
            claim_id: claim?.claim_id,
        }));
    }
    for released in block_on(all(releases)) {
        released?;
    }
    Ok(2 * BATCH)
}

fn post_batch(folder: &Folder) -> Result<usize> {
    post(folder, 0..BATCH, |index| format!("reader-{index}"))?;
    Ok(BATCH)
}
