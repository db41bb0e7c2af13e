//! What a fleet does all day, with its retries and its mistakes.
//!
//! An agent registers (most do), claims resources, works on what it holds, renews,
//! releases, waits in queues, posts, reads its mail, and looks around.

use mesh::Mesh;
use mesh::core::{Claims, Command, Gc, Register, Roster};

use super::agent::Agent;
use super::waits::Waits;
use crate::world::{Shared, TaskId};

/// An agent's whole life in one incarnation of its process.
pub(crate) async fn live(world: Shared, task: TaskId, name: String, mesh: Mesh) {
    let mut agent = Agent::new(world, task, name, mesh);
    agent.register_if_it_does().await;
    while agent.storm() {
        agent.think().await;
        if agent.storm() {
            agent.act().await;
        }
    }
    agent.finish().await;
}

impl Agent {
    /// One thing that agents do, by how often they do it.
    async fn act(&mut self) {
        let draw = self.draw();
        let roll = draw % 100;
        let resource = format!("r{}", self.draw() % self.world.borrow().knobs.resources);
        self.waits = Waits::drawn(draw >> 8, self.world.borrow().knobs.waits);
        match roll {
            0..32 => self.claim(&resource).await,
            32..50 => self.work(&resource).await,
            50..58 => self.release(&resource).await,
            58..68 => self.post().await,
            68..76 => self.read_mail(false).await,
            76..80 => self.read_nonsense().await,
            80..85 => self.roster().await,
            85..90 => self.claims(&resource).await,
            90..94 => self.register_if_it_does().await,
            94..97 => self.gc().await,
            _ => self.forget(&resource),
        }
    }

    async fn register_if_it_does(&self) {
        let registers = {
            let world = self.world.borrow();
            let number = self.name[1..].parse::<u32>().unwrap_or_default();
            number % 10 < world.knobs.registered_of_ten
        };
        self.remember(|_| ());
        if registers {
            self.register().await;
        }
    }

    async fn register(&self) {
        let register = Register {
            agent_id: self.name.clone(),
            branch: "main".to_owned(),
            prompt_ptr: "task".to_owned(),
            role: self.pick(&[None, Some("tester")]).map(str::to_owned),
            ttl_seconds: Some(self.world.borrow().knobs.ttl_seconds),
            session: None,
        };
        let _ = self.call(Command::Register(register)).await;
    }

    async fn roster(&self) {
        let roster = Roster {
            agent_id: self.name.clone(),
            include_stale: self.pick(&[false, true]),
        };
        let _ = self.call(Command::Roster(roster)).await;
    }

    async fn claims(&self, resource: &str) {
        let claims = Claims {
            agent_id: self.name.clone(),
            resource: self.pick(&[None, Some(resource)]).map(str::to_owned),
        };
        let _ = self.call(Command::Claims(claims)).await;
    }

    async fn gc(&self) {
        let agent_id = Some(self.name.clone());
        let _ = self.call(Command::Gc(Gc { agent_id })).await;
    }
}
