//! A new process: how soon it answers, and how much memory it takes.

use std::path::Path;
use std::time::Instant;

use serde_json::json;

use crate::error::Result;
use crate::fill::{Fill, Filled, rounded};
use crate::plan::{Plan, remove};
use crate::report::{Group, Plot, Row};
use crate::server::Server;
use crate::stats::{Goal, Latencies, Sample, Unit};
use crate::svg::{self, Line};
use crate::usage::resident;

/// Stored messages, the goal for the first reply in seconds, and for memory in bytes.
const SIZES: [(usize, f64, f64); 3] = [
    (0, 5e-3, 8e6),
    (10_000, 30e-3, 25e6),
    (100_000, 200e-3, 120e6),
];

struct Place {
    first: Sample,
    hello: Sample,
    memory: Sample,
}

/// Takes the figures.
pub(crate) fn take(plan: &Plan, filled: &Filled) -> Result<Group> {
    let starts = plan.or(10, 2);
    plan.expect(plan.runs + 1);
    let mut places = SIZES.map(|_| Place {
        first: Sample::new(Unit::Time),
        hello: Sample::new(Unit::Time),
        memory: Sample::new(Unit::Bytes),
    });
    let mut paths = Vec::new();
    for (size, ..) in SIZES {
        let name = format!("start-{size}");
        paths.push(filled.copy(plan, Fill::Messages(size), &name)?);
    }
    for run in 0..=plan.runs {
        plan.doing(format_args!("starts, run {run} of {}", plan.runs));
        for turn in 0..places.len() {
            let at = (turn + run) % places.len();
            let measured = run_of(&paths[at], starts)?;
            // The first run brings the files into the page cache.
            if run > 0 {
                let place = &mut places[at];
                place.hello.add(measured.hello);
                place.first.add(measured.first);
                place.memory.add(measured.memory);
            }
        }
        plan.done();
    }
    for path in paths {
        remove(&path)?;
    }
    Ok(Group {
        title: "A new process",
        method: format!(
            "A `mesh mcp` is started {starts} times a run, shakes hands and is asked for a \
             resource's claims at once; timed is from before it is started to its answer, which \
             takes all of the log. Its answer to the handshake, which needs none of it, stands \
             beside. Memory is what is resident after that answer. The folder's files are in the \
             page cache."
        ),
        rows: rows(&places),
        plots: plots(&places),
    })
}

/// What one run measured, in seconds and bytes.
struct Measured {
    hello: f64,
    first: f64,
    memory: f64,
}

fn run_of(path: &Path, starts: usize) -> Result<Measured> {
    let mut hello = Latencies::default();
    let mut first = Latencies::default();
    let mut memory = Vec::new();
    for _ in 0..starts {
        let start = Instant::now();
        let mut server = Server::start(path)?;
        server.initialize()?;
        hello.add(start.elapsed());
        server.call(
            "claims",
            &json!({"agent_id": "agent", "resource": "resource"}),
        )?;
        first.add(start.elapsed());
        memory.push(resident(server.id())? as f64);
    }
    Ok(Measured {
        hello: hello.quantile(0.5),
        first: first.quantile(0.5),
        memory: crate::stats::median(&memory),
    })
}

fn rows(places: &[Place]) -> Vec<Row> {
    let mut rows = Vec::new();
    for (place, (size, soon, _)) in places.iter().zip(SIZES) {
        let what = format!("first answer to a call at {} messages", rounded(size));
        let row = Row::new(what, &place.first).beside("handshake", &place.hello);
        rows.push(row.goal(place.first.clone(), Goal::AtMost(soon)));
    }
    for (place, (size, _, small)) in places.iter().zip(SIZES) {
        let what = format!("resident memory at {} messages", rounded(size));
        let row = Row::new(what, &place.memory);
        rows.push(row.goal(place.memory.clone(), Goal::AtMost(small)));
    }
    rows
}

fn plots(places: &[Place]) -> Vec<Plot> {
    let names = SIZES.map(|(size, ..)| rounded(size));
    let draw = |name: &str, title: &str, lines: &[Line<'_>]| Plot {
        name: name.to_owned(),
        title: title.to_owned(),
        svg: svg::plot(title, "stored messages", &names, lines),
    };
    let line = |name, of: fn(&Place) -> &Sample| Line {
        name,
        points: places.iter().map(of).collect(),
    };
    vec![
        draw(
            "start.svg",
            "The first answer of a new process",
            &[
                line("call", |place| &place.first),
                line("handshake", |place| &place.hello),
            ],
        ),
        draw(
            "memory.svg",
            "Resident memory of a new process",
            &[line("mesh mcp", |place| &place.memory)],
        ),
    ]
}
