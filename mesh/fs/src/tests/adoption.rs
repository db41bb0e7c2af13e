//! Rule S3: the Node mesh's `state.json` is taken over with nothing lost.

use std::cell::{Cell, RefCell};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::rc::Rc;

use serde_json::{Value, json};

use super::{FakeClock, Fault, FaultyFs, Folder, FsOptions, Member, block_on, on_disk};
use mesh_coordinator::ports::{Append, Clock, Storage, StorageErrorKind};
use mesh_core::{Mode, Snapshot};

const A: &str = "01JZ0000000000000000000001";
const B: &str = "01JZ0000000000000000000002";
const C: &str = "01JZ0000000000000000000003";
const D: &str = "01JZ0000000000000000000004";
const E: &str = "01JZ0000000000000000000005";
/// Where the tests' clock stands: in Unix seconds, and a moment after the file's times.
const NOW: u64 = 1_750_000_000;

/// A state as the predecessor leaves it in the middle of a working day.
pub(super) fn node_state() -> Value {
    let agent = |id: &str, role: Value| {
        json!({
            "agent_id": id, "branch": "main", "prompt_ptr": "docs/task.md", "role": role,
            "registered_at": NOW - 600, "last_seen": NOW - 10, "expires_at": NOW + 50,
            "epoch": 2,
        })
    };
    let message = |id: &str, to: &str, expires_at: Value| {
        json!({
            "message_id": id, "from": "ann", "to": to, "subject": null, "body": format!("to {to}"),
            "reply_to": null, "posted_at": NOW - 60, "expires_at": expires_at,
        })
    };
    let log = |id: &str, to: &str| {
        json!({
            "message_id": id, "sender": "ann", "recipient": to,
            "posted_at": "2025-06-15T15:05:40.000Z", "expires_unix": null,
        })
    };
    json!({
        "roster": { "ann": agent("ann", json!("lead")), "bob": agent("bob", Value::Null) },
        "claims": {
            "file:a": {
                "resource": "file:a", "mode": "exclusive", "fence": 7,
                "holders": [{ "agent_id": "ann", "claim_id": A,
                    "lease_expires_at": NOW + 90, "note": "refactoring" }],
                "queue": [
                    { "agent_id": "bob", "claim_id": B, "mode": "exclusive",
                        "lease_seconds": 30, "note": null },
                    { "agent_id": "bob", "claim_id": C, "mode": "shared",
                        "lease_seconds": 30, "note": null },
                    { "agent_id": "cyd", "claim_id": D, "mode": "shared",
                        "lease_seconds": 45, "note": "waiting" },
                ],
            },
            "file:b": {
                "resource": "file:b", "mode": "shared", "fence": 3,
                "holders": [
                    { "agent_id": "ann", "claim_id": B, "lease_expires_at": NOW + 90, "note": null },
                    { "agent_id": "bob", "claim_id": C, "lease_expires_at": NOW + 90, "note": null },
                ],
                "queue": [],
            },
        },
        "messages": {
            A: message(A, "bob", Value::Null),
            B: message(B, "*", json!(NOW + 3600)),
            C: message(C, "topic:build", Value::Null),
        },
        "log": [log(A, "bob"), log(B, "*"), log(C, "topic:build"), log(D, "bob")],
        "cursors": { "ann": A, "bob": "not a ulid", "cyd": E },
        "events": [
            { "resource": "file:a", "event": "grant", "agent_id": "ann", "fence": 7,
                "at": "2025-06-15T15:05:40.000Z" },
            { "resource": "file:old", "event": "release", "agent_id": "bob", "fence": 12,
                "at": "2025-06-15T15:05:41.000Z" },
        ],
        "fence_floor": { "file:a": 6, "file:old": 12 },
    })
}

struct NowClock(FakeClock);

impl NowClock {
    /// A clock at [`NOW`], during whose sleeps `meanwhile` happens.
    fn with(meanwhile: impl FnMut() + 'static) -> FakeClock {
        let armed = Rc::new(Cell::new(false));
        let witness = armed.clone();
        let mut meanwhile = meanwhile;
        let clock = Self(FakeClock::with(move || {
            if witness.get() {
                meanwhile();
            }
        }));
        block_on(clock.0.sleep(NOW * 1000));
        armed.set(true);
        clock.0
    }
}

fn process(folder: &Folder, clock: FakeClock) -> Member {
    let fs = FaultyFs::new(folder.fs(), |_, _| Fault::None);
    on_disk(fs, FsOptions::default(), clock)
}

fn folder(state: &Value) -> Folder {
    let folder = Folder::new();
    folder.write("state.json", state.to_string());
    folder
}

fn adopt(state: &Value) -> Snapshot {
    let folder = folder(state);
    let mut process = process(&folder, NowClock::with(|| {}));
    block_on(process.look()).unwrap();
    assert_eq!(process.snapshot.state.invariants(), Ok(()));
    let again = adopt_again(&folder);
    assert_eq!(again, process.snapshot, "it is adopted once, and kept");
    process.snapshot
}

fn adopt_again(folder: &Folder) -> Snapshot {
    let mut process = process(folder, NowClock::with(|| {}));
    block_on(process.look()).unwrap();
    process.snapshot
}

fn text(snapshot: &Snapshot, id: &str) -> String {
    let mut messages = snapshot.state.mail().messages();
    let found = messages.find(|(message, _)| message.to_string() == id);
    found.map_or_else(String::new, |(_, m)| format!("{} {}", m.from, m.body))
}

/// S3: Agents, with their incarnation, and times in milliseconds.
#[test]
fn the_roster_is_adopted() {
    let snapshot = adopt(&node_state());
    let ann = snapshot.state.agent("ann").unwrap();
    assert_eq!((&*ann.branch, &*ann.prompt_ptr), ("main", "docs/task.md"));
    assert_eq!(ann.role.as_deref(), Some("lead"));
    assert_eq!(ann.epoch, 2);
    assert_eq!(ann.registered_at, (NOW - 600) * 1000);
    assert_eq!(ann.last_seen, (NOW - 10) * 1000);
    assert_eq!(ann.expires_at, (NOW + 50) * 1000);
    assert_eq!(ann.ttl_ms, 60_000);
    assert_eq!(snapshot.state.agent("bob").unwrap().role, None);
}

/// S3: Holds, with their leases and notes; holders carry the record's fence.
#[test]
fn holds_are_adopted_with_the_fence_of_their_record() {
    let snapshot = adopt(&node_state());
    let record = snapshot.state.resource("file:a").unwrap();
    let hold = record.hold_of("ann").unwrap();
    assert_eq!((record.mode, hold.fence), (Mode::Exclusive, 7));
    assert_eq!(hold.claim_id.to_string(), A);
    assert_eq!(hold.expires_at, (NOW + 90) * 1000);
    assert_eq!(hold.note.as_deref(), Some("refactoring"));
    let shared = snapshot.state.resource("file:b").unwrap();
    let fences: Vec<u64> = shared.holders.iter().map(|hold| hold.fence).collect();
    assert_eq!((shared.mode, fences), (Mode::Shared, vec![3, 3]));
}

/// S3: Of an agent's several tickets the first stays.
#[test]
fn of_several_tickets_of_one_agent_the_first_is_adopted() {
    let snapshot = adopt(&node_state());
    let record = snapshot.state.resource("file:a").unwrap();
    let queue: Vec<_> = record
        .queue
        .iter()
        .map(|t| (t.agent_id.to_string(), t.claim_id.to_string(), t.mode))
        .collect();
    assert_eq!(
        queue,
        [
            ("bob".to_owned(), B.to_owned(), Mode::Exclusive),
            ("cyd".to_owned(), D.to_owned(), Mode::Shared)
        ]
    );
}

/// S3: C3: a fence never repeats, whoever remembers it: the record, the floor or the trail.
#[test]
fn newest_fences_are_adopted_from_wherever_they_are() {
    let mut state = node_state();
    state["fence_floor"] = json!({ "file:gone": 4 });
    let snapshot = adopt(&state);
    for (resource, fence) in [
        ("file:a", 7),
        ("file:b", 3),
        ("file:old", 12),
        ("file:gone", 4),
    ] {
        assert_eq!(snapshot.state.newest_fence(resource), fence, "{resource}");
    }
    // A floor above the record's own fence locks nobody out of adoption.
    state["fence_floor"] = json!({ "file:a": 9 });
    let snapshot = adopt(&state);
    assert_eq!(snapshot.state.newest_fence("file:a"), 9);
}

/// S3: Messages to agents, to all and to topics; and the newest id that was ever issued.
#[test]
fn messages_are_adopted_and_new_ones_come_after_all_that_were() {
    let snapshot = adopt(&node_state());
    assert_eq!(text(&snapshot, A), "ann to bob");
    assert_eq!(text(&snapshot, B), "ann to *");
    assert_eq!(text(&snapshot, C), "ann to topic:build");
    assert_eq!(
        snapshot.state.mail().newest().to_string(),
        D,
        "the log remembers an id whose message is gone"
    );
}

/// S3: A cursor that is no ULID or lies above the newest message becomes the newest message.
#[test]
fn a_cursor_that_is_no_message_becomes_the_newest_message() {
    let snapshot = adopt(&node_state());
    let cursors: Vec<_> = snapshot
        .state
        .mail()
        .cursors()
        .map(|(agent, cursor)| (agent.to_string(), cursor.to_string()))
        .collect();
    let expected = [("ann", A), ("bob", D), ("cyd", D)];
    assert_eq!(
        cursors,
        expected.map(|(agent, cursor)| (agent.to_owned(), cursor.to_owned()))
    );
}

/// S3: The trail goes on where the predecessor's ended, in its words.
#[test]
fn the_trail_is_adopted_and_exported_again() {
    let folder = folder(&node_state());
    let mut process = process(&folder, NowClock::with(|| {}));
    assert_eq!(block_on(process.checkpoint()), Ok(Append::Committed));
    let state: Value = serde_json::from_slice(&folder.read("state.json")).unwrap();
    assert_eq!(state["mesh"]["format"], 1);
    let events = state["events"].as_array().unwrap();
    assert_eq!(
        events[..2],
        [
            json!({ "seq": 0, "resource": "file:a", "event": "grant", "agent_id": "ann",
                "fence": 7, "at": "2025-06-15T15:05:40Z" }),
            json!({ "seq": 0, "resource": "file:old", "event": "release", "agent_id": "bob",
                "fence": 12, "at": "2025-06-15T15:05:41Z" }),
        ]
    );
    assert_eq!(state["fence_floor"]["file:old"], 12);
}

/// S3: The original stays beside, byte by byte, also once ours has taken its name.
#[test]
fn the_original_stays_beside_as_state_node_json() {
    let folder = folder(&node_state());
    let original = folder.read("state.json");
    let mut process = process(&folder, NowClock::with(|| {}));
    block_on(process.look()).unwrap();
    assert!(!folder.names().contains(&".lock".to_owned()));
    for _ in 0..2 {
        assert_eq!(folder.read("state.node.json"), original);
        assert_eq!(block_on(process.checkpoint()), Ok(Append::Committed));
    }

    // Another file of that name is not overwritten.
    let folder = self::folder(&node_state());
    folder.write("state.node.json", "precious");
    drop(folder.fs());
    let before = folder.contents();
    let error = block_on(self::process(&folder, NowClock::with(|| {})).look()).unwrap_err();
    assert!(error.next.contains("move state.node.json away"), "{error}");
    assert!(folder.contents() == before);
}

/// S3: What holds in the predecessor and breaks a rule here is put right, and nobody who
/// holds is thrown out.
#[test]
fn holders_that_break_the_rules_are_kept_as_shared_ones() {
    let mut state = node_state();
    state["claims"]["file:b"]["mode"] = json!("exclusive");
    let again = state["claims"]["file:b"]["holders"][0].clone();
    let holders = state["claims"]["file:b"]["holders"].as_array_mut();
    holders.unwrap().push(again);
    let snapshot = adopt(&state);
    let record = snapshot.state.resource("file:b").unwrap();
    assert_eq!((record.mode, record.holders.len()), (Mode::Shared, 2));
}

/// S3: C8, C9: what has lapsed by now is reaped, and who waits for nothing is promoted.
#[test]
fn a_waiter_whose_holder_has_lapsed_is_promoted() {
    let mut state = node_state();
    state["claims"]["file:a"]["holders"][0]["lease_expires_at"] = json!(NOW - 1);
    let snapshot = adopt(&state);
    let record = snapshot.state.resource("file:a").unwrap();
    assert_eq!(record.hold_of("bob").unwrap().fence, 8);
    assert_eq!(record.hold_of("ann"), None);
}

/// S3: Ours takes the original's name in the end, so its second name must survive a power cut
/// before a generation can.
#[test]
fn the_originals_second_name_is_synced_before_there_is_a_generation() {
    let folder = folder(&node_state());
    let calls = Rc::new(RefCell::new(Vec::new()));
    let seen = calls.clone();
    let fs = FaultyFs::new(folder.fs(), move |call, name| {
        seen.borrow_mut().push(format!("{call} {name}"));
        Fault::None
    });
    let mut process = on_disk(fs, FsOptions::default(), NowClock::with(|| {}));
    block_on(process.look()).unwrap();
    let calls = calls.borrow();
    let place = |wanted: &str| calls.iter().position(|call| call.starts_with(wanted));
    let (kept, made) = (
        place("link state.node.json").unwrap(),
        place("link journal.1").unwrap(),
    );
    let between = &calls[kept..made];
    assert!(
        between.iter().any(|call| call.starts_with("sync_dir")),
        "{between:?}"
    );
}

/// S3: The predecessor's lock is honoured while its holder is at work.
#[test]
fn the_lock_of_a_working_predecessor_is_waited_for() {
    let folder = folder(&node_state());
    std::fs::create_dir(folder.file(".lock")).unwrap();
    let mut later = node_state();
    later["fence_floor"]["file:old"] = json!(13);
    let (lock, file) = (folder.file(".lock"), folder.file("state.json"));
    let mut naps = 0;
    let clock = NowClock::with(move || {
        naps += 1;
        if naps == 10 {
            std::fs::write(&file, later.to_string()).unwrap();
            std::fs::remove_dir(&lock).unwrap();
        }
    });
    let mut process = process(&folder, clock.clone());
    block_on(process.look()).unwrap();
    assert_eq!(process.snapshot.state.newest_fence("file:old"), 13);
    assert_eq!(clock.monotonic(), NOW * 1000 + 200);
}

/// S3: A lock whose holder crashed is taken after 5 s; one that is new gets 5 s of its own.
#[test]
fn the_lock_of_a_dead_predecessor_is_taken_after_five_seconds() {
    let folder = folder(&node_state());
    std::fs::create_dir(folder.file(".lock")).unwrap();
    let (lock, aside) = (folder.file(".lock"), folder.file("aside"));
    let mut naps = 0;
    let clock = NowClock::with(move || {
        naps += 1;
        if naps == 200 {
            // After 4 s another holder takes the lock, and crashes in its turn.
            std::fs::create_dir(&aside).unwrap();
            std::fs::remove_dir(&lock).unwrap();
            std::fs::rename(&aside, &lock).unwrap();
        }
    });
    let mut process = process(&folder, clock.clone());
    block_on(process.look()).unwrap();
    let waited = clock.monotonic() - NOW * 1000;
    assert!((9_000..9_200).contains(&waited), "waited {waited} ms");
    assert!(!folder.names().contains(&".lock".to_owned()));
}

/// S3: A holder that came a moment ago has a directory of its own, also where the system gives
/// it the number of the one before.
#[test]
fn a_lock_that_was_given_the_same_number_gets_its_full_time() {
    let folder = folder(&node_state());
    std::fs::create_dir(folder.file(".lock")).unwrap();
    let lock = folder.file(".lock");
    let mut naps = 0;
    let clock = NowClock::with(move || {
        naps += 1;
        if naps == 200 {
            // The same directory, so the same number for certain; only it has changed.
            std::fs::set_permissions(&lock, Permissions::from_mode(0o700)).unwrap();
        }
    });
    let mut process = process(&folder, clock.clone());
    block_on(process.look()).unwrap();
    let waited = clock.monotonic() - NOW * 1000;
    assert!((9_000..9_200).contains(&waited), "waited {waited} ms");
}

/// S3: A `.lock` that no predecessor made, and that cannot be taken, is an error and no
/// endless wait.
#[test]
fn a_lock_directory_with_something_in_it_is_an_error() {
    let folder = folder(&node_state());
    std::fs::create_dir(folder.file(".lock")).unwrap();
    std::fs::write(folder.file(".lock").join("notes"), "").unwrap();
    let error = block_on(process(&folder, NowClock::with(|| {})).look()).unwrap_err();
    assert!(error.what.starts_with("cannot take .lock: "), "{error}");
}

/// S3: Two processes that adopt at once make one log.
#[test]
fn two_processes_that_adopt_at_once_agree() {
    let folder = folder(&node_state());
    let mut other = process(&folder, NowClock::with(|| {}));
    let done = Rc::new(Cell::new(false));
    let witness = done.clone();
    let fs = FaultyFs::new(folder.fs(), |_, _| Fault::None);
    fs.plan(move |call, name| {
        // At the last moment before the first one takes the lock.
        if call == "make_dir" && name == ".lock" && !done.replace(true) {
            block_on(other.commit("from the other")).unwrap_or_else(|e| panic!("{e}"));
            block_on(other.checkpoint()).unwrap();
        }
        Fault::None
    });
    let clock = NowClock::with(|| {});
    let mut first = on_disk(fs, FsOptions::default(), clock);
    block_on(first.look()).unwrap();
    assert!(witness.get());
    assert_eq!(first.snapshot.seq, 1);
    assert_eq!(adopt_again(&folder), first.snapshot);
}

/// S3: Damaged, or of something else: a clear error, and the file stays as it is.
#[test]
fn a_state_that_cannot_be_adopted_is_a_clear_error_and_untouched() {
    let whole = node_state().to_string();
    let mut fence = node_state();
    fence["claims"]["file:a"]["fence"] = json!(0);
    fence["fence_floor"] = json!({});
    fence["events"] = json!([]);
    let bad = [
        String::new(),
        "\0".repeat(whole.len()),
        whole[..whole.len() / 2].to_owned(),
        "{}".to_owned(),
        r#"{"name":"my-package","version":"1.0.0"}"#.to_owned(),
        whole.replace(A, "nonsense"),
        fence.to_string(),
    ];
    for text in bad {
        let folder = Folder::new();
        folder.write("state.json", &text);
        drop(folder.fs());
        let before = folder.contents();
        for _ in 0..2 {
            let mut process = process(&folder, NowClock::with(|| {}));
            let error = block_on(process.look()).unwrap_err();
            assert_eq!(error.kind, StorageErrorKind::Damaged, "{text}");
            let said = "state.json of an earlier mesh cannot be adopted: ";
            assert!(error.what.starts_with(said), "{error}");
            assert!(
                error.next.contains("mend the file, or move it away"),
                "{error}"
            );
            block_on(process.commit("x")).unwrap_err();
        }
        assert!(folder.contents() == before, "{text}");
    }
}

/// S3: G7: our own `state.json` is an export, not a source: without a journal it is a loss.
#[test]
fn our_own_state_without_a_journal_is_damage() {
    let folder = Folder::new();
    let ours = json!({ "mesh": { "format": 1, "seq": 5 }, "roster": {}, "claims": {} });
    folder.write("state.json", ours.to_string());
    let error = block_on(folder.open().look()).unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::Damaged);
    assert!(error.what.contains("there is a file state.json beside it"));
    let mut opener = folder.open();
    assert_eq!(
        opener.storage.checkpoint_need(),
        mesh_coordinator::ports::CheckpointNeed::None
    );
    block_on(opener.commit("x")).unwrap_err();
}
