//! What a model is told when its session begins.
//!
//! It takes part of the model's context, so it is a few lines, however large the fleet.
//! What others wrote is quoted, escaped and cut short in it: it comes before the model as
//! text, and must not look like ours.

use crate::backends::SystemClock;
use crate::cli::failure::Failure;
use crate::cli::status::{agents, unread};
use crate::cli::words::{count, left};
use crate::core::{
    AgentView, ClaimView, Liveness, Millis, SessionId, State, Timestamp, escape, printable,
    standing,
};
use crate::ports::Clock;

/// How many agents, and how many claims, are named.
const NAMED: usize = 8;

const READY: &str = "mesh is ready: no agent has used it in this repository yet.";
const ADVICE: &str = "Before you change anything, register with mesh and claim what you change; \
                      the mesh skill and the server's instructions say how.";

/// The greeting; where the folder cannot be looked at, the reason.
pub(super) fn lines(session: &SessionId) -> Vec<String> {
    match super::state() {
        Ok(Some(state)) => {
            let mut lines = glance(&state, session, SystemClock::new().now());
            lines.push(ADVICE.to_owned());
            lines
        }
        Ok(None) => vec![format!("{READY} {ADVICE}")],
        Err(failure) => vec![format!("mesh cannot be used: {}", one_line(&failure))],
    }
}

fn one_line(failure: &Failure) -> String {
    let text = failure.to_string();
    let lines: Vec<String> = text.lines().map(printable).collect();
    lines.join(" ")
}

fn glance(state: &State, session: &SessionId, now: Millis) -> Vec<String> {
    let mut agents = agents(state, now);
    agents.retain(|agent| agent.liveness != Liveness::Dead);
    let (own, others): (Vec<&AgentView>, Vec<&AgentView>) = agents.iter().partition(|agent| {
        let noted = state.agent(&agent.agent_id);
        noted.and_then(|agent| agent.session.as_ref()) == Some(session)
    });
    let claims = standing(state, now);
    let told = |agent: &&AgentView| told(agent, unread(state, &agent.agent_id, now));
    let mut lines = vec![summary(state, &others, &claims)];
    if !others.is_empty() {
        lines.push(list("Agents", others.iter().map(told)));
    }
    // What nobody holds is waited for, and is granted to whoever asks next.
    let is_held = |claim: &&ClaimView| !claim.holders.is_empty();
    let held_claims: Vec<&ClaimView> = claims.iter().filter(is_held).collect();
    if !held_claims.is_empty() {
        let held = held_claims.iter().map(|claim| held(claim, Timestamp(now)));
        lines.push(list("Held", held));
    }
    if !own.is_empty() {
        lines.push(list(
            "Registered in this session, so go on as",
            own.iter().map(told),
        ));
    }
    lines
}

fn summary(state: &State, others: &[&AgentView], claims: &[ClaimView]) -> String {
    let messages = state.mail().len() as u64;
    format!(
        "mesh coordinates the agents of this repository: {}, {} held, {} stored.",
        count(others.len() as u64, "other agent"),
        count(claims.len() as u64, "resource"),
        count(messages, "message"),
    )
}

fn told(agent: &AgentView, unread: u64) -> String {
    let liveness = match agent.liveness {
        Liveness::Alive => "alive",
        Liveness::Stale => "stale",
        Liveness::Dead => "dead",
    };
    let (name, branch) = (escape(&agent.agent_id), escape(&agent.branch));
    format!("\"{name}\" ({liveness}, branch \"{branch}\", {unread} unread)")
}

fn held(claim: &ClaimView, now: Timestamp) -> String {
    let first = claim.holder.first().map(|agent| escape(agent));
    let more = match claim.holder.len() {
        0 | 1 => String::new(),
        n => format!(" and {} more", n - 1),
    };
    let waiting = match claim.queue.len() {
        0 => String::new(),
        n => format!(", {n} waiting"),
    };
    format!(
        "\"{}\" by \"{}\"{more} (fence {}, {} left{waiting})",
        escape(&claim.resource),
        first.unwrap_or_default(),
        claim.fence,
        left(claim.lease_expires_at, now),
    )
}

/// The first few, and how many there are beyond.
fn list(heading: &str, all: impl ExactSizeIterator<Item = String>) -> String {
    let beyond = all.len().saturating_sub(NAMED);
    let named: Vec<String> = all.take(NAMED).collect();
    let rest = match beyond {
        0 => String::new(),
        n => format!("; and {n} more"),
    };
    format!("{heading}: {}{rest}.", named.join("; "))
}
