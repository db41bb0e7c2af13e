//! Many processes at once, on resources of their own and on one.

use std::path::{Path, PathBuf};
use std::process::Command;

use mesh::backends::fs::LockKind;

use crate::error::Result;
use crate::folder::Folder;
use crate::plan::Plan;
use crate::report::{Group, Plot, Row};
use crate::sqlite::Sqlite;
use crate::stats::{Goal, Sample, Unit};
use crate::svg::{self, Line};
use crate::worker::{self, Task, Together, together};

/// How many processes there are at the same time.
const COUNTS: [usize; 5] = [1, 2, 4, 8, 16];
/// How many the goals are about.
const FLEET: usize = 8;

/// A folder with that kind of store lock, for workers to open.
fn folder(path: &Path, lock: LockKind) -> Result<PathBuf> {
    Folder::open_with(path, lock)?.close();
    Ok(path.to_owned())
}

/// Resources of their own: what sharing a folder costs those who share nothing else.
pub(crate) fn distinct(plan: &Plan) -> Result<Group> {
    plan.doing("building the SQLite peer");
    let sqlite = Sqlite::build(plan)?;
    let names = ["mesh", "mesh, lock directory", "SQLite"];
    let mut rates: Vec<Vec<Sample>> = COUNTS.map(|_| vec![Sample::new(Unit::Rate); 3]).into();
    plan.expect(plan.runs * COUNTS.len() * names.len());
    for run in 0..plan.runs {
        for (row, count) in COUNTS.into_iter().enumerate() {
            for turn in 0..names.len() {
                let side = (turn + run) % names.len();
                plan.doing(format_args!("{count} processes, {}", names[side]));
                let place = plan.fresh("distinct")?;
                let command: Box<dyn Fn(usize) -> Result<Command>> = match side {
                    2 => Box::new(|index| Ok(sqlite.command(&place, index))),
                    _ => {
                        let kinds = [LockKind::Kernel, LockKind::Directory];
                        let path = folder(&place.join("mesh"), kinds[side])?;
                        Box::new(move |index| worker::command(Task::Distinct, &path, index))
                    }
                };
                let told = together(count, plan.stretch(), command)?;
                rates[row][side].add(told.rate);
                plan.done();
            }
        }
    }
    let mut rows = Vec::new();
    for (count, sides) in COUNTS.into_iter().zip(&rates) {
        let (mesh, sqlite) = (&sides[0], &sides[2]);
        let processes = if count == 1 { "process" } else { "processes" };
        let what = format!("{count} {processes}, claim + release");
        let row = Row::new(what, mesh).beside("SQLite", sqlite);
        let ratio = mesh.over(sqlite);
        if count == FLEET {
            rows.push(row.goal(ratio, Goal::AtLeast(2.0)));
            let alone = &rates[0][0];
            let what = format!("{count} processes beside one");
            let row = Row::new(what, mesh).beside("1 process", alone);
            rows.push(row.goal(mesh.over(alone), Goal::AtLeast(1.0)));
        } else {
            rows.push(row);
        }
        let what = format!("{count} {processes}, lock directory");
        rows.push(Row::new(what, &sides[1]).beside("kernel lock", mesh));
    }
    let lines: Vec<Line<'_>> = names
        .iter()
        .enumerate()
        .map(|(side, name)| Line {
            name,
            points: rates.iter().map(|sides| &sides[side]).collect(),
        })
        .collect();
    let title = "Claim + release on resources of their own";
    let places = COUNTS.map(|count| count.to_string());
    Ok(Group {
        title: "Many processes, resources of their own",
        method: format!(
            "Each process claims and releases a resource of its own through the library for \
             {:?}; the rate is that of all together. SQLite does what comes nearest: WAL, \
             `synchronous=FULL`, one table, a `BEGIN IMMEDIATE` transaction that claims a row \
             under a rising fence, and one that frees it, prepared once. Starting the processes \
             and opening folder or database are not in it.",
            plan.stretch()
        ),
        rows,
        plots: vec![Plot {
            name: "processes.svg".to_owned(),
            title: title.to_owned(),
            svg: svg::plot(title, "processes", &places, &lines),
        }],
    })
}

/// One resource, handed from process to process.
pub(crate) fn shared(plan: &Plan) -> Result<Group> {
    let mut sides: [Side; 3] = std::array::from_fn(|_| Side {
        handovers: Sample::new(Unit::Rate),
        turns: Sample::new(Unit::Rate),
        p99: Sample::new(Unit::Time),
    });
    plan.expect(plan.runs * sides.len());
    for run in 0..plan.runs {
        for turn in 0..sides.len() {
            let side = (turn + run) % sides.len();
            plan.doing(format_args!("handovers, run {}", run + 1));
            let told = hand_on(plan, side)?;
            sides[side].handovers.add(told.handovers);
            sides[side].turns.add(told.rate);
            sides[side].p99.add(told.latencies.quantile(0.99));
            plan.done();
        }
    }
    let [kernel, directory, mkdir] = &sides;
    Ok(Group {
        title: "Many processes, one resource",
        method: format!(
            "{FLEET} processes want the same resource for {:?}: each claims it, waiting for its \
             turn, releases it at once, and claims it again. The other side is a lock directory \
             that whoever waits tries to make every 2 ms, held around an `O_APPEND` write and \
             `fdatasync`. A handover is a turn that comes after another process's: with a \
             directory, whoever removed it mostly makes it again while the others sleep, which a \
             queue never lets happen; all turns stand in a line of their own. p99 is of the time \
             from asking to having.",
            plan.stretch()
        ),
        rows: vec![
            Row::new("handovers", &kernel.handovers)
                .beside("mkdir", &mkdir.handovers)
                .goal(kernel.handovers.over(&mkdir.handovers), Goal::AtLeast(5.0)),
            Row::new("turns, the same process's again included", &kernel.turns)
                .beside("mkdir", &mkdir.turns),
            Row::new("wait, p99", &kernel.p99)
                .beside("mkdir", &mkdir.p99)
                .goal(mkdir.p99.over(&kernel.p99), Goal::AtLeast(5.0)),
            Row::new("handovers, lock directory", &directory.handovers)
                .beside("kernel lock", &kernel.handovers),
            Row::new("wait, p99, lock directory", &directory.p99)
                .beside("kernel lock", &kernel.p99),
        ],
        plots: Vec::new(),
    })
}

/// What each run said of one side.
struct Side {
    handovers: Sample,
    turns: Sample,
    p99: Sample,
}

fn hand_on(plan: &Plan, side: usize) -> Result<Together> {
    let place = plan.fresh("shared")?;
    let (task, path) = match side {
        0 => (Task::Shared, folder(&place.join("mesh"), LockKind::Kernel)?),
        1 => (
            Task::Shared,
            folder(&place.join("mesh"), LockKind::Directory)?,
        ),
        _ => (Task::Mkdir, place),
    };
    together(FLEET, plan.stretch(), |index| {
        worker::command(task, &path, index)
    })
}
