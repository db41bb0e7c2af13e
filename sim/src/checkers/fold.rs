//! The fold of the log into the reference: event by event, whether it is allowed here, and
//! then what it changes.

use mesh::core::{Entry, Event};

use super::reference::{Agent, Reference};
use super::{awareness, claims, messages, waiting};
use crate::trace::{Coverage, Seen, Violation, ensure};

impl Reference {
    /// Whether the contract allows an event here.
    pub(super) fn check(
        &mut self,
        entry: &Entry,
        event: &Event,
        seen: &mut Coverage,
    ) -> Result<(), Violation> {
        let now = entry.at;
        match event {
            Event::Registered { .. } | Event::Heartbeat { .. } | Event::RegistrationCut { .. } => {
                awareness::check(self, now, event, seen)
            }
            Event::Posted { from, .. } if &**from == "mesh" => {
                waiting::check_notice(self, now, event, seen)?;
                messages::check(self, now, event, seen)
            }
            Event::Posted { .. }
            | Event::CursorMoved { .. }
            | Event::Expired { .. }
            | Event::KeysForgotten { .. } => messages::check(self, now, event, seen),
            Event::Adopted { .. } => Ok(()),
            _ => claims::check(self, entry, event, seen),
        }
    }

    /// What must hold at the end of each entry.
    pub(super) fn check_end(
        &mut self,
        entry: &Entry,
        seen: &mut Coverage,
    ) -> Result<(), Violation> {
        check_size(self, entry, seen)?;
        self.newest_at = entry.at;
        self.run = None;
        let touched = std::mem::take(&mut self.touched);
        waiting::check_end(self, entry)?;
        claims::check_end(self, entry, &touched)
    }

    /// Folds an event in.
    pub(super) fn apply(&mut self, entry: &Entry, event: &Event) {
        let now = entry.at;
        match event {
            Event::Registered {
                agent_id,
                role,
                ttl_ms,
                expires_at,
                epoch,
                ..
            } => {
                let before = self.agents.get(&**agent_id);
                let agent = Agent {
                    role: role.as_deref().map(str::to_owned),
                    registered_at: before.map_or(now, |agent| agent.registered_at),
                    last_seen: now,
                    ttl_ms: *ttl_ms,
                    expires_at: *expires_at,
                    epoch: *epoch,
                };
                self.agents.insert(agent_id.to_string(), agent);
            }
            Event::Heartbeat {
                agent_id,
                expires_at,
                epoch,
            } => {
                if let Some(agent) = self.agents.get_mut(&**agent_id) {
                    (agent.last_seen, agent.expires_at, agent.epoch) = (now, *expires_at, *epoch);
                }
            }
            Event::RegistrationCut {
                agent_id,
                expires_at,
            } => {
                if let Some(agent) = self.agents.get_mut(&**agent_id) {
                    agent.expires_at = *expires_at;
                    // The same bad clock dated the sign of life.
                    agent.last_seen = agent.last_seen.min(now);
                }
            }
            Event::Posted { .. }
            | Event::CursorMoved { .. }
            | Event::Expired { .. }
            | Event::KeysForgotten { .. } => messages::apply(self, now, event),
            Event::Adopted { .. } => {}
            _ => claims::apply(self, event),
        }
    }
}

/// Rule G8: an entry takes away, cuts and drops no more than one may. What else is due goes in
/// entries before it.
fn check_size(reference: &Reference, entry: &Entry, seen: &mut Coverage) -> Result<(), Violation> {
    let count = |counts: fn(&Event) -> bool| entry.events.iter().filter(|e| counts(e)).count();
    let reaped = count(|event| {
        matches!(
            event,
            Event::Lapsed { .. } | Event::LeaseCut { .. } | Event::RegistrationCut { .. }
        )
    });
    let most = reference.limits.reaped;
    ensure(reaped <= most, "G8", || {
        format!("entry {} has {reaped} lapses and cuts", entry.seq)
    })?;
    let follows = count(|event| match event {
        Event::Posted { from, .. } => &**from == "mesh",
        event => matches!(event, Event::Promoted { .. }),
    });
    if reaped == most && reaped + follows == entry.events.len() {
        seen.hit(Seen::ReapedInPieces);
    }
    let dropped = entry.events.iter().map(|event| match event {
        Event::Expired { message_ids } | Event::KeysForgotten { message_ids } => message_ids.len(),
        _ => 0,
    });
    let dropped = dropped.max().unwrap_or(0);
    ensure(dropped <= reference.limits.dropped, "G8", || {
        format!("entry {} drops {dropped} messages or keys", entry.seq)
    })
}
