//! How the kernel reports that a sync failed.
//!
//! As Linux does since 4.13: once to each descriptor that was open when it happened, at its
//! next sync, and never to one that was opened later. The pages count as written from then
//! on. They stay in the cache mostly, and are dropped sometimes: then everybody reads what is
//! on the disk.

use super::disk::Inode;
use super::state::World;
use crate::trace::{Incident, Micros, ProcessNumber, Seen};

/// Within how many microseconds the power fails where it follows a sync that lied.
const CUT_WITHIN: u32 = 30_000;

impl World {
    /// A sync fails, which a process is told that asked for it through `handle`; the draw
    /// says whether the pages are dropped.
    pub(crate) fn fail_sync(
        &mut self,
        process: ProcessNumber,
        inode: Inode,
        handle: u64,
        draw: u32,
    ) {
        self.seen.hit(Seen::SyncError);
        self.disk.fail_sync(inode);
        let name = format!("inode {inode}");
        self.incident(process, Incident::SyncFailed { name: name.clone() });
        let others = self.open.iter().filter(|(_, file)| **file == inode);
        let others = others.map(|(handle, _)| *handle);
        self.untold.extend(others.filter(|other| *other != handle));
        self.untold.remove(&handle);
        // Seldom: see "What it does not do" in docs/simulator.md.
        if draw.is_multiple_of(1024) && self.disk.drop_doomed(inode) {
            self.seen.hit(Seen::PagesDropped);
            self.trace.pages_dropped = true;
            self.ledger.pages_dropped();
            self.incident(process, Incident::PagesDropped { name });
        }
    }

    /// A sync succeeded of a file that an earlier failure had doomed in part. Such a device
    /// often does not live long.
    pub(crate) fn device_lied(&mut self) {
        if self.storm && self.cut_at.is_none() && self.tape.below(2) == 1 {
            self.cut_at = Some(self.now + Micros::from(self.tape.below(CUT_WITHIN)));
        }
    }

    /// A process is told of a sync that failed in another one.
    pub(crate) fn hear_of_failed_sync(&mut self, process: ProcessNumber, inode: Inode) {
        self.seen.hit(Seen::ErrorToldToAll);
        let name = format!("inode {inode}");
        self.incident(process, Incident::SyncErrorTold { name });
    }
}
