//! Rule S2: deleting the folder resets it, and a process that still runs notices
//! before it acknowledges anything more. And what people find in `state.json`.

use serde_json::{Value, json};

use super::{Folder, block_on};
use mesh_coordinator::ports::{Append, Durability, Storage};

/// Deleted, moved away, or emptied, with and without another process that has begun anew
/// and gone further.
#[test]
fn a_removed_folder_is_noticed_before_anything_is_acknowledged() {
    type Removal = fn(&Folder);
    let delete: Removal = |folder| std::fs::remove_dir_all(folder.path()).unwrap();
    let move_away: Removal = |folder| {
        std::fs::rename(folder.path(), folder.dir.path().join("moved")).unwrap();
    };
    let empty: Removal = |folder| {
        for name in folder.names() {
            std::fs::remove_file(folder.file(&name)).unwrap();
        }
    };
    for remove in [delete, move_away, empty] {
        for successor in 0..3 {
            let folder = Folder::with(&["1", "2"]);
            let mut process = folder.open();
            block_on(process.checkpoint()).unwrap();
            block_on(process.look()).unwrap();
            remove(&folder);
            let mut anew = Vec::new();
            if successor > 0 {
                let mut other = folder.open();
                for body in ["new", "newer", "newest"] {
                    block_on(other.commit(body)).unwrap();
                    anew.push(body);
                    // So that its generations have the same number, or a higher one.
                    if successor == 2 {
                        block_on(other.checkpoint()).unwrap();
                    }
                }
            }
            block_on(process.catch_up()).unwrap();
            let _ = block_on(process.append("lost"));
            assert_eq!(
                block_on(process.storage.sync()),
                Ok(Durability::Reset),
                "successor {successor}"
            );
            assert_eq!(block_on(process.look()).unwrap(), anew);
            block_on(process.commit("3")).unwrap();
            anew.push("3");
            assert_eq!(block_on(folder.open().look()).unwrap(), anew);
        }
    }
}

/// Between two calls, or before the first one.
#[test]
fn a_folder_removed_before_the_first_read_is_made_anew() {
    let folder = Folder::with(&["1"]);
    let mut process = folder.open();
    std::fs::remove_dir_all(folder.path()).unwrap();
    block_on(process.commit("2")).unwrap();
    assert_eq!(block_on(folder.open().look()).unwrap(), ["2"]);
}

/// S2: `state.json` has the predecessor's seven members and our mark, after a checkpoint
/// and after a clean exit of a process that wrote.
#[test]
fn state_json_is_written_at_checkpoints_and_at_a_clean_exit() {
    let folder = Folder::new();
    let mut process = folder.open();
    block_on(process.commit("first")).unwrap();
    assert!(!folder.names().contains(&"state.json".to_owned()));
    assert_eq!(block_on(process.checkpoint()), Ok(Append::Committed));
    let state: Value = serde_json::from_slice(&folder.read("state.json")).unwrap();
    let members: Vec<_> = state.as_object().unwrap().keys().collect();
    assert_eq!(
        members,
        [
            "claims",
            "cursors",
            "events",
            "fence_floor",
            "log",
            "mesh",
            "messages",
            "roster"
        ]
    );
    let log = &state["mesh"]["log"];
    assert!(log.is_string(), "which log it is of");
    assert_eq!(state["mesh"], json!({ "format": 1, "log": log, "seq": 1 }));
    let id = "00000000000000000000000001";
    assert_eq!(
        state["messages"][id],
        json!({
            "message_id": id, "from": "a", "to": "b", "subject": null, "body": "first",
            "reply_to": null, "posted_at": 1, "expires_at": null,
        })
    );
    assert_eq!(
        state["log"],
        json!([{
            "message_id": id, "sender": "a", "recipient": "b",
            "posted_at": "1970-01-01T00:00:01Z", "expires_unix": null,
        }])
    );

    block_on(process.commit("second")).unwrap();
    block_on(folder.open().commit("of another")).unwrap();
    let snapshot = process.snapshot.clone();
    block_on(process.storage.close(&snapshot)).unwrap();
    let state: Value = serde_json::from_slice(&folder.read("state.json")).unwrap();
    assert_eq!(state["mesh"]["seq"], 3, "what others wrote is not undone");
    assert!(!folder.names().iter().any(|name| name.starts_with("tmp.")));
}

/// Who only read leaves no file behind.
#[test]
fn a_process_that_did_not_write_exports_nothing() {
    let folder = Folder::with(&["1"]);
    let mut process = folder.open();
    block_on(process.look()).unwrap();
    let snapshot = process.snapshot.clone();
    block_on(process.storage.close(&snapshot)).unwrap();
    assert!(!folder.names().contains(&"state.json".to_owned()));
}
