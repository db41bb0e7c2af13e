//! From one generation to the next.

use mesh::backends::fs::protocol::{Appending, Retiring, Rotating};
use mesh::ports::Append;

use super::{Effect, Phase, Writer};
use crate::commit::bounds::{Bounds, Fault};
use crate::commit::disk::{Disk, File, Name};

impl Writer {
    /// A step of a rotation.
    pub(super) fn rotate(&mut self, step: Rotating, disk: &mut Disk, bounds: &Bounds) -> Effect {
        let next = match step {
            Rotating::Seal(seal) => return self.append(seal, disk, bounds),
            Rotating::WriteSuccessor => {
                self.write_successor(disk, bounds);
                step.written(&self.standing)
            }
            Rotating::CheckName => {
                let name = Name::Journal(self.number());
                let has_name = disk.names.get(&name) == Some(&self.file);
                step.checked(&self.standing, has_name)
            }
            Rotating::Link => {
                self.link(disk, bounds);
                step.linked()
            }
            Rotating::RemoveTemporary(_) => {
                disk.names.remove(&self.temporary());
                self.nonce = 0;
                return self.open_next(step.removed(), disk, bounds);
            }
            Rotating::Open => return self.open_next(step, disk, bounds),
            Rotating::SyncNames => {
                disk.sync_dir();
                step.names_synced(&mut self.standing)
            }
            Rotating::Retire(retiring) => Rotating::retiring(self.retire(retiring, disk, bounds)),
            Rotating::Over(_) => step,
        };
        self.rotated(next);
        match step {
            Rotating::SyncNames => Effect::Named,
            Rotating::Retire(_) if matches!(next, Rotating::Over(_)) => Effect::Retired,
            _ => Effect::None,
        }
    }

    /// A rotation has come so far.
    fn rotated(&mut self, next: Rotating) {
        self.phase = match next {
            Rotating::Over(_) => Phase::Idle,
            under_way => Phase::Rotating(under_way),
        };
    }

    fn temporary(&self) -> Name {
        Name::Temporary(self.number() + 1, self.nonce)
    }

    /// Writes the successor under a temporary name, and syncs it.
    fn write_successor(&mut self, disk: &mut Disk, bounds: &Bounds) {
        let next = self.number() + 1;
        let synced = bounds.fault != Some(Fault::NoTempSync);
        self.nonce = disk.unused(next);
        disk.files
            .push(File::new(next, self.history.clone(), synced));
        disk.names.insert(self.temporary(), disk.files.len() - 1);
    }

    /// Links the successor to its name, if that is free and the temporary one was not swept.
    fn link(&self, disk: &mut Disk, bounds: &Bounds) {
        let next = Name::Journal(self.number() + 1);
        let rename = bounds.fault == Some(Fault::RenameAtRotation);
        let free = !disk.names.contains_key(&next);
        if let Some(file) = disk.names.get(&self.temporary()).copied()
            && (rename || free)
        {
            disk.names.insert(next, file);
        }
    }

    /// Opens the successor, in the same step: nobody can tell apart when the temporary name
    /// went, and when the successor was opened.
    fn open_next(&mut self, step: Rotating, disk: &Disk, bounds: &Bounds) -> Effect {
        let next = match step {
            Rotating::Open => {
                let before = self.number();
                if self.follow(disk, bounds) == Effect::Damaged {
                    return Effect::Damaged;
                }
                step.opened(self.number() > before)
            }
            over => over,
        };
        self.rotated(next);
        Effect::None
    }

    /// A step of a retirement.
    fn retire(&mut self, step: Retiring, disk: &mut Disk, bounds: &Bounds) -> Retiring {
        match step {
            Retiring::List => {
                let names = disk.names.keys().copied();
                self.listed = names.filter(|n| matches!(n, Name::Temporary(..))).collect();
                return step.listed(&self.standing, disk.lowest().map(u64::from));
            }
            Retiring::SyncNames(_) => disk.sync_dir(),
            Retiring::Sweep(lowest) => {
                for name in std::mem::take(&mut self.listed) {
                    let old = matches!(name, Name::Temporary(g, _) if u64::from(g) <= lowest);
                    if old && bounds.fault != Some(Fault::NoSweep) {
                        disk.names.remove(&name);
                    }
                }
            }
            Retiring::Unlink(lowest) => {
                disk.names.remove(&Name::Journal(lowest as u8));
                if bounds.fault == Some(Fault::RetireOne) {
                    return Retiring::Over;
                }
            }
            Retiring::Over => return step,
        }
        step.done()
    }

    /// What comes after a step that a fault leaves out, if it leaves this one out.
    pub(super) fn left_out(&mut self, fault: Fault, step: Rotating) -> Option<Rotating> {
        match (fault, step) {
            (Fault::NoSeal, Rotating::Seal(Appending::Write(_))) => {
                // The process goes on as if there were a seal; the file has none.
                self.standing.chain.sealed = true;
                Some(Rotating::sealing(Appending::Over(Append::Committed)))
            }
            (Fault::NoNameCheck, Rotating::CheckName) => Some(step.checked(&self.standing, true)),
            (Fault::NoDirSync | Fault::NoDirSyncBeforeUnlink, Rotating::SyncNames) => {
                Some(step.names_synced(&mut self.standing))
            }
            (
                Fault::NoDirSyncBeforeUnlink | Fault::NoDirSyncBetweenUnlinks,
                Rotating::Retire(retiring @ Retiring::SyncNames(_)),
            ) => Some(Rotating::Retire(retiring.done())),
            _ => None,
        }
    }
}
