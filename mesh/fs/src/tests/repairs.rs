//! Repairs that are cut short, and come again: no step leaves a folder that a server would
//! take for another one, and nothing that was kept is overwritten.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Waker};

use super::doctor::{FOUR, claims_event, committed, examined, flip, opened, place_of, repaired};
use super::{Disk, FakeClock, Fault, Folder, block_on};
use crate::doctor::{Repair, repair};
use mesh_coordinator::ports::StorageErrorKind;

/// A repair that is killed right before it does `call` to a file whose name begins so.
fn cut_short(folder: &Folder, call: &'static str, name: &'static str) {
    let disk = Disk::new(folder.fs(), move |done, to| {
        match done == call && to.starts_with(name) {
            true => Fault::Stop,
            false => Fault::None,
        }
    });
    let clock = FakeClock::new();
    static SEED: AtomicU64 = AtomicU64::new(100);
    let seed = SEED.fetch_add(1, Ordering::Relaxed);
    let work = pin!(repair(&disk, &clock, seed));
    let mut context = Context::from_waker(Waker::noop());
    assert!(work.poll(&mut context).is_pending());
}

/// A server takes a folder without a `format` for one whose making was cut short, and fills
/// in its own defaults. So at no step of a repair is there none.
#[test]
fn a_repair_that_is_killed_anywhere_leaves_a_format() {
    let whole = Folder::with(&FOUR);
    let format = whole.read("format");
    for garbage in ["garbage", ""] {
        whole.write("format", garbage);
        for step in 0.. {
            let folder = whole.copy();
            let mut left = step;
            let disk = Disk::new(folder.fs(), move |_, _| {
                left -= 1;
                match left < 0 {
                    true => Fault::Stop,
                    false => Fault::None,
                }
            });
            let clock = FakeClock::new();
            let work = pin!(repair(&disk, &clock, 7));
            let done = work.poll(&mut Context::from_waker(Waker::noop()));
            let there = folder.names().contains(&"format".to_owned());
            assert!(there, "step {step}: {:?}", folder.names());
            if done.is_ready() {
                break;
            }
            block_on(repair(&folder.fs(), &FakeClock::new(), 8)).unwrap();
            assert_eq!(folder.read("format"), format, "step {step}");
            assert_eq!(folder.read("format.damaged.1"), garbage.as_bytes());
            assert!(examined(&folder).is_healthy());
            assert_eq!(opened(&folder).unwrap(), FOUR);
        }
    }
}

/// A repair is cut short, somebody puts a journal back meanwhile, and repairs again: what the
/// first one kept stays as it was, and what is not back is read with the rest.
#[test]
fn a_second_repair_overwrites_nothing_that_the_first_one_kept() {
    let folder = Folder::with(&FOUR);
    let backup = folder.read("journal.1");
    flip(
        &folder,
        "journal.1",
        place_of(&folder, "journal.1", "second"),
    );
    let damaged = folder.read("journal.1");
    let watermark = folder.read("watermark");
    cut_short(&folder, "create", "tmp.2.");
    assert_eq!(folder.read("journal.1.damaged.1"), damaged);
    assert_eq!(folder.read("watermark.damaged.1"), watermark);

    let mut put_back = backup.clone();
    put_back[place_of(&folder, "journal.1.damaged.1", "third")] ^= 1;
    folder.write("journal.1", &put_back);
    let repair = repaired(&folder);
    assert_eq!(folder.read("journal.1.damaged.1"), damaged, "kept");
    assert_eq!(folder.read("journal.1.damaged.2"), put_back, "kept");
    assert_eq!(
        folder.read("watermark.damaged.2"),
        watermark,
        "read with the rest"
    );
    assert_eq!(opened(&folder).unwrap(), ["first", "second", "fourth"]);
    assert!(repair.lost[0].starts_with("entry 3"), "{repair:?}");
    assert!(folder.names().contains(&"repair.2.json".to_owned()));
    assert!(examined(&folder).is_healthy());
}

/// Somebody puts back a backup that is older than what a repair that was cut short kept.
/// What the kept one granted is not granted again.
#[test]
fn a_fence_in_a_kept_file_is_never_given_again() {
    let folder = Folder::with(&FOUR);
    let backup = folder.read("journal.1");
    let mut process = folder.open();
    committed(&mut process, &claims_event(5, "r", 7));
    let second = place_of(&folder, "journal.1", "second");
    flip(&folder, "journal.1", second);
    cut_short(&folder, "create", "tmp.2.");
    folder.write("journal.1", &backup);
    let repair = repaired(&folder);
    let mut process = folder.open();
    block_on(process.look()).unwrap();
    let fence = process.snapshot.state.newest_fence("r");
    assert!(fence >= 7, "{fence}: {:?} {repair:?}", folder.names());
    assert!(examined(&folder).is_healthy());
}

/// A repair is cut short once its generation is there, and the watermark is none again.
#[test]
fn a_repair_that_is_through_but_for_its_report_ends() {
    let folder = Folder::with(&FOUR);
    flip(
        &folder,
        "journal.1",
        place_of(&folder, "journal.1", "second"),
    );
    cut_short(&folder, "rename", "repair.1.json");
    assert!(folder.names().contains(&"watermark.damaged.1".to_owned()));
    std::fs::create_dir(folder.file("watermark")).unwrap();
    repaired(&folder);
    assert!(examined(&folder).is_healthy(), "{:?}", folder.names());
    assert_eq!(opened(&folder).unwrap(), ["first", "third", "fourth"]);
    assert_eq!(repaired(&folder), Repair::default(), "nothing is left");
}

/// A stranger's folder has a kept file with the last number that there is.
#[test]
fn a_repair_without_a_number_left_is_refused() {
    let folder = Folder::with(&FOUR);
    let last = format!("journal.1.damaged.{}", u64::MAX);
    let report = format!("repair.{}.json", u64::MAX);
    folder.write(&last, "precious");
    folder.write(&report, "{}");
    flip(
        &folder,
        "journal.1",
        place_of(&folder, "journal.1", "second"),
    );
    let error = block_on(repair(&folder.fs(), &FakeClock::new(), 7)).unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::Spent);
    assert_eq!(folder.read(&last), b"precious");
    assert!(
        folder.names().contains(&"journal.1".to_owned()),
        "nothing was moved"
    );
}

/// Two repairs are cut short, and each kept a watermark: the third reads the newer one.
#[test]
fn a_third_repair_takes_along_the_newest_of_what_two_kept() {
    let folder = Folder::with(&FOUR);
    let second = place_of(&folder, "journal.1", "second");
    flip(&folder, "journal.1", second);
    let damaged = folder.read("journal.1");
    let newest = folder.read("watermark");
    // Of before the last entries.
    let mut older = newest.clone();
    older[3 * 80..5 * 80].fill(0);
    folder.write("watermark", &older);
    cut_short(&folder, "create", "tmp.2.");
    folder.write("journal.1", &damaged);
    folder.write("watermark", &newest);
    cut_short(&folder, "create", "tmp.2.");
    assert_eq!(folder.read("watermark.damaged.1"), older);
    assert_eq!(folder.read("watermark.damaged.2"), newest);
    folder.write("journal.1", &damaged);
    repaired(&folder);
    assert_eq!(folder.read("watermark.damaged.1"), older, "kept");
    assert_eq!(folder.read("watermark.damaged.3"), newest, "read");
    assert!(examined(&folder).is_healthy());
}
