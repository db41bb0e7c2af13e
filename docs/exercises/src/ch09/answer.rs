//! The answer: who is promoted is the first, and nobody is granted past a queue.

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
            What::Promoted if queue.first() == Some(&agent) => drop(queue.remove(0)),
            What::Promoted => return Err(format!("{agent} is promoted out of {queue:?}")),
            What::Granted if queue.is_empty() => {}
            What::Granted => return Err(format!("{agent} is granted past {queue:?}")),
            What::Left => queue.retain(|waits| *waits != agent),
        }
    }
    Ok(())
}
