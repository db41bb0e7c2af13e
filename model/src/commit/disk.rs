//! A disk that keeps what was synced, and of the rest whatever it likes.
//!
//! A file is a checkpoint and the records after it, in the order in which they were
//! appended. Names lead to files. For all of it the disk knows what would survive a power
//! cut for certain; everything else is an [`Item`] that a power cut may keep or lose.

use std::collections::{BTreeMap, BTreeSet};

use mesh::backends::fs::{Chain, Link, Sum};

/// What stands in a file at one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Record {
    /// Its checksum: a number that no other record has.
    pub(super) sum: Sum,
    /// The checksum of the record that its writer took for the newest.
    pub(super) prev: Sum,
    /// The newest entry of the log that it was decided on.
    pub(super) decided_on: Sum,
    /// What it adds.
    pub(super) link: Link,
    /// Whether all of its bytes are there. A write that a kill cut short never is.
    pub(super) whole: bool,
    /// Whether it survives a power cut.
    pub(super) synced: bool,
    /// Whether a client was told that it has no effect.
    pub(super) refused: bool,
}

/// A generation, or one in the making.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct File {
    /// Which generation it is meant to be.
    pub(super) number: u8,
    /// The entries up to the checkpoint, oldest first: the state that it carries.
    pub(super) base: Vec<Sum>,
    /// Whether the checkpoint survives a power cut.
    pub(super) base_synced: bool,
    /// Whether a power cut tore it.
    pub(super) base_torn: bool,
    /// What was appended.
    pub(super) records: Vec<Record>,
}

impl File {
    pub(super) fn new(number: u8, base: Vec<Sum>, base_synced: bool) -> Self {
        Self {
            number,
            base,
            base_synced,
            base_torn: false,
            records: Vec::new(),
        }
    }

    /// The production acceptance rule, at the checkpoint.
    pub(super) fn chain(&self) -> Chain {
        let tip = self.base.last().copied().unwrap_or_default();
        let last = Sum(10_000 + u64::from(self.number));
        Chain::after_checkpoint(self.base.len() as u64, tip, last)
    }
}

/// A name in the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Name {
    /// `journal.<g>`
    Journal(u8),
    /// `tmp.<g>.<nonce>`
    Temporary(u8, u8),
}

/// Something that a power cut may keep or lose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// What happened to a name since the directory was synced.
    Name(Name),
    /// The checkpoint of a file.
    Base(usize),
    /// A record of a file.
    Record(usize, usize),
    /// The watermark.
    Mark,
}

/// The disk.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Disk {
    /// All files that anybody may still reach.
    pub(super) files: Vec<File>,
    /// The names as processes see them.
    pub(super) names: BTreeMap<Name, usize>,
    /// The names as a power cut would certainly leave them.
    pub(super) synced_names: BTreeMap<Name, usize>,
    /// The highest durable mark, and what of it survives a power cut.
    pub(super) mark: u64,
    pub(super) synced_mark: u64,
}

impl Disk {
    /// A new folder: an empty generation 1, durable.
    pub(super) fn new() -> Self {
        let names = BTreeMap::from([(Name::Journal(1), 0)]);
        Self {
            files: vec![File::new(1, Vec::new(), true)],
            synced_names: names.clone(),
            names,
            mark: 0,
            synced_mark: 0,
        }
    }

    /// The newest generation that has a name.
    pub(super) fn newest(&self) -> Option<(u8, usize)> {
        let journals = self
            .names
            .iter()
            .rev()
            .filter_map(|(name, file)| match name {
                Name::Journal(number) => Some((*number, *file)),
                Name::Temporary(..) => None,
            });
        journals.max()
    }

    /// The oldest one.
    pub(super) fn lowest(&self) -> Option<u8> {
        self.names.keys().find_map(|name| match name {
            Name::Journal(number) => Some(*number),
            Name::Temporary(..) => None,
        })
    }

    /// The record with this checksum, in file number `file`, if that still is there.
    pub(super) fn record_mut(&mut self, file: usize, sum: Sum) -> Option<&mut Record> {
        let records = &mut self.files.get_mut(file)?.records;
        records.iter_mut().find(|record| record.sum == sum)
    }

    /// Whether no power cut can leave an older generation without the ones behind it: each
    /// that lies between two that may have a name has its own for certain.
    pub(super) fn is_without_gaps(&self) -> bool {
        let number = |name: &Name| match name {
            Name::Journal(number) => Some(*number),
            Name::Temporary(..) => None,
        };
        let possible = self.names.keys().chain(self.synced_names.keys());
        let possible: BTreeSet<u8> = possible.filter_map(number).collect();
        let (Some(oldest), Some(newest)) = (possible.first(), possible.last()) else {
            return true;
        };
        let mut between = *oldest + 1..*newest;
        between.all(|number| {
            let name = Name::Journal(number);
            let file = self.names.get(&name);
            file.is_some() && file == self.synced_names.get(&name)
        })
    }

    /// A nonce that no temporary file of generation `number` has.
    pub(super) fn unused(&self, number: u8) -> u8 {
        let taken = |nonce: u8| self.names.contains_key(&Name::Temporary(number, nonce));
        (0..).find(|nonce| !taken(*nonce)).unwrap_or(u8::MAX)
    }

    pub(super) fn sync_dir(&mut self) {
        self.synced_names = self.names.clone();
    }

    /// Syncs a file: what is whole survives from now on.
    pub(super) fn sync(&mut self, file: usize) {
        let file = &mut self.files[file];
        file.base_synced = true;
        for record in &mut file.records {
            record.synced |= record.whole;
        }
    }

    /// Everything that a power cut may keep or lose.
    pub(super) fn unsynced(&self) -> Vec<Item> {
        let mut items = Vec::new();
        for (at, file) in self.files.iter().enumerate() {
            if !file.base_synced {
                items.push(Item::Base(at));
            }
            let records = file.records.iter().enumerate();
            let lost = records.filter(|(_, record)| record.whole && !record.synced);
            items.extend(lost.map(|(place, _)| Item::Record(at, place)));
        }
        let mut names: Vec<Name> = self.names.keys().copied().collect();
        names.extend(self.synced_names.keys());
        names.sort_unstable();
        names.dedup();
        let changed = |name: &Name| self.names.get(name) != self.synced_names.get(name);
        items.extend(names.into_iter().filter(changed).map(Item::Name));
        if self.mark != self.synced_mark {
            items.push(Item::Mark);
        }
        items
    }

    /// The power fails. Of the unsynced items those whose bit is set are kept.
    pub(super) fn lose(&mut self, kept: u32) {
        let items = self.unsynced();
        let kept = |bit: usize| kept & (1 << bit) != 0;
        for (bit, item) in items.iter().enumerate() {
            match *item {
                Item::Name(name) => {
                    let names = match kept(bit) {
                        true => &self.names,
                        false => &self.synced_names,
                    };
                    let file = names.get(&name).copied();
                    for names in [&mut self.names, &mut self.synced_names] {
                        match file {
                            Some(file) => names.insert(name, file),
                            None => names.remove(&name),
                        };
                    }
                }
                Item::Base(file) => {
                    self.files[file].base_torn |= !kept(bit);
                    self.files[file].base_synced = true;
                }
                Item::Record(file, place) => self.files[file].records[place].synced = kept(bit),
                Item::Mark if kept(bit) => self.synced_mark = self.mark,
                Item::Mark => self.mark = self.synced_mark,
            }
        }
        // What was lost reads as bytes that never were a record: void, like a torn write.
        for file in &mut self.files {
            file.records.retain(|record| record.synced);
        }
    }

    /// Forgets what is in files that neither a name nor an open descriptor leads to.
    pub(super) fn forget_unreachable(&mut self, open: &[usize]) {
        for at in 0..self.files.len() {
            let mut named = self.names.values().chain(self.synced_names.values());
            if !named.any(|file| *file == at) && !open.contains(&at) {
                self.files[at] = File::new(0, Vec::new(), true);
            }
        }
        let gone = |file: &File| file.number == 0;
        while self.files.last().is_some_and(gone) {
            self.files.pop();
        }
    }
}
