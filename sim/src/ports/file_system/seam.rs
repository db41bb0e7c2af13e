//! What every operation of the seam is made of.
//!
//! It first waits, and while it waits anything may happen: other processes run, this one is
//! paused, killed, or the power fails. Then its effect happens in one step, apart from
//! appends that are seen half done. A kill may also come after the effect and before the
//! answer. One draw of the tape decides all of it.

use std::io::{self, ErrorKind};

use mesh::backends::fs::{FileId, FileStat};

use crate::trace::{Doing, Incident, Micros, Seen, Verb};
use crate::world::disk::Inode;
use crate::world::{Doom, Fault, Shared, TaskId, World, restore, until};

/// The [`FileSystem`](mesh::backends::fs::FileSystem) that a process is given.
#[derive(Clone)]
pub(crate) struct SimFs {
    pub(super) world: Shared,
    pub(super) task: TaskId,
    pub(super) incarnation: u32,
}

/// An open file. Closing it gives the kernel's lock back.
pub(crate) struct SimFile {
    pub(super) world: Shared,
    pub(super) inode: Inode,
    pub(super) handle: u64,
}

impl Drop for SimFile {
    fn drop(&mut self) {
        let mut world = self.world.borrow_mut();
        world.open.remove(&self.handle);
        world.untold.remove(&self.handle);
        if world
            .locks
            .get(&self.inode)
            .is_some_and(|(_, handle)| *handle == self.handle)
        {
            world.locks.remove(&self.inode);
        }
    }
}

impl SimFs {
    pub(crate) fn new(world: Shared, task: TaskId, incarnation: u32) -> Self {
        Self {
            world,
            task,
            incarnation,
        }
    }

    /// The await point of every operation. One that is refused ends here.
    pub(super) async fn operate(&self, verb: Verb, name: &str) -> io::Result<Fault> {
        let (at, fault) = self.world.borrow_mut().draw_fault(self.task, verb, name);
        until(&self.world, self.task, at).await;
        restore::strike(&mut self.world.borrow_mut(), self.task.process);
        let Fault::Refused(error) = fault else {
            return Ok(fault);
        };
        let mut world = self.world.borrow_mut();
        world.seen.hit(if verb.changes_names() {
            Seen::NamesNotChanged
        } else {
            Seen::LookFailed
        });
        let doing = Doing::operation(verb, name);
        world.incident(self.task.process, Incident::Refused { doing, error });
        Err(io::Error::from_raw_os_error(error))
    }

    /// Ends the operation: dies, if that is to be.
    pub(super) async fn finish(&self, fault: Fault, verb: Verb, name: &str) {
        if fault != Fault::DieAfter {
            return;
        }
        {
            let mut world = self.world.borrow_mut();
            world.seen.hit(Seen::CrashAfterEffect);
            world.doom = Some(Doom::Crash(self.task.process));
            let doing = Doing::operation(verb, name);
            let incident = Incident::Crashed {
                after_effect: true,
                doing,
            };
            world.incident(self.task.process, incident);
        }
        until(&self.world, self.task, Micros::MAX).await;
    }

    pub(super) fn open_inode(&self, inode: Inode) -> SimFile {
        let mut world = self.world.borrow_mut();
        world.handles += 1;
        let handle = world.handles;
        world.open.insert(handle, inode);
        SimFile {
            world: self.world.clone(),
            inode,
            handle,
        }
    }

    /// The inode of a name.
    pub(super) fn inode(&self, name: &str) -> io::Result<Inode> {
        let found = self.world.borrow().disk.lookup(name);
        found.ok_or_else(|| ErrorKind::NotFound.into())
    }

    pub(super) fn stat_inode(&self, inode: Inode) -> FileStat {
        let world = self.world.borrow();
        FileStat {
            id: FileId {
                device: 1,
                inode: inode as u64,
            },
            len: world.disk.bytes(inode).len() as u64,
            links: world.disk.links(inode),
            // No number is given twice here.
            changed: 0,
        }
    }

    /// Changes names: fails before the effect where the disk is full.
    pub(super) async fn change_names(
        &self,
        verb: Verb,
        name: &str,
        effect: impl FnOnce(&mut World) -> io::Result<()>,
    ) -> io::Result<()> {
        let fault = self.operate(verb, name).await?;
        if matches!(fault, Fault::Full(_)) && verb.takes_room() {
            return Err(ErrorKind::StorageFull.into());
        }
        effect(&mut self.world.borrow_mut())?;
        self.finish(fault, verb, name).await;
        Ok(())
    }
}
