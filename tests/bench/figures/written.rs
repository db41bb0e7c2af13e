//! What reaches the file system for each operation, checkpoints and exports included.

use std::fs::File;
use std::path::Path;

use ::tests::all;
use futures_executor::block_on;
use mesh::core::{Claim, Release};

use crate::error::Result;
use crate::fill::{Fill, Filled, post, rounded};
use crate::folder::{Folder, journal};
use crate::plan::{Plan, remove};
use crate::report::{Group, Row};
use crate::stats::{Goal, Sample, Unit};
use crate::usage::written;

/// How many calls share an entry, so that a whole cycle does not take an hour. The bytes
/// of an entry are nearly all its events', so sharing changes no ratio by much.
const BATCH: usize = 256;

/// One cycle: from right after a checkpoint to right after the next one.
struct Cycle {
    /// Bytes handed to the file system.
    written: f64,
    /// Bytes of `state.json` among them.
    exported: f64,
    /// Bytes of entries among them.
    entries: f64,
    /// Operations.
    operations: f64,
}

/// What all cycles of one kind of operation said.
struct Cycles {
    /// Of the log: entries, watermark and checkpoints.
    log: Sample,
    log_ratio: Sample,
    /// Of everything, the export included.
    all: Sample,
    all_ratio: Sample,
    entry: Sample,
}

impl Cycles {
    fn new() -> Self {
        Self {
            log: Sample::new(Unit::Bytes),
            log_ratio: Sample::new(Unit::Times),
            all: Sample::new(Unit::Bytes),
            all_ratio: Sample::new(Unit::Times),
            entry: Sample::new(Unit::Bytes),
        }
    }

    fn add(&mut self, cycle: &Cycle) {
        let log = cycle.written - cycle.exported;
        self.log.add(log / cycle.operations);
        self.log_ratio.add(log / cycle.entries);
        self.all.add(cycle.written / cycle.operations);
        self.all_ratio.add(cycle.written / cycle.entries);
        self.entry.add(cycle.entries / cycle.operations);
    }

    fn rows(&self, what: &str) -> [Row; 2] {
        let log = Row::new(what.to_owned(), &self.log).beside("its entry", &self.entry);
        let all = Row::new(format!("{what}, and `state.json`"), &self.all);
        let all = all.beside("its entry", &self.entry);
        [
            log.goal(self.log_ratio.clone(), Goal::AtMost(3.0)),
            all.goal(self.all_ratio.clone(), Goal::AtMost(3.0)),
        ]
    }
}

/// Takes the figures.
pub(crate) fn take(plan: &Plan, filled: &Filled) -> Result<Group> {
    // Bytes hardly differ from cycle to cycle, and a cycle takes long.
    let runs = plan.runs.min(5);
    let claimed_at = plan.or(100_000, 1_000);
    let posted_from = plan.or(10_000, 1_000);
    plan.expect(2 * runs + 1);
    let claims = claims(plan, filled, claimed_at, runs)?;
    let posts = posts(plan, filled, posted_from, runs)?;
    let (claimed_at, posted_from) = (rounded(claimed_at), rounded(posted_from));
    Ok(Group {
        title: "Bytes written",
        method: format!(
            "Bytes that the process hands to `write` and its kin (`wchar` of `/proc/self/io`): \
             entries, watermark and checkpoints, which are the log; and beside that with \
             `state.json`, a second copy of the whole state which is for people, is never read \
             back, and is promised at each checkpoint (S2). Each of {runs} runs is a whole cycle from one checkpoint to the next; {BATCH} calls are made \
             at the same time. Claims leave the state as large as it is. Posts that never expire \
             make it three times as large in a cycle: theirs is the second cycle of a folder that \
             begins with {posted_from} messages, and ends at about nine times as many."
        ),
        rows: [
            claims.rows(&format!("a claim or release at {claimed_at} messages")),
            posts.rows("a post of 500 bytes that never expires"),
        ]
        .concat(),
        plots: Vec::new(),
    })
}

/// Cycles of claims, one after the other in one folder.
fn claims(plan: &Plan, filled: &Filled, messages: usize, runs: usize) -> Result<Cycles> {
    let mut cycles = Cycles::new();
    let path = filled.copy(plan, Fill::Messages(messages), "written")?;
    let folder = Folder::open(&path)?;
    for run in 0..=runs {
        plan.doing(format_args!("claims, cycle {run} of {runs}"));
        let cycle = cycle(&folder, &path, claim_and_release)?;
        // The first one began somewhere in the middle.
        if run > 0 {
            cycles.add(&cycle);
        }
        plan.done();
    }
    folder.close();
    remove(&path)?;
    Ok(cycles)
}

/// The second cycle of posts in one folder after the other.
fn posts(plan: &Plan, filled: &Filled, messages: usize, runs: usize) -> Result<Cycles> {
    let mut cycles = Cycles::new();
    for run in 0..runs {
        plan.doing(format_args!("posts, cycle {} of {runs}", run + 1));
        let path = filled.copy(plan, Fill::Messages(messages), "written")?;
        let folder = Folder::open(&path)?;
        cycle(&folder, &path, post_batch)?;
        cycles.add(&cycle(&folder, &path, post_batch)?);
        folder.close();
        remove(&path)?;
        plan.done();
    }
    Ok(cycles)
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
        exported: path.join("state.json").metadata()?.len() as f64,
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
