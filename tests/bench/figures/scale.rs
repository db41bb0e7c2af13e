//! Calls in folders in which much has happened, beside the same calls where nothing has.

use crate::error::Result;
use crate::fill::{Fill, Filled, rounded};
use crate::folder::Folder;
use crate::plan::{Plan, remove};
use crate::report::{Group, Plot, Row};
use crate::stats::{Goal, Latencies, Sample, Unit};
use crate::svg::{self, Line};

const CALLS: [&str; 3] = ["claim + release", "post", "inbox(100)"];

/// A folder, and the p50 of each call in each run.
struct Place {
    fill: Fill,
    folder: Folder,
    calls: [Sample; 3],
}

/// Takes the figures.
pub(crate) fn take(plan: &Plan, filled: &Filled) -> Result<Group> {
    let sizes: &[usize] = plan.or(&[0, 1_000, 10_000, 100_000, 1_000_000], &[0, 1_000, 10_000]);
    let mut fills: Vec<Fill> = sizes.iter().map(|size| Fill::Messages(*size)).collect();
    fills.extend([Fill::Claims(10_000), Fill::Agents(1_000)]);
    plan.expect(fills.len() + plan.runs + 1);
    let mut places = Vec::new();
    for fill in fills {
        let name = format!("scale-{}", places.len());
        let path = filled.copy(plan, fill, &name)?;
        places.push(Place {
            fill,
            folder: Folder::open(&path)?,
            calls: std::array::from_fn(|_| Sample::new(Unit::Time)),
        });
        plan.done();
    }
    let times = plan.or(100, 20);
    for run in 0..=plan.runs {
        plan.doing(format_args!("calls, run {run} of {}", plan.runs));
        measure(&mut places, run, times)?;
        plan.done();
    }
    let rows = rows(&places);
    let plots = vec![plot_calls(sizes, &places)];
    for (index, place) in places.into_iter().enumerate() {
        place.folder.close();
        remove(&plan.dir().join(format!("scale-{index}")))?;
    }
    Ok(Group {
        title: "Folders in which much has happened",
        method: format!(
            "Each call {times} times a run in each folder, one after the other; all folders are \
             open at the same time, and every run begins with another one. Half of the messages \
             (500 bytes each) are for one of a thousand agents, half for everybody; who looks \
             into its inbox has read none, and finds a hundred messages in every folder, the \
             empty one too. The figure is p50: opening, which grows with the folder, and \
             checkpoints, which come once in many calls, have tables of their own below."
        ),
        rows,
        plots,
    })
}

/// Measures all calls in all folders; run 0 only warms up.
fn measure(places: &mut [Place], run: usize, times: usize) -> Result<()> {
    let count = places.len();
    for turn in 0..count {
        let place = &mut places[(turn + run) % count];
        let folder = &place.folder;
        let mut latencies: [Latencies; 3] = std::array::from_fn(|_| Latencies::default());
        for _ in 0..times {
            latencies[0].add(folder.pair("agent", "resource")?);
            latencies[1].add(folder.post("agent")?);
            latencies[2].add(folder.inbox("reader")?);
        }
        if run > 0 {
            for (sample, latencies) in place.calls.iter_mut().zip(&latencies) {
                sample.add(latencies.quantile(0.5));
            }
        }
    }
    Ok(())
}

fn rows(places: &[Place]) -> Vec<Row> {
    let mut rows = Vec::new();
    let Some((empty, others)) = places.split_first() else {
        return rows;
    };
    for (call, name) in CALLS.iter().enumerate() {
        let alone = &empty.calls[call];
        rows.push(Row::new(format!("{name} at {}", empty.fill), alone));
        for place in others {
            let ours = &place.calls[call];
            let row = Row::new(format!("{name} at {}", place.fill), ours);
            let row = row.beside("at 0", alone);
            rows.push(row.goal(ours.over(alone), Goal::AtMost(1.2)));
        }
    }
    rows
}

fn plot_calls(sizes: &[usize], places: &[Place]) -> Plot {
    let title = "Calls by stored messages, p50";
    let names: Vec<String> = sizes.iter().map(|size| rounded(*size)).collect();
    let lines: Vec<Line<'_>> = CALLS
        .iter()
        .enumerate()
        .map(|(call, name)| Line {
            name,
            points: places[..sizes.len()]
                .iter()
                .map(|place| &place.calls[call])
                .collect(),
        })
        .collect();
    Plot {
        name: "scale.svg".to_owned(),
        title: title.to_owned(),
        svg: svg::plot(title, "stored messages", &names, &lines),
    }
}
