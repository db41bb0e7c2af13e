//! A process: it rotates, follows, appends and acknowledges, and may be paused anywhere.

use super::Step;
use super::folder::{File, Folder, Name, Record};

/// Where a process stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// About to take this step of the rotation, which is so far down the list.
    Rotating(Step, usize),
    /// About to open the next generation.
    Opening,
    /// About to append an entry.
    Appending,
    /// About to sync what it appended.
    Syncing(u8),
    /// About to acknowledge it.
    Telling(u8),
    /// Through with everything.
    Done,
}

/// A process with a generation open.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Process {
    pub(super) phase: Phase,
    pub(super) generation: u8,
    file: usize,
    /// How many rotations are still to come.
    rotations: u8,
    /// The file that it wrote to be the next generation.
    written: Option<usize>,
    /// Whether it found that others are further already.
    late: bool,
}

impl Process {
    pub(super) fn new(rotations: u8, rotation: &[Step]) -> Self {
        let mut process = Self {
            phase: Phase::Done,
            generation: 1,
            file: 0,
            rotations,
            written: None,
            late: false,
        };
        process.rotate(rotation);
        process
    }

    /// Begins a rotation, or goes on after the last one.
    fn rotate(&mut self, rotation: &[Step]) {
        (self.written, self.late) = (None, false);
        self.phase = match (self.rotations, rotation.first()) {
            (0, _) => Phase::Done,
            (_, Some(step)) => Phase::Rotating(*step, 0),
            (_, None) => Phase::Opening,
        };
    }

    /// Takes its next step.
    pub(super) fn go_on(
        &mut self,
        who: usize,
        folder: &mut Folder,
        told: &mut Vec<u8>,
        rotation: &[Step],
    ) -> Result<(), String> {
        match self.phase {
            Phase::Rotating(step, at) => self.take(step, at, who, folder, rotation),
            Phase::Opening => self.open(folder),
            Phase::Appending => self.append(who, folder, rotation),
            Phase::Syncing(entry) => {
                folder.files[self.file].sync();
                self.phase = Phase::Telling(entry);
                Ok(())
            }
            Phase::Telling(entry) => {
                told.push(entry);
                told.sort_unstable();
                self.rotations -= 1;
                self.rotate(rotation);
                Ok(())
            }
            Phase::Done => Ok(()),
        }
    }

    /// One step of the rotation.
    fn take(
        &mut self,
        step: Step,
        at: usize,
        who: usize,
        folder: &mut Folder,
        rotation: &[Step],
    ) -> Result<(), String> {
        let temporary = Name::Temporary(self.generation + 1, who);
        match step {
            Step::WriteTemporary => {
                let checkpoint = folder.files[self.file].log();
                folder.files.push(File {
                    checkpoint,
                    ..File::default()
                });
                self.written = Some(folder.files.len() - 1);
                folder.names.insert(temporary, folder.files.len() - 1);
            }
            Step::SyncTemporary => {
                if let Some(written) = self.written {
                    folder.files[written].sync();
                }
            }
            Step::Seal => {
                let stale = self.seal(folder);
                if stale {
                    folder.names.remove(&temporary);
                    self.rotate(rotation);
                    return Ok(());
                }
            }
            Step::LookAtOldName => {
                let name = Name::Journal(self.generation);
                self.late |= folder.names.get(&name) != Some(&self.file);
            }
            Step::Rename | Step::Link => {
                let next = Name::Journal(self.generation + 1);
                let file = folder.names.remove(&temporary);
                let free = step == Step::Rename || !folder.names.contains_key(&next);
                if let Some(file) = file.filter(|_| free && !self.late) {
                    folder.names.insert(next, file);
                }
            }
            Step::SyncDirectory => folder.sync_names(),
            Step::SweepTemporaries => {
                let generation = self.generation;
                let old = |name: &Name| matches!(name, Name::Temporary(g, _) if *g <= generation);
                folder.names.retain(|name, _| !old(name));
            }
            Step::RemoveOld => {
                let generation = self.generation;
                let old = |name: &Name| matches!(name, Name::Journal(g) if *g <= generation);
                folder.names.retain(|name, _| !old(name));
            }
        }
        self.phase = match rotation.get(at + 1) {
            Some(step) => Phase::Rotating(*step, at + 1),
            None => Phase::Opening,
        };
        Ok(())
    }

    /// Seals the generation, unless it is. Whether the file that is to be the next one
    /// lacks an entry of it.
    fn seal(&self, folder: &mut Folder) -> bool {
        let log = folder.files[self.file].log();
        let stale = self
            .written
            .is_some_and(|next| folder.files[next].checkpoint != log);
        let open = &mut folder.files[self.file];
        if !stale && !open.is_sealed() {
            open.records.push((Record::Seal, false));
        }
        stale
    }

    /// Opens what comes after its generation, or the newest one if that is gone already.
    fn open(&mut self, folder: &Folder) -> Result<(), String> {
        let next = folder.names.get(&Name::Journal(self.generation + 1));
        let next = next.map(|file| (self.generation + 1, *file));
        let newer = folder
            .newest()
            .filter(|(newest, _)| *newest > self.generation);
        let Some((generation, file)) = next.or(newer) else {
            let missing = self.generation + 1;
            return Err(format!(
                "after the rotation there is no generation {missing}"
            ));
        };
        (self.generation, self.file) = (generation, file);
        self.phase = Phase::Appending;
        Ok(())
    }

    /// Appends an entry. Behind a seal it would be void, so the process goes on to the next
    /// generation first, and syncs the directory there if it ever does.
    fn append(&mut self, who: usize, folder: &mut Folder, rotation: &[Step]) -> Result<(), String> {
        if folder.files[self.file].is_sealed() {
            if folder
                .newest()
                .is_some_and(|(newest, _)| newest > self.generation)
            {
                self.open(folder)?;
                if rotation.contains(&Step::SyncDirectory) {
                    folder.sync_names();
                }
            }
            return Ok(());
        }
        // Ann's are 1 and 2, bob's is 3.
        let entry = if who == 0 { 3 - self.rotations } else { 3 };
        folder.files[self.file]
            .records
            .push((Record::Entry(entry), false));
        self.phase = Phase::Syncing(entry);
        Ok(())
    }
}
