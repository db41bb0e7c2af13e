//! What the fuzz targets share: a folder that is whole, one file of which is replaced.
//!
//! Every target asks the same (rule G7): a server either has all that was acknowledged or
//! says that it has not, the doctor agrees with it, and a repair leaves a folder that works.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use mesh::Mesh;
use mesh::backends::fs::doctor::{examine_folder, repair_folder};
use mesh::core::{Inbox, Post};
use tempfile::TempDir;

/// How many messages the whole folder holds.
pub const MESSAGES: usize = 4;

/// A folder in use, to be copied.
static WHOLE: LazyLock<TempDir> = LazyLock::new(|| {
    let dir = TempDir::new().expect("a temporary directory");
    // Small generations, so that there is a checkpoint with messages in it.
    let mesh = Mesh::options(dir.path()).rotate_bytes(600).open();
    for n in 0..MESSAGES {
        let post = Post {
            agent_id: "a".to_owned(),
            to: "b".to_owned(),
            body: format!("message {n}"),
            ..Post::default()
        };
        futures_executor::block_on(mesh.post(post)).expect("a message");
    }
    futures_executor::block_on(mesh.close());
    dir
});

/// A copy of the whole folder.
pub fn whole() -> TempDir {
    let copy = TempDir::new().expect("a temporary directory");
    for entry in fs::read_dir(WHOLE.path()).expect("a folder") {
        let entry = entry.expect("a file");
        fs::copy(entry.path(), copy.path().join(entry.file_name())).expect("a copy");
    }
    copy
}

/// The newest generation of a folder.
pub fn newest(folder: &Path) -> String {
    let names = fs::read_dir(folder).expect("a folder");
    let numbers = names.filter_map(|entry| {
        let name = entry.ok()?.file_name().into_string().ok()?;
        name.strip_prefix("journal.")?.parse::<u64>().ok()
    });
    format!("journal.{}", numbers.max().expect("a generation"))
}

/// The bytes with a few of them changed as `data` says: libFuzzer finds checksums hard to
/// guess, and a small change of what is right goes deeper than anything it makes up.
pub fn harm(bytes: &mut Vec<u8>, data: &[u8]) {
    for change in data.chunks_exact(4) {
        let at = usize::from(u16::from_le_bytes([change[0], change[1]])) % (bytes.len() + 1);
        match change[2] % 4 {
            0 if at < bytes.len() => bytes[at] ^= change[3],
            1 => bytes.insert(at, change[3]),
            2 => bytes.truncate(at),
            _ => drop(bytes.drain(at..(at + usize::from(change[3])).min(bytes.len()))),
        }
    }
}

/// How many messages a server finds, or why it refuses.
pub fn messages(folder: &Path) -> Result<usize, String> {
    let mesh = Mesh::open(folder);
    let inbox = Inbox {
        agent_id: "b".to_owned(),
        ..Inbox::default()
    };
    let found = futures_executor::block_on(mesh.inbox(inbox));
    drop(mesh);
    found.map(|reply| reply.messages.len()).map_err(|error| error.to_string())
}

/// Asserts what every target asks of a folder, `file` of which was replaced.
pub fn judge(folder: &Path) {
    let report = examine_folder(folder, true).expect("an examination");
    match messages(folder) {
        Ok(found) => {
            assert_eq!(found, MESSAGES, "a server has all, or says that it has not");
            assert!(report.is_healthy(), "{report:?}");
        }
        Err(error) => {
            assert!(!report.is_healthy(), "the doctor finds nothing, but: {error}");
            assert!(error.chars().all(|c| !c.is_control()), "{error:?}");
        }
    }
    if let Ok(repair) = repair_folder(folder, true) {
        let found = messages(folder).expect("a repaired folder works");
        assert!(found == MESSAGES || !repair.lost.is_empty(), "lost in silence: {repair:?}");
    }
}
