//! Rotation: cut short anywhere, raced by anybody, it loses nothing (G4, G6), and it
//! keeps the folder small (S5).

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::{FakeClock, Fault, FaultyFs, Folder, FsOptions, block_on, on_disk};
use crate::FileSystem;
use crate::folder::names;
use mesh_coordinator::ports::{Append, CheckpointNeed, Storage};

/// Runs a future until it is done (`Some`) or its process is killed (`None`).
fn run<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

/// Kills the process before its n-th operation.
fn killed_at(n: usize) -> (impl FnMut(&str, &str) -> Fault, Rc<Cell<usize>>) {
    let count = Rc::new(Cell::new(0));
    let seen = count.clone();
    let plan = move |_: &str, _: &str| {
        seen.set(seen.get() + 1);
        match seen.get() > n {
            true => Fault::Stop,
            false => Fault::None,
        }
    };
    (plan, count)
}

/// A crash after each step of a rotation leaves what was acknowledged, and a log that
/// goes on; and the leftovers do not stay for ever.
#[test]
fn a_rotation_cut_short_after_any_step_loses_nothing() {
    let whole = Folder::with(&["1", "2"]);
    for n in 0.. {
        let folder = whole.copy();
        let (mut process, fs) = folder.faulty(|_, _| Fault::None);
        block_on(process.look()).unwrap();
        let (plan, count) = killed_at(n);
        fs.plan(plan);
        let finished = run(process.checkpoint());
        drop(process);
        let mut opener = folder.open();
        assert_eq!(block_on(opener.look()).unwrap(), ["1", "2"], "step {n}");
        block_on(opener.commit("3")).unwrap();
        assert_eq!(block_on(folder.open().look()).unwrap(), ["1", "2", "3"]);

        for _ in 0..2 {
            assert_eq!(block_on(opener.checkpoint()), Ok(Append::Committed));
        }
        let leftovers: Vec<_> = folder.names();
        let journals = leftovers.iter().filter(|name| name.starts_with("journal."));
        assert_eq!(journals.count(), 1, "step {n}: {leftovers:?}");
        let temporary = leftovers.iter().filter_map(|n| names::parse_temporary(n));
        assert_eq!(temporary.count(), 0, "step {n}: {leftovers:?}");
        if finished.is_some() {
            assert!(count.get() > 15, "a rotation has many steps");
            break;
        }
    }
}

/// Processes that are killed while they wait for the lock directory leave what they
/// prepared. It goes with the next rotation, and that of a living process stays.
#[test]
fn a_rotation_sweeps_what_dead_processes_prepared_to_be_the_lock() {
    let folder = Folder::with(&["1"]);
    let fs = folder.fs();
    let living = fs.this_process();
    let mut dead = living.clone();
    dead.started += 1;
    let prepare = |nonce: &str, owner: Option<String>| {
        let candidate = format!("lock.{nonce}");
        std::fs::create_dir(folder.file(&candidate)).unwrap();
        if let Some(owner) = owner {
            folder.write(&format!("{candidate}/{nonce}"), owner);
        }
    };
    let named = |owner| Some(serde_json::to_string(owner).unwrap());
    prepare("00000000000000a1-1", named(&dead));
    prepare("00000000000000a2-1", Some("{\"host\":".to_owned()));
    prepare("00000000000000a3-1", None);
    prepare("00000000000000a4-7", named(&living));

    let mut process = folder.open();
    block_on(process.look()).unwrap();
    assert_eq!(block_on(process.checkpoint()), Ok(Append::Committed));
    let names = folder.names();
    let left: Vec<_> = names
        .iter()
        .filter(|name| name.starts_with("lock."))
        .collect();
    assert_eq!(left, ["lock.00000000000000a4-7"]);
}

/// The same for the making of the first generation.
#[test]
fn a_folder_made_by_halves_is_finished_by_the_next_process() {
    for n in 0.. {
        let folder = Folder::new();
        let (plan, _) = killed_at(n);
        let (mut process, _) = folder.faulty(plan);
        let finished = run(process.commit("1"));
        let mut opener = folder.open();
        let read = block_on(opener.look()).unwrap();
        match finished {
            Some(done) => {
                done.unwrap();
                assert_eq!(read, ["1"]);
                break;
            }
            None => assert!(read.is_empty() || read == ["1"], "step {n}"),
        }
        block_on(opener.commit("2")).unwrap();
        assert_eq!(block_on(folder.open().look()).unwrap().last().unwrap(), "2");
    }
}

/// A sealed generation without a successor is finished by whoever comes next, also by a
/// process that already had it open.
#[test]
fn a_missing_successor_is_made_by_another_process() {
    let folder = Folder::with(&["1"]);
    let mut other = folder.open();
    block_on(other.look()).unwrap();
    let (mut process, fs) = folder.faulty(|_, _| Fault::None);
    block_on(process.look()).unwrap();
    fs.plan(|call, _| match call {
        "link" => Fault::Stop,
        _ => Fault::None,
    });
    assert!(run(process.checkpoint()).is_none());
    assert_eq!(block_on(other.look()).unwrap(), ["1"], "reads go on");
    assert_eq!(other.storage.checkpoint_need(), CheckpointNeed::Required);
    assert_eq!(block_on(other.append("2")), Ok(Append::Lost));
    block_on(other.commit("2")).unwrap();
    assert_eq!(block_on(folder.open().look()).unwrap(), ["1", "2"]);
}

/// A process that is paused before its link, while others rotate on, brings no retired
/// generation back to life, and is told that it lost.
#[test]
fn a_retired_generation_is_not_resurrected_by_a_late_link() {
    let folder = Folder::with(&["1"]);
    let mut others = folder.open();
    block_on(others.look()).unwrap();
    let (mut late, fs) = folder.faulty(|_, _| Fault::None);
    block_on(late.look()).unwrap();
    let mut paused = false;
    fs.plan(move |call, name| {
        if call == "link" && name == "journal.2" && !std::mem::replace(&mut paused, true) {
            // The sealed generation was looked at just now. Everything else happens here.
            for body in ["2", "3", "4"] {
                block_on(others.commit(body)).unwrap();
                assert_eq!(block_on(others.checkpoint()), Ok(Append::Committed));
            }
        }
        Fault::None
    });
    assert_eq!(block_on(late.checkpoint()), Ok(Append::Lost));
    assert_eq!(block_on(late.look()).unwrap(), ["1", "2", "3", "4"]);
    let journals = folder.names();
    let journals: Vec<_> = journals
        .iter()
        .filter(|n| n.starts_with("journal."))
        .collect();
    assert_eq!(journals, ["journal.5"]);
    block_on(late.commit("5")).unwrap();
    assert_eq!(block_on(folder.open().look()).unwrap().len(), 5);
}

/// A reader that was left behind by several rotations starts over, once.
#[test]
fn a_reader_left_behind_by_rotations_is_reset() {
    let folder = Folder::with(&["1"]);
    let (mut reader, mut writer) = (folder.open(), folder.open());
    block_on(reader.look()).unwrap();
    for body in ["2", "3"] {
        block_on(writer.commit(body)).unwrap();
        block_on(writer.checkpoint()).unwrap();
    }
    assert_eq!(block_on(reader.append("stale")), Ok(Append::Lost));
    assert_eq!(block_on(reader.look()).unwrap(), ["1", "2", "3"]);
    assert_eq!(reader.resets, 2);
}

/// S5: however much is written, the folder stays as large as its state allows.
#[test]
fn the_journal_is_bounded_by_checkpoints() {
    let folder = Folder::new();
    let rotate_bytes = 4096;
    let options = FsOptions {
        rotate_bytes,
        ..FsOptions::default()
    };
    let fs = FaultyFs::new(folder.fs(), |_, _| Fault::None);
    let mut process = on_disk(fs, options, FakeClock::new());
    block_on(process.catch_up()).unwrap();
    let mut largest = 0;
    for round in 0..2_000 {
        let entry = mesh_core::Entry {
            seq: process.snapshot.seq + 1,
            id: round.to_string(),
            at: 0,
            events: Vec::new(),
        };
        assert_eq!(
            block_on(process.storage.append(&entry)),
            Ok(Append::Committed)
        );
        process.snapshot.apply(&entry);
        block_on(process.storage.sync()).unwrap();
        if process.storage.checkpoint_need() != CheckpointNeed::None {
            assert_eq!(block_on(process.checkpoint()), Ok(Append::Committed));
        }
        let total: usize = folder.contents().values().map(Vec::len).sum();
        largest = largest.max(total);
    }
    assert_eq!(process.snapshot.seq, 2_000);
    assert!(largest > 4096, "it did grow: {largest}");
    assert!(largest < 3 * 4096, "and was cut back: {largest}");
}
