//! The answer: a queue in which nobody overtakes, and which the dead do not hold up.

use mesh::core::Mode;

use super::{FairQueue, Resource};

/// Who is granted what, and when.
#[derive(Debug)]
pub struct Queue;

impl FairQueue for Queue {
    fn may_enter(resource: &Resource, mode: Mode) -> bool {
        resource.queue.is_empty() && resource.admits(mode)
    }

    fn settle(resource: &mut Resource, is_dead: impl Fn(&str) -> bool) {
        resource.holders.retain(|hold| !is_dead(hold.agent));
        resource.queue.retain(|ticket| !is_dead(ticket.agent));
        while let Some(head) = resource.queue.first()
            && resource.admits(head.mode)
        {
            let head = resource.queue.remove(0);
            resource.holders.push(head);
        }
    }
}
