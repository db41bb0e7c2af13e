//! What is released when a session ends.
//!
//! Its agents are those whose last registration noted it. A session that crashed runs no
//! hook, and needs none: leases end, and agents die.

use crate::Mesh;
use crate::backends::SystemClock;
use crate::cli::failure::Failure;
use crate::cli::folder::{Wanted, close_folder, open_folder};
use crate::cli::{output, runtime};
use crate::core::{
    AgentId, ClaimId, Millis, Release, ReleaseStatus, Resource, SessionId, State, printable,
    standing,
};
use crate::ports::Clock;

/// A hold, or a ticket.
struct Place {
    resource: Resource,
    agent_id: AgentId,
    claim_id: ClaimId,
}

/// Releases every hold and ticket of the session's agents, and says which.
pub(super) fn release(session: &SessionId) -> Result<(), Failure> {
    let now = SystemClock::new().now();
    let places = super::state()?.map(|state| places(&state, session, now));
    let places = places.unwrap_or_default();
    if places.is_empty() {
        // Nothing is written on behalf of a session that left nothing behind.
        return Ok(());
    }
    runtime()?.block_on(async {
        let mesh = open_folder(Wanted::Existing)?;
        let released = release_all(&mesh, places).await;
        close_folder(Ok(mesh)).await;
        released
    })
}

async fn release_all(mesh: &Mesh, places: Vec<Place>) -> Result<(), Failure> {
    for place in places {
        let release = Release {
            agent_id: place.agent_id.to_string(),
            claim_id: place.claim_id.to_string(),
            resource: place.resource.to_string(),
        };
        let reply = mesh.release(release).await?;
        // What lapsed in between needs no release.
        if reply.status == ReleaseStatus::Released {
            let (resource, agent) = (printable(&place.resource), printable(&place.agent_id));
            output::say(format_args!("released {resource} of {agent}"))?;
        }
    }
    Ok(())
}

/// What the session's agents hold and wait for, as the rules have it now. Tickets come
/// first, lest the release of one agent's hold grant it to another of the same session.
fn places(state: &State, session: &SessionId, now: Millis) -> Vec<Place> {
    let is_own = |agent_id: &AgentId| {
        let agent = state.agent(agent_id);
        agent.is_some_and(|agent| agent.session.as_ref() == Some(session))
    };
    let claims = standing(state, now);
    let tickets = claims.iter().flat_map(|claim| {
        let tickets = claim.queue.iter();
        tickets.map(|ticket| (&claim.resource, &ticket.agent_id, ticket.claim_id))
    });
    let holds = claims.iter().flat_map(|claim| {
        let holds = claim.holders.iter();
        holds.map(|hold| (&claim.resource, &hold.agent_id, hold.claim_id))
    });
    let places = tickets.chain(holds);
    let own = places.filter(|(_, agent_id, _)| is_own(agent_id));
    own.map(|(resource, agent_id, claim_id)| Place {
        resource: resource.clone(),
        agent_id: agent_id.clone(),
        claim_id,
    })
    .collect()
}
