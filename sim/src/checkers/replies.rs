//! What agents are told: every answer against the log at the place where it was decided.
//!
//! An answer that was decided alone must be right at the end of its entry. Where
//! several commands shared an entry, each was decided between the events of the others,
//! so it must be right at one of those points.

use mesh::MeshError;
use mesh::core::{
    Claim, ClaimReply, ClaimStatus, ClaimsReply, Command, Entry, Liveness, MessageId, Millis, Mode,
    PostReply, Rejection, ReleaseReply, ReleaseStatus, Reply, RosterReply, Wait,
};

use super::reference::{GRACE_MS, Place, Reference, Resource};
use super::{inbox, waiting};
use crate::trace::{Answer, Call, Refused, Violation, ensure};

/// Answers that were decided at one place of the log.
pub(super) struct Open<'a> {
    calls: Vec<OpenCall<'a>>,
}

struct OpenCall<'a> {
    call: &'a Call,
    answer: &'a Answer,
    /// `Err`: that a resource has no place, no fence, or no room to share it, left.
    reply: Result<&'a Reply, Refused>,
    /// Whether others were decided together with it.
    shared: bool,
    matched: bool,
}

impl<'a> Open<'a> {
    pub(super) fn new(calls: Vec<&'a Call>) -> Self {
        let mut open: Vec<OpenCall<'a>> = Vec::new();
        for call in calls {
            let Some(answer) = &call.answer else { continue };
            let reply = match &answer.result {
                Ok(reply) => Ok(reply),
                Err(MeshError::Rejected(rejection)) if is_of_a_resource(rejection) => {
                    Err(Refused::of(rejection))
                }
                Err(_) => continue,
            };
            if answer.decided.0 != answer.decided.1 {
                continue;
            }
            open.push(OpenCall {
                call,
                answer,
                reply,
                shared: false,
                matched: false,
            });
        }
        for at in 0..open.len() {
            let batch = (open[at].call.process, open[at].answer.batch);
            let others = open
                .iter()
                .filter(|o| (o.call.process, o.answer.batch) == batch);
            open[at].shared = others.count() > 1 || open[at].answer.beside_waiting;
        }
        Self { calls: open }
    }

    /// Whether several commands of one process were decided here.
    pub(super) fn is_batch(&self) -> bool {
        self.calls.iter().any(|open| open.shared)
    }

    fn try_shared(&mut self, reference: &Reference) {
        for open in self
            .calls
            .iter_mut()
            .filter(|open| open.shared && !open.matched)
        {
            open.matched = check(reference, open).is_ok();
        }
    }

    pub(super) fn before_entry(&mut self, reference: &Reference) {
        self.try_shared(reference);
    }

    pub(super) fn after_event(&mut self, reference: &Reference, _: &Entry) {
        self.try_shared(reference);
    }

    pub(super) fn at_end(&self, reference: &Reference, seq: u64) -> Result<(), Violation> {
        for open in self.calls.iter().filter(|open| !open.matched) {
            ensure(seq >= open.call.told_before, "G6", || {
                format!(
                    "{} is answered from entry {seq}, although entry {} had been told of: {:?}",
                    open.call.agent, open.call.told_before, open.call.command
                )
            })?;
            check(reference, open).map_err(|mut broken| {
                let call = open.call;
                let told = match open.reply {
                    Ok(reply) => format!("{reply:?}"),
                    Err(Refused::NoPlace) => "that the queue is full".to_owned(),
                    Err(Refused::NoFenceLeft) => "that no fence is left".to_owned(),
                    Err(Refused::Crowded) => "that too many share it".to_owned(),
                };
                broken.what = format!(
                    "at entry {seq}, {} calls {:?} and is told {told}: {}",
                    call.agent, call.command, broken.what
                );
                broken
            })?;
        }
        Ok(())
    }
}

fn check(reference: &Reference, open: &OpenCall<'_>) -> Result<(), Violation> {
    let now = open.answer.now;
    let reply = match open.reply {
        Ok(reply) => reply,
        Err(refused) => return check_refused(reference, &open.call.command, refused),
    };
    match (&open.call.command, reply) {
        (Command::Register(command), Reply::Register(reply)) => {
            let agent = reference.agents.get(&command.agent_id);
            let right = agent.is_some_and(|a| {
                a.epoch == reply.epoch
                    && a.expires_at == reply.expires_at.0
                    && a.registered_at == reply.registered_at.0
                    && a.role == command.role
            });
            ensure(right, "A1", || format!("the log says {agent:?}"))
        }
        (Command::Roster(command), Reply::Roster(reply)) => {
            check_roster(reference, command.include_stale, reply)
        }
        (Command::Claim(command), Reply::Claim(reply)) => {
            check_claim(reference, now, command, reply)?;
            let held = open.call.command.patience() > 0;
            waiting::check_lost(reference, &command.agent_id, now, reply, open.shared, held)
        }
        (Command::Release(command), Reply::Release(reply)) => {
            let resource = reference.resources.get(&command.resource);
            check_acted(reference, &command.agent_id, now)?;
            check_release(resource, &command.agent_id, &command.claim_id, reply)
        }
        (Command::Claims(command), Reply::Claims(reply)) => {
            check_claims(reference, command.resource.as_deref(), reply)
        }
        (Command::Post(command), Reply::Post(reply)) => {
            check_acted(reference, &command.agent_id, now)?;
            check_post(
                reference,
                &command.agent_id,
                command.key.as_deref(),
                &command.body,
                reply,
            )
        }
        (Command::Inbox(command), Reply::Inbox(reply)) => {
            let cursor = reference.cursor(&command.agent_id);
            ensure(reply.cursor == cursor, "M3", || {
                format!("the cursor is {cursor}")
            })?;
            let since = command.since.as_ref().and_then(|since| since.parse().ok());
            let since = since.unwrap_or(cursor);
            let all = reference.inbox(&command.agent_id, &command.topics, since, now);
            let limit = command.limit.unwrap_or(100) as usize;
            inbox::check(reference, &command.agent_id, &all, limit, reply)
        }
        (Command::Read(command), Reply::Read(reply)) => {
            let up_to = command.up_to.parse::<MessageId>().ok();
            let known = up_to.filter(|id| *id <= reference.newest_message);
            ensure(known.is_some(), "M4", || {
                format!("the newest message is {}", reference.newest_message)
            })?;
            check_acted(reference, &command.agent_id, now)?;
            let cursor = reference.cursor(&command.agent_id);
            ensure(
                reply.cursor == cursor && Some(cursor) >= known,
                "M4",
                || format!("the cursor is {cursor}"),
            )?;
            let left = reference
                .inbox(&command.agent_id, &command.topics, cursor, now)
                .len() as u64;
            ensure(reply.remaining == left, "M4", || {
                format!("{left} messages are above it")
            })
        }
        (Command::Gc(_), Reply::Gc(_)) => {
            let left = reference.messages.iter();
            let mut left = left.filter(|(_, m)| m.expires_at.is_some_and(|end| end <= now));
            let left = left.next();
            ensure(left.is_none(), "S1", || {
                format!("{left:?} expired, and stays")
            })?;
            check_reaped(reference, None, now, "S1")
        }
        _ => Err(Violation {
            rule: "G2",
            what: "the answer is to another command".to_owned(),
        }),
    }
}

/// Whether a rejection says that a resource has no place, or no fence, left.
pub(super) fn is_of_a_resource(rejection: &Rejection) -> bool {
    rejection.field == "resource"
}

/// Rule G8: nobody is refused a place in a queue that has one, a fence that is left, or to share
/// what few share.
fn check_refused(
    reference: &Reference,
    command: &Command,
    refused: Refused,
) -> Result<(), Violation> {
    let Command::Claim(claim) = command else {
        return Ok(());
    };
    let resource = reference.resources.get(&claim.resource);
    let waiting = resource.map_or(0, |resource| resource.queue.len());
    if refused == Refused::NoPlace {
        return ensure(waiting >= reference.limits.tickets, "G8", || {
            format!("{waiting} agents wait")
        });
    }
    if refused == Refused::Crowded {
        let beside = waiting + resource.map_or(0, |resource| resource.holders.len());
        let shared = claim.mode == Some(Mode::Shared) && beside >= reference.limits.sharers;
        return ensure(shared, "G8", || {
            format!("{beside} agents hold or wait: {claim:?}")
        });
    }
    let newest = resource.map_or(0, |resource| resource.newest_fence);
    ensure(
        newest + waiting as u64 >= reference.limits.count,
        "G8",
        || format!("{waiting} agents wait, and the newest fence is {newest}"),
    )
}

/// Rule A6, for a claim. One that was held and is granted may be told of a grant that
/// somebody else's entry made: then it gave its sign of life while it waited (W1), and
/// neither that nor its lease is half used up.
fn check_claim_acted(
    reference: &Reference,
    command: &Claim,
    now: Millis,
    reply: &ClaimReply,
) -> Result<(), Violation> {
    let agent_id = command.agent_id.as_str();
    let held = command.wait_seconds.is_some_and(|seconds| seconds > 0);
    if !held || reply.status != ClaimStatus::Granted {
        return check_acted(reference, agent_id, now);
    }
    let half = |expires_at: Millis, lasting: Millis| {
        expires_at.saturating_add(lasting / 2) > now.saturating_add(lasting)
    };
    let agent = reference.agents.get(agent_id);
    let alive = agent.is_none_or(|a| half(a.expires_at, a.ttl_ms));
    ensure(alive, "A6", || {
        format!("{agent_id} is granted at {now}, with half of its life gone: {agent:?}")
    })
}

/// Rule A6: acting is being alive.
fn check_acted(reference: &Reference, agent_id: &str, now: Millis) -> Result<(), Violation> {
    let agent = reference.agents.get(agent_id);
    let alive = agent.is_none_or(|a| a.expires_at >= now.saturating_add(a.ttl_ms));
    ensure(alive, "A6", || {
        format!("{agent_id} acts at {now}, and counts as alive no longer than before: {agent:?}")
    })
}

/// Rules A5 and C9: what has lapsed is gone before anybody is told of it.
fn check_reaped(
    reference: &Reference,
    only: Option<&str>,
    now: Millis,
    rule: &'static str,
) -> Result<(), Violation> {
    for (name, resource) in &reference.resources {
        if only.is_some_and(|only| only != name) {
            continue;
        }
        let holds = resource.holders.iter().map(|place| (place, true));
        let all = holds.chain(resource.queue.iter().map(|place| (place, false)));
        for (place, holds) in all {
            let lapse = reference.lapse(place, holds, now);
            ensure(lapse.is_none(), rule, || {
                format!("{name} still has {place:?} at {now}")
            })?;
        }
    }
    Ok(())
}

fn check_claim(
    reference: &Reference,
    now: Millis,
    command: &Claim,
    reply: &ClaimReply,
) -> Result<(), Violation> {
    let none = Resource::default();
    let resource = reference.resources.get(&command.resource).unwrap_or(&none);
    let agent = command.agent_id.as_str();
    check_claim_acted(reference, command, now, reply)?;
    check_reaped(reference, Some(&command.resource), now, "C9")?;
    if let Some(circle) = &reply.deadlock {
        let mode = command.mode.unwrap_or(Mode::Exclusive);
        ensure(
            reply.status == ClaimStatus::Denied && command.wait() == Wait::Queue,
            "W4",
            || "a circle is shown to who would not wait".to_owned(),
        )?;
        waiting::check_circle(reference, agent, &command.resource, mode, circle)?;
        return check_not_granted(resource, reply);
    }
    match reply.status {
        ClaimStatus::Granted => check_granted(resource, agent, command.mode, reply),
        ClaimStatus::Queued => {
            let ticket = resource.ticket(agent);
            let right = ticket.is_some_and(|(at, ticket)| {
                Some(at as u64 + 1) == reply.queue_position
                    && ticket.claim.to_string() == reply.claim_id
            });
            ensure(right, "C7", || format!("the log says {ticket:?}"))?;
            check_not_granted(resource, reply)
        }
        ClaimStatus::Denied => {
            check_denied(resource, command)?;
            check_not_granted(resource, reply)
        }
    }
}

fn check_granted(
    resource: &Resource,
    agent: &str,
    mode: Option<Mode>,
    reply: &ClaimReply,
) -> Result<(), Violation> {
    let hold = resource.hold(agent);
    let said = || format!("the log says {hold:?}");
    let Some(held) = hold else {
        return Err(Violation {
            rule: "C1",
            what: said(),
        });
    };
    ensure(held.claim.to_string() == reply.claim_id, "C1", said)?;
    ensure(mode.is_none_or(|mode| mode == held.mode), "C5", said)?;
    ensure(held.fence == reply.fence, "C4", said)?;
    let lease = reply.lease_expires_at.map(|at| at.0);
    ensure(lease == Some(held.expires_at), "C4", said)?;
    ensure(reply.holder.as_deref() == Some(agent), "C1", said)
}

fn check_not_granted(resource: &Resource, reply: &ClaimReply) -> Result<(), Violation> {
    let said = || format!("the log says {resource:?}");
    let first = resource.holders.first().map(|hold| hold.agent.as_str());
    ensure(reply.holder.as_deref() == first, "C1", said)?;
    ensure(reply.fence == resource.newest_fence, "C3", said)
}

/// A claim is denied only where it must be (C5, C6).
fn check_denied(resource: &Resource, command: &Claim) -> Result<(), Violation> {
    let said = || format!("the log says {resource:?}");
    if let Some(hold) = resource.hold(&command.agent_id) {
        let alone = resource.holders.len() == 1 && resource.queue.is_empty();
        let upgrade = hold.mode == Mode::Shared && command.mode == Some(Mode::Exclusive);
        return ensure(upgrade && !alone, "C5", said);
    }
    let mode = command.mode.unwrap_or(Mode::Exclusive);
    let conflict = |hold: &Place| hold.mode == Mode::Exclusive || mode == Mode::Exclusive;
    let in_the_way = !resource.queue.is_empty() || resource.holders.iter().any(conflict);
    ensure(in_the_way && command.wait() == Wait::NoWait, "C6", said)
}

fn check_release(
    resource: Option<&Resource>,
    agent: &str,
    claim_id: &str,
    reply: &ReleaseReply,
) -> Result<(), Violation> {
    let mut places = resource
        .into_iter()
        .flat_map(|r| r.holders.iter().chain(&r.queue));
    let found = places.find(|place| place.claim.to_string() == claim_id);
    let said = || format!("the log says {found:?} of {resource:?}");
    match reply.status {
        ReleaseStatus::Released => {
            ensure(found.is_none(), "C10", said)?;
            let newest = resource.map(|r| r.newest_fence);
            ensure(reply.fence == newest, "C10", said)?;
            let next = reply.next_holder.as_deref();
            let holds = next.is_none_or(|next| resource.is_some_and(|r| r.hold(next).is_some()));
            ensure(holds, "C10", said)
        }
        ReleaseStatus::NotHolder => {
            ensure(found.is_some_and(|place| place.agent != agent), "C10", said)
        }
        ReleaseStatus::Unknown => ensure(found.is_none(), "C10", said),
    }
}

fn check_post(
    reference: &Reference,
    agent: &str,
    key: Option<&str>,
    body: &str,
    reply: &PostReply,
) -> Result<(), Violation> {
    if let Some(message) = reference.messages.get(&reply.message_id) {
        let right = message.from == agent
            && message.body == body
            && message.fanout == reply.fanout
            && message.posted_at == reply.posted_at.0;
        return ensure(right, "M1", || format!("the log says {message:?}"));
    }
    // It may have expired since; then it can only be the first reply to a key.
    let first = key.and_then(|key| reference.keys.get(&(agent.to_owned(), key.to_owned())));
    ensure(
        first.is_some_and(|(id, _)| *id == reply.message_id),
        "M7",
        || format!("there is no such message, and under that key {first:?}"),
    )
}

fn check_roster(
    reference: &Reference,
    include_stale: bool,
    reply: &RosterReply,
) -> Result<(), Violation> {
    let now = reply.now.0;
    check_reaped(reference, None, now, "A5")?;
    let liveness = |expires_at: Millis| match now {
        _ if now <= expires_at => Liveness::Alive,
        _ if now <= expires_at.saturating_add(GRACE_MS) => Liveness::Stale,
        _ => Liveness::Dead,
    };
    let mut shown = reply.agents.iter();
    for (agent_id, agent) in &reference.agents {
        let liveness = liveness(agent.expires_at);
        if liveness == Liveness::Dead && !include_stale {
            continue;
        }
        let view = shown.next();
        let said = || format!("the log says {agent_id} {agent:?}, {liveness:?}");
        let right = view.is_some_and(|v| {
            *v.agent_id == **agent_id
                && v.expires_at.0 == agent.expires_at
                && v.last_seen.0 == agent.last_seen
                && v.epoch == agent.epoch
        });
        ensure(right, "A4", said)?;
        ensure(view.is_some_and(|v| v.liveness == liveness), "A2", said)?;
        let held = reference.resources.iter();
        let held = held
            .filter(|(_, r)| r.hold(agent_id).is_some())
            .map(|(name, _)| name.as_str());
        let held: Vec<&str> = held.collect();
        let claims = view.into_iter().flat_map(|v| v.held_claims.iter());
        let claims: Vec<&str> = claims.map(|name| &**name).collect();
        ensure(claims == held, "A4", || {
            format!("{agent_id} holds {held:?}")
        })?;
    }
    let more = shown.next();
    ensure(more.is_none(), "A4", || format!("{more:?} is not there"))
}

fn check_claims(
    reference: &Reference,
    only: Option<&str>,
    reply: &ClaimsReply,
) -> Result<(), Violation> {
    check_reaped(reference, only, reply.now.0, "A5")?;
    let mut shown = reply.claims.iter();
    for (name, resource) in &reference.resources {
        if only.is_some_and(|only| only != name) || resource.holders.is_empty() {
            continue;
        }
        let view = shown.next();
        let holders = view.into_iter().flat_map(|v| v.holders.iter());
        let holders = holders.map(|h| {
            (
                h.agent_id.to_string(),
                h.claim_id,
                h.fence,
                h.lease_expires_at.0,
            )
        });
        let wanted = resource.holders.iter();
        let wanted = wanted.map(|h| (h.agent.clone(), h.claim, h.fence, h.expires_at));
        let queue = view.into_iter().flat_map(|v| v.queue.iter());
        let queue = queue.map(|t| (t.agent_id.to_string(), t.claim_id));
        let waiting = resource.queue.iter().map(|t| (t.agent.clone(), t.claim));
        let right = view.is_some_and(|v| *v.resource == **name && v.fence == resource.newest_fence)
            && holders.eq(wanted)
            && queue.eq(waiting);
        ensure(right, "C11", || format!("the log says {name} {resource:?}"))?;
    }
    let more = shown.next();
    ensure(more.is_none(), "C11", || format!("nobody holds {more:?}"))
}
