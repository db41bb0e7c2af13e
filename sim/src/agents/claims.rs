//! What an agent does with claims: asks for them, believes in them, writes under them, and
//! gives them back.

use mesh::MeshError;
use mesh::core::{Claim, ClaimReply, ClaimStatus, Command, Mode, Release, Reply, Wait};

use super::agent::{Agent, Held};
use crate::trace::{Record, Refused, Seen};

impl Agent {
    /// Claims: anew, to renew, to change the mode, or to ask after a ticket.
    pub(super) async fn claim(&mut self, resource: &str) {
        let mode = self.pick(&[
            None,
            Some(Mode::Exclusive),
            Some(Mode::Shared),
            Some(Mode::Shared),
            None,
        ]);
        let lease = self.world.borrow().knobs.lease_seconds;
        let mut claim = Claim {
            agent_id: self.name.clone(),
            resource: resource.to_owned(),
            mode,
            lease_seconds: self.pick(&[Some(lease), Some(lease), None, Some(2 * lease)]),
            wait: Some(self.pick(&[Wait::Queue, Wait::Queue, Wait::NoWait])),
            wait_seconds: self.waits.wait_seconds,
            note: self.pick(&[None, None, Some("why")]).map(str::to_owned),
        };
        if claim.wait == Some(Wait::NoWait) {
            claim.wait_seconds = None;
        }
        self.claim_with(claim).await;
    }

    pub(super) async fn claim_with(&mut self, claim: Claim) {
        let (resource, mode) = (claim.resource.clone(), claim.mode);
        if mode == Some(Mode::Shared) {
            self.remember(|memory| memory.shares.insert(resource.clone()));
        }
        // Where there is no answer, whether the claim was granted is unknown: what was
        // believed stays.
        let answer = self.call_for(Command::Claim(claim), self.waits.stays).await;
        match answer {
            Some(Ok(Reply::Claim(reply))) => self.learn(&resource, mode, reply),
            Some(Err(MeshError::Rejected(refused))) if refused.field == "resource" => {
                let seen = match Refused::of(&refused) {
                    Refused::NoFenceLeft => Seen::FenceRefused,
                    Refused::NoPlace => Seen::TicketRefused,
                    Refused::Crowded => Seen::SharerRefused,
                };
                self.world.borrow_mut().seen.hit(seen);
                // Whoever had a ticket would have been told its place.
                self.tickets.remove(&resource);
            }
            _ => {}
        }
    }

    fn learn(&mut self, resource: &str, mode: Option<Mode>, reply: ClaimReply) {
        if reply.lost.is_some() {
            self.world.borrow_mut().seen.hit(Seen::LossTold);
        }
        if reply.deadlock.is_some() {
            self.world.borrow_mut().seen.hit(Seen::DeadlockRefused);
        }
        match reply.status {
            ClaimStatus::Granted => {
                let asked = self.tickets.remove(resource).map(|(_, mode)| mode);
                let before = self.held.get(resource).map(|held| held.mode);
                let unsaid = self.unsaid(resource);
                let mode = mode.or(before).or(asked).unwrap_or(unsaid);
                let held = Held {
                    claim_id: reply.claim_id,
                    fence: reply.fence,
                    mode,
                };
                self.held.insert(resource.to_owned(), held);
            }
            ClaimStatus::Queued => {
                self.held.remove(resource);
                let mode = mode.unwrap_or(self.unsaid(resource));
                let known = self.tickets.get(resource);
                if known.is_none_or(|(claim_id, _)| *claim_id != reply.claim_id) {
                    let ticket = (reply.claim_id, mode);
                    self.tickets.insert(resource.to_owned(), ticket);
                }
            }
            // Whoever would wait for itself neither holds nor waits, and lets it be.
            ClaimStatus::Denied if reply.deadlock.is_some() => {
                self.held.remove(resource);
                self.tickets.remove(resource);
            }
            // A denied upgrade leaves the shared hold as it is.
            ClaimStatus::Denied if self.held.contains_key(resource) => {
                self.world.borrow_mut().seen.hit(Seen::UpgradeDenied);
            }
            ClaimStatus::Denied => {}
        }
        self.believe(resource);
    }

    /// The mode of a claim that says none. Exclusive, but to believe less than one holds does
    /// no harm.
    fn unsaid(&self, resource: &str) -> Mode {
        match self.remember(|memory| memory.shares.contains(resource)) {
            true => Mode::Shared,
            false => Mode::Exclusive,
        }
    }

    /// Tells the world whether this agent believes that it holds a resource alone.
    fn believe(&self, resource: &str) {
        let alone = self
            .held
            .get(resource)
            .is_some_and(|held| held.mode == Mode::Exclusive);
        let mut world = self.world.borrow_mut();
        let believers = world.believers.entry(resource.to_owned()).or_default();
        if alone {
            believers.insert(self.name.clone());
        } else {
            believers.remove(&self.name);
        }
        if believers.len() > 1 {
            world.seen.hit(Seen::TwoBelievers);
        }
    }

    /// Does what it holds the resource for: after a while, writes to it. Who shares a
    /// resource only reads, which no fence is needed for.
    pub(super) async fn work(&self, resource: &str) {
        let held = self.held.get(resource);
        let Some(held) = held.filter(|held| held.mode == Mode::Exclusive) else {
            return;
        };
        self.think().await;
        let mut world = self.world.borrow_mut();
        let guarded = world.guarded.entry(resource.to_owned()).or_default();
        let refused = held.fence < guarded.fence;
        let mut clash = None;
        if !refused {
            if held.fence == guarded.fence && guarded.by != held.claim_id {
                clash = Some(guarded.by.clone());
            }
            guarded.fence = held.fence;
            guarded.by.clone_from(&held.claim_id);
        }
        let clobbered = held.fence < guarded.unfenced;
        guarded.unfenced = held.fence;
        if refused {
            world.seen.hit(Seen::StaleWriteRefused);
        }
        if clobbered {
            world.seen.hit(Seen::UnfencedClobbered);
        }
        if let Some(other) = clash {
            let what = format!(
                "{resource} accepted writes of claims {other} and {} under fence {}",
                held.claim_id, held.fence
            );
            world.ledger.break_rule("C3", what);
        }
        let wrote = Record::Wrote {
            resource: resource.to_owned(),
            agent: self.name.clone(),
            fence: held.fence,
            refused,
        };
        world.record(self.task.process, wrote);
    }

    pub(super) async fn release(&mut self, resource: &str) {
        let held = self.held.get(resource).map(|held| held.claim_id.clone());
        let ticket = self
            .tickets
            .get(resource)
            .map(|(claim_id, _)| claim_id.clone());
        let Some(claim_id) = held.or(ticket) else {
            return;
        };
        let release = Release {
            agent_id: self.name.clone(),
            claim_id,
            resource: resource.to_owned(),
        };
        let answer = self.call(Command::Release(release)).await;
        // Whoever is dead for good holds nothing any more.
        if matches!(answer, Ok(_) | Err(MeshError::Rejected(_))) {
            self.forget(resource);
        }
    }

    /// Loses track of a resource, as agents do.
    pub(super) fn forget(&mut self, resource: &str) {
        self.held.remove(resource);
        self.tickets.remove(resource);
        self.believe(resource);
    }
}
