//! Who lives through a backup that is restored: one whose process goes on all the while, one
//! that opens what was restored, and one that reads it all at last.

use mesh::core::{Claim, Claims, Command, Inbox, Post, Reply};
use mesh::{Mesh, MeshError};

use super::agent::Agent;
use crate::trace::{Micros, NEWCOMER, READER, Told, VETERAN};
use crate::world::{Shared, TaskId, restore};

/// How many calls of each kind are made, before and after.
const ROUNDS: usize = 4;
/// When a newcomer comes whom nobody needs.
const LATE: Micros = 20_000_000;
/// How much is posted at once, so that generations end.
const LONG: usize = 3_000;
/// What both want.
const RESOURCE: &str = "restored";
/// How long it takes until a newcomer looks again whether there is something to come to.
const LOOK: Micros = 500;

/// Goes on while the backup is restored.
pub(crate) async fn veteran(world: Shared, task: TaskId, mesh: Mesh) {
    let agent = Agent::new(world, task, VETERAN.to_owned(), mesh);
    for round in 0..ROUNDS {
        agent.round(VETERAN, round).await;
    }
    restore::now(&mut agent.world.borrow_mut());
    for round in ROUNDS..3 * ROUNDS {
        agent.round(VETERAN, round).await;
        agent.rest(20_000).await;
    }
}

/// Comes once it is restored.
pub(crate) async fn newcomer(world: Shared, task: TaskId, mesh: Mesh) {
    let agent = Agent::new(world, task, NEWCOMER.to_owned(), mesh);
    while agent.world.borrow().restoring.is_some() {
        agent.rest(LOOK).await;
    }
    if agent.world.borrow().copied {
        // Whoever has the old files finds out by itself.
        agent.rest(LATE).await;
    }
    for round in 0..2 * ROUNDS {
        agent.round(NEWCOMER, round).await;
        agent.rest(5_000).await;
    }
}

/// Reads what there is at last.
pub(crate) async fn reader(world: Shared, task: TaskId, mesh: Mesh) {
    let agent = Agent::new(world, task, READER.to_owned(), mesh);
    let mut since = None;
    loop {
        let inbox = Inbox {
            agent_id: READER.to_owned(),
            since,
            ..Inbox::default()
        };
        let told = agent.tell(READER, Command::Inbox(inbox)).await;
        let Ok(Reply::Inbox(reply)) = told else {
            return;
        };
        since = reply.messages.last().map(|m| m.message_id.to_string());
        if reply.unread == 0 {
            return;
        }
    }
}

impl Agent {
    /// Claims, posts, and looks.
    async fn round(&self, name: &'static str, round: usize) {
        let agent_id = name.to_owned();
        let claim = Claim {
            agent_id: agent_id.clone(),
            resource: RESOURCE.to_owned(),
            lease_seconds: Some(600),
            ..Claim::default()
        };
        let _ = self.tell(name, Command::Claim(claim)).await;
        let post = Post {
            agent_id: agent_id.clone(),
            to: READER.to_owned(),
            body: format!("{name} {round} {}", "x".repeat(LONG)),
            ..Post::default()
        };
        let _ = self.tell(name, Command::Post(post)).await;
        let claims = Claims {
            agent_id,
            resource: Some(RESOURCE.to_owned()),
        };
        let _ = self.tell(name, Command::Claims(claims)).await;
    }

    /// Calls, and notes what it is told.
    async fn tell(&self, agent: &'static str, command: Command) -> Result<Reply, MeshError> {
        let before = self.world.borrow().restoring.is_some();
        let begun = self.world.borrow().now;
        let result = self.mesh.call(command.clone()).await;
        let told = Told {
            agent,
            before,
            took: self.world.borrow().now - begun,
            command,
            result: result.clone(),
        };
        let mut world = self.world.borrow_mut();
        world.trace.restored.get_or_insert_default().push(told);
        result
    }
}
