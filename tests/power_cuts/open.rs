//! Putting an image onto a disk, and opening it: by the real library in this process, and
//! for a sample by the real program.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mesh::Mesh;
use mesh::backends::fs::{FsOptions, FsStorage, OsFileSystem};
use mesh::backends::{SystemClock, seed};
use mesh::core::{Millis, Post, Snapshot};
use mesh::ports::{Clock, News, Storage, StorageError};
use serde_json::Value;
use tempfile::TempDir;

use super::facts::Fact;
use super::images::Image;

/// Where images are put, one at a time.
#[derive(Debug)]
pub(super) struct Disk {
    dir: TempDir,
}

impl Disk {
    pub(super) fn new(dir: &Path) -> Self {
        let dir = tempfile::Builder::new().prefix("cut-").tempdir_in(dir);
        Self {
            dir: dir.expect("a temporary directory"),
        }
    }

    /// Puts an image in place of the one before: the path of its folder.
    pub(super) fn put(&self, image: &Image) -> PathBuf {
        let folder = self.dir.path().join(".mesh");
        // There is none at first.
        let _ = fs::remove_dir_all(&folder);
        put(image, &folder).expect("room for an image");
        folder
    }
}

fn put(image: &Image, folder: &Path) -> std::io::Result<()> {
    fs::create_dir(folder)?;
    for directory in &image.directories {
        fs::create_dir(folder.join(directory))?;
    }
    let mut first: BTreeMap<usize, PathBuf> = BTreeMap::new();
    for (name, number) in &image.names {
        let path = folder.join(name);
        match first.get(number) {
            Some(same) => fs::hard_link(same, &path)?,
            None => {
                let empty = Vec::new();
                fs::write(&path, image.contents.get(number).unwrap_or(&empty))?;
                first.insert(*number, path);
            }
        }
    }
    Ok(())
}

/// What a process finds that opens the folder.
pub(super) fn read(folder: &Path) -> Result<Snapshot, StorageError> {
    futures_executor::block_on(async {
        let fs = OsFileSystem::open(folder, true)?;
        let mut storage = FsStorage::new(fs, SystemClock::new(), FsOptions::default(), seed());
        let mut snapshot = Snapshot::default();
        loop {
            match storage.read_on().await? {
                News::Reset(newest) => snapshot = *newest,
                News::Entries(entries) => entries.iter().for_each(|entry| snapshot.apply(entry)),
                News::CaughtUp => return Ok(snapshot),
            }
        }
    })
}

/// Has a process post in the folder, and says what the next one finds.
pub(super) fn go_on(folder: &Path) -> Result<Snapshot, String> {
    let posted = futures_executor::block_on(async {
        let mesh = Mesh::options(folder).clock(Hasty::default()).open();
        let post = Post {
            agent_id: "survivor".to_owned(),
            to: "*".to_owned(),
            body: "after the cut".to_owned(),
            ..Post::default()
        };
        let posted = mesh.post(post).await;
        mesh.close().await;
        posted
    });
    let posted = posted.map_err(|error| error.to_string())?;
    let after = read(folder).map_err(|error| error.to_string())?;
    let fact = Fact::Message(posted.message_id.to_string(), "after the cut".to_owned());
    if !fact.holds_in(&after) {
        return Err(format!("{fact:?} was acknowledged and is lost"));
    }
    Ok(after)
}

/// A clock by which nobody waits: time passes as soon as anybody wants it to. A lock whose
/// owner's name was lost in the cut would otherwise be waited for, 5 s an image.
#[derive(Clone, Debug, Default)]
struct Hasty(Arc<AtomicU64>);

impl Clock for Hasty {
    fn now(&self) -> Millis {
        SystemClock::new().now()
    }

    fn monotonic(&self) -> Millis {
        self.0.load(Ordering::Relaxed)
    }

    async fn sleep(&self, duration: Millis) {
        self.0.fetch_add(duration, Ordering::Relaxed);
    }
}

/// What a state says, as facts.
pub(super) fn facts_of(snapshot: &Snapshot) -> Vec<Fact> {
    let state = &snapshot.state;
    let messages = state.mail().messages();
    let messages = messages.map(|(id, m)| Fact::Message(id.to_string(), m.body.to_string()));
    let fences = state.fences();
    let fences = fences.map(|(resource, fence)| Fact::Fence(resource.to_string(), fence));
    let cursors = state.mail().cursors();
    let cursors = cursors.map(|(agent, id)| Fact::Cursor(agent.to_string(), id.to_string()));
    messages.chain(fences).chain(cursors).collect()
}

/// Has the program post in the folder and print the state, in a process each, and holds
/// that against what the library found.
pub(super) fn by_program(program: &Path, folder: &Path, found: &Snapshot) -> Result<(), String> {
    let run = |arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments).env("MESH_DIR", folder);
        let output = command
            .output()
            .map_err(|error| format!("{program:?}: {error}"))?;
        match output.status.success() {
            true => Ok(output.stdout),
            false => Err(format!(
                "G7: the program refuses what the library takes: {}",
                String::from_utf8_lossy(&output.stderr)
            )),
        }
    };
    // Without it, the program waits for a lock whose owner's name was lost.
    let _ = fs::remove_dir_all(folder.join("lock"));
    run(&["post", "--agent", "survivor", "*", "after the cut"])?;
    let state: Value = serde_json::from_slice(&run(&["state"])?).map_err(|e| e.to_string())?;
    for fact in facts_of(found) {
        let holds = match &fact {
            Fact::Message(id, body) => state["messages"][id]["body"] == **body,
            Fact::Fence(resource, fence) => state["fence_floor"][resource]
                .as_u64()
                .is_some_and(|found| found >= *fence),
            Fact::Cursor(agent, id) => state["cursors"][agent]
                .as_str()
                .is_some_and(|found| found >= id.as_str()),
            Fact::Agent(_) | Fact::Released(..) => true,
        };
        if !holds {
            return Err(format!("G4: the program does not find {fact:?}"));
        }
    }
    Ok(())
}
