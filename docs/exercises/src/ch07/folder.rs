//! The folder: files, the names that lead to them, and what of both is durable.

use std::collections::BTreeMap;

/// A name in the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    /// A generation.
    Journal(u8),
    /// What a process means to be a generation.
    Temporary(u8, usize),
}

/// What stands behind a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Record {
    Entry(u8),
    Seal,
}

/// A generation, or a file that is to be one.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct File {
    /// The entries that the checkpoint has.
    pub(super) checkpoint: Vec<u8>,
    /// Whether the checkpoint is durable.
    pub(super) synced: bool,
    /// What was appended, and whether it is durable.
    pub(super) records: Vec<(Record, bool)>,
}

impl File {
    pub(super) fn is_sealed(&self) -> bool {
        self.records
            .iter()
            .any(|(record, _)| *record == Record::Seal)
    }

    /// What counts in it, up to the seal.
    pub(super) fn log(&self) -> Vec<u8> {
        let mut log = self.checkpoint.clone();
        for (record, _) in &self.records {
            match record {
                Record::Entry(entry) => log.push(*entry),
                Record::Seal => break,
            }
        }
        log
    }

    pub(super) fn sync(&mut self) {
        self.synced = true;
        self.records
            .iter_mut()
            .for_each(|(_, synced)| *synced = true);
    }

    /// The file if nothing survives of it but what is durable.
    fn at_worst(&self) -> Self {
        let records = self.records.iter().filter(|(_, synced)| *synced);
        Self {
            records: records.copied().collect(),
            ..self.clone()
        }
    }
}

type Names = BTreeMap<Name, usize>;

/// All files, with their names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Folder {
    /// Also those that have no name any more: a process may have them open.
    pub(super) files: Vec<File>,
    /// The names as processes see them.
    pub(super) names: Names,
    /// The names that a power cut would certainly leave.
    durable: Names,
}

impl Folder {
    /// An empty generation 1.
    pub(super) fn new() -> Self {
        let first = File {
            synced: true,
            ..File::default()
        };
        let names = Names::from([(Name::Journal(1), 0)]);
        Self {
            files: vec![first],
            durable: names.clone(),
            names,
        }
    }

    pub(super) fn sync_names(&mut self) {
        self.durable = self.names.clone();
    }

    /// The newest generation, and its file.
    pub(super) fn newest(&self) -> Option<(u8, usize)> {
        newest(&self.names)
    }

    /// What was acknowledged must be there.
    pub(super) fn has(&self, told: &[u8]) -> Result<(), String> {
        let Some((generation, file)) = self.newest() else {
            return Err("no generation is left".to_owned());
        };
        has(generation, &self.files[file].log(), told)
    }

    /// The same after a power cut, whatever that keeps. Of what was appended, the worst is
    /// that all of it is gone; of names, that of any subset.
    pub(super) fn survives(&self, told: &[u8]) -> Result<(), String> {
        let mut changed: Vec<Name> = self
            .names
            .keys()
            .chain(self.durable.keys())
            .copied()
            .collect();
        changed.sort_unstable();
        changed.dedup();
        changed.retain(|name| self.names.get(name) != self.durable.get(name));
        for kept in 0..1_u32 << changed.len() {
            let mut names = self.durable.clone();
            for (bit, name) in changed.iter().enumerate() {
                if kept & (1 << bit) != 0 {
                    match self.names.get(name) {
                        Some(file) => names.insert(*name, *file),
                        None => names.remove(name),
                    };
                }
            }
            self.survives_as(&names, told)
                .map_err(|wrong| format!("{wrong} (names that are left: {})", listed(&names)))?;
        }
        Ok(())
    }

    fn survives_as(&self, names: &Names, told: &[u8]) -> Result<(), String> {
        let Some((generation, file)) = newest(names) else {
            return Err("no generation is left".to_owned());
        };
        let file = self.files[file].at_worst();
        if !file.synced {
            return Err(format!(
                "generation {generation} has its name, and only half of its checkpoint"
            ));
        }
        has(generation, &file.log(), told)
    }
}

fn newest(names: &Names) -> Option<(u8, usize)> {
    let journals = names.iter().filter_map(|(name, file)| match name {
        Name::Journal(generation) => Some((*generation, *file)),
        Name::Temporary(..) => None,
    });
    journals.max()
}

fn has(generation: u8, log: &[u8], told: &[u8]) -> Result<(), String> {
    match told.iter().find(|entry| !log.contains(entry)) {
        Some(entry) => Err(format!(
            "entry {entry} was acknowledged, and is not in generation {generation}, the newest"
        )),
        None => Ok(()),
    }
}

fn listed(names: &Names) -> String {
    let names = names.keys().map(|name| match name {
        Name::Journal(generation) => format!("journal.{generation}"),
        Name::Temporary(generation, who) => {
            format!("tmp.{generation} of {}", super::PROCESSES[*who])
        }
    });
    let names: Vec<String> = names.collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}
