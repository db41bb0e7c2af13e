//! No call lasts for ever, whatever the log does: each loop of the coordinator has a bound,
//! and another way out.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use crate::testing::FakeClock;
use mesh_coordinator::memory::MemoryLock;
use mesh_coordinator::ports::{
    Append, CheckpointNeed, Durability, News, Outcome, Storage, StorageError, StorageErrorKind,
};
use mesh_coordinator::{Coordinator, MeshError};
use mesh_core::{Command, Entry, Post, Snapshot};

/// What a log does for ever.
#[derive(Clone, Copy, Debug)]
enum Stubborn {
    /// It takes nothing, and shows nothing in its place.
    Refuses,
    /// It takes everything, and is another log right afterwards.
    Vanishes,
    /// It begins anew whenever it is read.
    BeginsAnew,
}

impl Storage for Stubborn {
    async fn read_on(&mut self) -> Result<News, StorageError> {
        Ok(match self {
            Self::BeginsAnew => News::Reset(Box::default()),
            Self::Refuses | Self::Vanishes => News::CaughtUp,
        })
    }

    async fn changed(&mut self) {}

    fn unwatch(&mut self) {}

    async fn append(&mut self, _: &Entry) -> Result<Append, StorageError> {
        Ok(match self {
            Self::Vanishes => Append::Committed,
            Self::Refuses | Self::BeginsAnew => Append::Lost,
        })
    }

    async fn sync(&mut self) -> Result<Durability, StorageError> {
        Ok(Durability::Reset)
    }

    fn checkpoint_need(&self) -> CheckpointNeed {
        CheckpointNeed::Required
    }

    async fn checkpoint(&mut self, _: &Snapshot) -> Result<Append, StorageError> {
        Ok(Append::Lost)
    }

    async fn close(&mut self, _: &Snapshot) -> Result<(), StorageError> {
        Ok(())
    }
}

#[test]
fn a_log_that_gets_nowhere_is_told_as_an_error() {
    for (log, outcome) in [
        (Stubborn::Refuses, Outcome::NoEffect),
        (Stubborn::Vanishes, Outcome::Unknown),
        (Stubborn::BeginsAnew, Outcome::NoEffect),
    ] {
        let clock = FakeClock::new();
        let lock = MemoryLock::new(clock.clone());
        let (coordinator, handle) = Coordinator::new(clock, log, lock, 1);
        let mut task = pin!(coordinator.run());
        let post = Post {
            agent_id: "a".to_owned(),
            to: "b".to_owned(),
            body: "hello".to_owned(),
            ..Post::default()
        };
        let mut call = pin!(handle.call(Command::Post(post)));
        let mut context = Context::from_waker(Waker::noop());
        assert!(call.as_mut().poll(&mut context).is_pending());
        let _ = task.as_mut().poll(&mut context);
        let Poll::Ready(Err(MeshError::Storage(error))) = call.poll(&mut context) else {
            panic!("{log:?}: no answer, or another one than an error");
        };
        assert_eq!(error.kind, StorageErrorKind::Io, "{log:?}: {error}");
        assert_eq!(error.outcome, outcome, "{log:?}: {error}");
    }
}
