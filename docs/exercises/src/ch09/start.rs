//! Your copy: a checker that is right about every log of a sound mesh.

use std::collections::BTreeMap;

use super::{Step, What};

/// Reads a log, and says where somebody was overtaken.
///
/// # Errors
///
/// Who was overtaken, by whom.
pub fn nobody_overtakes(log: &[Step<'_>]) -> Result<(), String> {
    let mut queues: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for step in log {
        let queue = queues.entry(step.resource).or_default();
        let agent = step.agent;
        match step.what {
            What::Queued => queue.push(agent),
            What::Promoted => match queue.iter().position(|waits| *waits == agent) {
                Some(place) => drop(queue.remove(place)),
                None => return Err(format!("{agent} is promoted, and does not wait")),
            },
            What::Granted => {}
            What::Left => queue.retain(|waits| *waits != agent),
        }
    }
    Ok(())
}
