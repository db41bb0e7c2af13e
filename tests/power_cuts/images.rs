//! From what was recorded up to a power cut to the disks that it may leave.
//!
//! What a sync covered is there. Of the rest, each of these goes its own way:
//!
//! * **pages**: each page that was written to since the last sync of its file holds what it
//!   held then, or what it held after any of the writes since. A page is small here
//!   ([`PAGE`]), so that a short record tears in the middle;
//! * **lengths**: a file is as long as at its last sync, or after any write since. Where it
//!   is longer than its pages are new, there are zeros;
//! * **names**: each change of the folder's names since it was last synced took place or
//!   did not, in any combination. One that needs another (the removal of a name whose link
//!   was lost) does nothing without it. A rename is one change;
//! * **directories**: what is in the lock directories is never synced; it is there or not.
//!
//! That is more than most file systems do, which keep names in order and do not show a
//! length before its data. It is not all that a broken device does: what was synced stays.

use std::collections::BTreeMap;

use super::recorder::{FileNumber, Step};

/// Bytes that reach the disk together or not at all.
pub const PAGE: usize = 128;

/// A file, as far as it is durable, and what was written since.
#[derive(Clone, Debug, Default)]
struct File {
    durable: Vec<u8>,
    writes: Vec<(usize, Vec<u8>)>,
}

/// What a name leads to: a file, or a directory with files in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Node {
    File(FileNumber),
    Directory(BTreeMap<String, FileNumber>),
}

/// A change of the folder's names.
#[derive(Clone, Debug)]
enum Change {
    Add(String, Node),
    Link(String, String),
    Rename(String, String),
    Remove(String),
}

type Names = BTreeMap<String, Node>;

/// The syncs that are taken for nothing, to show that what follows is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Forgetful {
    /// None: the disk keeps its promises.
    #[default]
    No,
    /// Those of files.
    OfFiles,
    /// Those of the folder.
    OfNames,
}

/// The disk at a power cut, before it is decided what is left of it.
#[derive(Clone, Debug, Default)]
pub struct Cut {
    files: BTreeMap<FileNumber, File>,
    names: Names,
    changes: Vec<Change>,
    forgetful: Forgetful,
}

/// What is left of a disk: hard links and all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Image {
    /// Which file each name leads to; in a directory it is `<directory>/<file>`.
    pub names: BTreeMap<String, FileNumber>,
    /// Directories.
    pub directories: Vec<String>,
    /// The files that have a name.
    pub contents: BTreeMap<FileNumber, Vec<u8>>,
}

/// One thing that goes its own way, with as many ways as [`Cut::ways`] says.
#[derive(Clone, Copy, Debug)]
enum Choice {
    Change(usize),
    Length(FileNumber),
    Page(FileNumber, usize),
    Directories,
}

impl Cut {
    /// A disk with nothing on it that forgets some of what it is told to sync.
    #[must_use]
    pub fn forgetful(forgetful: Forgetful) -> Self {
        Self {
            forgetful,
            ..Self::default()
        }
    }

    /// Goes on by one step.
    pub fn step(&mut self, step: &Step) {
        match step {
            Step::Create(number, name) => {
                self.files.insert(*number, File::default());
                self.add(name, *number);
            }
            Step::Write(number, offset, bytes) => {
                let file = self.files.entry(*number).or_default();
                file.writes.push((*offset as usize, bytes.clone()));
            }
            Step::Sync(number) => {
                if self.forgetful != Forgetful::OfFiles {
                    let file = self.files.entry(*number).or_default();
                    file.durable = file.after(file.writes.len());
                    file.writes.clear();
                }
            }
            Step::SyncFolder => {
                if self.forgetful != Forgetful::OfNames {
                    let all = vec![1; self.changes.len()];
                    self.names = self.named(&all);
                    self.changes.clear();
                }
            }
            Step::Link(from, to) => self.changes.push(Change::Link(from.clone(), to.clone())),
            Step::Rename(from, to) => self.changes.push(Change::Rename(from.clone(), to.clone())),
            Step::Remove(name) => self.changes.push(Change::Remove(name.clone())),
            Step::MakeDir(name) => {
                let empty = Node::Directory(BTreeMap::new());
                self.changes.push(Change::Add(name.clone(), empty));
            }
            Step::RemoveDir(name) => self.changes.push(Change::Remove(name.clone())),
            Step::Told(_) => {}
        }
    }

    fn add(&mut self, name: &str, number: FileNumber) {
        self.changes
            .push(Change::Add(name.to_owned(), Node::File(number)));
    }

    /// The names after those of the changes that took place.
    fn named(&self, kept: &[usize]) -> Names {
        let mut names = self.names.clone();
        let kept = self
            .changes
            .iter()
            .zip(kept)
            .filter(|(_, kept)| **kept == 1);
        for (change, _) in kept {
            change.apply(&mut names);
        }
        names
    }

    fn choices(&self) -> Vec<(Choice, usize)> {
        let mut choices: Vec<(Choice, usize)> = Vec::new();
        for (number, file) in &self.files {
            if file.writes.is_empty() {
                continue;
            }
            choices.push((Choice::Length(*number), file.writes.len() + 1));
            let pages = file.pages().into_iter();
            choices.extend(pages.map(|(page, ways)| (Choice::Page(*number, page), ways)));
        }
        let changes = (0..self.changes.len()).map(|n| (Choice::Change(n), 2));
        choices.extend(changes);
        choices.push((Choice::Directories, 2));
        choices
    }

    /// In how many ways each thing can go that may go one way or another. The last way is
    /// always that all of it is there, the first that nothing is.
    #[must_use]
    pub fn ways(&self) -> Vec<usize> {
        self.choices().into_iter().map(|(_, ways)| ways).collect()
    }

    /// What is left if each thing goes the way that `picks` says.
    #[must_use]
    pub fn image(&self, picks: &[usize]) -> Image {
        let mut kept = vec![0; self.changes.len()];
        let mut lengths: BTreeMap<FileNumber, usize> = BTreeMap::new();
        let mut pages: BTreeMap<(FileNumber, usize), usize> = BTreeMap::new();
        let mut directories = true;
        for ((choice, _), pick) in self.choices().into_iter().zip(picks) {
            match choice {
                Choice::Change(n) => kept[n] = *pick,
                Choice::Length(number) => drop(lengths.insert(number, *pick)),
                Choice::Page(number, page) => drop(pages.insert((number, page), *pick)),
                Choice::Directories => directories = *pick == 1,
            }
        }
        let mut image = Image::default();
        for (name, node) in self.named(&kept) {
            match node {
                Node::File(number) => drop(image.names.insert(name, number)),
                Node::Directory(files) => {
                    let files = files.into_iter().filter(|_| directories);
                    let inside = files.map(|(file, number)| (format!("{name}/{file}"), number));
                    image.names.extend(inside);
                    image.directories.push(name);
                }
            }
        }
        for number in image.names.values() {
            if let Some(file) = self.files.get(number) {
                let length = lengths.get(number).copied().unwrap_or(0);
                let page = |page: usize| pages.get(&(*number, page)).copied().unwrap_or(0);
                image.contents.insert(*number, file.left(length, page));
            }
        }
        image
    }
}

impl Change {
    /// Does nothing where the file system would have refused it.
    fn apply(&self, names: &mut Names) {
        match self {
            Self::Add(name, node) => match (name.split_once('/'), node) {
                (Some((directory, file)), Node::File(number)) => {
                    if let Some(Node::Directory(files)) = names.get_mut(directory) {
                        files.insert(file.to_owned(), *number);
                    }
                }
                _ => {
                    names.entry(name.clone()).or_insert_with(|| node.clone());
                }
            },
            Self::Link(from, to) => {
                if let Some(node) = names.get(from).cloned() {
                    names.entry(to.clone()).or_insert(node);
                }
            }
            Self::Rename(from, to) => {
                let replaces_nothing = match names.get(to) {
                    Some(Node::Directory(files)) => files.is_empty(),
                    _ => true,
                };
                if replaces_nothing && let Some(node) = names.remove(from) {
                    names.insert(to.clone(), node);
                }
            }
            Self::Remove(name) => match name.split_once('/') {
                Some((directory, file)) => {
                    if let Some(Node::Directory(files)) = names.get_mut(directory) {
                        files.remove(file);
                    }
                }
                None => drop(names.remove(name)),
            },
        }
    }
}

impl File {
    /// The file after so many of the writes.
    fn after(&self, writes: usize) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        for (offset, written) in &self.writes[..writes] {
            let end = offset + written.len();
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            bytes[*offset..end].copy_from_slice(written);
        }
        bytes
    }

    /// The pages that were written to, each with how many contents it may have.
    fn pages(&self) -> BTreeMap<usize, usize> {
        let mut pages = BTreeMap::new();
        for (offset, written) in &self.writes {
            let last = (offset + written.len().max(1) - 1) / PAGE;
            for page in offset / PAGE..=last {
                *pages.entry(page).or_insert(1) += 1;
            }
        }
        pages
    }

    /// The file with the length that it had after `length` writes, and each page as it was
    /// after as many of the writes to it as `page` says.
    fn left(&self, length: usize, page: impl Fn(usize) -> usize) -> Vec<u8> {
        let length = self.after(length).len();
        let mut bytes = self.durable.clone();
        bytes.resize(length.max(bytes.len()), 0);
        let mut seen: BTreeMap<usize, usize> = BTreeMap::new();
        for (offset, written) in &self.writes {
            let (start, end) = (*offset, offset + written.len());
            for number in start / PAGE..=(end.max(1) - 1) / PAGE {
                let nth = seen.entry(number).or_insert(0);
                *nth += 1;
                let from = start.max(number * PAGE);
                let to = end.min((number + 1) * PAGE).min(bytes.len());
                if *nth <= page(number) && from < to {
                    bytes[from..to].copy_from_slice(&written[from - start..to - start]);
                }
            }
        }
        bytes.truncate(length);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(steps: &[Step]) -> Cut {
        let mut cut = Cut::default();
        steps.iter().for_each(|step| cut.step(step));
        cut
    }

    fn all_images(cut: &Cut) -> Vec<Image> {
        super::super::explore::all_picks(&cut.ways())
            .map(|picks| cut.image(&picks))
            .collect()
    }

    fn file(n: FileNumber, name: &str) -> Step {
        Step::Create(n, name.to_owned())
    }

    #[test]
    fn what_is_synced_is_in_every_image() {
        let cut = cut(&[
            file(0, "f"),
            Step::Write(0, 0, b"abc".to_vec()),
            Step::Sync(0),
            Step::SyncFolder,
            Step::Write(0, 3, b"def".to_vec()),
        ]);
        let mut left: Vec<Vec<u8>> = all_images(&cut)
            .into_iter()
            .map(|image| image.contents[&image.names["f"]].clone())
            .collect();
        left.sort();
        left.dedup();
        let torn = b"abc\0\0\0".to_vec();
        assert_eq!(left, [b"abc".to_vec(), torn, b"abcdef".to_vec()]);
    }

    #[test]
    fn names_that_are_not_synced_are_there_in_any_combination() {
        let cut = cut(&[
            file(0, "a"),
            Step::SyncFolder,
            Step::Link("a".to_owned(), "b".to_owned()),
            Step::Remove("a".to_owned()),
        ]);
        let names = |image: Image| image.names.into_keys().collect::<Vec<_>>();
        let mut left: Vec<_> = all_images(&cut).into_iter().map(names).collect();
        left.sort();
        left.dedup();
        assert_eq!(left, [vec![], vec!["a"], vec!["a", "b"], vec!["b"]]);
    }

    #[test]
    fn a_record_tears_at_pages() {
        let cut = cut(&[
            file(0, "f"),
            Step::SyncFolder,
            Step::Write(0, 0, vec![1; PAGE + 1]),
        ]);
        let torn = all_images(&cut).into_iter().any(|image| {
            let bytes = &image.contents[&0];
            bytes.len() == PAGE + 1 && bytes[0] == 0 && bytes[PAGE] == 1
        });
        assert!(torn, "the second page without the first");
    }
}
