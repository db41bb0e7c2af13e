//! A backup that is restored under a running process, and files that are replaced: whoever
//! read more has another log in memory than stands in the folder, and says so (rule G7).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::{Fault, Folder, Member, block_on};
use mesh_coordinator::ports::{
    Append, Durability, Outcome, Storage, StorageError, StorageErrorKind,
};

/// How a file is put back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Into the file that is there, as `cp` and an editor do.
    InPlace,
    /// As another file under its name, as `mv`, `rsync` and `tar` do.
    Anew,
}

impl Folder {
    /// Restores the whole folder, and nothing else is left in it.
    fn restore(&self, backup: &BTreeMap<String, Vec<u8>>, way: Way) {
        for name in self.names() {
            if !backup.contains_key(&name) {
                std::fs::remove_file(self.file(&name)).unwrap();
            }
        }
        for (name, bytes) in backup {
            self.put(name, bytes, way);
        }
    }

    fn put(&self, name: &str, bytes: &[u8], way: Way) {
        match way {
            Way::InPlace => self.write(name, bytes),
            Way::Anew => {
                self.write("copy", bytes);
                std::fs::rename(self.file("copy"), self.file(name)).unwrap();
            }
        }
    }
}

/// Asserts that a process whose log is gone answers nothing, changes nothing, and says so
/// each time it is asked.
fn assert_refuses(process: &mut Member, folder: &Folder, story: &str) {
    let before = folder.contents();
    for _ in 0..2 {
        let error = block_on(process.commit("stale")).unwrap_err();
        assert_eq!(error.kind, StorageErrorKind::Damaged, "{story}: {error}");
        assert!(error.next.contains("stop all mesh processes"), "{error}");
        let error = block_on(process.look()).unwrap_err();
        assert_eq!(error.kind, StorageErrorKind::Damaged, "{story}: {error}");
    }
    assert!(folder.contents() == before, "{story}: it was written to");
}

/// Whatever grew in the meantime: less than the process had read, exactly as much, or more.
#[test]
fn a_backup_restored_in_place_is_noticed_by_who_read_more() {
    for way in [Way::InPlace, Way::Anew] {
        for regrown in ["", "2", "other", &"x".repeat(300), &"x".repeat(3000)] {
            let folder = Folder::with(&["1"]);
            let backup = folder.contents();
            let mut process = folder.open();
            block_on(process.commit("2")).unwrap();
            block_on(process.commit("3")).unwrap();
            folder.restore(&backup, way);
            let mut newcomer = folder.open();
            for body in [regrown, "b", "c"].iter().filter(|body| !body.is_empty()) {
                block_on(newcomer.commit(body)).unwrap();
            }
            let story = format!("{way:?}, {} bytes", regrown.len());
            if way == Way::Anew {
                // What it appends goes into a file that has no name any more.
                let error = block_on(process.commit("stale")).unwrap_err();
                assert_eq!(error.outcome, Outcome::Unknown, "{story}: {error}");
            }
            assert_refuses(&mut process, &folder, &story);
            let read = block_on(newcomer.look()).unwrap();
            assert_eq!(read, block_on(folder.open().look()).unwrap(), "{story}");
        }
    }
}

/// A long record is held by both its ends.
#[test]
fn a_long_entry_of_the_same_length_is_told_from_the_one_that_was_read() {
    let folder = Folder::with(&["1"]);
    let backup = folder.contents();
    let mut process = folder.open();
    block_on(process.commit(&"x".repeat(5_000))).unwrap();
    folder.restore(&backup, Way::InPlace);
    let other = format!("{0}y{0}x", "x".repeat(2_499));
    block_on(folder.open().commit(&other)).unwrap();
    assert_refuses(&mut process, &folder, "alike at both ends");
}

/// Bytes of a lost race were passed over, and are not in the backup: what grows in their
/// place counts.
#[test]
fn what_stands_in_the_place_of_void_bytes_is_read() {
    let folder = Folder::with(&["1"]);
    let mut process = folder.open();
    block_on(process.look()).unwrap();
    let mut loser = folder.open();
    block_on(loser.look()).unwrap();
    block_on(process.commit("2")).unwrap();
    let backup = folder.contents();
    assert_eq!(block_on(loser.append(&"x".repeat(900))), Ok(Append::Lost));
    assert_eq!(block_on(process.look()).unwrap(), ["1", "2"]);
    folder.restore(&backup, Way::InPlace);
    block_on(folder.open().commit("three")).unwrap();
    assert_eq!(block_on(process.look()).unwrap(), ["1", "2", "three"]);
}

/// Restored between the look and the append: the record lands where another one is, and
/// whether it counts there is for the file to say.
#[test]
fn a_backup_restored_right_before_an_append_is_noticed_by_it() {
    for regrown in 0..400 {
        let folder = Folder::with(&["1"]);
        let backup = folder.contents();
        let (mut process, fs) = folder.faulty(|_, _| Fault::None);
        block_on(process.commit("2")).unwrap();
        block_on(process.look()).unwrap();
        let (path, mut armed) = (folder.path(), true);
        let appended = Rc::new(RefCell::new(false));
        let seen = appended.clone();
        fs.plan(move |call, name| {
            if call == "append" && name == "journal.1" && std::mem::take(&mut armed) {
                for (name, bytes) in &backup {
                    std::fs::write(path.join(name), bytes).unwrap();
                }
                let mut journal = backup["journal.1"].clone();
                journal.extend(std::iter::repeat_n(b'x', regrown));
                std::fs::write(path.join("journal.1"), journal).unwrap();
                *seen.borrow_mut() = true;
            }
            Fault::None
        });
        let appended_at = block_on(process.append("3"));
        let told = match appended_at {
            Ok(Append::Committed) => block_on(process.storage.sync()).map(drop),
            Ok(Append::Lost) => panic!("{regrown}: nobody else was there"),
            Err(error) => Err(error),
        };
        let error: StorageError = told.unwrap_err();
        assert!(*appended.borrow());
        assert_eq!(error.kind, StorageErrorKind::Damaged, "{regrown}: {error}");
        assert_eq!(error.outcome, Outcome::Unknown, "{regrown}: {error}");
    }
}

/// Others went on by rotations, so that a later generation is there than the process has open.
#[test]
fn a_later_generation_of_a_restored_folder_continues_nothing() {
    for way in [Way::InPlace, Way::Anew] {
        for rotations in 1..4 {
            let folder = Folder::with(&["1"]);
            let backup = folder.contents();
            let mut process = folder.open();
            block_on(process.commit("2")).unwrap();
            block_on(process.checkpoint()).unwrap();
            block_on(process.look()).unwrap();
            assert_eq!(block_on(process.append("in flight")), Ok(Append::Committed));
            folder.restore(&backup, way);
            let mut newcomer = folder.open();
            for _ in 0..rotations {
                block_on(newcomer.commit("new")).unwrap();
                assert_eq!(block_on(newcomer.checkpoint()), Ok(Append::Committed));
            }
            let error = block_on(process.storage.sync()).unwrap_err();
            assert_eq!(error.outcome, Outcome::Unknown, "{error}");
            assert!(
                error.what.contains("was replaced by another file"),
                "{error}"
            );
            let mut all = vec!["1"];
            all.extend(std::iter::repeat_n("new", rotations));
            assert_eq!(block_on(newcomer.look()).unwrap(), all);
        }
    }
}

/// Its own rotations by others are followed as ever, however many there were.
#[test]
fn a_generation_that_others_rotated_away_is_continued() {
    for rotations in 1..4 {
        let folder = Folder::with(&["1"]);
        let mut process = folder.open();
        block_on(process.look()).unwrap();
        assert_eq!(block_on(process.append("2")), Ok(Append::Committed));
        let mut other = folder.open();
        for _ in 0..rotations {
            block_on(other.commit("theirs")).unwrap();
            assert_eq!(block_on(other.checkpoint()), Ok(Append::Committed));
        }
        assert_eq!(block_on(process.storage.sync()), Ok(Durability::Durable));
        let read = block_on(process.look()).unwrap();
        assert_eq!(read, block_on(other.look()).unwrap());
        assert!(read.contains(&"2".to_owned()));
    }
}

/// The same bytes under another inode, as `sed -i` leaves them: in use again at once, but an
/// entry that was on its way went into the old file, and whether the copy has it is unknown.
#[test]
fn an_identical_copy_under_the_name_is_in_use_again() {
    let folder = Folder::with(&["1", "2"]);
    let mut process = folder.open();
    block_on(process.look()).unwrap();
    let journal = folder.read("journal.1");
    folder.put("journal.1", &journal, Way::Anew);
    assert_eq!(block_on(process.storage.sync()), Ok(Durability::Reset));
    assert_eq!(block_on(process.look()).unwrap(), ["1", "2"]);
    assert_eq!(block_on(process.append("3")), Ok(Append::Committed));
    let journal = folder.read("journal.1");
    folder.put("journal.1", &journal, Way::Anew);
    let error = block_on(process.storage.sync()).unwrap_err();
    assert_eq!(
        (error.kind, error.outcome),
        (StorageErrorKind::Io, Outcome::Unknown)
    );
    assert_eq!(block_on(process.look()).unwrap(), ["1", "2", "3"]);
    block_on(process.commit("4")).unwrap();
    assert_eq!(
        block_on(folder.open().look()).unwrap(),
        ["1", "2", "3", "4"]
    );
}

/// A mark that names another entry for a place that was read long before.
#[test]
fn a_mark_is_held_against_what_was_read_at_its_place() {
    let folder = Folder::with(&["1"]);
    let backup = folder.contents();
    let mut process = folder.open();
    for body in ["2", "3", "4"] {
        block_on(process.commit(body)).unwrap();
    }
    // Another history of the same log, and its marks alone come into the folder.
    let elsewhere = Folder::new();
    elsewhere.restore(&backup, Way::InPlace);
    for body in ["b", "c"] {
        block_on(elsewhere.open().commit(body)).unwrap();
    }
    folder.put("watermark", &elsewhere.read("watermark"), Way::InPlace);
    assert_refuses(&mut process, &folder, "another entry 2");
    let error = block_on(process.look()).unwrap_err();
    assert!(error.what.contains("has another entry"), "{error}");
}

/// A process that stood still while the folder was emptied and made anew marks the log that
/// it knew. Those who have the new one pass over that, and it spoils no mark of theirs.
#[test]
fn a_mark_of_a_former_log_says_nothing_of_the_new_one() {
    let folder = Folder::with(&["1", "2", "3"]);
    let stale = folder.read("watermark");
    for name in folder.names() {
        std::fs::remove_file(folder.file(&name)).unwrap();
    }
    let mut process = folder.open();
    block_on(process.commit("new")).unwrap();
    let mut marks = folder.read("watermark");
    marks.resize(stale.len(), 0);
    marks[160..].copy_from_slice(&stale[160..]);
    folder.write("watermark", &marks);
    for process in [&mut process, &mut folder.open()] {
        assert_eq!(block_on(process.look()).unwrap(), ["new"]);
    }
    for body in ["2", "3"] {
        block_on(process.commit(body)).unwrap();
    }
    let read = folder.read("watermark");
    assert_eq!(
        read[160..320],
        stale[160..320],
        "what is another log's is left to it"
    );
    assert_eq!(block_on(folder.open().look()).unwrap(), ["new", "2", "3"]);
}

/// Marks of another log alone: the journal beside them is not the one they were made for.
#[test]
fn a_journal_beside_the_marks_of_another_log_is_damage() {
    let folder = Folder::with(&["1"]);
    let elsewhere = Folder::with(&["1", "2"]);
    folder.put("journal.1", &elsewhere.read("journal.1"), Way::Anew);
    let error = block_on(folder.open().look()).unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::Damaged);
    assert!(error.what.contains("belongs to another log"), "{error}");
}

/// Restored in place between the seal and the link: a successor from memory would take away
/// what a newcomer commits in the file that was restored.
#[test]
fn a_file_that_was_restored_after_its_seal_gets_no_successor() {
    let folder = Folder::with(&["1"]);
    let backup = folder.contents();
    let (mut process, fs) = folder.faulty(|_, _| Fault::None);
    block_on(process.look()).unwrap();
    let (path, mut sealed) = (folder.path(), false);
    fs.plan(move |call, name| {
        sealed |= (call, name) == ("append", "journal.1");
        if sealed && (call, name) == ("stat_name", "journal.1") {
            sealed = false;
            for (name, bytes) in &backup {
                std::fs::write(path.join(name), bytes).unwrap();
            }
        }
        Fault::None
    });
    let error = block_on(process.checkpoint()).unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::Damaged, "{error}");
    assert!(!folder.names().contains(&"journal.2".to_owned()));
    block_on(folder.open().commit("2")).unwrap();
    assert_eq!(block_on(folder.open().look()).unwrap(), ["1", "2"]);
}

/// A sealed generation whose successor is missing, and whose name another file has by now:
/// it ends there for nobody else, so nobody can wait for its successor.
#[test]
fn a_sealed_file_that_was_replaced_is_let_go() {
    let folder = Folder::with(&["1"]);
    let (mut process, fs) = folder.faulty(|_, _| Fault::None);
    block_on(process.look()).unwrap();
    fs.plan(|call, name| match (call, name) {
        ("link", "journal.2") => Fault::Before(std::io::ErrorKind::StorageFull),
        _ => Fault::None,
    });
    block_on(process.checkpoint()).unwrap_err();
    fs.plan(|_, _| Fault::None);
    let journal = folder.read("journal.1");
    folder.put("journal.1", &journal, Way::Anew);
    for _ in 0..2 {
        if block_on(process.checkpoint()) == Ok(Append::Committed) {
            break;
        }
        block_on(process.catch_up()).unwrap();
    }
    block_on(process.commit("2")).unwrap();
    assert_eq!(block_on(folder.open().look()).unwrap(), ["1", "2"]);
}
