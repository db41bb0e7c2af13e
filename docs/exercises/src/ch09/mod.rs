//! Chapter 9: a checker that does not look.
//!
//! C6 says that nobody overtakes. The checker in `start.rs` reads the log of a run of the
//! simulator, and finds nothing, with or without two planted bugs that let somebody
//! overtake. It is to find both, and to stay silent where nothing is wrong.

pub mod answer;
mod show;
pub mod start;

use std::sync::Arc;

use mesh::core::{Entry, Event};
use sim::explore::planted::PlantedBug;
use sim::trace::Record;
use sim::trace::Seen;
use sim::{Outcome, run_seed};

use crate::Exercise;

/// The exercise of chapter 9.
pub const EXERCISE: Exercise = Exercise {
    chapter: 9,
    title: "Simulation",
    task: "Find the overtaking that two planted bugs bring about, without a false alarm.",
    start: || check(start::nobody_overtakes),
    answer: || check(answer::nobody_overtakes),
    show: show::show,
};

/// How many worlds each planted bug has, and a sound mesh too.
const SEEDS: u64 = 60;
/// The bugs that let somebody overtake.
const BUGS: [&str; 2] = ["LifoPromotion", "SharedOvertakes"];

/// What happened to an agent and a resource, as far as C6 goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The agent took the last place in the queue.
    Queued,
    /// It stood in the queue, and holds the resource now.
    Promoted,
    /// It holds the resource now, and did not stand in the queue.
    Granted,
    /// It gave back, or lost, what it held or waited for.
    Left,
}

/// One step of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step<'a> {
    /// The resource.
    pub resource: &'a str,
    /// The agent.
    pub agent: &'a str,
    /// What happened.
    pub what: What,
}

/// A checker of C6.
pub type Checker = fn(&[Step<'_>]) -> Result<(), String>;

/// Holds a checker against runs of the simulator: it must be silent where mesh is
/// sound, and speak wherever the simulator's own checkers see C6 broken.
///
/// # Errors
///
/// The first run about which it is wrong.
pub fn check(checker: Checker) -> Result<(), String> {
    for (seed, outcome) in worlds() {
        if let Err(alarm) = judge(checker, &outcome) {
            return Err(format!(
                "a false alarm: nothing is wrong in the world of seed {seed}, and the checker \
                 says: {alarm}"
            ));
        }
    }
    for bug in BUGS {
        catches(checker, PlantedBug::named(bug)?)?;
    }
    Ok(())
}

/// Whether a checker sees a planted bug wherever the simulator's own checkers do.
fn catches(checker: Checker, bug: PlantedBug) -> Result<(), String> {
    let _planted = bug.plant();
    let mut shown = false;
    for (seed, outcome) in worlds() {
        let Some(broken) = outcome.violation.as_ref().filter(|b| b.rule == "C6") else {
            continue;
        };
        shown = true;
        if judge(checker, &outcome).is_ok() {
            let (name, what) = (bug.name(), bug.description().trim());
            return Err(format!(
                "{name} goes unseen: {what}\n  in the world of seed {seed}, {}",
                broken.what
            ));
        }
    }
    match shown {
        true => Ok(()),
        false => Err(format!(
            "no world shows {}: the exercise is at fault",
            bug.name()
        )),
    }
}

/// The worlds that a checker is asked about: those whose log begins with the folder, and
/// whose disk tells the truth.
fn worlds() -> impl Iterator<Item = (u64, Outcome)> {
    let worlds = (0..SEEDS).map(|seed| (seed, run_seed(seed)));
    worlds.filter(|(_, outcome)| !outcome.trace.adopts && outcome.seen.count(Seen::Deceived) == 0)
}

/// What the checker says about a run.
fn judge(checker: Checker, outcome: &Outcome) -> Result<(), String> {
    let log = log(outcome);
    let steps = log
        .iter()
        .flat_map(|entry| entry.events.iter().filter_map(step));
    checker(&steps.collect::<Vec<Step<'_>>>())
}

/// The log as it was in the end: without what a power cut took.
fn log(outcome: &Outcome) -> Vec<Arc<Entry>> {
    let mut accepted = outcome.trace.entries.iter();
    let mut log: Vec<Arc<Entry>> = Vec::new();
    for stamped in &outcome.trace.records {
        match stamped.record {
            Record::Replaced { seq } => log.truncate(seq as usize - 1),
            Record::Accepted { .. } => log.extend(accepted.next().cloned()),
            _ => {}
        }
    }
    log
}

/// What an event means for C6, if it means anything.
fn step(event: &Event) -> Option<Step<'_>> {
    let what = match event {
        Event::Queued { .. } => What::Queued,
        Event::Promoted { .. } => What::Promoted,
        Event::Granted { .. } => What::Granted,
        Event::Released { .. } | Event::Cancelled { .. } | Event::Lapsed { .. } => What::Left,
        _ => return None,
    };
    let claim = event.claim()?;
    Some(Step {
        resource: &claim.resource,
        agent: &claim.agent_id,
        what,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The checker of the answer is silent on sixty worlds, and that is worth something
    /// only if somebody waited and was promoted there.
    #[test]
    fn the_sound_worlds_have_queues() {
        let mut promotions = 0;
        for (_, outcome) in worlds() {
            let log = log(&outcome);
            let events = log.iter().flat_map(|entry| &entry.events);
            promotions += events
                .filter_map(step)
                .filter(|step| step.what == What::Promoted)
                .count();
        }
        assert!(promotions > 100, "{promotions}");
    }
}
