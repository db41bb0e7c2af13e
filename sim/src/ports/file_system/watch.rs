//! A coordinator that watches the folder is told of changes by the world, in its own time.

use std::future::poll_fn;
use std::task::Poll;

use super::seam::SimFs;
use crate::world::Shared;

/// A coordinator that waits to be told of a change.
struct Listening<'a>(&'a Shared, usize);

impl<'a> Listening<'a> {
    fn begin(world: &'a Shared, process: usize) -> Self {
        world.borrow_mut().processes[process].listens = true;
        Self(world, process)
    }
}

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        // While mesh panics, somebody may have the world.
        if let Ok(mut world) = self.0.try_borrow_mut() {
            world.processes[self.1].listens = false;
        }
    }
}

impl SimFs {
    /// Told by the world, in its own time; see [`World::journal_changed`].
    pub(super) async fn told_of_change(&self) {
        let process = self.task.process;
        let begins = !self.world.borrow().processes[process].watches;
        if begins {
            let mut world = self.world.borrow_mut();
            let process = &mut world.processes[process];
            (process.watches, process.told_at) = (true, None);
            return;
        }
        let _listening = Listening::begin(&self.world, process);
        poll_fn(|_| {
            let mut world = self.world.borrow_mut();
            let now = world.now;
            let told_at = &mut world.processes[process].told_at;
            match told_at.take_if(|at| *at <= now) {
                Some(_) => Poll::Ready(()),
                None => Poll::Pending,
            }
        })
        .await;
    }
}
