//! States and actions in words, for the explorer and for stories.

use std::fmt;

use mesh::core::{Liveness, Reply};

use super::bounds::{Kind, TICK, agent};
use super::{Action, Messages, Point, START, Sent, To};

impl Messages {
    /// What an action is.
    pub(super) fn words(&self, action: Action) -> String {
        match action {
            Action::Register(n) => format!("{} registers", agent(n)),
            Action::Post(n, kind) => {
                let to = self.address(n, kind);
                format!("{} posts {to}{}", agent(n), habits(kind))
            }
            Action::Read(n, m) => format!("{} reads up to message {}", agent(n), m + 1),
            Action::ReadBeyond(n) => format!("{} tries to read beyond all messages", agent(n)),
            Action::Gc(n) => format!("{} drops what has expired by its clock", agent(n)),
            Action::SetBack(n) => format!("{}'s clock is set back", agent(n)),
            Action::Tick => "a tick (half an hour) passes".to_owned(),
        }
    }

    /// The same, with what it causes and answers.
    pub(super) fn tell(&self, point: &Point, action: Action) -> String {
        let words = self.words(action);
        let Some((n, command)) = self.command(point, action) else {
            return words;
        };
        match self.decide(point, n, &command) {
            Ok(decision) => format!("{words}: {}", answer(&decision.reply)),
            Err(rejection) => format!("{words}: rejected, {rejection}"),
        }
    }

    fn address(&self, n: usize, kind: Kind) -> String {
        match kind.to {
            To::Next => format!("to {}", agent((n + 1) % self.bounds.clocks.len())),
            To::All => "to all".to_owned(),
            To::Topic => "to the topic".to_owned(),
        }
    }
}

fn habits(kind: Kind) -> &'static str {
    match (kind.expires, kind.key) {
        (false, false) => "",
        (true, false) => ", for a tick",
        (false, true) => ", under its key",
        (true, true) => ", for a tick, under its key",
    }
}

fn answer(reply: &Reply) -> String {
    match reply {
        Reply::Post(reply) => format!("message {}, fanout {}", reply.message_id, reply.fanout),
        Reply::Read(reply) => format!("cursor {}", reply.cursor),
        Reply::Gc(reply) => format!("{} dropped", reply.reclaimed),
        Reply::Register(reply) => format!("incarnation {}", reply.epoch),
        _ => String::new(),
    }
}

impl fmt::Debug for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(broken) = self.broken {
            writeln!(f, "BROKEN {}: {}", broken.rule, broken.sentence)?;
        }
        writeln!(f, "tick {}", (self.now - START) / TICK)?;
        for (n, clock) in self.clocks.iter().enumerate() {
            let cursor = self.state.mail().cursor(agent(n));
            let read = self.sent.iter().filter(|sent| sent.id <= cursor).count();
            let liveness = match self.state.agent(agent(n)).map(|a| a.liveness(self.now)) {
                None => "not registered",
                Some(Liveness::Alive) => "alive",
                Some(Liveness::Stale) => "stale",
                Some(Liveness::Dead) => "dead",
            };
            writeln!(
                f,
                "{}: {liveness}, clock {clock:+}, has read up to {read}",
                agent(n)
            )?;
        }
        let mut place = 0;
        self.sent.iter().try_for_each(|sent| {
            place += 1;
            self.show_sent(f, place, sent)
        })
    }
}

impl Point {
    fn show_sent(&self, f: &mut fmt::Formatter<'_>, place: usize, sent: &Sent) -> fmt::Result {
        let to = match sent.kind.to {
            To::Next => agent((sent.from + 1) % self.clocks.len()),
            To::All => "all",
            To::Topic => "the topic",
        };
        let ticks = |at: u64| (at as i64 - self.now as i64) / TICK as i64;
        write!(
            f,
            "message {place} ({}): from {} to {to}",
            sent.id,
            agent(sent.from)
        )?;
        write!(f, ", posted at {:+}", ticks(sent.posted_at))?;
        if let Some(end) = sent.expires_at {
            write!(f, ", until {:+}", ticks(end))?;
        }
        if sent.kind.key {
            write!(f, ", under its key")?;
        }
        writeln!(f, "{}", if sent.dropped { ", dropped" } else { "" })
    }
}
