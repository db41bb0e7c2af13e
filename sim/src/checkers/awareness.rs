//! Who is alive: rules A1 to A3, A6, and C12 for registrations.

use mesh::core::{Event, Millis};

use super::reference::{Reference, TOLERANCE_MS};
use crate::trace::{Coverage, Seen, Violation, ensure};

/// Whether an event about an agent is allowed here.
pub(super) fn check(
    reference: &Reference,
    now: Millis,
    event: &Event,
    seen: &mut Coverage,
) -> Result<(), Violation> {
    match event {
        Event::Registered {
            agent_id,
            ttl_ms,
            expires_at,
            epoch,
            ..
        } => {
            ensure(*expires_at == now.saturating_add(*ttl_ms), "A1", || {
                format!("{agent_id} registers at {now} for {ttl_ms} ms until {expires_at}")
            })?;
            check_epoch(reference, now, agent_id, *epoch, seen)
        }
        Event::Heartbeat {
            agent_id,
            expires_at,
            epoch,
        } => {
            let agent = reference.agents.get(&**agent_id);
            let wanted = agent.map(|a| a.expires_at.max(now.saturating_add(a.ttl_ms)));
            ensure(wanted == Some(*expires_at), "A6", || {
                format!("{agent_id} acts at {now} and is alive until {expires_at}, not {wanted:?}")
            })?;
            check_epoch(reference, now, agent_id, *epoch, seen)
        }
        Event::RegistrationCut {
            agent_id,
            expires_at,
        } => {
            seen.hit(Seen::DeadlineCut);
            let agent = reference.agents.get(&**agent_id);
            let due = agent.is_some_and(|a| {
                let latest = now.saturating_add(a.ttl_ms);
                a.expires_at > latest.saturating_add(TOLERANCE_MS) && *expires_at == latest
            });
            ensure(due, "C12", || {
                format!("the registration of {agent_id} is cut at {now} to {expires_at}: {agent:?}")
            })
        }
        _ => Ok(()),
    }
}

/// Rule A3: an incarnation ends with death, and what the dead one held goes first.
fn check_epoch(
    reference: &Reference,
    now: Millis,
    agent_id: &str,
    epoch: u64,
    seen: &mut Coverage,
) -> Result<(), Violation> {
    let Some(agent) = reference.agents.get(agent_id) else {
        return ensure(epoch == 1, "A3", || {
            format!("{agent_id} is new and has epoch {epoch}")
        });
    };
    let too_far = agent.expires_at > now.saturating_add(agent.ttl_ms + TOLERANCE_MS);
    ensure(!too_far, "C12", || {
        format!(
            "{agent_id} acts at {now}, and keeps a bad clock's deadline {}",
            agent.expires_at
        )
    })?;
    let dead = agent.is_dead(now);
    let wanted = agent.epoch + u64::from(dead);
    ensure(epoch <= reference.limits.count, "G8", || {
        format!("{agent_id} shows itself as epoch {epoch}, which no reader takes")
    })?;
    ensure(epoch == wanted, "A3", || {
        format!("{agent_id}, dead: {dead}, shows itself at {now} as epoch {epoch}, not {wanted}")
    })?;
    if !dead {
        return Ok(());
    }
    seen.hit(Seen::Reincarnated);
    let left = reference.resources.iter().find(|(_, resource)| {
        let mut places = resource.holders.iter().chain(&resource.queue);
        places.any(|place| place.agent == agent_id)
    });
    ensure(left.is_none(), "A3", || {
        format!("{agent_id} comes back, and its dead incarnation still is at {left:?}")
    })
}
