//! The demonstration: one bug, three tests, and two of them are green.

use sim::explore::planted::PlantedBug;
use sim::explore::shrink::{Goal, shrink};
use sim::run;
use sim::trace::Seen;
use sim::world::tape::Tape;
use sim::{Outcome, Runner, run_seed};

/// How many worlds the tests have.
const WORLDS: u64 = 40;
/// How many runs the shrinking may take.
const BUDGET: usize = 300;

/// Prints what a calm test, a simulator, and a simulator that sees nothing make of a
/// journal that is never synced.
pub(super) fn show() {
    if let Err(error) = tell() {
        println!("{error}");
    }
}

fn tell() -> Result<(), String> {
    let bug = PlantedBug::named("NoFileSync")?;
    println!("The bug: {}\n", bug.description().trim());
    let planted = bug.plant();

    println!("1. A test in which nothing goes wrong");
    let calm = run(Tape::stored(Vec::new()));
    println!("   {} calls: {}\n", calm.trace.calls.len(), verdict(&calm));

    println!("2. {WORLDS} worlds in which the power may fail");
    let failing = (0..WORLDS).find_map(|seed| {
        let outcome = run_seed(seed);
        let rule = outcome.violation.as_ref()?.rule;
        Some((seed, rule, outcome))
    });
    let (seed, rule, outcome) = failing.ok_or("no world breaks")?;
    println!("   seed {seed}: {}", verdict(&outcome));
    let drawn = outcome.tape.len();
    let goal = Goal {
        breaks: Some(rule),
        ..Goal::default()
    };
    let shrunk = shrink(Runner::Plain, outcome.tape, goal, BUDGET);
    println!("   its tape has {drawn} draws; {}", small(&shrunk.tape));
    println!(
        "   the small tape, played again: {}",
        verdict(&run(Tape::stored(shrunk.tape.clone())))
    );
    drop(planted);
    println!(
        "   the small tape, without the bug: {}\n",
        verdict(&run(Tape::stored(shrunk.tape)))
    );

    println!("3. The same {WORLDS} worlds with the bug, on a simulated disk that keeps everything");
    let _planted = bug.plant();
    let _blind = PlantedBug::named("DiskKeepsEverything")?.plant();
    let outcomes: Vec<Outcome> = (0..WORLDS).map(run_seed).collect();
    let failures = outcomes.iter().filter(|o| o.violation.is_some()).count();
    let count = |seen| outcomes.iter().map(|o| o.seen.count(seen)).sum::<u64>();
    println!("   {failures} of {WORLDS} worlds break a rule");
    println!(
        "   power cuts before a sync: {}",
        count(Seen::CutBeforeSync)
    );
    println!(
        "   entries that a power cut took: {}",
        count(Seen::EntryLost)
    );
    Ok(())
}

fn verdict(outcome: &Outcome) -> String {
    match &outcome.violation {
        Some(broken) => broken.to_string(),
        None => "nothing is broken".to_owned(),
    }
}

fn small(tape: &[u32]) -> String {
    let counted = tape.iter().filter(|draw| **draw != 0).count();
    format!(
        "{} are left after {BUDGET} runs, {counted} of them not zero",
        tape.len()
    )
}
