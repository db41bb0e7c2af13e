//! The contract of claims, as questions about one step.
//!
//! A step is a command, the state before it, and what `decide` made of it. Each question
//! is written against `docs/contract.md` and the vocabulary of events alone: it asks
//! whether the outcome is one that the rule allows, and never computes the outcome.

use std::collections::BTreeSet;

use mesh::core::{
    ClaimId, Command, Decision, Event, Hold, Millis, Mode, Rejection, Reply, State, Ticket,
};

use super::bounds::TICK;
use crate::planted::Rules;

/// How long an agent is stale before it is dead (A2), and how far a deadline may be off
/// before it is cut (C12).
const STALE: Millis = TICK;
pub(super) const TOLERANCE: Millis = 2 * TICK;

/// A rule that a step broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Broken {
    /// Its id.
    pub rule: &'static str,
    /// The sentence that does not hold.
    pub sentence: &'static str,
}

/// One step: who asked what when, and what became of it.
pub struct Step<'a> {
    /// The rules that decided.
    pub rules: Rules,
    /// The state before it.
    pub before: &'a State,
    /// The clock of whoever acts.
    pub at: Millis,
    /// What was asked.
    pub command: &'a Command,
    /// What was decided.
    pub outcome: &'a Result<Decision, Rejection>,
}

/// `Ok`, or the rule that is broken.
pub(super) type Verdict = Result<(), Broken>;

pub(super) fn ensure(holds: bool, rule: &'static str, sentence: &'static str) -> Verdict {
    if holds {
        Ok(())
    } else {
        Err(Broken { rule, sentence })
    }
}

impl Step<'_> {
    /// Every question that concerns the step.
    ///
    /// # Errors
    ///
    /// The first rule that is broken.
    pub fn check(&self) -> Verdict {
        let decision = match self.outcome {
            Ok(decision) => decision,
            Err(_) => return self.rejection(),
        };
        let after = &decision.state;
        self.replay(decision)?;
        self.fences(decision)?;
        self.incarnations(after)?;
        self.notices(decision)?;
        self.losses(decision)?;
        let names = self.before.fences().chain(after.fences());
        let names: BTreeSet<_> = names.map(|(name, _)| name.clone()).collect();
        for name in &names {
            exclusion(after, name)?;
            if !self.touches(name) {
                let same = self.before.resource(name) == after.resource(name);
                let passed = self.passes(name);
                ensure(
                    same || passed,
                    "C9",
                    "a resource changes that nobody touched",
                )?;
                if same {
                    continue;
                }
            }
            self.holds(after, name)?;
            self.tickets(after, name)?;
            self.healed(after, name)?;
        }
        match (self.command, &decision.reply) {
            (Command::Claim(claim), Reply::Claim(reply)) => self.claim(claim, reply, after),
            (Command::Release(release), Reply::Release(reply)) => {
                self.release(release, reply, decision)
            }
            _ => Ok(()),
        }
    }

    /// The agent that acts, if acting is a sign of its life (A6).
    fn actor(&self) -> Option<&str> {
        match self.command {
            Command::Register(command) => Some(&command.agent_id),
            Command::Claim(command) => Some(&command.agent_id),
            Command::Release(command) => Some(&command.agent_id),
            _ => None,
        }
    }

    /// A2, at the actor's clock.
    pub fn is_dead(&self, agent: &str) -> bool {
        let agent = self.before.agent(agent);
        agent.is_some_and(|agent| self.at > agent.expires_at + STALE)
    }

    /// C9: whether a hold that stood before has lapsed by now.
    pub fn hold_lapsed(&self, hold: &Hold) -> bool {
        hold.expires_at <= self.at || self.is_dead(&hold.agent_id)
    }

    /// C9: whether a ticket that stood before has lapsed by now.
    pub fn ticket_lapsed(&self, ticket: &Ticket) -> bool {
        match self.before.agent(&ticket.agent_id) {
            Some(_) => self.is_dead(&ticket.agent_id),
            None => ticket.expires_at <= self.at,
        }
    }

    /// The holds and tickets that were there before and are still good.
    pub fn live<'s>(&self, state: &'s State, name: &str) -> (Vec<&'s Hold>, Vec<&'s Ticket>) {
        let Some(record) = state.resource(name) else {
            return (Vec::new(), Vec::new());
        };
        let holds = record.holders.iter().filter(|hold| !self.hold_lapsed(hold));
        let tickets = record.queue.iter().filter(|t| !self.ticket_lapsed(t));
        (holds.collect(), tickets.collect())
    }

    /// Whether the step touches a resource, and so must leave it healed (C9).
    fn touches(&self, name: &str) -> bool {
        let reborn = self.actor().is_some_and(|agent| {
            let involved = self
                .before
                .resource(name)
                .is_some_and(|r| r.hold_of(agent).is_some() || r.ticket_of(agent).is_some());
            // A first registration gives a liveness, and must not revive what had lapsed.
            let first =
                matches!(self.command, Command::Register(_)) && self.before.agent(agent).is_none();
            involved && (first || self.is_dead(agent))
        });
        reborn
            || match self.command {
                Command::Claim(claim) => claim.resource == name,
                Command::Release(release) => release.resource == name,
                Command::Claims(claims) => claims.resource.as_deref().is_none_or(|r| r == name),
                Command::Roster(_) | Command::Gc(_) => true,
                _ => false,
            }
    }

    /// Whether the step gives `claim_id` back.
    fn gives_back(&self, agent: &str, claim_id: ClaimId) -> bool {
        matches!(self.command, Command::Release(release)
            if release.agent_id == agent && release.claim_id.parse() == Ok(claim_id))
    }

    /// C7: only a ticket in another mode is refused.
    fn rejection(&self) -> Verdict {
        let other_mode = match self.command {
            Command::Claim(claim) => {
                let (_, tickets) = self.live(self.before, &claim.resource);
                let own = tickets.iter().find(|t| *t.agent_id == *claim.agent_id);
                own.is_some_and(|ticket| claim.mode.is_some_and(|mode| mode != ticket.mode))
            }
            _ => false,
        };
        ensure(other_mode, "G3", "a good request is refused")
    }

    /// The log tells everything: its events lead to the state that was decided.
    fn replay(&self, decision: &Decision) -> Verdict {
        if decision.events.is_empty() {
            let same = decision.state == *self.before;
            return ensure(same, "replay", "the state changes without an event");
        }
        let replayed = self.rules.replay(self.before, self.at, &decision.events);
        let same = replayed == decision.state;
        ensure(
            same,
            "replay",
            "the events do not lead to the state that was decided",
        )?;
        let restored = self.rules.checkpoint(&decision.state);
        ensure(
            restored.as_ref() == Some(&decision.state),
            "checkpoint",
            "a checkpoint forgets something",
        )
    }

    /// C3, from the events in their order.
    fn fences(&self, decision: &Decision) -> Verdict {
        let mut newest: Vec<(&str, u64, bool)> = Vec::new();
        for event in &decision.events {
            let (Some(name), Some(fence)) = (event.resource(), event.fence()) else {
                continue;
            };
            let shared = self.is_shared_promotion(event);
            let seen = newest.iter().position(|(r, ..)| *r == &**name);
            let (last, in_run) = match seen {
                Some(at) => (newest[at].1, newest[at].2),
                None => (self.before.newest_fence(name), false),
            };
            let right = fence == last + 1 || (in_run && shared && fence == last);
            ensure(right, "C3", "a grant does not carry the newest fence + 1")?;
            match seen {
                Some(at) => newest[at] = (name, fence, shared),
                None => newest.push((name, fence, shared)),
            }
        }
        for (name, fence) in self.before.fences() {
            let granted = newest.iter().find(|(r, ..)| *r == &**name);
            let expected = granted.map_or(fence, |(_, fence, _)| *fence);
            let right = decision.state.newest_fence(name) == expected;
            ensure(
                right,
                "C3",
                "the newest fence is not that of the last grant",
            )?;
        }
        Ok(())
    }

    fn is_shared_promotion(&self, event: &Event) -> bool {
        let Event::Promoted { claim, .. } = event else {
            return false;
        };
        let ticket = self
            .before
            .resource(&claim.resource)
            .and_then(|r| r.ticket_of(&claim.agent_id));
        ticket.is_some_and(|(_, ticket)| ticket.mode == Mode::Shared)
    }

    /// A3 and A6: epochs, and what a new incarnation starts with.
    fn incarnations(&self, after: &State) -> Verdict {
        for (id, before) in self.before.agents() {
            let Some(now) = after.agent(id) else {
                return ensure(false, "A4", "a registered agent vanished");
            };
            let acts = self.actor() == Some(id);
            let reborn = acts && self.is_dead(id);
            let epoch = before.epoch + u64::from(reborn);
            ensure(
                now.epoch == epoch,
                "A3",
                "the epoch is not that of the incarnation",
            )?;
            if acts {
                let alive = now.expires_at >= self.at + now.ttl_ms;
                ensure(alive, "A6", "an agent that acts is not alive by it")?;
            } else {
                let longer = now.expires_at > before.expires_at;
                ensure(!longer, "A5", "an agent that did not act lives longer")?;
            }
            if reborn {
                let kept = self.before.resources().any(|(name, record)| {
                    let held = record.hold_of(id).map(|hold| hold.claim_id);
                    let waited = record.ticket_of(id).map(|(_, ticket)| ticket.claim_id);
                    held.or(waited)
                        .is_some_and(|claim| has_claim(after, name, claim))
                });
                ensure(!kept, "A3", "a new incarnation keeps what the dead one had")?;
            }
        }
        Ok(())
    }

    /// C4 and C9: a hold that has not lapsed stays as it is, whoever else comes.
    fn holds(&self, after: &State, name: &str) -> Verdict {
        for hold in self.live(self.before, name).0 {
            let kept = after
                .resource(name)
                .and_then(|r| r.hold_of(&hold.agent_id))
                .filter(|now| now.claim_id == hold.claim_id);
            let Some(now) = kept else {
                let given_back = self.gives_back(&hold.agent_id, hold.claim_id);
                ensure(given_back, "C9", "a hold is taken away before it lapses")?;
                continue;
            };
            let claims = matches!(self.command, Command::Claim(claim)
                if claim.resource == name && claim.agent_id == *hold.agent_id);
            if !claims {
                ensure(now.fence == hold.fence, "C4", "a hold gets another's fence")?;
                let cut = hold.expires_at > self.at + hold.lease_ms + TOLERANCE;
                let right = now.expires_at == hold.expires_at || cut;
                ensure(right, "C4", "a lease changes that nobody renewed")?;
            }
        }
        Ok(())
    }

    /// C6, C7 and C8: the queue moves forward, nobody overtakes, and no ticket is lost or
    /// doubled.
    fn tickets(&self, after: &State, name: &str) -> Verdict {
        let (_, live) = self.live(self.before, name);
        let waiting: Vec<ClaimId> = after
            .resource(name)
            .map(|r| r.queue.iter().map(|t| t.claim_id).collect())
            .unwrap_or_default();
        let mut seen_waiting = false;
        for ticket in &live {
            if self.gives_back(&ticket.agent_id, ticket.claim_id) {
                continue;
            }
            let waits = waiting.contains(&ticket.claim_id);
            let held = has_claim(after, name, ticket.claim_id);
            ensure(held, "C7", "a ticket is lost")?;
            ensure(waits || !seen_waiting, "C6", "a ticket overtakes another")?;
            seen_waiting |= waits;
        }
        let kept: Vec<ClaimId> = live.iter().map(|t| t.claim_id).collect();
        let old = waiting.iter().filter(|id| kept.contains(id));
        let order = kept.iter().filter(|id| waiting.contains(id));
        ensure(old.eq(order), "C6", "the queue changes its order")?;
        let new = waiting.iter().skip_while(|id| kept.contains(id));
        let new: Vec<_> = new.collect();
        let own = self
            .actor()
            .and_then(|agent| after.resource(name)?.ticket_of(agent));
        let joined = new.len() <= 1
            && new
                .iter()
                .all(|id| own.is_some_and(|(_, t)| t.claim_id == **id));
        ensure(joined, "C7", "somebody queues who did not ask")
    }

    /// C9 and C12: whatever touches a resource leaves nothing lapsed, and no deadline
    /// that only a bad clock can have set.
    fn healed(&self, after: &State, name: &str) -> Verdict {
        let Some(record) = after.resource(name) else {
            return Ok(());
        };
        let dead = |id: &str| {
            after
                .agent(id)
                .is_some_and(|a| self.at > a.expires_at + STALE)
        };
        let far = |deadline: Millis, lease: Millis| deadline > self.at + lease + TOLERANCE;
        for hold in &record.holders {
            let lapsed = hold.expires_at <= self.at || dead(&hold.agent_id);
            ensure(!lapsed, "C9", "a lapsed hold is left in place")?;
            let far = far(hold.expires_at, hold.lease_ms);
            ensure(!far, "C12", "a lease that a bad clock set is left in place")?;
        }
        for ticket in &record.queue {
            let lapsed = match after.agent(&ticket.agent_id) {
                Some(_) => dead(&ticket.agent_id),
                None => ticket.expires_at <= self.at,
            };
            ensure(!lapsed, "C9", "a lapsed ticket is left in place")?;
        }
        Ok(())
    }
}

/// C2 and C8, and one hold or ticket an agent (C7).
fn exclusion(state: &State, name: &str) -> Verdict {
    let Some(record) = state.resource(name) else {
        return Ok(());
    };
    let one = record.mode == Mode::Shared || record.holders.len() <= 1;
    ensure(one, "C2", "an exclusive resource has two holders")?;
    let head = record.queue.front();
    let blocked = head.is_none_or(|head| {
        let conflict = record.mode == Mode::Exclusive || head.mode == Mode::Exclusive;
        conflict && !record.holders.is_empty()
    });
    ensure(blocked, "C8", "the head of the queue waits for nobody")?;
    let holders = record.holders.iter().map(|h| &h.agent_id);
    let waiters = record.queue.iter().map(|t| &t.agent_id);
    let mut seen = BTreeSet::new();
    let once = holders.chain(waiters).all(|agent| seen.insert(agent));
    ensure(once, "C7", "an agent holds or waits twice")
}

pub(super) fn has_claim(state: &State, name: &str, claim: ClaimId) -> bool {
    state.resource(name).is_some_and(|record| {
        record.holders.iter().any(|h| h.claim_id == claim)
            || record.queue.iter().any(|t| t.claim_id == claim)
    })
}
