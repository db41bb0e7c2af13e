//! One process: where it stands in the protocol, and its next step.
//!
//! A step is one call to the file system, or a few that no other process can tell apart.
//! Between any two steps the process may be paused for as long as it pleases, killed, or
//! lose its power; so there is no action for a pause: it is all the steps of others that
//! come in between.

use mesh::backends::fs::{Chain, Link, Sum};

use super::bounds::{Bounds, Fault};
use super::disk::{Disk, File, Name, Record};

/// Where a process stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Not running.
    Down,
    /// Between two commands.
    Idle,
    /// About to read the log, to do this next.
    Reading(Task),
    /// About to append.
    Appending(Link),
    /// In the middle of the append at a place of its file.
    Writing(Link, usize),
    /// Its bytes are in the file: it must see whether they won.
    Judging(Link, Sum),
    /// Won, or has read what it will reveal: the directory is next to be synced.
    SyncingNames,
    /// The file is next to be synced.
    SyncingFile,
    /// About to note how far the log is durable, and to answer.
    Answering,
    /// The successor is to be written, before the seal: there may be no room for it.
    WritingNext,
    /// The generation is sealed, the successor written; the old name is to be looked at.
    CheckingName,
    /// The successor is to be linked.
    Linking,
    /// The temporary name is to be removed, and the successor opened, if there is one.
    Following,
    /// The directory is to be synced, so that the new generation counts.
    SyncingNext,
    /// Older generations are looked for.
    Retiring,
    /// The directory is to be synced before this generation is removed.
    RetiringSync(u8),
    /// The temporary files up to this generation are to be removed.
    Sweeping(u8),
    /// This generation is to be removed.
    Unlinking(u8),
}

/// What a process reads the log for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Task {
    /// To append an entry.
    Append,
    /// To show what is there.
    Look,
    /// To seal and rotate.
    Rotate,
}

/// A process.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Writer {
    pub(super) phase: Phase,
    /// How many commands it still serves.
    pub(super) commands: u8,
    /// Whether the store's lock names it.
    pub(super) locks: bool,
    /// The generation that it has open, and its file.
    pub(super) number: u8,
    pub(super) file: usize,
    /// The production acceptance rule, as far as it has read.
    pub(super) chain: Chain,
    /// The first record that it has not read.
    pub(super) position: usize,
    /// Whether it saw bytes there that were no record yet.
    pub(super) unfinished: bool,
    /// The log as it knows it.
    pub(super) history: Vec<Sum>,
    /// The newest entry that it knows to be durable.
    pub(super) durable: u64,
    /// Whether it synced the directory with this generation in it.
    pub(super) named: bool,
    /// Whether bytes of a lost append may lie unsynced behind their winner.
    pub(super) exposed: bool,
    /// The nonce of its temporary file, while it rotates.
    pub(super) nonce: u8,
    /// The temporary names that it saw when it looked for generations to retire.
    pub(super) listed: Vec<Name>,
}

/// What a step shows to others than the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing.
    None,
    /// The whole history is acknowledged or revealed.
    Answered,
    /// The generation counts from now on.
    Named,
    /// The process calls the folder damaged.
    Damaged,
}

impl Writer {
    pub(super) fn down(commands: u8, locks: bool) -> Self {
        Self {
            phase: Phase::Down,
            commands,
            locks,
            number: 0,
            file: usize::MAX,
            chain: Chain::after_checkpoint(0, Sum(0), Sum(0)),
            position: 0,
            unfinished: false,
            history: Vec::new(),
            durable: 0,
            named: false,
            exposed: false,
            nonce: 0,
            listed: Vec::new(),
        }
    }

    pub(super) fn is_up(&self) -> bool {
        self.phase != Phase::Down
    }

    /// Opens generation `number`.
    fn open(&mut self, disk: &Disk, number: u8, file: usize) {
        let opened = &disk.files[file];
        self.number = number;
        self.file = file;
        self.chain = opened.chain();
        self.history.clone_from(&opened.base);
        self.position = 0;
        self.unfinished = false;
        self.named = false;
        self.exposed = false;
    }

    /// Starts up: opens the newest generation. The marks were read before.
    pub(super) fn start(&mut self, disk: &Disk, bounds: &Bounds) -> Effect {
        let mark = disk.mark;
        let Some((number, file)) = disk.newest() else {
            return Effect::Damaged;
        };
        if disk.files[file].base_torn {
            return Effect::Damaged;
        }
        self.open(disk, number, file);
        self.phase = Phase::Idle;
        self.read(disk, bounds);
        match self.chain.seq < mark {
            true => Effect::Damaged,
            false => Effect::None,
        }
    }

    /// Reads on to the end of the file, by the production acceptance rule.
    fn read(&mut self, disk: &Disk, bounds: &Bounds) {
        let records = &disk.files[self.file].records;
        self.unfinished = false;
        while let Some(record) = records.get(self.position) {
            if !record.whole {
                // Void once something follows; until then, perhaps a record to be.
                let last = self.position + 1 == records.len();
                if last && bounds.fault != Some(Fault::UnfinishedIsVoid) {
                    self.unfinished = true;
                    return;
                }
            } else if accepts(&self.chain, record, bounds) {
                self.chain.extend(record.sum, record.link);
                if let Link::Entry { .. } = record.link {
                    self.history.push(record.sum);
                }
            }
            if self.chain.sealed {
                return;
            }
            self.position += 1;
        }
    }

    /// Reads on, also over the ends of generations. `Damaged` where the next one does not
    /// begin where the last one ended.
    fn catch_up(&mut self, disk: &Disk, bounds: &Bounds) -> Effect {
        loop {
            self.read(disk, bounds);
            let newest = disk.newest().map_or(0, |(number, _)| number);
            let over = self.chain.sealed || bounds.fault == Some(Fault::NoSeal);
            if !over || newest <= self.number {
                return Effect::None;
            }
            if self.follow(disk) == Effect::Damaged {
                return Effect::Damaged;
            }
        }
    }

    /// Goes on to the next generation, or to the newest if that one is gone.
    fn follow(&mut self, disk: &Disk) -> Effect {
        let next = self.number + 1;
        let (durable, exposed) = (self.durable, self.exposed);
        match (disk.names.get(&Name::Journal(next)), disk.newest()) {
            (Some(file), _) => {
                let opened = &disk.files[*file];
                let differs = opened.base != self.history && self.chain.sealed;
                if opened.base_torn || differs {
                    return Effect::Damaged;
                }
                self.open(disk, next, *file);
            }
            (None, Some((newest, file))) if newest > next => self.open(disk, newest, file),
            (None, Some(_)) => {}
            (None, None) => return Effect::Damaged,
        }
        (self.durable, self.exposed) = (durable, exposed);
        Effect::None
    }

    /// Whether the generation has taken so much that it is time for the next.
    pub(super) fn should_rotate(&self, disk: &Disk, bounds: &Bounds) -> bool {
        let base = disk.files[self.file].base.len() as u64;
        let full = self.chain.seq >= base + bounds.rotate_after;
        (full || self.chain.sealed) && self.number < bounds.generations
    }

    /// Begins a command: reads the log, to do `task`.
    pub(super) fn begin(&mut self, task: Task, disk: &Disk, bounds: &Bounds) -> Effect {
        self.read_for(task, disk, bounds)
    }

    /// The next step of a process that is up and not idle.
    pub(super) fn step(&mut self, disk: &mut Disk, bounds: &Bounds) -> Effect {
        match self.phase {
            Phase::Down | Phase::Idle => Effect::None,
            Phase::Reading(task) => self.read_for(task, disk, bounds),
            Phase::Appending(link) => self.append(link, disk, bounds),
            Phase::Writing(link, place) => {
                disk.files[self.file].records[place].whole = true;
                self.landed(link, place, disk, bounds)
            }
            Phase::Judging(link, sum) => self.judge(link, sum, disk, bounds),
            Phase::SyncingNames => {
                disk.sync_dir();
                self.named = true;
                self.durable = self.durable.max(disk.files[self.file].base.len() as u64);
                self.phase = self.before_answer(bounds);
                Effect::Named
            }
            Phase::SyncingFile => {
                disk.sync(self.file);
                self.exposed = false;
                self.durable = self.chain.seq;
                self.phase = Phase::Answering;
                Effect::None
            }
            Phase::Answering => self.answer(disk, bounds),
            _ => self.rotate(disk, bounds),
        }
    }

    fn read_for(&mut self, task: Task, disk: &Disk, bounds: &Bounds) -> Effect {
        let mark = disk.mark;
        if self.catch_up(disk, bounds) == Effect::Damaged || self.chain.seq < mark {
            return Effect::Damaged;
        }
        self.durable = self.durable.max(mark);
        // A mark is made after the directory was synced, too.
        self.named |= mark > disk.files[self.file].base.len() as u64;
        let seq = self.chain.seq;
        self.phase = match task {
            Task::Look if bounds.fault == Some(Fault::RevealBeforeSync) => Phase::Answering,
            Task::Look => self.before_answer(bounds),
            // A rotation was cut short: nothing can be appended before it is finished.
            _ if self.chain.sealed => Phase::WritingNext,
            Task::Append => Phase::Appending(Link::Entry { seq: seq + 1 }),
            Task::Rotate if !self.should_rotate(disk, bounds) => Phase::Idle,
            Task::Rotate => Phase::WritingNext,
        };
        Effect::None
    }

    /// What is still to be synced before all that was read and appended may be told.
    fn before_answer(&self, bounds: &Bounds) -> Phase {
        let unsynced = self.durable < self.chain.seq || self.exposed;
        if !self.named && bounds.fault != Some(Fault::NoDirSync) {
            Phase::SyncingNames
        } else if unsynced && bounds.fault != Some(Fault::NoSync) {
            Phase::SyncingFile
        } else {
            Phase::Answering
        }
    }

    fn append(&mut self, link: Link, disk: &mut Disk, bounds: &Bounds) -> Effect {
        let file = &mut disk.files[self.file];
        let place = file.records.len();
        file.records.push(Record {
            sum: Sum(self.file as u64 * 100 + place as u64 + 1),
            prev: self.chain.last,
            decided_on: self.history.last().copied().unwrap_or_default(),
            link,
            whole: !bounds.torn,
            synced: false,
        });
        match bounds.torn {
            true => {
                self.phase = Phase::Writing(link, place);
                Effect::None
            }
            false => self.landed(link, place, disk, bounds),
        }
    }

    /// All bytes are in the file, at `place`.
    fn landed(&mut self, link: Link, place: usize, disk: &Disk, bounds: &Bounds) -> Effect {
        let sum = disk.files[self.file].records[place].sum;
        let expected = place == self.position && !self.unfinished;
        if expected || bounds.fault == Some(Fault::NoOffsetCheck) {
            self.chain.extend(sum, link);
            if let Link::Entry { .. } = link {
                self.history.push(sum);
                self.position = place + 1;
            }
            self.won(link, bounds);
        } else {
            self.phase = Phase::Judging(link, sum);
        }
        Effect::None
    }

    fn won(&mut self, link: Link, bounds: &Bounds) {
        self.phase = match link {
            Link::Entry { .. } => {
                self.locks = false;
                self.before_answer(bounds)
            }
            Link::Seal { .. } => self.after_seal(bounds),
        };
    }

    fn after_seal(&self, bounds: &Bounds) -> Phase {
        match bounds.fault == Some(Fault::NoNameCheck) {
            true => Phase::Linking,
            false => Phase::CheckingName,
        }
    }

    /// Reads what came in between, and so learns whether its record won.
    fn judge(&mut self, link: Link, sum: Sum, disk: &Disk, bounds: &Bounds) -> Effect {
        self.read(disk, bounds);
        let won = match link {
            Link::Entry { .. } => self.history.contains(&sum),
            Link::Seal { .. } => self.chain.sealed && self.chain.last == sum,
        };
        if won {
            self.won(link, bounds);
        } else {
            self.exposed = true;
            self.locks = false;
            self.phase = match link {
                Link::Entry { .. } if bounds.lock => Phase::Idle,
                Link::Entry { .. } => Phase::Reading(Task::Append),
                Link::Seal { .. } => Phase::Following,
            };
        }
        Effect::None
    }

    /// Looks whether the file still is the log, notes the mark, and answers.
    fn answer(&mut self, disk: &mut Disk, bounds: &Bounds) -> Effect {
        let named = disk.names.get(&Name::Journal(self.number)) == Some(&self.file);
        let newer = disk
            .newest()
            .is_some_and(|(newest, _)| newest > self.number);
        if !named && !newer {
            return Effect::Damaged;
        }
        if self.durable == self.chain.seq {
            disk.mark = disk.mark.max(self.chain.seq);
        }
        self.commands -= 1;
        self.phase = match self.should_rotate(disk, bounds) {
            true => Phase::Reading(Task::Rotate),
            false => Phase::Idle,
        };
        Effect::Answered
    }

    /// The steps from one generation to the next.
    fn rotate(&mut self, disk: &mut Disk, bounds: &Bounds) -> Effect {
        let temporary = Name::Temporary(self.number + 1, self.nonce);
        match self.phase {
            Phase::WritingNext => self.write_next(disk, bounds),
            Phase::CheckingName => {
                let held = disk.names.get(&Name::Journal(self.number)) == Some(&self.file);
                self.phase = match held {
                    true => Phase::Linking,
                    false => Phase::Following,
                };
                Effect::None
            }
            Phase::Linking => {
                let next = Name::Journal(self.number + 1);
                let free = !disk.names.contains_key(&next);
                let rename = bounds.fault == Some(Fault::RenameAtRotation);
                // A temporary name that was swept meanwhile cannot be linked.
                if let Some(file) = disk.names.get(&temporary).copied()
                    && (rename || free)
                {
                    disk.names.insert(next, file);
                }
                self.phase = Phase::Following;
                Effect::None
            }
            Phase::Following => {
                disk.names.remove(&temporary);
                self.nonce = 0;
                let before = self.number;
                let over = self.chain.sealed || bounds.fault == Some(Fault::NoSeal);
                if over && self.follow(disk) == Effect::Damaged {
                    return Effect::Damaged;
                }
                self.phase = match self.number > before {
                    true => Phase::SyncingNext,
                    false => Phase::Idle,
                };
                Effect::None
            }
            Phase::SyncingNext => {
                self.phase = Phase::Retiring;
                let skipped = [Fault::NoDirSync, Fault::NoDirSyncBeforeUnlink];
                if bounds.fault.is_some_and(|fault| skipped.contains(&fault)) {
                    return Effect::None;
                }
                disk.sync_dir();
                self.named = true;
                self.durable = self.durable.max(disk.files[self.file].base.len() as u64);
                Effect::Named
            }
            _ => self.retire(disk, bounds),
        }
    }

    /// Writes the successor under a temporary name, and syncs it.
    fn write_next(&mut self, disk: &mut Disk, bounds: &Bounds) -> Effect {
        let next = self.number + 1;
        let synced = bounds.fault != Some(Fault::NoTempSync);
        self.nonce = disk.unused(next);
        disk.files
            .push(File::new(next, self.history.clone(), synced));
        disk.names
            .insert(Name::Temporary(next, self.nonce), disk.files.len() - 1);
        self.phase = match self.chain.sealed || bounds.fault == Some(Fault::NoSeal) {
            true => self.after_seal(bounds),
            false => Phase::Appending(Link::Seal {
                seq: self.chain.seq,
            }),
        };
        Effect::None
    }

    /// Lists the folder: the oldest generation, and all temporary names.
    fn list(&mut self, disk: &Disk) -> Option<u8> {
        let names = disk.names.keys().copied();
        self.listed = names.filter(|n| matches!(n, Name::Temporary(..))).collect();
        disk.lowest()
    }

    /// The steps that remove what came before.
    fn retire(&mut self, disk: &mut Disk, bounds: &Bounds) -> Effect {
        self.phase = match self.phase {
            Phase::Retiring => match self.list(disk).filter(|lowest| *lowest < self.number) {
                Some(lowest) if bounds.fault == Some(Fault::NoDirSyncBeforeUnlink) => {
                    Phase::Sweeping(lowest)
                }
                Some(lowest) => Phase::RetiringSync(lowest),
                None => Phase::Idle,
            },
            Phase::RetiringSync(lowest) => {
                disk.sync_dir();
                Phase::Sweeping(lowest)
            }
            Phase::Sweeping(lowest) => {
                for name in std::mem::take(&mut self.listed) {
                    let old = matches!(name, Name::Temporary(g, _) if g <= lowest);
                    if old && bounds.fault != Some(Fault::NoSweep) {
                        disk.names.remove(&name);
                    }
                }
                Phase::Unlinking(lowest)
            }
            Phase::Unlinking(lowest) => {
                disk.names.remove(&Name::Journal(lowest));
                Phase::Retiring
            }
            other => other,
        };
        Effect::None
    }
}

/// The production acceptance rule; without the chain where that is left out.
pub(super) fn accepts(chain: &Chain, record: &Record, bounds: &Bounds) -> bool {
    let prev = match bounds.fault {
        Some(Fault::NoChain) => chain.last,
        _ => record.prev,
    };
    chain.accepts(prev, record.link)
}
