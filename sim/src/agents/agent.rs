//! An agent, and what all that it does is made of.
//!
//! It believes what it was told until it is told otherwise, and acts on it, also when it was
//! paused in between: that is what fences are for. What it must not forget when its process
//! dies (which keys it used, what it read) is in its [`Memory`], outside of the process.

use std::collections::BTreeMap;

use mesh::Mesh;
use mesh::core::{MessageId, Mode};

use super::waits::Waits;
use crate::trace::Micros;
use crate::world::{Memory, Shared, TaskId, until};

/// A hold, as its agent remembers it.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) claim_id: String,
    pub(super) fence: u64,
    pub(super) mode: Mode,
}

/// A user of mesh, in one incarnation of its process.
pub(crate) struct Agent {
    pub(super) world: Shared,
    pub(super) task: TaskId,
    pub(super) name: String,
    pub(super) mesh: Mesh,
    pub(super) held: BTreeMap<String, Held>,
    pub(super) tickets: BTreeMap<String, (String, Mode)>,
    /// The newest message that an inbox showed.
    pub(super) newest: Option<MessageId>,
    /// How it waits, this time.
    pub(super) waits: Waits,
}

impl Agent {
    pub(crate) fn new(world: Shared, task: TaskId, name: String, mesh: Mesh) -> Self {
        Self {
            world,
            task,
            name,
            mesh,
            held: BTreeMap::new(),
            tickets: BTreeMap::new(),
            newest: None,
            waits: Waits::default(),
        }
    }

    pub(super) fn storm(&self) -> bool {
        self.world.borrow().storm
    }

    pub(super) fn draw(&self) -> u32 {
        let mut world = self.world.borrow_mut();
        if world.storm { world.tape.draw() } else { 0 }
    }

    pub(super) fn pick<T: Copy>(&self, choices: &[T]) -> T {
        choices[self.draw() as usize % choices.len()]
    }

    pub(super) fn remember<T>(&self, change: impl FnOnce(&mut Memory) -> T) -> T {
        let mut world = self.world.borrow_mut();
        change(world.memories.entry(self.name.clone()).or_default())
    }

    pub(crate) async fn rest(&self, micros: Micros) {
        let at = self.world.borrow().now + micros;
        until(&self.world, self.task, at).await;
    }

    pub(super) async fn think(&self) {
        let most = Micros::from(self.world.borrow().knobs.think_ms) * 1000;
        let part = Micros::from(self.draw() & 0xffff) + 0x1000;
        self.rest(most * part / 0x1_0000).await;
    }
}
