//! What a failing file system does to a process, and what it must not do.

use std::io::ErrorKind;

use super::{FakeClock, Fault, Folder, FsOptions, block_on, on_disk};
use mesh_coordinator::ports::{
    Append, CheckpointNeed, Durability, Outcome, Storage, StorageErrorKind,
};

/// Fails the n-th call of `call` on a journal that happens from now on, from 1.
fn nth(call: &'static str, n: usize, fault: fn() -> Fault) -> impl FnMut(&str, &str) -> Fault {
    let mut seen = 0;
    move |called, name| {
        if called == call && (name.starts_with("journal.") || name.is_empty()) {
            seen += 1;
            if seen == n {
                return fault();
            }
        }
        Fault::None
    }
}

/// A read that fails in the middle of many entries takes none of them away.
#[test]
fn a_failed_read_loses_no_entry_that_was_read_before_it() {
    let folder = Folder::with(&["1", "2", "3"]);
    let large = "x".repeat(300 << 10);
    let mut writer = folder.open();
    let (mut reader, fs) = folder.faulty(|_, _| Fault::None);
    block_on(reader.look()).unwrap();
    for body in ["4", large.as_str(), "6"] {
        block_on(writer.commit(body)).unwrap();
    }

    fs.plan(nth("read_at", 2, || Fault::Before(ErrorKind::Other)));
    let error = block_on(reader.catch_up()).unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::Io);
    let read = block_on(reader.look()).unwrap();
    assert_eq!(read, ["1", "2", "3", "4", large.as_str(), "6"]);
}

/// An append of unknown outcome that did commit is found as news, not lost.
#[test]
fn an_entry_that_was_committed_in_spite_of_an_error_is_read_as_news() {
    let folder = Folder::with(&["1"]);
    let (mut process, fs) = folder.faulty(|_, _| Fault::None);
    block_on(process.look()).unwrap();
    let mut failing = false;
    fs.plan(move |call, name| match call {
        "append" => {
            failing = true;
            Fault::After(ErrorKind::TimedOut)
        }
        // The first look for the entry reads it, the second finds the disk away.
        "read_at" if failing && name.starts_with("journal.") => {
            failing = false;
            Fault::None
        }
        _ => Fault::None,
    });
    assert_eq!(block_on(process.append("2")), Ok(Append::Committed));

    // Now the look itself fails after the entry was seen.
    let mut rival = folder.open();
    let large = "x".repeat(300 << 10);
    let mut reads = 0;
    fs.plan(move |call, name| match call {
        "append" => {
            block_on(rival.catch_up()).unwrap();
            Fault::After(ErrorKind::TimedOut)
        }
        "read_at" if name.starts_with("journal.") => {
            reads += 1;
            match reads {
                1 => Fault::None,
                _ => Fault::Before(ErrorKind::Other),
            }
        }
        _ => Fault::None,
    });
    let error = block_on(process.append(&large)).unwrap_err();
    assert_eq!(error.outcome, Outcome::Unknown);
    fs.plan(|_, _| Fault::None);
    assert_eq!(
        block_on(process.look()).unwrap(),
        ["1", "2", large.as_str()]
    );
}

/// A full disk: the append says so, and takes no effect, also not once others append.
#[test]
fn an_append_without_room_has_no_effect_at_any_length() {
    let whole = {
        let folder = Folder::with(&["1"]);
        let before = folder.read("journal.1").len();
        let mut process = folder.open();
        block_on(process.commit("2")).unwrap();
        folder.read("journal.1").len() - before
    };
    for len in 0..whole {
        let folder = Folder::with(&["1"]);
        let (mut process, fs) = folder.faulty(|_, _| Fault::None);
        block_on(process.look()).unwrap();
        let mut armed = true;
        fs.plan(move |call, _| match call {
            "append" if std::mem::take(&mut armed) => Fault::Partial(len),
            _ => Fault::None,
        });
        let error = block_on(process.append("2")).unwrap_err();
        assert_eq!(error.kind, StorageErrorKind::Full, "cut at {len}");
        assert_eq!(error.outcome, Outcome::NoEffect, "cut at {len}");
        assert_eq!(block_on(folder.open().look()).unwrap(), ["1"]);

        let mut other = folder.open();
        block_on(other.commit("3")).unwrap();
        block_on(process.commit("4")).unwrap();
        for process in [&mut other, &mut folder.open()] {
            let read = block_on(process.look()).unwrap();
            assert_eq!(read, ["1", "3", "4"], "cut at {len}");
        }
    }
}

/// The bytes of a lost append lie behind the winner's. Were the winner lost in a power
/// cut, they would count; so the winner is made durable before an error is certain.
#[test]
fn after_a_lost_race_an_error_is_certain_only_once_the_winner_is_durable() {
    for sync_fails in [false, true] {
        let folder = Folder::with(&["1"]);
        let (mut process, fs) = folder.faulty(|_, _| Fault::None);
        block_on(process.look()).unwrap();
        block_on(folder.open().commit("rival")).unwrap();
        assert_eq!(block_on(process.append("2")), Ok(Append::Lost));

        let synced = std::rc::Rc::new(std::cell::Cell::new(false));
        let witness = synced.clone();
        fs.plan(move |call, name| match call {
            "sync" if name.starts_with("journal.") && sync_fails => Fault::Before(ErrorKind::Other),
            "sync" => {
                witness.set(true);
                Fault::None
            }
            "read_at" if name == "watermark" => Fault::Before(ErrorKind::Other),
            _ => Fault::None,
        });
        let error = block_on(process.catch_up()).and(block_on(process.append("2")).map(drop));
        let error = match error {
            Err(error) => error,
            Ok(()) => block_on(process.catch_up()).unwrap_err(),
        };
        match sync_fails {
            false => assert_eq!((error.outcome, synced.get()), (Outcome::NoEffect, true)),
            true => assert_eq!(error.outcome, Outcome::Unknown),
        }
    }
}

/// After a failed sync nothing more of that file is acknowledged; what is in memory goes
/// into a new generation, and is durable there.
#[test]
fn a_failed_sync_is_mended_by_a_checkpoint_from_memory() {
    let folder = Folder::with(&["1"]);
    let (mut process, fs) = folder.faulty(|_, _| Fault::None);
    block_on(process.look()).unwrap();
    fs.plan(nth("sync", 1, || Fault::Before(ErrorKind::Other)));
    assert_eq!(block_on(process.append("2")), Ok(Append::Committed));
    let error = block_on(process.storage.sync()).unwrap_err();
    assert_eq!(error.outcome, Outcome::Unknown);
    assert!(error.what.starts_with("cannot sync journal.1"), "{error}");

    // A sync of the same file that claims to succeed is not believed.
    assert!(block_on(process.storage.sync()).is_err());
    assert!(block_on(process.append("3")).is_err());
    assert_eq!(process.storage.checkpoint_need(), CheckpointNeed::Required);
    assert_eq!(block_on(process.checkpoint()), Ok(Append::Committed));
    assert_eq!(block_on(process.storage.sync()), Ok(Durability::Durable));
    assert_eq!(block_on(folder.open().look()).unwrap(), ["1", "2"]);
    assert!(!folder.names().contains(&"journal.1".to_owned()));
}

/// The same for the sync of the directory: the name of the generation may be lost.
#[test]
fn a_failed_sync_of_the_directory_is_mended_by_a_checkpoint_too() {
    let folder = Folder::with(&["1"]);
    std::fs::remove_file(folder.file("watermark")).unwrap();
    let (mut process, fs) = folder.faulty(|_, _| Fault::None);
    block_on(process.catch_up()).unwrap();
    fs.plan(nth("sync_dir", 1, || Fault::Before(ErrorKind::Other)));
    assert!(block_on(process.storage.sync()).is_err());
    assert!(block_on(process.storage.sync()).is_err(), "not believed");
    assert_eq!(block_on(process.checkpoint()), Ok(Append::Committed));
    assert_eq!(block_on(process.look()).unwrap(), ["1"]);
}

/// A checkpoint that finds no room leaves the log as usable as it was: the present
/// generation goes on.
#[test]
fn a_checkpoint_without_room_leaves_a_log_that_can_be_appended_to() {
    let folder = Folder::with(&["1"]);
    let (mut process, fs) = folder.faulty(|_, _| Fault::None);
    block_on(process.look()).unwrap();
    fs.plan(|call, name| match call {
        "append" if name.starts_with("tmp.") => Fault::Partial(20),
        _ => Fault::None,
    });
    let error = block_on(process.checkpoint()).unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::Full);
    assert_eq!(process.storage.checkpoint_need(), CheckpointNeed::None);
    block_on(process.commit("2")).unwrap();
    assert_eq!(block_on(folder.open().look()).unwrap(), ["1", "2"]);
    assert_eq!(
        folder.names(),
        [".gitignore", "format", "journal.1", "watermark"],
        "nothing is left of the attempt"
    );
}

/// A sealed file without room for its successor still answers reads, and takes writes
/// again once there is room.
#[test]
fn a_sealed_log_without_room_for_its_successor_answers_reads() {
    let folder = Folder::with(&["1"]);
    let (mut process, fs) = folder.faulty(|_, _| Fault::None);
    block_on(process.look()).unwrap();
    fs.plan(|call, _| match call {
        "link" => Fault::Before(ErrorKind::StorageFull),
        _ => Fault::None,
    });
    let error = block_on(process.checkpoint()).unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::Full);
    assert_eq!(process.storage.checkpoint_need(), CheckpointNeed::Required);
    assert_eq!(block_on(process.look()).unwrap(), ["1"]);
    assert_eq!(block_on(folder.open().look()).unwrap(), ["1"]);
    assert!(block_on(process.commit("2")).is_err());

    fs.plan(|_, _| Fault::None);
    block_on(process.commit("2")).unwrap();
    assert_eq!(block_on(folder.open().look()).unwrap(), ["1", "2"]);
}

/// A file in the making that does not get its name goes again: `state.json`, here a directory,
/// is tried at every checkpoint and exit.
#[test]
fn a_file_that_does_not_get_its_name_leaves_nothing() {
    let folder = Folder::with(&["1"]);
    std::fs::create_dir(folder.file("state.json")).unwrap();
    let mut process = folder.open();
    block_on(process.commit("2")).unwrap();
    for _ in 0..3 {
        assert_eq!(block_on(process.checkpoint()), Ok(Append::Committed));
    }
    assert_eq!(
        folder.names(),
        [
            ".gitignore",
            "format",
            "journal.4",
            "state.json",
            "watermark"
        ]
    );
}

/// An error on the way to the first answer is met again by the next call: a log that
/// was opened by halves is not used.
#[test]
fn a_folder_that_could_not_be_opened_is_not_half_open() {
    let folder = Folder::with(&["1", "2"]);
    let (mut process, fs) = folder.faulty(|call, name| match (call, name) {
        ("open", "format") => Fault::Before(ErrorKind::Other),
        _ => Fault::None,
    });
    for _ in 0..2 {
        let error = block_on(process.look()).unwrap_err();
        assert!(error.what.starts_with("cannot read format"), "{error}");
    }
    fs.plan(|_, _| Fault::None);
    assert_eq!(block_on(process.look()).unwrap(), ["1", "2"]);
}

/// An error of a sync is told once to each descriptor that was open, never to one that was
/// opened later. So whoever opens the file later vouches for nothing that it found there: it
/// waits for the mark of somebody who can, and where none comes, writes it all anew.
#[test]
fn a_process_vouches_for_nothing_that_it_found() {
    let folder = Folder::with(&["1"]);
    let mut told = folder.open();
    block_on(told.look()).unwrap();
    assert_eq!(block_on(told.append("2")), Ok(Append::Committed));
    // Its sync fails, and it is killed before it can say so.
    drop(told);

    let (mut late, fs) = folder.faulty(|_, _| Fault::None);
    block_on(late.catch_up()).unwrap();
    let marks = folder.read("watermark");
    let synced = std::rc::Rc::new(std::cell::Cell::new(0));
    let count = synced.clone();
    fs.plan(move |call, name| {
        let is_sync = (call, name) == ("sync", "journal.1");
        count.set(count.get() + u32::from(is_sync));
        Fault::None
    });
    let error = block_on(late.storage.sync()).unwrap_err();
    assert!(
        error.what.contains("entry 2, which was found in it"),
        "{error}"
    );
    assert_eq!(error.outcome, Outcome::Unknown);
    assert_eq!(synced.get(), 0, "a sync would tell nothing");
    assert!(folder.read("watermark") == marks, "nor is there a mark");
    assert_eq!(late.storage.checkpoint_need(), CheckpointNeed::Required);
    assert_eq!(block_on(late.look()).unwrap(), ["1", "2"]);
    assert!(!folder.names().contains(&"journal.1".to_owned()));
}

/// Somebody who had the file open before tells by a mark, while the other one waits for it.
#[test]
fn a_mark_of_who_had_the_file_open_vouches_for_it() {
    let folder = Folder::with(&["1"]);
    let mut early = folder.open();
    block_on(early.look()).unwrap();
    assert_eq!(block_on(early.append("2")), Ok(Append::Committed));
    let early = std::rc::Rc::new(std::cell::RefCell::new(early));
    let meanwhile = early.clone();
    let clock = FakeClock::with(move || {
        let synced = block_on(meanwhile.borrow_mut().storage.sync());
        assert_eq!(synced, Ok(Durability::Durable));
    });
    let mut late = on_disk(folder.fs(), FsOptions::default(), clock);
    assert_eq!(block_on(late.look()).unwrap(), ["1", "2"]);
    block_on(late.commit("3")).unwrap();
    assert_eq!(
        block_on(early.borrow_mut().look()).unwrap(),
        ["1", "2", "3"]
    );
    assert!(folder.names().contains(&"journal.1".to_owned()));
}
