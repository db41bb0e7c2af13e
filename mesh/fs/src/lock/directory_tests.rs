//! Stories of owners, waiters and thieves, on a real disk and a clock that obeys.

#![allow(
    clippy::disallowed_methods,
    reason = "the tests look at the real disk behind the seam's back"
)]

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::OsFileSystem;
use crate::testing::{FakeClock, block_on};

type RealLock = LockDirectory<OsFileSystem, FakeClock>;

fn folder() -> (TempDir, OsFileSystem) {
    let folder = TempDir::new().unwrap();
    let fs = OsFileSystem::open(folder.path(), false).unwrap();
    (folder, fs)
}

fn lock(fs: &OsFileSystem, clock: &FakeClock, seed: u64) -> RealLock {
    LockDirectory::new(fs.clone(), clock.clone(), seed)
}

/// The nonces in the lock: none, or its one owner.
fn owners(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder.join(LOCK)).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

/// Directories that are neither the lock nor anything else, but remains of attempts.
fn leftovers(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("lock.")).collect()
}

/// Puts the lock into the hands of `owner`, as if it had acquired it.
fn hold_by(folder: &Path, nonce: &str, owner: &str) {
    fs::create_dir_all(folder.join(LOCK)).unwrap();
    fs::write(folder.join(LOCK).join(nonce), owner).unwrap();
}

#[test]
fn the_lock_names_its_owner_while_it_is_held() {
    let (folder, fs) = folder();
    let mut lock = lock(&fs, &FakeClock::new(), 1);
    assert!(block_on(lock.acquire()));
    assert_eq!(owners(folder.path()), ["0000000000000001-1"]);
    let owner = block_on(lock.read_owner("0000000000000001-1")).unwrap();
    assert_eq!(owner, fs.this_process());

    block_on(lock.release());
    assert!(owners(folder.path()).is_empty());
    assert!(
        block_on(lock.acquire()),
        "an empty directory is a free lock"
    );
    assert_eq!(
        owners(folder.path()),
        ["0000000000000001-2"],
        "each time with a fresh nonce"
    );
    assert!(leftovers(folder.path()).is_empty());
}

/// Nobody waits for a process that was killed while it held the lock.
#[cfg(target_os = "linux")]
#[test]
fn a_dead_owner_is_robbed_at_once() {
    let (folder, fs) = folder();
    let mut child = std::process::Command::new("true").spawn().unwrap();
    let pid = child.id();
    child.wait().unwrap();
    let dead = ProcessId {
        pid,
        ..fs.this_process()
    };
    hold_by(
        folder.path(),
        "dead",
        &serde_json::to_string(&dead).unwrap(),
    );

    let clock = FakeClock::new();
    let mut lock = lock(&fs, &clock, 1);
    assert!(block_on(lock.acquire()));
    assert!(
        clock.monotonic() <= 2,
        "one wait between the first and the second look"
    );
    assert_eq!(owners(folder.path()), ["0000000000000001-1"]);
}

/// One that may be alive, or that nobody can identify, is waited for, but not for ever.
#[test]
fn a_silent_owner_is_robbed_after_five_seconds() {
    for owner in [
        r#"{"host":"another machine","pid":1,"started":1}"#,
        "{\"host\":\"torn",
    ] {
        let (folder, fs) = folder();
        hold_by(folder.path(), "silent", owner);
        let clock = FakeClock::new();
        assert!(block_on(lock(&fs, &clock, 1).acquire()));
        assert!(
            (STALE..STALE + 20).contains(&clock.monotonic()),
            "{}",
            clock.monotonic()
        );
        assert_eq!(owners(folder.path()), ["0000000000000001-1"]);
    }
}

/// The owner is paused, robbed, and goes on to release what is not its own any more.
#[test]
fn a_robbed_owner_does_not_free_the_lock_of_its_successor() {
    let (folder, fs) = folder();
    let clock = FakeClock::new();
    let (mut paused, mut thief) = (lock(&fs, &clock, 1), lock(&fs, &clock, 2));
    assert!(block_on(paused.acquire()));
    assert!(block_on(thief.acquire()));
    assert!(clock.monotonic() >= STALE);

    block_on(paused.release());
    assert_eq!(owners(folder.path()), ["0000000000000002-1"]);
    block_on(thief.release());
    assert!(owners(folder.path()).is_empty());
}

/// The well-known bug of reclaimable locks: two waiters find the same stale lock, one
/// steals and acquires, and the other, delayed until now, steals what is fresh.
#[test]
fn a_delayed_thief_steals_nothing() {
    let (folder, fs) = folder();
    let clock = FakeClock::new();
    let (mut owner, delayed, mut quick) = (
        lock(&fs, &clock, 1),
        lock(&fs, &clock, 2),
        lock(&fs, &clock, 3),
    );
    assert!(block_on(owner.acquire()));
    let stale = block_on(delayed.owner_nonce()).unwrap().unwrap();

    assert!(block_on(quick.acquire()));
    assert!(!block_on(delayed.steal(&stale)).unwrap());
    assert_eq!(owners(folder.path()), ["0000000000000003-1"]);
}

#[test]
fn of_two_thieves_one_wins() {
    let (folder, fs) = folder();
    let clock = FakeClock::new();
    hold_by(folder.path(), "stale", "");
    let (first, second) = (lock(&fs, &clock, 1), lock(&fs, &clock, 2));
    assert!(block_on(first.steal("stale")).unwrap());
    assert!(!block_on(second.steal("stale")).unwrap());
}

/// A lock that changes hands is never stale, however long that goes on; so patience
/// must end the wait, and leave nothing behind.
#[test]
fn patience_ends_where_others_keep_passing_the_lock_on() {
    let (folder, fs) = folder();
    let path = folder.path().to_owned();
    hold_by(&path, "0", "");
    let mut turn = 0;
    let clock = FakeClock::with(move || {
        // The next owner comes before the last one leaves, so no waiter finds it free.
        hold_by(&path, &(turn + 1).to_string(), "");
        fs::remove_file(path.join(LOCK).join(turn.to_string())).unwrap();
        turn += 1;
    });
    let mut waiter = lock(&fs, &clock, 1);
    assert!(!block_on(waiter.acquire()));
    assert!((PATIENCE..PATIENCE + 10).contains(&clock.monotonic()));
    assert!(leftovers(folder.path()).is_empty());

    let holders = owners(folder.path());
    block_on(waiter.release());
    assert_eq!(
        owners(folder.path()),
        holders,
        "what was not acquired is not released"
    );
}

#[test]
fn where_the_lock_cannot_be_had_nobody_waits_for_it() {
    let (folder, fs) = folder();
    fs::write(folder.path().join(LOCK), "a file in its place").unwrap();
    let clock = FakeClock::new();
    assert!(!block_on(lock(&fs, &clock, 1).acquire()));
    assert_eq!(clock.monotonic(), 0);
    assert!(leftovers(folder.path()).is_empty());
}
