//! What must happen somewhere, so that no rule holds because nothing happens.

use mesh::core::{ClaimStatus, Command, Event, LapseReason, Millis, Mode, ReleaseStatus, Reply};
use stateright::Property;

use super::{Bounds, Claims, Point, Step};

/// Something that a step can bring about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names of the properties say what each is")]
#[repr(u32)]
pub enum Fact {
    Granted,
    JoinedShared,
    Denied,
    Queued,
    SharedWaitsBehindExclusive,
    Renewed,
    RenewedUnderOldFence,
    DowngradePromotes,
    Upgraded,
    UpgradeDenied,
    TicketKept,
    Promoted,
    RunPromoted,
    Cancelled,
    LapsedByLease,
    LapsedByDeath,
    TicketLapsed,
    Reborn,
    ReleaseOfLapsed,
    NotHolder,
    OtherModeRefused,
    Cut,
    ReapedEarly,
    CircleRefused,
    LossSaid,
    LossEnded,
}

impl Fact {
    /// Whether the step brings it about. `now` is the true time.
    pub(super) fn happens(self, step: &Step<'_>, now: Millis) -> bool {
        let decision = match step.outcome {
            Ok(decision) => decision,
            Err(_) => return self == Self::OtherModeRefused,
        };
        let events = &decision.events;
        let any = |test: fn(&Event) -> bool| events.iter().any(test);
        let promoted = || {
            events
                .iter()
                .filter(|e| matches!(e, Event::Promoted { .. }))
        };
        match (self, &decision.reply) {
            (Self::Denied, Reply::Claim(reply)) => reply.status == ClaimStatus::Denied,
            (Self::UpgradeDenied, Reply::Claim(reply)) => {
                reply.status == ClaimStatus::Denied && self.holds_shared(step)
            }
            (Self::RenewedUnderOldFence, Reply::Claim(reply)) => {
                let newest = decision.state.newest_fence(&reply.resource);
                reply.status == ClaimStatus::Granted && reply.fence < newest
            }
            (Self::SharedWaitsBehindExclusive, Reply::Claim(reply)) => {
                let mode = decision.state.resource(&reply.resource).map(|r| r.mode);
                let asks =
                    matches!(step.command, Command::Claim(c) if c.mode == Some(Mode::Shared));
                let queued = reply.status == ClaimStatus::Queued;
                queued && asks && mode == Some(Mode::Shared)
            }
            (Self::CircleRefused, Reply::Claim(reply)) => reply.deadlock.is_some(),
            (Self::LossSaid, Reply::Claim(reply)) => {
                reply.lost.is_some() && reply.status != ClaimStatus::Granted
            }
            (Self::LossEnded, Reply::Claim(reply)) => {
                reply.lost.is_some() && reply.status == ClaimStatus::Granted
            }
            (Self::NotHolder, Reply::Release(reply)) => reply.status == ReleaseStatus::NotHolder,
            (Self::ReleaseOfLapsed, Reply::Release(reply)) => {
                reply.status == ReleaseStatus::Unknown
            }
            (Self::Granted, _) => any(|e| {
                matches!(
                    e,
                    Event::Granted {
                        mode: Mode::Exclusive,
                        ..
                    }
                )
            }),
            (Self::JoinedShared, _) => events.iter().any(|e| self.joins(step, e)),
            (Self::Queued, _) => any(|e| matches!(e, Event::Queued { .. })),
            (Self::Renewed, _) => any(|e| matches!(e, Event::Renewed { .. })),
            (Self::DowngradePromotes, _) => {
                any(|e| matches!(e, Event::Renewed { .. })) && promoted().count() > 0
            }
            (Self::Upgraded, _) => any(|e| matches!(e, Event::Upgraded { .. })),
            (Self::TicketKept, _) => any(|e| matches!(e, Event::TicketRenewed { .. })),
            (Self::Promoted, _) => promoted().count() > 0,
            (Self::RunPromoted, _) => {
                let mut fences = promoted().filter_map(Event::fence);
                let first = fences.next();
                first.is_some_and(|first| fences.any(|fence| fence == first))
            }
            (Self::Cancelled, _) => any(|e| matches!(e, Event::Cancelled { .. })),
            (Self::LapsedByLease, _) => self.lapses(step, events, LapseReason::Lease, false),
            (Self::LapsedByDeath, _) => self.lapses(step, events, LapseReason::Death, false),
            (Self::TicketLapsed, _) => {
                self.lapses(step, events, LapseReason::Lease, true)
                    || self.lapses(step, events, LapseReason::Death, true)
            }
            (Self::Reborn, _) => any(|e| match e {
                Event::Registered { epoch, .. } | Event::Heartbeat { epoch, .. } => *epoch > 1,
                _ => false,
            }),
            (Self::Cut, _) => {
                any(|e| matches!(e, Event::LeaseCut { .. } | Event::RegistrationCut { .. }))
            }
            (Self::ReapedEarly, _) => events.iter().any(|e| reaps_early(step, e, now)),
            _ => false,
        }
    }

    fn holds_shared(self, step: &Step<'_>) -> bool {
        let Command::Claim(claim) = step.command else {
            return false;
        };
        let (holds, _) = step.live(step.before, &claim.resource);
        holds.iter().any(|hold| *hold.agent_id == *claim.agent_id)
    }

    fn joins(self, step: &Step<'_>, event: &Event) -> bool {
        let Event::Granted { claim, .. } = event else {
            return false;
        };
        !step.live(step.before, &claim.resource).0.is_empty()
    }

    fn lapses(self, step: &Step<'_>, events: &[Event], why: LapseReason, waiting: bool) -> bool {
        events.iter().any(|event| match event {
            Event::Lapsed { claim, reason } => {
                let record = step.before.resource(&claim.resource);
                let waited = record.is_some_and(|r| r.ticket_of(&claim.agent_id).is_some());
                *reason == why && waited == waiting
            }
            _ => false,
        })
    }
}

/// A hold whose lease has not ended in truth is taken away by a fast clock.
fn reaps_early(step: &Step<'_>, event: &Event, now: Millis) -> bool {
    let Event::Lapsed { claim, .. } = event else {
        return false;
    };
    let record = step.before.resource(&claim.resource);
    let hold = record.and_then(|r| r.hold_of(&claim.agent_id));
    hold.is_some_and(|hold| hold.expires_at > now && step.at > now)
}

/// One `sometimes` for each fact that can happen within the bounds.
pub(super) fn properties(bounds: &Bounds) -> Vec<Property<Claims>> {
    macro_rules! sometimes {
        ($($when:expr, $fact:ident, $name:literal;)*) => {{
            let mut properties = Vec::new();
            $(if $when {
                properties.push(Property::sometimes($name, |model: &Claims, point: &Point| {
                    model.shows(point, Fact::$fact)
                }));
            })*
            properties
        }};
    }
    let agents = bounds.agents.len();
    let registers = bounds.agents.iter().any(|role| role.registers);
    sometimes! {
        true, Granted, "an exclusive claim is granted";
        true, JoinedShared, "a shared claim joins others";
        bounds.thorough, Denied, "a claim is denied";
        true, Queued, "a claim is queued";
        agents > 2, SharedWaitsBehindExclusive, "a shared claim waits behind an exclusive ticket";
        true, Renewed, "a lease is renewed";
        true, RenewedUnderOldFence, "a renewal keeps a fence that is not the newest";
        true, DowngradePromotes, "a downgrade promotes";
        true, Upgraded, "a hold is upgraded";
        true, UpgradeDenied, "an upgrade is denied";
        true, TicketKept, "a waiting agent asks again";
        true, Promoted, "a ticket is promoted";
        agents > 2, RunPromoted, "a run of shared tickets is promoted";
        true, Cancelled, "a ticket is cancelled";
        true, LapsedByLease, "a hold lapses with its lease";
        registers && bounds.lease > 3, LapsedByDeath, "a hold lapses by death";
        true, TicketLapsed, "a ticket lapses";
        registers, Reborn, "a dead agent comes back";
        true, ReleaseOfLapsed, "the release of a lapsed hold is unknown";
        bounds.thorough, NotHolder, "a release is refused";
        true, OtherModeRefused, "another mode is refused while queued";
        bounds.fastest() > 2, Cut, "a deadline of a bad clock is cut";
        bounds.fastest() > 0, ReapedEarly, "a fast clock reaps early";
        bounds.resources > 1, CircleRefused, "a claim is refused that would wait for itself";
        true, LossSaid, "a claim that waits says what was lost";
        true, LossEnded, "a claim that is granted says what was lost";
    }
}
