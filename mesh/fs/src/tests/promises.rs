//! The assertions inside the protocol fire where a bug is planted, before anybody outside
//! could tell that something is wrong; and they are silent where none is.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{Fault, Folder, block_on, record_ends};
use mesh_coordinator::ports::Storage;
use planted::{Bug, plant, plant_under_assertions};

/// What `story` panics with, if it does, with a bug planted and without.
fn broken(bug: Bug, story: fn()) -> (Option<String>, Option<String>) {
    let panicked = || {
        let panic = catch_unwind(AssertUnwindSafe(story)).err()?;
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        text.or_else(|| panic.downcast_ref::<String>().cloned())
    };
    plant_under_assertions(bug);
    let with = panicked();
    plant(None);
    (with, panicked())
}

/// Asserts that the bug breaks this sentence, and that without it nothing is broken.
fn breaks(bug: Bug, sentence: &str, story: fn()) {
    let (with, without) = broken(bug, story);
    assert_eq!(with.as_deref(), Some(sentence), "{}", bug.name());
    assert_eq!(without, None, "without {}", bug.name());
}

/// Two processes have read the same, and one of them is faster.
fn two_append() {
    let folder = Folder::with(&["1"]);
    let (mut slow, mut fast) = (folder.open(), folder.open());
    block_on(slow.look()).unwrap();
    block_on(fast.commit("2")).unwrap();
    let _ = block_on(slow.append("3"));
}

/// An append fails after its bytes are in the file, and another one came first.
fn an_append_fails_late() {
    let folder = Folder::with(&["1"]);
    let (mut process, disk) = folder.faulty(|_, _| Fault::None);
    block_on(process.look()).unwrap();
    block_on(folder.open().commit("2")).unwrap();
    disk.plan(|call, _| match call {
        "append" => Fault::After(std::io::ErrorKind::Other),
        _ => Fault::None,
    });
    let _ = block_on(process.append("3"));
}

/// The newest entry is gone, and the watermark says that it was durable.
fn the_end_is_gone() {
    let folder = Folder::with(&["1", "2"]);
    let journal = folder.read("journal.1");
    let ends = record_ends(&journal);
    folder.write("journal.1", &journal[..ends[ends.len() - 2]]);
    let _ = block_on(folder.open().look());
}

/// Somebody else has appended, and not synced yet.
fn somebody_else_is_not_synced() {
    let folder = Folder::with(&["1"]);
    let (mut reader, mut writer) = (folder.open(), folder.open());
    block_on(reader.look()).unwrap();
    block_on(writer.look()).unwrap();
    block_on(writer.append("2")).unwrap();
    let _ = block_on(reader.look());
}

/// Two others write, and another one leads the group that syncs together.
fn somebody_else_leads() {
    let folder = Folder::with(&["1"]);
    let (mut process, mut other) = (folder.open(), folder.open());
    block_on(process.look()).unwrap();
    block_on(other.look()).unwrap();
    for body in ["2", "3"] {
        block_on(other.append(body)).unwrap();
    }
    block_on(process.catch_up()).unwrap();
    let fs = folder.fs();
    let leader = block_on(crate::FileSystem::open(
        &fs,
        "sync.flock",
        crate::Access::Overwrite,
    ));
    let leader = leader.unwrap();
    assert!(block_on(crate::FileSystem::try_lock(&fs, &leader)).unwrap());
    let _ = block_on(process.storage.sync());
}

/// Somebody else is in the middle of a write.
fn half_a_record() {
    let folder = Folder::with(&["1"]);
    let mut reader = folder.open();
    block_on(reader.look()).unwrap();
    let mut journal = folder.read("journal.1");
    journal.extend_from_slice(b"\x1e{\"sum\":\"88");
    folder.write("journal.1", &journal);
    let _ = block_on(reader.look());
}

#[test]
fn a_writer_that_does_not_look_for_the_winner() {
    breaks(
        Bug::NoLookAtTheWinner,
        "a record that won unseen stands right behind what was read",
        two_append,
    );
}

#[test]
fn an_append_of_unknown_outcome_that_is_called_lost() {
    breaks(
        Bug::UnknownAppendRetriedAnew,
        "a record that was written and lost leaves its writer exposed",
        an_append_fails_late,
    );
}

#[test]
fn an_end_below_a_mark() {
    breaks(
        Bug::EndNotHeldAgainstMarks,
        "a mark speaks of what was read",
        the_end_is_gone,
    );
}

#[test]
fn what_was_read_called_durable() {
    breaks(
        Bug::RevealedUnsynced,
        "only a sync or a mark tells what is durable",
        somebody_else_is_not_synced,
    );
}

#[test]
fn a_sync_that_is_left_to_others() {
    breaks(
        Bug::SyncLeftToOthers,
        "only a sync or a mark tells what is durable",
        somebody_else_leads,
    );
}

#[test]
fn unfinished_bytes_that_are_passed_over() {
    breaks(
        Bug::UnfinishedIsVoid,
        "unfinished bytes are left for the next look",
        half_a_record,
    );
}
