//! States and actions in words, for the explorer and for stories.

use std::fmt;

use mesh::core::{Liveness, Mode, Reply, State, Wait};

use super::bounds::{agent, resource};
use super::{Action, Bounds, Claims, Point, START, TICK};

/// What an action is.
pub(super) fn action(bounds: &Bounds, action: Action) -> String {
    match action {
        Action::Register(n) => format!("{} registers", who(bounds, n)),
        Action::Claim(n, r, None, _) => format!("{} claims {} again", who(bounds, n), resource(r)),
        Action::Claim(n, r, Some(m), wait) => {
            let waiting = match wait {
                Wait::Queue => "or queues",
                Wait::NoWait => "without waiting",
            };
            let mode = mode(m);
            format!(
                "{} claims {} {mode}, {waiting}",
                who(bounds, n),
                resource(r)
            )
        }
        Action::Release(n, r, owner) if n == owner => {
            format!("{} releases {}", who(bounds, n), resource(r))
        }
        Action::Release(n, r, owner) => {
            let (who, whose) = (who(bounds, n), agent(owner));
            format!("{who} tries to release {whose}'s claim on {}", resource(r))
        }
        Action::Look(0) => "somebody looks at all claims".to_owned(),
        Action::Look(ticks) => format!("somebody whose clock is {ticks:+} ticks off looks"),
        Action::Tick => "a tick passes".to_owned(),
    }
}

fn who(bounds: &Bounds, n: usize) -> String {
    match bounds.agents[n].clock {
        0 => agent(n).to_owned(),
        ticks => format!("{} (clock {ticks:+} ticks)", agent(n)),
    }
}

fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Exclusive => "exclusive",
        Mode::Shared => "shared",
    }
}

impl Claims {
    /// What a step answers, and the state that it leads to.
    pub(super) fn outcome(&self, point: &Point, action: Action, next: &Point) -> String {
        format!("{}\n{next:?}", self.told(point, action))
    }

    /// What a step causes and answers; nothing for a tick.
    pub(super) fn told(&self, point: &Point, action: Action) -> String {
        let Some((at, command)) = self.command(point, action) else {
            return String::new();
        };
        match self.decide(point, at, &command) {
            Ok(decision) => {
                let kinds: Vec<_> = decision.events.iter().map(|e| e.kind()).collect();
                let events = match kinds.is_empty() {
                    true => "nothing happens".to_owned(),
                    false => kinds.join(", "),
                };
                format!("{events}{}", answer(&decision.reply))
            }
            Err(rejection) => format!("rejected: {rejection}"),
        }
    }
}

fn answer(reply: &Reply) -> String {
    match reply {
        Reply::Claim(reply) => format!("; answered {:?}, fence {}", reply.status, reply.fence),
        Reply::Release(reply) => format!("; answered {:?}", reply.status),
        _ => String::new(),
    }
}

impl fmt::Debug for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ticks = |at: u64| (at as i64 - self.now as i64) / TICK as i64;
        if let Some(broken) = self.broken {
            writeln!(f, "BROKEN {}: {}", broken.rule, broken.sentence)?;
        }
        writeln!(f, "tick {}", (self.now - START) / TICK)?;
        for (id, agent) in self.state.agents() {
            let liveness = match agent.liveness(self.now) {
                Liveness::Alive => "alive",
                Liveness::Stale => "stale",
                Liveness::Dead => "dead",
            };
            let until = ticks(agent.expires_at);
            writeln!(
                f,
                "{id}: {liveness}, incarnation {}, until {until:+}",
                agent.epoch
            )?;
        }
        show_resources(&self.state, f, ticks)
    }
}

fn show_resources(
    state: &State,
    f: &mut fmt::Formatter<'_>,
    ticks: impl Fn(u64) -> i64,
) -> fmt::Result {
    for (name, newest) in state.fences() {
        let Some(record) = state.resource(name) else {
            writeln!(f, "{name}: free; newest fence {newest}")?;
            continue;
        };
        writeln!(f, "{name}: {}; newest fence {newest}", mode(record.mode))?;
        for hold in &record.holders {
            let (id, until) = (&hold.agent_id, ticks(hold.expires_at));
            writeln!(
                f,
                "    held by {id} under fence {}, until {until:+}",
                hold.fence
            )?;
        }
        for (ticket, place) in record.queue.iter().zip(1..) {
            let (id, mode) = (&ticket.agent_id, mode(ticket.mode));
            writeln!(f, "    {place}. {id} waits, {mode}")?;
        }
    }
    Ok(())
}
