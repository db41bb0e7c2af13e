//! After the storm an agent finishes: it gives back what it holds, sees every ticket
//! through, and reads all its mail.

use mesh::core::{Claim, Mode, Wait};

use super::agent::Agent;
use super::waits::{Stays, Waits};
use crate::trace::Micros;

/// Between two looks at a ticket after the storm: first, and at most. The longest is
/// below the shortest lease, within which a waiter must ask again.
const PAUSE: Micros = 400_000;
const LONGEST_PAUSE: Micros = 900_000;
/// How long an agent keeps what it claims last.
const KEPT: Micros = 3_000_000;

impl Agent {
    /// After the storm: sees every ticket through, gives everything back, reads all.
    pub(super) async fn finish(&mut self) {
        let waits = self.world.borrow().knobs.waits;
        self.waits = Waits {
            wait_seconds: waits.then_some(20),
            stays: Stays::ToTheEnd,
        };
        let tickets: Vec<(String, Mode)> = {
            let tickets = self.tickets.iter();
            tickets
                .map(|(resource, (_, mode))| (resource.clone(), *mode))
                .collect()
        };
        for (resource, _) in tickets {
            self.see_through(&resource).await;
        }
        let held: Vec<String> = self.held.keys().cloned().collect();
        for resource in held {
            while self.held.contains_key(&resource) {
                self.release(&resource).await;
                self.rest(PAUSE).await;
            }
        }
        if waits {
            self.queue_once_more().await;
        }
        self.waits = Waits::default();
        while !matches!(self.look_and_read(None).await, Ok(false)) {
            self.rest(PAUSE).await;
        }
        self.remember(|memory| memory.finished = true);
    }

    /// Claims what all the others claim now, too. One in three keeps it for a while, one
    /// goes away while it waits, and one when it is granted.
    async fn queue_once_more(&mut self) {
        let number = self.name[1..].parse::<u64>().unwrap_or_default();
        self.waits.stays = match number % 3 {
            0 => Stays::ToTheEnd,
            1 => Stays::For(50_000),
            _ => Stays::UntilTheAnswer,
        };
        let resource = "r0";
        let claim = Claim {
            agent_id: self.name.clone(),
            resource: resource.to_owned(),
            wait_seconds: self.waits.wait_seconds,
            ..Claim::default()
        };
        self.claim_with(claim).await;
        self.waits.stays = Stays::ToTheEnd;
        self.rest(KEPT).await;
        while self.held.contains_key(resource) {
            self.release(resource).await;
            self.rest(PAUSE).await;
        }
    }

    /// Asks until the ticket is a hold.
    async fn see_through(&mut self, resource: &str) {
        let mut pause = PAUSE;
        while self.tickets.contains_key(resource) {
            let claim = Claim {
                agent_id: self.name.clone(),
                resource: resource.to_owned(),
                mode: None,
                lease_seconds: None,
                wait: Some(Wait::Queue),
                wait_seconds: self.waits.wait_seconds,
                note: None,
            };
            self.claim_with(claim).await;
            self.rest(pause).await;
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
    }
}
