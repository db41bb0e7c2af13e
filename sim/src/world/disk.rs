//! The disk that all processes share: what is in the page cache, and what would
//! survive a power cut.
//!
//! Two images of everything. The *cache* is what every process sees at once, also
//! after the writer was killed: `kill -9` loses nothing that a write returned for. The
//! *durable* image is what was synced; a power cut keeps of the difference whatever it
//! likes, page by page and name by name. A failed sync marks pages clean that never
//! reached the disk, so that the next sync wrongly succeeds: those are *doomed*.
//!
//! Pure data: no time, no processes, no faults of its own. The choices of a power cut
//! are draws from the tape.

use std::collections::BTreeMap;
use std::ops::Range;

use super::tape::Tape;

/// Names a file or directory for ever, whatever its names.
pub type Inode = usize;

/// One file.
#[derive(Clone, Debug, Default)]
pub struct File {
    bytes: Vec<u8>,
    /// Everything below was synced, apart from what `overwritten` and `doomed` say.
    synced: usize,
    /// What was overwritten in place since the last sync: where, and what stood there.
    overwritten: Vec<(usize, Vec<u8>)>,
    /// What a failed sync dropped, and no later one will write.
    doomed: Vec<Range<usize>>,
    /// Whether a sync succeeded after one had failed.
    lied: bool,
}

/// What a name leads to.
#[derive(Clone, Debug)]
pub enum Node {
    /// A file, and how many names it has.
    File(File, u64),
    /// A directory, with its names. Directories of directories are not needed.
    Directory(BTreeMap<String, Inode>),
}

/// A change of the folder's names that no directory sync has made durable.
#[derive(Clone, Debug)]
enum Change {
    Add(String, Inode),
    Remove(String),
    Rename(String, String),
}

/// The folder, and everything in it.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    nodes: Vec<Node>,
    names: BTreeMap<String, Inode>,
    durable_names: BTreeMap<String, Inode>,
    changes: Vec<Change>,
}

/// What a power cut did, for the counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Damage {
    /// Bytes were lost, zeroed or torn.
    pub torn: bool,
    /// A name was lost or came back.
    pub names: bool,
    /// Bytes were lost that a failed sync had left unwritten, and a later one claimed to have
    /// written.
    pub deceived: bool,
}

impl Disk {
    /// The inode behind a name of the folder, or one level down.
    pub fn lookup(&self, name: &str) -> Option<Inode> {
        match name.split_once('/') {
            None => self.names.get(name).copied(),
            Some((directory, inside)) => {
                let Node::Directory(names) = &self.nodes[*self.names.get(directory)?] else {
                    return None;
                };
                names.get(inside).copied()
            }
        }
    }

    /// What an inode is.
    pub fn node(&self, inode: Inode) -> &Node {
        &self.nodes[inode]
    }

    /// A file's bytes, as every process sees them.
    pub fn bytes(&self, inode: Inode) -> &[u8] {
        match &self.nodes[inode] {
            Node::File(file, _) => &file.bytes,
            Node::Directory(_) => &[],
        }
    }

    fn file(&mut self, inode: Inode) -> Option<&mut File> {
        match &mut self.nodes[inode] {
            Node::File(file, _) => Some(file),
            Node::Directory(_) => None,
        }
    }

    /// How many names lead to a file.
    pub fn links(&self, inode: Inode) -> u64 {
        match &self.nodes[inode] {
            Node::File(_, links) => *links,
            Node::Directory(_) => 1,
        }
    }

    /// The names in the folder, or in a directory of it; `None` where that is missing.
    pub fn list(&self, directory: Option<&str>) -> Option<Vec<String>> {
        let names = match directory {
            None => &self.names,
            Some(directory) => match &self.nodes[self.lookup(directory)?] {
                Node::Directory(names) => names,
                Node::File(..) => return None,
            },
        };
        Some(names.keys().cloned().collect())
    }

    /// Makes an empty file; the name must be free, and its directory there.
    pub fn create(&mut self, name: &str) -> Option<Inode> {
        let inode = self.nodes.len();
        self.nodes.push(Node::File(File::default(), 1));
        self.add(name, inode).then_some(inode)
    }

    /// Makes an empty directory; the name must be free.
    pub fn make_dir(&mut self, name: &str) {
        let inode = self.nodes.len();
        self.nodes.push(Node::Directory(BTreeMap::new()));
        self.add(name, inode);
    }

    fn add(&mut self, name: &str, inode: Inode) -> bool {
        match name.split_once('/') {
            None => {
                self.names.insert(name.to_owned(), inode);
                self.changes.push(Change::Add(name.to_owned(), inode));
                true
            }
            Some((directory, inside)) => {
                let found = self.names.get(directory).copied();
                match found.map(|found| &mut self.nodes[found]) {
                    Some(Node::Directory(names)) => {
                        names.insert(inside.to_owned(), inode);
                        true
                    }
                    _ => false,
                }
            }
        }
    }

    /// Gives a file a second name, which must be free.
    pub fn link(&mut self, inode: Inode, name: &str) {
        self.count_links(inode, 1);
        self.add(name, inode);
    }

    /// Renames; what `to` led to is gone.
    pub fn rename(&mut self, from: &str, to: &str) {
        let Some(inode) = self.names.remove(from) else {
            return;
        };
        if let Some(replaced) = self.names.insert(to.to_owned(), inode) {
            self.count_links(replaced, -1);
        }
        let change = Change::Rename(from.to_owned(), to.to_owned());
        self.changes.push(change);
    }

    /// Removes a name.
    pub fn remove(&mut self, name: &str) {
        let Some(inode) = self.lookup(name) else {
            return;
        };
        self.count_links(inode, -1);
        match name.split_once('/') {
            None => {
                self.names.remove(name);
                self.changes.push(Change::Remove(name.to_owned()));
            }
            Some((directory, inside)) => {
                if let Some(directory) = self.names.get(directory).copied()
                    && let Node::Directory(names) = &mut self.nodes[directory]
                {
                    names.remove(inside);
                }
            }
        }
    }

    fn count_links(&mut self, inode: Inode, by: i64) {
        if let Node::File(_, links) = &mut self.nodes[inode] {
            *links = links.saturating_add_signed(by);
        }
    }

    /// Adds bytes to the end of a file; gives the new end.
    pub fn append(&mut self, inode: Inode, bytes: &[u8]) -> u64 {
        match self.file(inode) {
            Some(file) => {
                file.bytes.extend_from_slice(bytes);
                file.bytes.len() as u64
            }
            None => 0,
        }
    }

    /// Overwrites in place, beyond the end too.
    pub fn write_at(&mut self, inode: Inode, offset: usize, bytes: &[u8]) {
        let Some(file) = self.file(inode) else { return };
        let end = offset + bytes.len();
        if file.bytes.len() < end {
            file.bytes.resize(end, 0);
        }
        let known = offset.min(file.synced)..end.min(file.synced);
        if !known.is_empty() {
            let before = file.bytes[known.clone()].to_vec();
            file.overwritten.push((known.start, before));
        }
        file.bytes[offset..end].copy_from_slice(bytes);
    }

    /// Flips one bit of what was synced: rot.
    pub fn rot(&mut self, inode: Inode, bit: usize) {
        if let Some(file) = self.file(inode)
            && !file.bytes.is_empty()
        {
            let at = (bit / 8) % file.bytes.len();
            file.bytes[at] ^= 1 << (bit % 8);
        }
    }

    /// Makes a file's bytes durable, but for what an earlier failure doomed. Whether there is
    /// something of that.
    pub fn sync(&mut self, inode: Inode) -> bool {
        let Some(file) = self.file(inode) else {
            return false;
        };
        file.synced = file.bytes.len();
        file.overwritten.clear();
        file.lied |= !file.doomed.is_empty();
        !file.doomed.is_empty()
    }

    /// A sync that fails: the pages count as clean from now on, and are not on disk.
    pub fn fail_sync(&mut self, inode: Inode) {
        if let Some(file) = self.file(inode) {
            let dropped = file.synced..file.bytes.len();
            if !dropped.is_empty() {
                file.doomed.push(dropped);
            }
            file.synced = file.bytes.len();
        }
    }

    /// Drops what a failed sync left behind: it reads as it is on the disk. `false`: there is
    /// nothing.
    pub fn drop_doomed(&mut self, inode: Inode) -> bool {
        let Some(file) = self.file(inode) else {
            return false;
        };
        let doomed = std::mem::take(&mut file.doomed);
        for range in &doomed {
            file.bytes[range.clone()].fill(0);
        }
        !doomed.is_empty()
    }

    /// The bytes of all files in the folder, by their names: what a backup of it has.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let file = |(name, inode): (&String, &Inode)| match &self.nodes[*inode] {
            Node::File(file, _) => Some((name.clone(), file.bytes.clone())),
            Node::Directory(_) => None,
        };
        self.names.iter().filter_map(file).collect()
    }

    /// Puts a file where it was, with these bytes: into the file that has the name, or as
    /// another one.
    pub fn put(&mut self, name: &str, bytes: &[u8], in_place: bool) {
        let present = self.names.get(name).copied();
        let inode = match present.filter(|_| in_place) {
            Some(inode) => inode,
            None => {
                self.remove(name);
                let inode = self.nodes.len();
                self.nodes.push(Node::File(File::default(), 1));
                self.add(name, inode);
                inode
            }
        };
        if let Some(file) = self.file(inode) {
            *file = File {
                bytes: bytes.to_vec(),
                synced: bytes.len(),
                ..File::default()
            };
        }
    }

    /// Whether some bytes of a file would not survive a power cut.
    pub fn is_dirty(&self, inode: Inode) -> bool {
        match &self.nodes[inode] {
            Node::File(file, _) => file.synced < file.bytes.len(),
            Node::Directory(_) => false,
        }
    }

    /// Makes the folder's names durable.
    pub fn sync_dir(&mut self) {
        self.durable_names.clone_from(&self.names);
        self.changes.clear();
    }

    /// The power fails: of what was not synced, the tape says what is kept.
    pub fn power_cut(&mut self, tape: &mut Tape, page: usize, names_reorder: bool) -> Damage {
        let mut damage = Damage::default();
        self.lose_names(tape, names_reorder, &mut damage);
        let named: Vec<Inode> = self.names.values().copied().collect();
        for inode in named {
            match &mut self.nodes[inode] {
                Node::File(file, _) => file.power_cut(tape, page, &mut damage),
                Node::Directory(names) => {
                    // A directory's own names were never synced.
                    if tape.below(2) == 1 {
                        names.clear();
                    }
                }
            }
        }
        damage
    }

    fn lose_names(&mut self, tape: &mut Tape, reorder: bool, damage: &mut Damage) {
        if self.changes.is_empty() {
            return;
        }
        let before = std::mem::replace(&mut self.names, self.durable_names.clone());
        let changes = std::mem::take(&mut self.changes);
        let lost = tape.below(changes.len() as u32 + 1) as usize;
        let kept = changes.len() - lost;
        for (at, change) in changes.into_iter().enumerate() {
            let keep = match reorder {
                true => lost == 0 || tape.below(2) == 0,
                false => at < kept,
            };
            if keep {
                self.replay(change);
            }
        }
        damage.names = self.names != before;
        self.durable_names.clone_from(&self.names);
        self.recount_links();
    }

    fn replay(&mut self, change: Change) {
        match change {
            Change::Add(name, inode) => {
                self.names.insert(name, inode);
            }
            Change::Remove(name) => {
                self.names.remove(&name);
            }
            Change::Rename(from, to) => {
                if let Some(inode) = self.names.remove(&from) {
                    self.names.insert(to, inode);
                }
            }
        }
    }

    fn recount_links(&mut self) {
        for node in &mut self.nodes {
            if let Node::File(_, links) = node {
                *links = 0;
            }
        }
        let named: Vec<Inode> = self.names.values().copied().collect();
        for inode in named {
            self.count_links(inode, 1);
        }
    }
}

impl File {
    fn power_cut(&mut self, tape: &mut Tape, page: usize, damage: &mut Damage) {
        for (at, before) in std::mem::take(&mut self.overwritten).into_iter().rev() {
            let keep = match tape.below(3) {
                0 => before.len(),
                1 => 0,
                _ => tape.below(before.len() as u32) as usize,
            };
            damage.torn |= keep < before.len();
            self.bytes[at + keep..at + before.len()].copy_from_slice(&before[keep..]);
        }
        for range in std::mem::take(&mut self.doomed) {
            damage.deceived |= self.lied;
            self.bytes[range].fill(0);
        }
        if self.synced < self.bytes.len() {
            self.tear(tape, page, damage);
        }
        self.synced = self.bytes.len();
        self.lied = false;
    }

    /// Loses what was appended since the last sync: all, a tail, or single pages.
    fn tear(&mut self, tape: &mut Tape, page: usize, damage: &mut Damage) {
        let (synced, len) = (self.synced, self.bytes.len());
        let unsynced = (len - synced) as u32;
        match tape.below(4) {
            0 => return,
            1 => self.bytes.truncate(synced),
            2 => {
                let kept = tape.below(unsynced) as usize;
                self.bytes.truncate(synced + kept);
            }
            _ => {
                let mut start = synced;
                while start < len {
                    let end = len.min((start / page + 1) * page);
                    match tape.below(4) {
                        0 | 1 => {}
                        2 => self.bytes[start..end].fill(0),
                        _ => {
                            let kept = tape.below((end - start) as u32) as usize;
                            self.bytes[start + kept..end].fill(0);
                        }
                    }
                    start = end;
                }
                if tape.below(2) == 1 {
                    let kept = tape.below(unsynced) as usize;
                    self.bytes.truncate(synced + kept);
                }
            }
        }
        damage.torn = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every draw is the same: enough to choose one mode everywhere.
    fn tape(entries: &[u32]) -> Tape {
        Tape::stored(entries.to_vec())
    }

    fn disk() -> (Disk, Inode) {
        let mut disk = Disk::default();
        let file = disk.create("journal").unwrap();
        disk.sync_dir();
        disk.append(file, b"synced");
        disk.sync(file);
        disk.append(file, b" and not");
        (disk, file)
    }

    #[test]
    fn a_calm_power_cut_loses_nothing() {
        let (mut disk, file) = disk();
        let damage = disk.power_cut(&mut tape(&[]), 64, true);
        assert_eq!(damage, Damage::default());
        assert_eq!(disk.bytes(file), b"synced and not");
    }

    #[test]
    fn a_power_cut_takes_what_was_not_synced_and_nothing_else() {
        let (mut disk, file) = disk();
        assert!(disk.power_cut(&mut tape(&[1]), 64, true).torn);
        assert_eq!(disk.bytes(file), b"synced");
    }

    #[test]
    fn a_name_lasts_only_once_the_directory_is_synced() {
        let mut disk = Disk::default();
        disk.create("new").unwrap();
        assert!(disk.power_cut(&mut tape(&[1]), 64, false).names);
        assert_eq!(disk.lookup("new"), None);
    }

    #[test]
    fn what_a_failed_sync_dropped_may_read_as_it_is_on_the_disk() {
        let (mut disk, file) = disk();
        assert!(!disk.drop_doomed(file));
        disk.fail_sync(file);
        assert!(disk.drop_doomed(file));
        assert_eq!(disk.bytes(file), b"synced\0\0\0\0\0\0\0\0");
    }

    #[test]
    fn a_file_is_put_back_into_its_place_or_as_another_one() {
        let (mut disk, file) = disk();
        let backup = disk.files();
        disk.append(file, b" more");
        disk.put("journal", &backup["journal"], true);
        assert_eq!(disk.lookup("journal"), Some(file));
        assert_eq!(disk.bytes(file), b"synced and not");
        disk.put("journal", b"another", false);
        assert_eq!((disk.bytes(file).len(), disk.links(file)), (14, 0));
        let other = disk.lookup("journal").unwrap();
        assert_eq!((disk.bytes(other), disk.links(other)), (&b"another"[..], 1));
    }

    #[test]
    fn what_a_failed_sync_dropped_is_lost_although_the_next_sync_succeeds() {
        let (mut disk, file) = disk();
        disk.fail_sync(file);
        disk.sync(file);
        let damage = disk.power_cut(&mut tape(&[]), 64, true);
        assert!(damage.deceived);
        assert_eq!(disk.bytes(file), b"synced\0\0\0\0\0\0\0\0");
    }
}
