//! Rule S2: what people find in `state.json`, where several processes write it.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use serde_json::Value;

use super::{Disk, FakeClock, Folder, FsOptions, block_on, on_disk};
use mesh_coordinator::ports::Storage;

fn seq(folder: &Folder) -> u64 {
    let copy: Value = serde_json::from_slice(&folder.read("state.json")).unwrap();
    copy["mesh"]["seq"].as_u64().unwrap()
}

/// Runs what waits at each operation.
fn to_the_end<T>(work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    loop {
        if let Poll::Ready(done) = work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return done;
        }
    }
}

/// A process stands still anywhere in the writing of its copy, while others go on and write
/// theirs: it does not put its own over a newer one.
#[test]
fn a_slow_exporter_puts_no_older_copy_over_a_newer_one() {
    for steps in 1.. {
        let folder = Folder::with(&["1"]);
        let fs = Disk::stepping(folder.fs());
        let mut slow = on_disk(fs, FsOptions::default(), FakeClock::new());
        to_the_end(slow.look()).unwrap();
        to_the_end(slow.commit("2")).unwrap();
        let snapshot = slow.snapshot.clone();
        let mut closing = pin!(slow.storage.close(&snapshot));
        let mut context = Context::from_waker(Waker::noop());
        let mut done = false;
        for _ in 0..steps {
            done = done || closing.as_mut().poll(&mut context).is_ready();
        }
        let mut other = folder.open();
        block_on(other.look()).unwrap();
        block_on(other.commit("3")).unwrap();
        let snapshot = other.snapshot.clone();
        block_on(other.storage.close(&snapshot)).unwrap();
        if done {
            break;
        }
        to_the_end(closing).unwrap();
        assert_eq!(seq(&folder), 3, "after {steps} steps");
        let left = folder.names();
        assert!(
            left.iter().all(|name| !name.starts_with("tmp.")),
            "{left:?}"
        );
    }
}

/// A copy that an earlier mesh wrote, or that is of another log, is no newer one.
#[test]
fn a_copy_that_is_not_of_this_log_is_replaced() {
    for mark in [
        r#"{"mesh":{"format":1,"seq":900},"roster":{}}"#,
        r#"{"mesh":{"format":1,"seq":900,"log":"00000000000000000000000000000000"}}"#,
        "",
        "garbage",
    ] {
        let folder = Folder::with(&["1"]);
        let mut process = folder.open();
        block_on(process.look()).unwrap();
        block_on(process.commit("2")).unwrap();
        folder.write("state.json", mark);
        let snapshot = process.snapshot.clone();
        block_on(process.storage.close(&snapshot)).unwrap();
        assert_eq!(seq(&folder), 2, "{mark}");
    }
}
