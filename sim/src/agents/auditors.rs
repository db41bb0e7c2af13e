//! Who comes when all is quiet, and only looks.
//!
//! The auditor sees whether everything has come to its end: it sweeps, and asks for
//! everything once. The inspector comes after something was done to the folder
//! ([`aftermath`](crate::world::aftermath)), and is either told or finds nothing wrong.

use mesh::Mesh;
use mesh::core::{Claims, Command, Inbox, Reply, Roster};

use super::agent::Agent;
use crate::trace::{AUDITOR, INSPECTOR, Micros, TOPIC};
use crate::world::{Shared, TaskId};

/// How often the auditor sweeps at most, and how long it waits in between: longer than
/// any lease or registration in these worlds, with the grace.
const SWEEPS: usize = 12;
const BETWEEN_SWEEPS: Micros = 100_000_000;

/// Looks at everything once, when all agents have come to their end.
pub(crate) async fn audit(world: Shared, task: TaskId, mesh: Mesh) {
    let name = AUDITOR.to_owned();
    let agents: Vec<String> = world.borrow().memories.keys().cloned().collect();
    let auditor = Agent::new(world, task, name.clone(), mesh);
    sweep_until_free(&auditor).await;
    let roster = Roster {
        agent_id: name,
        include_stale: true,
    };
    let _ = auditor.call(Command::Roster(roster)).await;
    for agent_id in agents {
        look_into_inbox(&auditor, agent_id).await;
    }
}

/// Asks for everything that is in an inbox, in as many pieces as it comes in.
async fn look_into_inbox(auditor: &Agent, agent_id: String) {
    let mut since = None;
    loop {
        let inbox = Inbox {
            agent_id: agent_id.clone(),
            topics: vec![TOPIC.to_owned()],
            since,
            limit: None,
            wait_seconds: None,
        };
        let answer = auditor.call(Command::Inbox(inbox)).await;
        let Ok(Reply::Inbox(reply)) = answer else {
            return;
        };
        since = reply
            .messages
            .last()
            .map(|last| last.message_id.to_string());
        if reply.unread == 0 {
            return;
        }
    }
}

/// Looks once at a folder to which something was done.
pub(crate) async fn inspect(world: Shared, task: TaskId, mesh: Mesh) {
    let inspector = Agent::new(world, task, INSPECTOR.to_owned(), mesh);
    let roster = Roster {
        agent_id: INSPECTOR.to_owned(),
        include_stale: true,
    };
    let _ = inspector.call(Command::Roster(roster)).await;
}

/// Sweeps until nobody holds anything. A sweep may cut a deadline that a bad clock
/// set, or promote a ticket that its agent forgot: both then end in their time.
async fn sweep_until_free(auditor: &Agent) {
    for _ in 0..SWEEPS {
        let everything = Claims {
            agent_id: AUDITOR.to_owned(),
            resource: None,
        };
        match auditor.call(Command::Claims(everything)).await {
            Ok(Reply::Claims(reply)) if !reply.claims.is_empty() => {}
            _ => return,
        }
        auditor.rest(BETWEEN_SWEEPS).await;
    }
}
