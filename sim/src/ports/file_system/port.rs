//! The port itself: each operation in terms of the seam.

use std::io::{self, ErrorKind};

use mesh::backends::fs::{Access, Appended, FileStat, FileSystem, ProcessId};
use mesh::ports::StorageError;

use super::seam::{SimFile, SimFs};
use crate::trace::{Incident, Seen, Verb};
use crate::world::{DEVICE_ERROR, Fault, World};

/// The name of the machine that all processes are on.
const HOST: &str = "box";

impl FileSystem for SimFs {
    type File = SimFile;

    async fn open(&self, name: &str, access: Access) -> io::Result<SimFile> {
        let fault = self.operate(Verb::Open, name).await?;
        let inode = match (self.inode(name), access) {
            (Ok(inode), _) => inode,
            (Err(_), Access::Overwrite) => {
                let made = self.world.borrow_mut().disk.create(name);
                made.ok_or(ErrorKind::NotFound)?
            }
            (Err(error), _) => return Err(error),
        };
        let file = self.open_inode(inode);
        self.finish(fault, Verb::Open, name).await;
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
        self.change_names(Verb::Create, name, effect).await?;
        let inode = made.ok_or(ErrorKind::NotFound)?;
        Ok(self.open_inode(inode))
    }

    async fn read_at(&self, file: &SimFile, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let fault = self.operate(Verb::Read, "").await?;
        let read = {
            let mut world = self.world.borrow_mut();
            if world.writing.contains_key(&file.inode) {
                world.seen.hit(Seen::HalfWriteSeen);
                world.incident(self.task.process, Incident::HalfWriteSeen);
            }
            let bytes = world.disk.bytes(file.inode);
            let from = bytes.len().min(offset as usize);
            let read = buffer.len().min(bytes.len() - from);
            buffer[..read].copy_from_slice(&bytes[from..from + read]);
            read
        };
        self.finish(fault, Verb::Read, "").await;
        Ok(read)
    }

    async fn append(&self, file: &SimFile, bytes: &[u8]) -> io::Result<Appended> {
        self.append_to(file.inode, bytes).await
    }

    async fn write_at(&self, file: &SimFile, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let fault = self.operate(Verb::Overwrite, "").await?;
        match fault {
            Fault::DeviceError(_) => return Err(io::Error::from_raw_os_error(DEVICE_ERROR)),
            Fault::Full(_) => return Err(ErrorKind::StorageFull.into()),
            _ => {}
        }
        self.world
            .borrow_mut()
            .disk
            .write_at(file.inode, offset as usize, bytes);
        self.finish(fault, Verb::Overwrite, "").await;
        Ok(())
    }

    async fn sync(&self, file: &SimFile) -> io::Result<()> {
        let fault = self.operate(Verb::Sync, "").await?;
        {
            let mut world = self.world.borrow_mut();
            if let Fault::DeviceError(draw) = fault {
                world.fail_sync(self.task.process, file.inode, file.handle, draw);
                return Err(io::Error::from_raw_os_error(DEVICE_ERROR));
            }
            let lied = world.disk.sync(file.inode);
            if world.untold.remove(&file.handle) {
                world.hear_of_failed_sync(self.task.process, file.inode);
                return Err(io::Error::from_raw_os_error(DEVICE_ERROR));
            }
            if lied {
                world.device_lied();
            }
        }
        self.finish(fault, Verb::Sync, "").await;
        Ok(())
    }

    async fn sync_dir(&self) -> io::Result<()> {
        let fault = self.operate(Verb::Sync, "the folder").await?;
        if matches!(fault, Fault::DeviceError(_)) {
            return Err(io::Error::from_raw_os_error(DEVICE_ERROR));
        }
        self.world.borrow_mut().disk.sync_dir();
        self.finish(fault, Verb::Sync, "the folder").await;
        Ok(())
    }

    async fn stat(&self, file: &SimFile) -> io::Result<FileStat> {
        self.operate(Verb::Stat, "").await?;
        Ok(self.stat_inode(file.inode))
    }

    async fn stat_name(&self, name: &str) -> io::Result<FileStat> {
        self.operate(Verb::Stat, name).await?;
        Ok(self.stat_inode(self.inode(name)?))
    }

    async fn link(&self, from: &str, to: &str) -> io::Result<()> {
        self.link_name(from, to).await
    }

    async fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.rename_name(from, to).await
    }

    async fn remove(&self, name: &str) -> io::Result<()> {
        self.remove_name(name).await
    }

    async fn list(&self, name: Option<&str>) -> io::Result<Vec<String>> {
        self.list_names(name).await
    }

    async fn make_dir(&self, name: &str) -> io::Result<()> {
        self.make_empty_dir(name).await
    }

    async fn remove_dir(&self, name: &str) -> io::Result<()> {
        self.remove_empty_dir(name).await
    }

    async fn try_lock(&self, file: &SimFile) -> io::Result<bool> {
        self.operate(Verb::Lock, "").await?;
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
        self.operate(Verb::Unlock, "").await?;
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

    async fn changed(&self, _: Option<&str>) {
        self.told_of_change().await;
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
        let _ = self.operate(Verb::Probe, "").await;
        let world = self.world.borrow();
        let known = world.processes.get(process.pid as usize);
        process.host == HOST
            && known.is_some_and(|p| !p.alive || u64::from(p.incarnation) != process.started)
    }
}
