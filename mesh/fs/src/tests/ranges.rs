//! Numbers that a reader refuses are refused by the writer first, with nothing written (G8);
//! durations that no mesh can have given count as the longest that it gives.

use serde_json::json;

use super::adoption::node_state;
use super::doctor::claims_event;
use super::{FakeClock, Fault, FaultyFs, Folder, FsOptions, Member, block_on, on_disk};
use mesh_coordinator::ports::{Append, Outcome, Storage, StorageErrorKind};
use mesh_core::{Limits, MAX_LEASE};

static FEW: Limits = Limits {
    count: 5,
    places: 3,
    ..Limits::PRODUCTION
};

/// A process in a world of few numbers.
fn open(folder: &Folder) -> Member {
    open_within(&FEW, folder)
}

fn open_within(limits: &'static Limits, folder: &Folder) -> Member {
    let options = FsOptions {
        limits,
        ..FsOptions::default()
    };
    let fs = FaultyFs::new(folder.fs(), |_, _| Fault::None);
    on_disk(fs, options, FakeClock::new())
}

fn full() -> Folder {
    let folder = Folder::new();
    let mut process = open(&folder);
    for body in ["first", "second", "third"] {
        block_on(process.commit(body)).unwrap();
    }
    folder
}

/// Behind the last place, an append is refused, and the log stays readable.
#[test]
fn an_entry_behind_the_last_place_is_not_written() {
    let folder = full();
    let before = folder.read("journal.1");
    let mut process = open(&folder);
    assert_eq!(block_on(process.look()).unwrap().len(), 3);
    let error = block_on(process.append("fourth")).unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::Spent);
    assert_eq!(error.outcome, Outcome::NoEffect);
    assert!(error.what.contains("entry 3 was the last"), "{error}");
    assert!(error.next.contains("start over"), "{error}");
    assert_eq!(folder.read("journal.1"), before, "nothing was written");
    assert_eq!(block_on(open(&folder).look()).unwrap().len(), 3);
}

/// What decided wrongly does not get past its own log.
#[test]
fn an_event_out_of_range_is_not_written() {
    let folder = Folder::new();
    let mut process = open(&folder);
    block_on(process.commit("first")).unwrap();
    let before = folder.read("journal.1");
    let mut too_long = claims_event(2, "r", 1);
    if let mesh_core::Event::Granted { terms, .. } = &mut too_long.events[0] {
        terms.lease_ms = MAX_LEASE + 1;
    }
    for entry in [claims_event(2, "r", FEW.count + 1), too_long] {
        let error = block_on(process.storage.append(&entry)).unwrap_err();
        assert_eq!(error.kind, StorageErrorKind::Unfit);
        assert_eq!(error.outcome, Outcome::NoEffect);
        assert!(error.what.contains("out of range"), "{error}");
        assert_eq!(folder.read("journal.1"), before, "nothing was written");
    }
    let last = claims_event(2, "r", FEW.count);
    assert_eq!(
        block_on(process.storage.append(&last)),
        Ok(Append::Committed)
    );
    block_on(open(&folder).look()).unwrap();
}

/// G8: What no reader would take is refused by its length, and a shorter one is taken.
#[test]
fn an_entry_that_no_record_takes_is_not_written() {
    static SHORT: Limits = Limits {
        record_bytes: 1000,
        ..FEW
    };
    let folder = Folder::new();
    let mut process = open_within(&SHORT, &folder);
    block_on(process.commit("first")).unwrap();
    let before = folder.read("journal.1");
    let error = block_on(process.append(&"x".repeat(1000))).unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::Unfit);
    assert_eq!(error.outcome, Outcome::NoEffect);
    assert!(error.what.contains("too long"), "{error}");
    assert_eq!(folder.read("journal.1"), before, "nothing was written");
    block_on(process.commit("second")).unwrap();
}

/// The last generation is not sealed: its successor would have a name that no reader knows.
#[test]
fn the_last_generation_goes_on_without_a_checkpoint() {
    let folder = Folder::new();
    let mut process = open(&folder);
    block_on(process.commit("first")).unwrap();
    block_on(process.checkpoint()).unwrap();
    block_on(process.checkpoint()).unwrap();
    let error = block_on(process.checkpoint()).unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::Spent);
    assert_eq!(error.outcome, Outcome::NoEffect);
    assert!(error.what.contains("journal.3 was the last"), "{error}");
    block_on(process.commit("second")).unwrap();
    assert_eq!(block_on(open(&folder).look()).unwrap(), ["first", "second"]);
}

/// C12: a lease that a stranger's folder calls endless ends after 30 days.
#[test]
fn an_adopted_lease_lasts_no_longer_than_any() {
    let folder = Folder::new();
    let mut state = node_state();
    state["claims"]["file:a"]["holders"][0]["lease_expires_at"] = json!(1e17);
    state["claims"]["file:a"]["queue"][2]["lease_seconds"] = json!(1e17);
    state["roster"]["ann"]["expires_at"] = json!(1e17);
    folder.write("state.json", state.to_string());
    let mut process = folder.open();
    block_on(process.look()).unwrap();
    let state = &process.snapshot.state;
    assert_eq!(state.invariants(), Ok(()));
    let record = state.resource("file:a").unwrap();
    assert_eq!(record.holders[0].lease_ms, MAX_LEASE);
    let latest = 10_000 + MAX_LEASE;
    assert!(record.holders[0].expires_at <= latest, "{record:?}");
    let ticket = record.queue.iter().find(|t| *t.agent_id == *"cyd").unwrap();
    assert_eq!(ticket.lease_ms, MAX_LEASE);
    let ann = state.agent("ann").unwrap();
    assert_eq!(ann.ttl_ms, MAX_LEASE);
    assert!(ann.expires_at <= latest, "{ann:?}");
}
