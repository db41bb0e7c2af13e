//! The demonstration: the network world of the simulator, and a client that takes
//! silence for a loss.

use sim::explore::planted::PlantedBug;
use sim::trace::Seen;
use sim::world::tape::Tape;
use sim::{Outcome, Runner, run_on};

/// How many worlds are tried.
const WORLDS: u64 = 24;
/// What is counted, and what it is called.
const COUNTED: [(Seen, &str); 4] = [
    (Seen::OutcomeUnknown, "appends that were not answered"),
    (Seen::OwnEntryFound, "the writer found its own entry there"),
    (Seen::OtherEntryFound, "it found another one"),
    (
        Seen::ProposedAgain,
        "it found nothing, and proposed the same entry again",
    ),
];

/// Prints what becomes of a log when its client takes a time-out for a lost race, and
/// when it looks.
pub(super) fn show() {
    if let Err(error) = tell() {
        println!("{error}");
    }
}

fn tell() -> Result<(), String> {
    let bug = PlantedBug::named("TimeoutTakenForLoss")?;
    println!("{WORLDS} worlds: a log server, and machines that reach it over a network\n");
    println!("A client that takes a time-out for a lost race");
    let planted = bug.plant();
    for (seed, outcome) in worlds() {
        if let Some(broken) = outcome.violation {
            println!("  seed {seed}: {broken}");
        }
    }
    drop(planted);
    println!("\nA client that looks");
    let sound: Vec<(u64, Outcome)> = worlds().collect();
    let failures = sound
        .iter()
        .filter(|(_, outcome)| outcome.violation.is_some());
    println!("  {} of {WORLDS} worlds break a rule", failures.count());
    for (seen, what) in COUNTED {
        let times: u64 = sound
            .iter()
            .map(|(_, outcome)| outcome.seen.count(seen))
            .sum();
        println!("  {times:>4}  {what}");
    }
    Ok(())
}

fn worlds() -> impl Iterator<Item = (u64, Outcome)> {
    (0..WORLDS).map(|seed| (seed, run_on(Runner::Network, Tape::from_seed(seed))))
}
