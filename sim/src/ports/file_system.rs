//! The seam: [`FileSystem`] over the simulated disk.
//!
//! Every operation first waits, and while it waits anything may happen: other
//! processes run, this one is paused, killed, or the power fails. Then its effect
//! happens in one step, apart from appends that are seen half done. A kill may also come
//! after the effect and before the answer. One draw of the tape decides all of it.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::task::Poll;

use mesh::backends::fs::{Access, Appended, FileId, FileStat, FileSystem, ProcessId};
use mesh::ports::StorageError;

use crate::trace::{Doing, Micros, Seen, Turn, Verb};
use crate::world::disk::{Inode, Node};
use crate::world::{Doom, LockOwner, Shared, TaskId, Weather, World, Writing, is_seal, until};

const HOST: &str = "box";
const LOCK_PREFIX: &str = "lock/";
/// `EIO`.
const DEVICE_ERROR: i32 = 5;

/// The [`FileSystem`] that a process is given.
#[derive(Clone)]
pub(crate) struct SimFs {
    world: Shared,
    task: TaskId,
    incarnation: u32,
}

/// An open file. Closing it gives the kernel's lock back.
pub(crate) struct SimFile {
    world: Shared,
    inode: Inode,
    handle: u64,
}

impl Drop for SimFile {
    fn drop(&mut self) {
        let mut world = self.world.borrow_mut();
        if world
            .locks
            .get(&self.inode)
            .is_some_and(|(_, handle)| *handle == self.handle)
        {
            world.locks.remove(&self.inode);
        }
    }
}

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
    pub(crate) fn new(world: Shared, task: TaskId, incarnation: u32) -> Self {
        Self {
            world,
            task,
            incarnation,
        }
    }

    /// The await point of every operation.
    async fn operate(&self, verb: Verb, name: &str) -> Weather {
        let (at, weather) = self.world.borrow_mut().forecast(self.task, verb, name);
        until(&self.world, self.task, at).await;
        weather
    }

    /// Ends the operation: dies, if that is to be.
    async fn finish(&self, weather: Weather, verb: Verb, name: &str) {
        if weather != Weather::DieAfter {
            return;
        }
        {
            let mut world = self.world.borrow_mut();
            world.seen.hit(Seen::CrashAfterEffect);
            world.doom = Some(Doom::Crash(self.task.process));
            let doing = Doing::operation(verb, name);
            let turn = Turn::Crashed {
                after_effect: true,
                doing,
            };
            world.turn(self.task.process, turn);
        }
        until(&self.world, self.task, Micros::MAX).await;
    }

    fn open_inode(&self, inode: Inode) -> SimFile {
        let mut world = self.world.borrow_mut();
        world.handles += 1;
        SimFile {
            world: self.world.clone(),
            inode,
            handle: world.handles,
        }
    }

    /// The inode of a name.
    fn inode(&self, name: &str) -> io::Result<Inode> {
        let found = self.world.borrow().disk.lookup(name);
        found.ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn stat_inode(&self, inode: Inode) -> FileStat {
        let world = self.world.borrow();
        FileStat {
            id: FileId {
                device: 1,
                inode: inode as u64,
            },
            len: world.disk.bytes(inode).len() as u64,
            links: world.disk.links(inode),
        }
    }

    /// Changes names: fails before the effect in bad weather.
    async fn rename_like(
        &self,
        verb: Verb,
        name: &str,
        effect: impl FnOnce(&mut World) -> io::Result<()>,
    ) -> io::Result<()> {
        let weather = self.operate(verb, name).await;
        if matches!(weather, Weather::Full(_)) && verb.takes_room() {
            return Err(ErrorKind::StorageFull.into());
        }
        effect(&mut self.world.borrow_mut())?;
        self.finish(weather, verb, name).await;
        Ok(())
    }

    /// Waits until nobody else is in the middle of an append to the same file.
    async fn wait_for_writer(&self, inode: Inode) {
        loop {
            let busy = self.world.borrow().writing.get(&inode).copied();
            match busy {
                Some(writing) => until(&self.world, self.task, writing.until + 1).await,
                None => return,
            }
        }
    }

    /// An append that others see half done first. Signals wait for the end of a write,
    /// so the process is not paused in between, but it may be killed.
    async fn append_in_halves(&self, inode: Inode, bytes: &[u8], draw: u32) -> Appended {
        let first = 1 + draw as usize % bytes.len().max(2).saturating_sub(1);
        let resumes = {
            let mut world = self.world.borrow_mut();
            world.disk.append(inode, &bytes[..first]);
            let resumes = world.now + 1 + Micros::from(draw >> 8) % 3_000;
            let writing = Writing {
                task: self.task,
                until: resumes,
            };
            world.writing.insert(inode, writing);
            let die = world.storm && (draw >> 4).is_multiple_of(16) && world.knobs.crash > 0;
            if die {
                world.seen.hit(Seen::TornTail);
                world.torn.insert(inode);
                world.doom = Some(Doom::Crash(self.task.process));
                let doing = Doing::HalfAnAppend;
                let turn = Turn::Crashed {
                    after_effect: false,
                    doing,
                };
                world.turn(self.task.process, turn);
                Micros::MAX
            } else {
                world.turn(self.task.process, Turn::HalfWritten);
                resumes
            }
        };
        until(&self.world, self.task, resumes).await;
        let mut world = self.world.borrow_mut();
        world.writing.remove(&inode);
        world.journal_changed();
        let end = world.disk.append(inode, &bytes[first..]);
        Appended {
            end,
            written: bytes.len(),
        }
    }
}

impl FileSystem for SimFs {
    type File = SimFile;

    async fn open(&self, name: &str, access: Access) -> io::Result<SimFile> {
        let weather = self.operate(Verb::Open, name).await;
        let inode = match (self.inode(name), access) {
            (Ok(inode), _) => inode,
            (Err(_), Access::Overwrite) => {
                let made = self.world.borrow_mut().disk.create(name);
                made.ok_or(ErrorKind::NotFound)?
            }
            (Err(error), _) => return Err(error),
        };
        let file = self.open_inode(inode);
        self.finish(weather, Verb::Open, name).await;
        Ok(file)
    }

    async fn create(&self, name: &str) -> io::Result<SimFile> {
        let mut made = None;
        let effect = |world: &mut World| {
            if world.disk.lookup(name).is_some() {
                return Err(ErrorKind::AlreadyExists.into());
            }
            made = world.disk.create(name);
            Ok(())
        };
        self.rename_like(Verb::Create, name, effect).await?;
        let inode = made.ok_or(ErrorKind::NotFound)?;
        Ok(self.open_inode(inode))
    }

    async fn read_at(&self, file: &SimFile, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let weather = self.operate(Verb::Read, "").await;
        let read = {
            let mut world = self.world.borrow_mut();
            if world.writing.contains_key(&file.inode) {
                world.seen.hit(Seen::HalfWriteSeen);
                world.turn(self.task.process, Turn::HalfWriteSeen);
            }
            let bytes = world.disk.bytes(file.inode);
            let from = bytes.len().min(offset as usize);
            let read = buffer.len().min(bytes.len() - from);
            buffer[..read].copy_from_slice(&bytes[from..from + read]);
            read
        };
        self.finish(weather, Verb::Read, "").await;
        Ok(read)
    }

    async fn append(&self, file: &SimFile, bytes: &[u8]) -> io::Result<Appended> {
        let weather = self.operate(Verb::Append, "").await;
        self.wait_for_writer(file.inode).await;
        let inode = file.inode;
        let written = match weather {
            Weather::Half(draw) if bytes.len() > 1 => {
                let appended = self.append_in_halves(inode, bytes, draw).await;
                return Ok(appended);
            }
            // A device fails before the write or after it.
            Weather::DeviceError(draw) => bytes.len() * (draw as usize & 1),
            Weather::Full(draw) => draw as usize % bytes.len().max(1),
            _ => bytes.len(),
        };
        let end = {
            let mut world = self.world.borrow_mut();
            let process = self.task.process;
            if world.torn.remove(&inode) {
                world.seen.hit(Seen::TornTailHealed);
                world.turn(process, Turn::TornTailHealed);
            }
            if is_seal(&bytes[..written]) {
                world.note_sealer(inode, process);
            }
            match weather {
                Weather::DeviceError(_) => {
                    world.seen.hit(Seen::WriteError);
                    let name = format!("inode {inode}");
                    world.turn(process, Turn::WriteFailed { name });
                }
                Weather::Full(_) => {
                    world.seen.hit(Seen::DiskFull);
                    if written > 0 {
                        world.seen.hit(Seen::TornTail);
                        world.torn.insert(inode);
                    }
                    let name = format!("inode {inode}");
                    world.turn(process, Turn::DiskFull { name });
                }
                _ => {}
            }
            world.journal_changed();
            world.disk.append(inode, &bytes[..written])
        };
        match weather {
            Weather::DeviceError(_) => return Err(io::Error::from_raw_os_error(DEVICE_ERROR)),
            Weather::Full(_) if written == 0 => return Err(ErrorKind::StorageFull.into()),
            _ => {}
        }
        self.finish(weather, Verb::Append, "").await;
        Ok(Appended { end, written })
    }

    async fn write_at(&self, file: &SimFile, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let weather = self.operate(Verb::Overwrite, "").await;
        match weather {
            Weather::DeviceError(_) => return Err(io::Error::from_raw_os_error(DEVICE_ERROR)),
            Weather::Full(_) => return Err(ErrorKind::StorageFull.into()),
            _ => {}
        }
        self.world
            .borrow_mut()
            .disk
            .write_at(file.inode, offset as usize, bytes);
        self.finish(weather, Verb::Overwrite, "").await;
        Ok(())
    }

    async fn sync(&self, file: &SimFile) -> io::Result<()> {
        let weather = self.operate(Verb::Sync, "").await;
        {
            let mut world = self.world.borrow_mut();
            if matches!(weather, Weather::DeviceError(_)) {
                world.seen.hit(Seen::SyncError);
                world.disk.fail_sync(file.inode);
                let name = format!("inode {}", file.inode);
                world.turn(self.task.process, Turn::SyncFailed { name });
                return Err(io::Error::from_raw_os_error(DEVICE_ERROR));
            }
            world.disk.sync(file.inode);
        }
        self.finish(weather, Verb::Sync, "").await;
        Ok(())
    }

    async fn sync_dir(&self) -> io::Result<()> {
        let weather = self.operate(Verb::Sync, "the folder").await;
        if matches!(weather, Weather::DeviceError(_)) {
            return Err(io::Error::from_raw_os_error(DEVICE_ERROR));
        }
        self.world.borrow_mut().disk.sync_dir();
        self.finish(weather, Verb::Sync, "the folder").await;
        Ok(())
    }

    async fn stat(&self, file: &SimFile) -> io::Result<FileStat> {
        self.operate(Verb::Stat, "").await;
        Ok(self.stat_inode(file.inode))
    }

    async fn stat_name(&self, name: &str) -> io::Result<FileStat> {
        self.operate(Verb::Stat, name).await;
        Ok(self.stat_inode(self.inode(name)?))
    }

    async fn link(&self, from: &str, to: &str) -> io::Result<()> {
        let task = self.task;
        self.rename_like(Verb::Link, to, |world| {
            let inode = world.disk.lookup(from).ok_or(ErrorKind::NotFound)?;
            if world.disk.lookup(to).is_some() {
                return Err(ErrorKind::AlreadyExists.into());
            }
            world.disk.link(inode, to);
            world.note_rotation(task.process, to);
            world.journal_changed();
            Ok(())
        })
        .await
    }

    async fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let owner = LockOwner {
            process: self.task.process,
            incarnation: self.incarnation,
            since: 0,
        };
        self.rename_like(Verb::Rename, to, |world| {
            let inode = world.disk.lookup(from).ok_or(ErrorKind::NotFound)?;
            match world.disk.lookup(to).map(|at| world.disk.node(at)) {
                Some(Node::Directory(names)) if !names.is_empty() => {
                    return Err(ErrorKind::DirectoryNotEmpty.into());
                }
                _ => {}
            }
            if let Node::Directory(names) = world.disk.node(inode)
                && let Some(nonce) = names.keys().next().cloned()
            {
                let since = world.now;
                world
                    .lock_owners
                    .insert(nonce, LockOwner { since, ..owner });
            }
            let turn = match to {
                "state.json" => Some(Turn::Exported),
                name if name.starts_with("journal.") => Some(Turn::RenamedOver {
                    name: name.to_owned(),
                }),
                _ => None,
            };
            if let Some(turn) = turn {
                world.turn(owner.process, turn);
            }
            world.disk.rename(from, to);
            Ok(())
        })
        .await
    }

    async fn remove(&self, name: &str) -> io::Result<()> {
        let task = self.task;
        self.rename_like(Verb::Remove, name, |world| {
            let nonce = name.strip_prefix(LOCK_PREFIX);
            if world.disk.lookup(name).is_none() {
                nonce.inspect(|nonce| world.lock_gone(task, nonce));
                return Err(ErrorKind::NotFound.into());
            }
            world.disk.remove(name);
            nonce.inspect(|nonce| world.lock_freed(task, nonce));
            Ok(())
        })
        .await
    }

    /// Looks at the names twice, and may miss what was not there both times.
    async fn list(&self, name: Option<&str>) -> io::Result<Vec<String>> {
        self.operate(Verb::List, name.unwrap_or(".")).await;
        let racy = {
            let world = self.world.borrow();
            world.knobs.racy_list && world.storm && name.is_none()
        };
        let listed = |world: &World| world.disk.list(name).ok_or(ErrorKind::NotFound);
        let before = listed(&self.world.borrow())?;
        if !racy {
            return Ok(before);
        }
        self.operate(Verb::List, ".").await;
        let mut world = self.world.borrow_mut();
        let after = listed(&world)?;
        if before == after {
            return Ok(after);
        }
        let mut shown = Vec::new();
        for name in before
            .iter()
            .chain(after.iter().filter(|name| !before.contains(name)))
        {
            let stable = before.contains(name) && after.contains(name);
            if stable || world.tape.below(2) == 0 {
                shown.push(name.clone());
            } else {
                world.seen.hit(Seen::ListingRaced);
            }
        }
        Ok(shown)
    }

    async fn make_dir(&self, name: &str) -> io::Result<()> {
        self.rename_like(Verb::MakeDir, name, |world| {
            if world.disk.lookup(name).is_some() {
                return Err(ErrorKind::AlreadyExists.into());
            }
            world.disk.make_dir(name);
            Ok(())
        })
        .await
    }

    async fn remove_dir(&self, name: &str) -> io::Result<()> {
        self.rename_like(Verb::RemoveDir, name, |world| {
            let inode = world.disk.lookup(name).ok_or(ErrorKind::NotFound)?;
            match world.disk.node(inode) {
                Node::Directory(names) if names.is_empty() => {}
                Node::Directory(_) => return Err(ErrorKind::DirectoryNotEmpty.into()),
                Node::File(..) => return Err(ErrorKind::NotADirectory.into()),
            }
            world.disk.remove(name);
            Ok(())
        })
        .await
    }

    async fn try_lock(&self, file: &SimFile) -> io::Result<bool> {
        self.operate(Verb::Lock, "").await;
        let mut world = self.world.borrow_mut();
        match world.locks.get(&file.inode) {
            Some((_, handle)) if *handle != file.handle => Ok(false),
            _ => {
                let owner = (self.task, file.handle);
                world.locks.insert(file.inode, owner);
                Ok(true)
            }
        }
    }

    async fn unlock(&self, file: &SimFile) -> io::Result<()> {
        self.operate(Verb::Unlock, "").await;
        let mut world = self.world.borrow_mut();
        if world
            .locks
            .get(&file.inode)
            .is_some_and(|(_, handle)| *handle == file.handle)
        {
            world.locks.remove(&file.inode);
        }
        Ok(())
    }

    async fn is_attached(&self) -> io::Result<bool> {
        Ok(true)
    }

    async fn reattach(&self) -> Result<(), StorageError> {
        Ok(())
    }

    /// Told by the world, in its own time; see [`World::journal_changed`].
    async fn changed(&self, _: Option<&str>) {
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

    fn unwatch(&self) {
        self.world.borrow_mut().processes[self.task.process].watches = false;
    }

    fn this_process(&self) -> ProcessId {
        ProcessId {
            host: HOST.to_owned(),
            pid: self.task.process as u32,
            started: u64::from(self.incarnation),
        }
    }

    async fn is_dead(&self, process: &ProcessId) -> bool {
        self.operate(Verb::Probe, "").await;
        let world = self.world.borrow();
        let known = world.processes.get(process.pid as usize);
        process.host == HOST
            && known.is_some_and(|p| !p.alive || u64::from(p.incarnation) != process.started)
    }
}
