//! The invariants of [`State`], executable. Linear in the state: they run after each
//! entry in debug builds, in the simulator and in the model, never in production.

use std::collections::BTreeSet;

use super::{Mail, ResourceState, State};
use crate::command::Mode;
use crate::ids::MessageId;
use crate::limits::MAX_LEASE;
use crate::names::Resource;
use crate::steps;

/// Fails with the sentence that is broken.
fn ensure(holds: bool, broken: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(broken()) }
}

impl State {
    /// Checks every invariant in the list on [`State`].
    ///
    /// # Errors
    ///
    /// The first one that does not hold, as a sentence that names its rule.
    pub fn invariants(&self) -> Result<(), String> {
        steps::uncounted(|| self.check_all())
    }

    fn check_all(&self) -> Result<(), String> {
        for (resource, record) in &self.resources {
            self.check_holders(resource, record)?;
            check_queue(resource, record)?;
            self.check_fences_left(resource, record)?;
        }
        self.check_numbers()?;
        self.check_involved()?;
        self.check_losses()?;
        check_mail(&self.mail)
    }

    /// Invariants 1, 3 and 4.
    fn check_holders(&self, resource: &Resource, record: &ResourceState) -> Result<(), String> {
        let newest = self.newest_fence(resource);
        ensure(!record.holders.is_empty(), || {
            format!("C8: {resource} is listed, but nobody holds it")
        })?;
        ensure(
            record.mode == Mode::Shared || record.holders.len() == 1,
            || {
                format!(
                    "C2: {resource} is exclusive and has {} holders",
                    record.holders.len()
                )
            },
        )?;
        for hold in &record.holders {
            ensure((1..=newest).contains(&hold.fence), || {
                format!(
                    "C3: {resource} has fence {} above the newest, {newest}",
                    hold.fence
                )
            })?;
            ensure(record.mode == Mode::Shared || hold.fence == newest, || {
                format!("C3: the exclusive holder of {resource} has not the newest fence")
            })?;
            ensure(hold.claim_id <= self.newest_claim(), || {
                format!("C1: {resource} has a claim above the newest claim id")
            })?;
        }
        Ok(())
    }

    /// Invariant 9, for tickets.
    fn check_fences_left(&self, resource: &Resource, record: &ResourceState) -> Result<(), String> {
        let newest = self.newest_fence(resource);
        let needed = newest.saturating_add(record.queue.len() as u64);
        ensure(needed <= self.limits().count, || {
            format!("G8: not every ticket for {resource} has a fence left behind {newest}")
        })?;
        let holds = record.holders.iter().map(|hold| hold.lease_ms);
        let mut lasting = holds.chain(record.queue.iter().map(|ticket| ticket.lease_ms));
        ensure(lasting.all(|lease| lease <= MAX_LEASE), || {
            format!("G8: a lease on {resource} is longer than any may be")
        })
    }

    /// Invariant 9, for the rest.
    fn check_numbers(&self) -> Result<(), String> {
        let most = self.limits().count;
        for (resource, fence) in self.fences() {
            ensure(fence <= most, || {
                format!("G8: {resource} has fence {fence}, above {most}")
            })?;
        }
        for (agent_id, agent) in &self.agents {
            let in_range = agent.epoch <= most && agent.ttl_ms <= MAX_LEASE;
            ensure(in_range, || {
                let (epoch, ttl) = (agent.epoch, agent.ttl_ms);
                format!("G8: {agent_id} has epoch {epoch} and a TTL of {ttl} ms")
            })?;
        }
        Ok(())
    }

    /// Invariant 8.
    fn check_losses(&self) -> Result<(), String> {
        ensure(self.losses.is_indexed(), || {
            "W6: the index of losses by their age differs from the losses".to_owned()
        })?;
        for ((agent_id, resource), _) in self.losses.iter() {
            let record = self.resource(resource);
            let hold = record.and_then(|record| record.hold_of(agent_id));
            ensure(hold.is_none(), || {
                format!("W6: {agent_id} holds {resource} and is said to have lost it")
            })?;
        }
        Ok(())
    }

    /// Invariant 7, for claims: `involved` lists exactly the holds and tickets.
    fn check_involved(&self) -> Result<(), String> {
        let holds = self.resources.iter().flat_map(|(resource, record)| {
            let holders = record.holders.iter().map(|hold| &hold.agent_id);
            let waiters = record.queue.iter().map(|ticket| &ticket.agent_id);
            holders.chain(waiters).map(move |agent| (agent, resource))
        });
        let recorded: BTreeSet<_> = holds.collect();
        let indexed = self.involved.iter();
        let indexed =
            indexed.flat_map(|(agent, set)| set.iter().map(move |resource| (agent, resource)));
        ensure(recorded == indexed.collect(), || {
            "the index of who is involved where differs from the claims".to_owned()
        })
    }
}

/// Invariants 2 and 3.
fn check_queue(resource: &Resource, record: &ResourceState) -> Result<(), String> {
    let holders = record.holders.iter().map(|hold| &hold.agent_id);
    let waiters = record.queue.iter().map(|ticket| &ticket.agent_id);
    let mut seen = BTreeSet::new();
    for agent_id in holders.chain(waiters) {
        ensure(seen.insert(agent_id), || {
            format!("C7: {agent_id} holds or waits twice on {resource}")
        })?;
    }
    ensure(
        record
            .queue
            .front()
            .is_none_or(|head| !record.admits(head.mode)),
        || format!("C8: the head of the queue of {resource} could have been promoted"),
    )
}

/// Invariants 5, 6 and 7, for messages.
fn check_mail(mail: &Mail) -> Result<(), String> {
    let newest = mail.newest();
    if let Some((last, _)) = mail.messages.get_max() {
        ensure(*last <= newest, || {
            format!("M2: message {last} is above the newest, {newest}")
        })?;
    }
    for (agent, cursor) in &mail.cursors {
        ensure(*cursor <= newest, || {
            format!("M4: the cursor of {agent} is above the newest message")
        })?;
    }
    let mut boxed = 0;
    for (address, mailbox) in &mail.boxes {
        boxed += mailbox.ids.len();
        ensure(!mailbox.ids.is_empty(), || {
            format!("the mailbox {address} is kept empty")
        })?;
        let ids: Vec<MessageId> = mailbox.ids.iter().copied().collect();
        ensure(ids.is_sorted_by(|a, b| a < b), || {
            format!("M2: the mailbox {address} is out of order")
        })?;
        for id in ids {
            ensure(
                mail.messages.get(&id).is_some_and(|m| m.to == *address),
                || format!("M6: message {id} lies in the mailbox {address} by mistake"),
            )?;
        }
    }
    ensure(boxed == mail.messages.len(), || {
        "M5: a message is in no mailbox".to_owned()
    })?;
    let expiring = mail
        .messages
        .iter()
        .filter_map(|(id, m)| m.expires_at.map(|end| (end, *id)));
    let expiring: BTreeSet<_> = expiring.collect();
    let in_boxes = mail
        .boxes
        .values()
        .flat_map(|mailbox| mailbox.expiring.iter().copied());
    ensure(
        mail.expiring.iter().copied().collect::<BTreeSet<_>>() == expiring
            && in_boxes.collect::<BTreeSet<_>>() == expiring,
        || "the index of expiries differs from the messages".to_owned(),
    )?;
    ensure(
        mail.by_key.len() == mail.keys.len()
            && mail.keys.iter().all(|(id, post)| {
                mail.by_key.get(&(post.agent_id.clone(), post.key.clone())) == Some(id)
            }),
        || "M7: the index of retry keys differs from the keys".to_owned(),
    )
}
