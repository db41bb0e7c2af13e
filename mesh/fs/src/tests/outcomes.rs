//! What an error says of the call that failed: "no effect" is a promise, also of what comes
//! later, and an honest caller calls again on it (rule G4).

use std::cell::Cell;
use std::io::{ErrorKind, Write};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::{Disk, Fault, Folder, Member, block_on};
use crate::testing::FakeClock;
use mesh_coordinator::memory::MemoryLock;
use mesh_coordinator::ports::{Append, Durability, Outcome, Storage, StorageError};
use mesh_coordinator::{Coordinator, Handle, MeshError};
use mesh_core::{Command, Inbox, Post, Reply};

/// Fails a call on a name, each time.
fn failing(call: &'static str, name: &'static str) -> impl FnMut(&str, &str) -> Fault {
    move |called, of| match (called, of) {
        now if now == (call, name) => Fault::Before(ErrorKind::Other),
        _ => Fault::None,
    }
}

/// A process that has read a folder with one entry.
fn reader(folder: &Folder) -> (Member, Disk) {
    let (mut process, fs) = folder.faulty(|_, _| Fault::None);
    block_on(process.look()).unwrap();
    (process, fs)
}

fn bodies(folder: &Folder) -> Vec<String> {
    block_on(folder.open().look()).unwrap()
}

/// Bytes that a killed writer left make the next one look whether it won. Where the look
/// fails, it cannot tell, and its entry is there.
#[test]
fn a_look_that_fails_after_an_append_leaves_its_outcome_open() {
    for name in ["watermark", "journal.1"] {
        let folder = Folder::with(&["1"]);
        let (mut process, fs) = reader(&folder);
        let journal = std::fs::File::options();
        let mut journal = journal
            .clone()
            .append(true)
            .open(folder.file("journal.1"))
            .unwrap();
        journal.write_all(b"\x1e{\"sum\":\"torn").unwrap();
        fs.plan(failing("read_at", name));
        let error = block_on(process.append("2")).unwrap_err();
        assert_eq!(error.outcome, Outcome::Unknown, "{name}: {error}");
        assert_eq!(bodies(&folder), ["1", "2"]);
        fs.plan(|_, _| Fault::None);
        assert_eq!(block_on(process.look()).unwrap(), ["1", "2"]);
    }
}

/// A generation that lost its name is looked for among the others, which takes descriptors.
#[test]
fn a_barrier_that_cannot_look_around_leaves_the_outcome_open() {
    let looks = [
        ("is_attached", ""),
        ("stat_name", "journal.1"),
        ("list", ""),
        ("open", "journal.2"),
        ("stat", "journal.2"),
        ("read_at", "journal.2"),
    ];
    for (call, name) in looks {
        let folder = Folder::with(&["1"]);
        let (mut process, fs) = reader(&folder);
        assert_eq!(block_on(process.append("2")), Ok(Append::Committed));
        block_on(folder.open().checkpoint()).unwrap();
        fs.plan(failing(call, name));
        let error = block_on(process.storage.sync()).unwrap_err();
        assert_eq!(error.outcome, Outcome::Unknown, "{call} {name}: {error}");
        assert_eq!(bodies(&folder), ["1", "2"]);
        fs.plan(|_, _| Fault::None);
        assert_eq!(block_on(process.storage.sync()), Ok(Durability::Durable));
    }
}

/// The repository was moved, and the folder's path leads nowhere any more.
#[test]
fn an_entry_in_a_folder_that_was_moved_away_is_not_denied() {
    let folder = Folder::with(&["1"]);
    let (mut process, _) = reader(&folder);
    assert_eq!(block_on(process.append("2")), Ok(Append::Committed));
    let moved = folder.dir.path().with_extension("moved");
    std::fs::rename(folder.dir.path(), &moved).unwrap();
    let error = block_on(process.storage.sync()).unwrap_err();
    assert_eq!(error.outcome, Outcome::Unknown, "{error}");
    let error = block_on(process.catch_up()).unwrap_err();
    assert_eq!(error.outcome, Outcome::NoEffect, "{error}");
    std::fs::rename(&moved, folder.dir.path()).unwrap();
    assert_eq!(bodies(&folder), ["1", "2"]);
}

/// Whoever is left behind opens the log anew. Its lost record lies in a file that it has not
/// open any more, and whether the winner is durable is for what it opens to say.
#[test]
fn a_loser_that_cannot_open_the_log_again_leaves_its_outcome_open() {
    let folder = Folder::with(&["1"]);
    let (mut process, fs) = reader(&folder);
    let mut rival = folder.open();
    block_on(rival.commit("rival")).unwrap();
    assert_eq!(block_on(process.append("2")), Ok(Append::Lost));
    for _ in 0..2 {
        assert_eq!(block_on(rival.checkpoint()), Ok(Append::Committed));
    }
    fs.plan(failing("open", "journal.3"));
    let error = block_on(process.look()).unwrap_err();
    assert_eq!(error.outcome, Outcome::Unknown, "{error}");

    let syncs = Rc::new(Cell::new(0));
    let counted = syncs.clone();
    fs.plan(move |call, name| {
        let is_sync = (call, name) == ("sync", "journal.3");
        counted.set(counted.get() + u32::from(is_sync));
        Fault::None
    });
    assert_eq!(block_on(process.look()).unwrap(), ["1", "rival"]);
    assert_eq!(syncs.get(), 1, "what it opened says so once it is synced");
}

/// A file that has served, and cannot be removed, is swept another time.
#[test]
fn a_leftover_of_a_new_folder_keeps_nobody_out() {
    let folder = Folder::new();
    let (mut process, _) = folder.faulty(|call, name| match call {
        "remove" if name.starts_with("tmp.") => Fault::Before(ErrorKind::Other),
        _ => Fault::None,
    });
    block_on(process.commit("1")).unwrap();
    assert_eq!(bodies(&folder), ["1"]);
}

/// A coordinator over a folder.
struct Server {
    handle: Handle,
    task: Pin<Box<dyn Future<Output = ()>>>,
}

impl Server {
    /// Over a process that has read nothing yet.
    fn of(process: Member) -> Self {
        let clock = FakeClock::new();
        let lock = MemoryLock::new(clock.clone());
        let (coordinator, handle) = Coordinator::new(clock, process.storage, lock, 1);
        let task = Box::pin(coordinator.run());
        Self { handle, task }
    }

    /// Everything here is a blocking call, so one look takes the coordinator as far as it goes.
    fn call(&mut self, command: Command) -> Result<Reply, MeshError> {
        let mut context = Context::from_waker(Waker::noop());
        let mut call = pin!(self.handle.call(command));
        assert!(call.as_mut().poll(&mut context).is_pending());
        let _ = self.task.as_mut().poll(&mut context);
        match call.poll(&mut context) {
            Poll::Ready(answer) => answer,
            Poll::Pending => panic!("a coordinator that is asked answers"),
        }
    }

    fn fails(&mut self, command: Command) -> StorageError {
        match self.call(command) {
            Err(MeshError::Storage(error)) => error,
            other => panic!("not a storage error: {other:?}"),
        }
    }
}

fn post(body: &str) -> Command {
    Command::Post(Post {
        agent_id: "a".to_owned(),
        to: "b".to_owned(),
        body: body.to_owned(),
        ..Post::default()
    })
}

fn inbox() -> Command {
    Command::Inbox(Inbox {
        agent_id: "b".to_owned(),
        ..Inbox::default()
    })
}

/// The coordinator's own: what fails behind a committed entry says nothing of that entry. A
/// call that writes nothing took no effect, whatever failed.
#[test]
fn a_failure_behind_a_committed_entry_does_not_deny_it() {
    let folder = Folder::with(&["1"]);
    let (process, fs) = folder.faulty(|_, _| Fault::None);
    let mut server = Server::of(process);
    server.call(inbox()).unwrap();
    // Neither the sync nor the checkpoint from memory that would mend it.
    fs.plan(|call, name| match call {
        "sync" | "create" if name != "watermark" => Fault::Before(ErrorKind::Other),
        _ => Fault::None,
    });
    let error = server.fails(post("2"));
    assert_eq!(error.outcome, Outcome::Unknown, "{error}");
    let error = server.fails(inbox());
    assert_eq!(error.outcome, Outcome::NoEffect, "{error}");
    let error = server.fails(post("3"));
    assert_eq!(error.outcome, Outcome::NoEffect, "{error}");
    assert_eq!(bodies(&folder), ["1", "2"]);
}
