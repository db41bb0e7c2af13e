//! The contract of messages, as questions about one step and one state.

use mesh::core::{
    Command, Decision, Inbox, InboxReply, MessageId, Millis, PostReply, Rejection, Reply,
};

use super::bounds::{Kind, TICK, agent};
use super::{Action, Messages, Point, Sent, To};

/// M7: how long a key is remembered.
pub(super) const KEY_MEMORY: Millis = 2 * TICK;

/// A rule that a step or a state broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Broken {
    pub(super) rule: &'static str,
    pub(super) sentence: &'static str,
}

type Verdict = Result<(), Broken>;

fn ensure(holds: bool, rule: &'static str, sentence: &'static str) -> Verdict {
    if holds {
        Ok(())
    } else {
        Err(Broken { rule, sentence })
    }
}

/// One step: who asked what when, and what became of it.
pub(super) struct Step<'a> {
    pub(super) point: &'a Point,
    pub(super) at: Millis,
    pub(super) actor: usize,
    pub(super) action: Action,
    pub(super) outcome: &'a Result<Decision, Rejection>,
}

/// M7: the newest post of an agent under its key, if it counts at the time `at`. The hour
/// may be over early by the clock of whoever dropped the key.
pub(super) fn remembered(sent: &[Sent], from: usize, kind: Kind, at: Millis) -> Option<&Sent> {
    let keyed = |sent: &&Sent| sent.from == from && sent.kind.key && kind.key;
    let newest = sent.iter().rev().find(keyed)?;
    let fresh = newest.posted_at.abs_diff(at) < KEY_MEMORY;
    (fresh && !newest.forgotten).then_some(newest)
}

impl Step<'_> {
    /// Every question that concerns the step.
    pub(super) fn check(&self) -> Verdict {
        let Ok(decision) = self.outcome else {
            let beyond = matches!(self.action, Action::ReadBeyond(_));
            return ensure(beyond, "M1", "a good request is refused");
        };
        let mut replayed = self.point.state.clone();
        for event in &decision.events {
            replayed.apply(self.at, event);
        }
        ensure(
            replayed == decision.state,
            "replay",
            "the events lead elsewhere",
        )?;
        self.cursors(decision)?;
        self.losses(decision)?;
        match (self.action, &decision.reply) {
            (Action::Post(_, kind), Reply::Post(reply)) => self.posted(kind, reply, decision),
            (Action::ReadBeyond(_), _) => {
                ensure(false, "M4", "a cursor may pass the newest message")
            }
            _ => Ok(()),
        }
    }

    /// M4: a cursor moves forward, to what its agent asks for, and nobody else's moves.
    fn cursors(&self, decision: &Decision) -> Verdict {
        for n in 0..self.point.clocks.len() {
            let before = self.point.state.mail().cursor(agent(n));
            let after = decision.state.mail().cursor(agent(n));
            let asked = match self.action {
                Action::Read(m, message) if m == n => self.point.sent[message].id,
                _ => MessageId::ZERO,
            };
            ensure(after >= before, "M4", "a cursor moves back")?;
            ensure(
                after == before.max(asked),
                "M4",
                "a cursor moves where nobody asked it to",
            )?;
        }
        Ok(())
    }

    /// S1: only gc drops, what has expired, all of it, and counts it.
    fn losses(&self, decision: &Decision) -> Verdict {
        let (before, after) = (self.point.state.mail(), decision.state.mail());
        let kept = |id: MessageId| after.messages().any(|(other, _)| other == id);
        let mut dropped = 0;
        for (id, _) in before.messages().filter(|(id, _)| !kept(*id)) {
            let sent = self.point.sent.iter().find(|sent| sent.id == id);
            let end = sent.and_then(|sent| sent.expires_at);
            let lawful = matches!(self.action, Action::Gc(_)) && end.is_some_and(|e| e <= self.at);
            ensure(lawful, "S1", "a message is dropped before it expired")?;
            dropped += 1;
        }
        let Reply::Gc(reply) = &decision.reply else {
            return Ok(());
        };
        ensure(
            reply.reclaimed == dropped,
            "S1",
            "gc counts what it did not drop",
        )?;
        let left = after
            .messages()
            .any(|(_, m)| m.expires_at.is_some_and(|end| end <= self.at));
        ensure(!left, "S1", "gc leaves what has expired")
    }

    /// M1, M2 and M7.
    fn posted(&self, kind: Kind, reply: &PostReply, decision: &Decision) -> Verdict {
        if let Some(first) = remembered(&self.point.sent, self.actor, kind, self.at) {
            let same = reply.message_id == first.id
                && reply.fanout == first.fanout
                && reply.posted_at.0 == first.posted_at;
            ensure(
                same,
                "M7",
                "a retry is answered otherwise than the first post",
            )?;
            let newest = self.point.state.mail().newest();
            return ensure(
                decision.state.mail().newest() == newest,
                "M7",
                "a retry posts again",
            );
        }
        let above = self
            .point
            .sent
            .iter()
            .all(|sent| sent.id < reply.message_id);
        ensure(above, "M2", "a message id is not above all before it")?;
        let newest = decision.state.mail().newest();
        ensure(
            newest == reply.message_id,
            "M2",
            "the newest message is not the last posted",
        )?;
        let fanout = match kind.to {
            To::Next => 1,
            To::All => decision.state.agents().count() as u64,
            To::Topic => 0,
        };
        ensure(
            reply.fanout == fanout,
            "M1",
            "the fanout is not whom it reaches",
        )
    }
}

impl Messages {
    /// M3, M5 and M6: what everybody sees who looks now.
    pub(super) fn inboxes(&self, point: &Point) -> Verdict {
        for n in 0..point.clocks.len() {
            for topics in [false, true] {
                self.inbox(point, n, topics)?;
            }
        }
        Ok(())
    }

    fn look(&self, point: &Point, n: usize, topic: bool, limit: u64) -> Option<InboxReply> {
        let inbox = Inbox {
            agent_id: agent(n).into(),
            topics: if topic { vec!["t".into()] } else { Vec::new() },
            since: None,
            limit: Some(limit),
            wait_seconds: None,
        };
        match self.decide(point, n, &Command::Inbox(inbox)) {
            Ok(Decision {
                events,
                reply: Reply::Inbox(reply),
                ..
            }) if events.is_empty() => Some(reply),
            _ => None,
        }
    }

    fn inbox(&self, point: &Point, n: usize, topic: bool) -> Verdict {
        let unmoved = "an inbox is refused, or changes something";
        let Some(reply) = self.look(point, n, topic, 100) else {
            return ensure(false, "M3", unmoved);
        };
        let Some(first) = self.look(point, n, topic, 1) else {
            return ensure(false, "M3", unmoved);
        };
        let (cursor, at) = (point.state.mail().cursor(agent(n)), self.clock(point, n));
        let next = |from: usize| (from + 1) % point.clocks.len();
        let addressed = |sent: &&Sent| match sent.kind.to {
            To::Next => next(sent.from) == n,
            To::All => true,
            To::Topic => topic,
        };
        let due = |sent: &&Sent| {
            let expired = sent.expires_at.is_some_and(|end| end <= at);
            sent.id > cursor && !expired && !sent.dropped
        };
        let shown: Vec<MessageId> = reply.messages.iter().map(|m| m.message_id).collect();
        let allowed = point.sent.iter().filter(addressed);
        let allowed: Vec<MessageId> = allowed.map(|sent| sent.id).collect();
        let private = shown.iter().all(|id| allowed.contains(id));
        ensure(private, "M6", "an inbox shows what is not for its agent")?;
        let due = point.sent.iter().filter(addressed).filter(due);
        let due: Vec<MessageId> = due.map(|sent| sent.id).collect();
        let missing = due.iter().any(|id| !shown.contains(id));
        ensure(!missing, "M5", "a message is not seen that nobody passed")?;
        ensure(
            shown == due,
            "M5",
            "a message is seen again, too late, or out of order",
        )?;
        let counted = reply.unread == 0
            && first.unread + first.messages.len() as u64 == due.len() as u64
            && first
                .messages
                .iter()
                .map(|m| m.message_id)
                .eq(due.iter().take(1).copied());
        ensure(
            counted,
            "M3",
            "a short inbox shows or counts something else",
        )
    }
}
