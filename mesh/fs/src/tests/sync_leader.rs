//! Sharing a sync: one process syncs for all that wait, and nobody waits for long.

use std::cell::Cell;
use std::io::ErrorKind;
use std::rc::Rc;

use super::{Disk, Fault, Folder, Member, block_on, on_disk};
use crate::testing::FakeClock;
use crate::{Access, FileSystem, FsOptions};
use mesh_coordinator::ports::{Append, Clock, Durability, Storage};

/// A process that counts its syncs of the journal.
struct Counting {
    process: Member,
    fs: Disk,
    clock: FakeClock,
    syncs: Rc<Cell<u32>>,
}

impl Counting {
    fn on(folder: &Folder) -> Self {
        let syncs = Rc::new(Cell::new(0));
        let count = syncs.clone();
        let (_, fs) = folder.faulty(move |call, name| {
            if call == "sync" && name.starts_with("journal.") {
                count.set(count.get() + 1);
            }
            Fault::None
        });
        let clock = FakeClock::new();
        let process = on_disk(fs.clone(), FsOptions::default(), clock.clone());
        Self {
            process,
            fs,
            clock,
            syncs,
        }
    }

    /// Reads what others wrote, and appends an entry.
    fn append(&mut self, body: &str) {
        block_on(self.process.catch_up()).unwrap();
        assert_eq!(block_on(self.process.append(body)), Ok(Append::Committed));
    }

    /// How many syncs it takes to make durable what there is, and how long.
    fn sync(&mut self) -> (u32, u64) {
        let (syncs, begun) = (self.syncs.get(), self.clock.monotonic());
        let synced = block_on(self.process.storage.sync());
        assert_eq!(synced, Ok(Durability::Durable));
        (self.syncs.get() - syncs, self.clock.monotonic() - begun)
    }
}

/// Somebody else writes, and makes it durable.
fn busy(other: &mut Member, entries: usize) {
    block_on(other.catch_up()).unwrap();
    for _ in 0..entries {
        block_on(other.commit("theirs")).unwrap();
    }
}

#[test]
fn what_another_one_has_synced_is_not_synced_again() {
    let folder = Folder::with(&["1"]);
    let mut other = folder.open();
    let mut process = Counting::on(&folder);
    process.append("mine");
    busy(&mut other, 4);
    assert_eq!(process.sync().0, 1, "nobody else was there when it began");

    process.append("mine");
    busy(&mut other, 1);
    assert_eq!(process.sync(), (0, 0), "the other one's mark covers it");

    busy(&mut other, 4);
    process.append("mine");
    assert_eq!(process.sync(), (1, 0), "no mark covers it");
}

/// One that was stopped in the middle of its sync keeps the lead.
#[test]
fn a_turn_that_never_ends_is_waited_for_once() {
    let folder = Folder::with(&["1"]);
    let mut other = folder.open();
    let mut process = Counting::on(&folder);
    block_on(process.process.catch_up()).unwrap();
    let stopped = block_on(process.fs.open("sync.flock", Access::Overwrite)).unwrap();
    assert!(block_on(process.fs.try_lock(&stopped)).unwrap());

    let mut beside_others = || {
        busy(&mut other, 4);
        process.append("mine");
        process.sync()
    };
    let (syncs, took) = beside_others();
    assert!(
        syncs == 1 && (20..40).contains(&took),
        "{syncs} syncs in {took} ms"
    );
    assert_eq!(beside_others(), (1, 0), "it does not wait again");
    drop(stopped);
    assert_eq!(beside_others(), (1, 0));
}

/// Others wait for the lead, so whoever fails in it gives it on. Without the marks nobody can
/// tell what others have synced; the sync is not shared then, and is none the worse for it.
#[test]
fn a_failure_in_its_turn_keeps_nobody_waiting() {
    for (call, name, fails) in [
        ("sync", "journal.1", true),
        ("stat_name", "journal.1", true),
        ("read_at", "watermark", false),
    ] {
        let folder = Folder::with(&["1"]);
        let mut other = folder.open();
        // So that it can vouch for what comes now.
        block_on(other.catch_up()).unwrap();
        let mut process = Counting::on(&folder);
        process.append("mine");
        busy(&mut other, 4);
        process.append("mine");
        process.fs.plan(move |called, of| match (called, of) {
            now if now == (call, name) => Fault::Before(ErrorKind::Other),
            _ => Fault::None,
        });
        let synced = block_on(process.process.storage.sync());
        assert_eq!(synced.is_err(), fails, "{call} {name}: {synced:?}");
        let fs = folder.fs();
        let lead = block_on(fs.open("sync.flock", Access::Overwrite)).unwrap();
        assert!(block_on(fs.try_lock(&lead)).unwrap(), "the lead is free");
    }
}
