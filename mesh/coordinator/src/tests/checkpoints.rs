//! Checkpoints that another log, or another writer, gets in the way of.

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use mesh_core::{Entry, Snapshot};

use super::{Sleeper, claim, poll};
use crate::memory::{ManualClock, MemoryLock, MemoryLog, MemoryStorage};
use crate::ports::{
    Append, CheckpointNeed, Durability, News, Outcome, Storage, StorageError, StorageErrorKind,
};
use crate::{Coordinator, MeshError};

/// A log that cannot be synced any more, and is removed before the checkpoint that would take
/// the place of a sync.
struct Unsyncable {
    inner: MemoryStorage,
    log: MemoryLog,
    broken: bool,
}

impl Storage for Unsyncable {
    async fn read_on(&mut self) -> Result<News, StorageError> {
        let news = self.inner.read_on().await?;
        self.broken &= !matches!(news, News::Reset(_));
        Ok(news)
    }

    async fn changed(&mut self) {
        self.inner.changed().await;
    }

    fn unwatch(&mut self) {
        self.inner.unwatch();
    }

    async fn append(&mut self, entry: &Entry) -> Result<Append, StorageError> {
        let appended = self.inner.append(entry).await;
        self.broken = appended == Ok(Append::Committed);
        appended
    }

    async fn sync(&mut self) -> Result<Durability, StorageError> {
        if !self.broken {
            return self.inner.sync().await;
        }
        self.log.remove();
        Err(StorageError {
            kind: StorageErrorKind::Io,
            what: "the disk does not sync".to_owned(),
            next: "call again".to_owned(),
            outcome: Outcome::Unknown,
        })
    }

    fn checkpoint_need(&self) -> CheckpointNeed {
        match self.broken {
            true => CheckpointNeed::Required,
            false => self.inner.checkpoint_need(),
        }
    }

    async fn checkpoint(&mut self, snapshot: &Snapshot) -> Result<Append, StorageError> {
        self.inner.checkpoint(snapshot).await
    }

    async fn close(&mut self, snapshot: &Snapshot) -> Result<(), StorageError> {
        self.inner.close(snapshot).await
    }
}

/// The checkpoint that would have saved an entry is one of another log: the entry is gone, and
/// its call must not be answered as if it were not.
#[test]
fn an_entry_of_a_log_that_was_removed_is_not_acknowledged() {
    let clock = ManualClock::at(1_700_000_000_000);
    let log = MemoryLog::new();
    let storage = Unsyncable {
        inner: log.storage(),
        log,
        broken: false,
    };
    let lock = MemoryLock::new(clock.clone());
    let (coordinator, handle) = Coordinator::new(clock, storage, lock, 1);
    let mut call = pin!(handle.claim(claim("a")));
    assert!(poll(call.as_mut()).is_pending());
    assert!(poll(pin!(coordinator.run())).is_pending());
    let Poll::Ready(Err(MeshError::Storage(error))) = poll(call) else {
        panic!("it was answered");
    };
    assert_eq!(error.outcome, Outcome::Unknown);
}

/// A log to which others always write faster than a checkpoint is made.
struct Busy {
    inner: MemoryStorage,
    tried: Rc<Cell<u32>>,
}

impl Storage for Busy {
    async fn read_on(&mut self) -> Result<News, StorageError> {
        self.inner.read_on().await
    }

    async fn changed(&mut self) {
        self.inner.changed().await;
    }

    fn unwatch(&mut self) {
        self.inner.unwatch();
    }

    async fn append(&mut self, entry: &Entry) -> Result<Append, StorageError> {
        self.inner.append(entry).await
    }

    async fn sync(&mut self) -> Result<Durability, StorageError> {
        self.inner.sync().await
    }

    fn checkpoint_need(&self) -> CheckpointNeed {
        CheckpointNeed::Worthwhile
    }

    async fn checkpoint(&mut self, _: &Snapshot) -> Result<Append, StorageError> {
        self.tried.set(self.tried.get() + 1);
        Ok(Append::Lost)
    }

    async fn close(&mut self, snapshot: &Snapshot) -> Result<(), StorageError> {
        self.inner.close(snapshot).await
    }
}

/// A checkpoint that was lost is not tried again behind each batch, but after a pause.
#[test]
fn a_lost_checkpoint_is_tried_again_after_a_pause() {
    let clock = ManualClock::at(1_700_000_000_000);
    let tried = Rc::new(Cell::new(0));
    let storage = Busy {
        inner: MemoryLog::new().storage(),
        tried: tried.clone(),
    };
    let lock = MemoryLock::new(clock.clone());
    let (coordinator, handle) = Coordinator::new(Sleeper(clock.clone()), storage, lock, 1);
    let mut coordinator = pin!(coordinator.run());
    let mut after = Vec::new();
    for pause in [0, 1, 4_000, 1_000, 0] {
        clock.advance(pause);
        let mut call = pin!(handle.claim(claim("a")));
        assert!(poll(call.as_mut()).is_pending());
        assert!(poll(coordinator.as_mut()).is_pending());
        assert!(poll(call).is_ready());
        after.push(tried.get());
    }
    assert_eq!(after, [1, 1, 1, 2, 2]);
}
