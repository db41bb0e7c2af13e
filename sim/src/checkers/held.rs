//! Calls that wait: how long they are held, and what they leave behind (W1 to W3).
//!
//! Everything here is about the calm after the storm, when all clocks are right and
//! nobody stands still: only then is "in time" a matter of fact. What a held call does in
//! the storm is for the other checkers, which hold its answers and its traces in the log
//! to the same rules as everybody's.

use std::collections::BTreeMap;

use mesh::core::{ClaimId, Command, Event, LapseReason, Millis, Reply};

use crate::trace::{
    Call, Coverage, Doing, EPOCH_MS, Incident, Ledger, Micros, Record, Seen, Target, Trace, Verb,
    Violation, ensure,
};

/// How late anything may be that the world tells of, or that a clock does.
const LATE: Micros = 500_000;
/// How late it may be where nobody is told of changes, and everybody looks.
const LATE_LOOK: Micros = 4_500_000;
/// How long the store's lock is kept from all by one that could not give it back.
const STALE_LOCK: Micros = 5_000_000;
/// How early, since a steady clock in milliseconds is rounded.
const EARLY: Micros = 2_000;
/// How long after its caller went away what it had queued for must be gone.
const WITHDRAWN: Micros = 2_500_000;

/// The names in the directory that is the store's lock.
const HELD_LOCK: &str = "lock/";

/// A call that waits, with its times.
struct Waiter<'a> {
    call: &'a Call,
    called: Micros,
    ended: Micros,
    end: End,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Answered,
    Left,
    /// The world ended, or the process died.
    Cut,
}

impl Waiter<'_> {
    fn is_claim_of(&self, resource: &str) -> bool {
        matches!(&self.call.command, Command::Claim(claim) if claim.resource == resource)
    }

    fn waits_at(&self, at: Micros) -> bool {
        self.called < at && at < self.ended
    }

    /// Whether the answer is that there still is none.
    fn gave_up(&self) -> bool {
        let reply = self.call.answer.as_ref();
        reply.is_some_and(|answer| answer.result.as_ref().is_ok_and(Reply::is_waiting))
    }
}

/// Looks at all calls that were made in the calm.
pub(super) fn check(trace: &Trace, ledger: &Ledger, seen: &mut Coverage) -> Result<(), Violation> {
    let calm = trace.records.iter().find(|stamped| {
        let incident = &stamped.record;
        matches!(incident, Record::Incident(Incident::StormEnded))
    });
    let Some(calm) = calm.map(|stamped| stamped.at) else {
        return Ok(());
    };
    let calm = calm
        + if leaves_lock_behind(trace) {
            STALE_LOCK
        } else {
            0
        };
    let waiters = waiters(trace, calm);
    for waiter in &waiters {
        check_length(waiter, seen)?;
    }
    let late = if trace.deaf { LATE_LOOK } else { LATE };
    let accepted = || {
        let entries = ledger.entries();
        trace.records.iter().filter_map(move |stamped| {
            let Record::Accepted { seq, .. } = stamped.record else {
                return None;
            };
            Some((stamped.at, entries.get(seq as usize - 1)?))
        })
    };
    let mut log = Log::default();
    for (at, entry) in accepted() {
        entry.events.iter().for_each(|event| log.note(event, at));
    }
    let mut leases = BTreeMap::new();
    let checks = Calm {
        begun: calm,
        late,
        waiters: &waiters,
        log: &log,
    };
    for (at, entry) in accepted() {
        for event in &entry.events {
            if at > calm {
                checks.check_event(&leases, event, at)?;
            }
            note_lease(&mut leases, event);
        }
    }
    waiters
        .iter()
        .filter(|waiter| waiter.end == End::Left)
        .try_for_each(|waiter| check_withdrawn(trace, &log, waiter, seen))
}

/// Whether somebody could not give the store's lock back, and went on. It may be the last
/// thing that the storm did.
fn leaves_lock_behind(trace: &Trace) -> bool {
    trace.records.iter().any(|stamped| {
        let Record::Incident(Incident::Refused { doing, .. }) = &stamped.record else {
            return false;
        };
        matches!(doing, Doing::Operation(Verb::Remove, Target::Named(name))
            if name.starts_with(HELD_LOCK))
    })
}

/// The calls that wait and were made in the calm, by processes that live on.
fn waiters(trace: &Trace, calm: Micros) -> Vec<Waiter<'_>> {
    let mut waiters: BTreeMap<usize, Waiter<'_>> = BTreeMap::new();
    for stamped in trace.records.iter().filter(|stamped| stamped.at > calm) {
        let end = match stamped.record {
            Record::Called { call } => {
                let made = &trace.calls[call];
                if made.command.patience() > 0 {
                    let waiter = Waiter {
                        call: made,
                        called: stamped.at,
                        ended: Micros::MAX,
                        end: End::Cut,
                    };
                    waiters.insert(call, waiter);
                }
                continue;
            }
            Record::Answered { call } => (call, End::Answered),
            Record::Left { call } => (call, End::Left),
            _ => continue,
        };
        if let Some(waiter) = waiters.get_mut(&end.0) {
            (waiter.ended, waiter.end) = (stamped.at, end.1);
        }
    }
    waiters.into_values().collect()
}

/// W1: a call is held for as long as it may wait, and not longer.
fn check_length(waiter: &Waiter<'_>, seen: &mut Coverage) -> Result<(), Violation> {
    if waiter.end != End::Answered {
        return Ok(());
    }
    let held = waiter.ended - waiter.called;
    let patience = waiter.call.command.patience() * 1000;
    if held > LATE {
        seen.hit(Seen::CallHeld);
    }
    let early = waiter.gave_up() && held + EARLY < patience;
    ensure(!early && held <= patience + LATE_LOOK, "W1", || {
        let Call { agent, command, .. } = waiter.call;
        format!("{agent} was answered after {held} us: {command:?}")
    })
}

/// What the log says of claims, in all.
#[derive(Default)]
struct Log {
    /// The tickets, by when they were taken.
    queued: Vec<(Micros, ClaimId, String, String)>,
    /// When claims were given back, or cancelled.
    released: BTreeMap<ClaimId, Micros>,
}

impl Log {
    fn note(&mut self, event: &Event, at: Micros) {
        match event {
            Event::Queued { claim, .. } => {
                let (agent, resource) = (claim.agent_id.to_string(), claim.resource.to_string());
                self.queued.push((at, claim.claim_id, agent, resource));
            }
            Event::Released { claim } | Event::Cancelled { claim } => {
                self.released.insert(claim.claim_id, at);
            }
            _ => {}
        }
    }
}

/// The end of each lease, as far as the log was read.
type Leases = BTreeMap<ClaimId, Millis>;

fn note_lease(leases: &mut Leases, event: &Event) {
    match event {
        Event::Granted { claim, terms, .. }
        | Event::Renewed { claim, terms, .. }
        | Event::Upgraded { claim, terms, .. } => {
            leases.insert(claim.claim_id, terms.expires_at);
        }
        Event::Promoted {
            claim, expires_at, ..
        } => {
            leases.insert(claim.claim_id, *expires_at);
        }
        Event::LeaseCut { claim, expires_at } => {
            if let Some(lease) = leases.get_mut(&claim.claim_id) {
                *lease = *expires_at;
            }
        }
        _ => {}
    }
}

/// The calm, and what is waited for in it.
struct Calm<'a> {
    begun: Micros,
    /// How late anything may be.
    late: Micros,
    waiters: &'a [Waiter<'a>],
    log: &'a Log,
}

impl Calm<'_> {
    /// What an event asks of those who wait for it.
    fn check_event(&self, leases: &Leases, event: &Event, at: Micros) -> Result<(), Violation> {
        match event {
            Event::Promoted {
                claim, expires_at, ..
            } => {
                // A grant that lasts less long than it may be late need not be heard of, nor
                // one that is given back, since it was made to an earlier call.
                let ends = expires_at.saturating_sub(EPOCH_MS) * 1000;
                let returned = self.log.released.get(&claim.claim_id).copied();
                let ends = ends.min(returned.unwrap_or(Micros::MAX));
                if ends <= at + self.late {
                    return Ok(());
                }
                self.served_in_time(at, |w| {
                    w.is_claim_of(&claim.resource) && w.call.agent == *claim.agent_id
                })
            }
            Event::Posted { to, .. } => self.served_in_time(
                at,
                |w| matches!(&w.call.command, Command::Inbox(inbox) if inbox.agent_id == **to),
            ),
            Event::Lapsed { claim, reason } => {
                let (resource, agent_id) = (&claim.resource, &claim.agent_id);
                let Some(lease) = leases.get(&claim.claim_id) else {
                    return kept_alive(self.waiters, resource, agent_id, at);
                };
                if *reason != LapseReason::Lease {
                    return Ok(());
                }
                let ended = (lease.saturating_sub(EPOCH_MS) * 1000).max(self.begun);
                let mut waiting = self.waiters.iter().filter(|w| w.is_claim_of(resource));
                let asleep = waiting.find(|w| w.waits_at(ended) && w.waits_at(at));
                ensure(asleep.is_none() || at <= ended + self.late, "W1", || {
                    let who = asleep.map(|w| w.call.agent.as_str());
                    format!(
                        "{agent_id}'s lease of {resource} ended at {ended} us, and {who:?}, who \
                         waits for it, had it end only at {at} us"
                    )
                })
            }
            _ => Ok(()),
        }
    }

    /// W1: whoever waits for something is answered when it is there.
    fn served_in_time(
        &self,
        at: Micros,
        is_served: impl Fn(&Waiter<'_>) -> bool,
    ) -> Result<(), Violation> {
        let mut served = self.waiters.iter().filter(|w| w.waits_at(at));
        let slept = served.find(|w| is_served(w) && w.ended > at + self.late && w.end != End::Cut);
        ensure(slept.is_none(), "W1", || {
            let waiter = slept.map(|w| (&w.call.agent, &w.call.command, w.ended));
            format!("what was there at {at} us was told late: {waiter:?}")
        })
    }
}

/// W1: the ticket of a held claim does not lapse.
fn kept_alive(
    waiters: &[Waiter<'_>],
    resource: &str,
    agent_id: &str,
    at: Micros,
) -> Result<(), Violation> {
    let mut own = waiters.iter().filter(|w| w.call.agent == agent_id);
    let held = own.find(|w| w.is_claim_of(resource) && w.called + LATE < at && w.ended > at);
    ensure(held.is_none(), "W1", || {
        format!("{agent_id}'s ticket for {resource} lapsed at {at} us while its claim was held")
    })
}

/// W3: what a call took is withdrawn once its caller has gone away.
fn check_withdrawn(
    trace: &Trace,
    log: &Log,
    waiter: &Waiter<'_>,
    seen: &mut Coverage,
) -> Result<(), Violation> {
    let Command::Claim(claim) = &waiter.call.command else {
        return Ok(());
    };
    // A call that waits for nothing leaves the ticket that it takes, and may still be under
    // way when its agent has given it up and calls again.
    let earlier = trace
        .calls
        .iter()
        .take_while(|call| !std::ptr::eq(*call, waiter.call));
    let mut given_up = earlier.filter(|call| call.answer.is_none() && call.command.patience() == 0);
    if given_up.any(|call| {
        matches!(&call.command, Command::Claim(before)
            if before.agent_id == claim.agent_id && before.resource == claim.resource)
    }) {
        return Ok(());
    }
    let by = waiter.ended + WITHDRAWN;
    for (at, claim_id, agent, resource) in &log.queued {
        let taken = *agent == claim.agent_id && *resource == claim.resource;
        if !taken || *at <= waiter.called || *at > by {
            continue;
        }
        let withdrawn = log.released.get(claim_id).is_some_and(|at| *at <= by);
        ensure(withdrawn, "W3", || {
            format!(
                "{agent} went away at {} us, and its claim {claim_id} of {resource} stays",
                waiter.ended
            )
        })?;
        seen.hit(Seen::Withdrawn);
    }
    Ok(())
}
