//! Appends: whole, cut short by a device or a full disk, or seen half done.

use std::io::{self, ErrorKind};

use mesh::backends::fs::Appended;

use super::seam::SimFs;
use crate::trace::{Doing, Incident, Micros, Seen, Verb};
use crate::world::disk::Inode;
use crate::world::{DEVICE_ERROR, Doom, Fault, Writing, is_seal, until};

impl SimFs {
    pub(super) async fn append_to(&self, inode: Inode, bytes: &[u8]) -> io::Result<Appended> {
        let fault = self.operate(Verb::Append, "").await?;
        self.wait_for_writer(inode).await;
        let written = match fault {
            Fault::Half(draw) if bytes.len() > 1 => {
                let appended = self.append_in_halves(inode, bytes, draw).await;
                return Ok(appended);
            }
            // A device fails before the write or after it.
            Fault::DeviceError(draw) => bytes.len() * (draw as usize & 1),
            Fault::Full(draw) => draw as usize % bytes.len().max(1),
            _ => bytes.len(),
        };
        let end = {
            let mut world = self.world.borrow_mut();
            let process = self.task.process;
            if world.torn.remove(&inode) {
                world.seen.hit(Seen::TornTailHealed);
                world.incident(process, Incident::TornTailHealed);
            }
            if is_seal(&bytes[..written]) {
                world.note_sealer(inode, process);
            }
            match fault {
                Fault::DeviceError(_) => {
                    world.seen.hit(Seen::WriteError);
                    let name = format!("inode {inode}");
                    world.incident(process, Incident::WriteFailed { name });
                }
                Fault::Full(_) => {
                    world.seen.hit(Seen::DiskFull);
                    if written > 0 {
                        world.seen.hit(Seen::TornTail);
                        world.torn.insert(inode);
                    }
                    let name = format!("inode {inode}");
                    world.incident(process, Incident::DiskFull { name });
                }
                _ => {}
            }
            world.journal_changed();
            world.disk.append(inode, &bytes[..written])
        };
        match fault {
            Fault::DeviceError(_) => return Err(io::Error::from_raw_os_error(DEVICE_ERROR)),
            Fault::Full(_) if written == 0 => return Err(ErrorKind::StorageFull.into()),
            _ => {}
        }
        self.finish(fault, Verb::Append, "").await;
        Ok(Appended { end, written })
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
                let incident = Incident::Crashed {
                    after_effect: false,
                    doing,
                };
                world.incident(self.task.process, incident);
                Micros::MAX
            } else {
                world.incident(self.task.process, Incident::HalfWritten);
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
