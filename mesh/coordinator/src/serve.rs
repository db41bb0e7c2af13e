//! Serving a queue whose ports have yet to be opened.

use mesh_core::printable;

use crate::error::MeshError;
use crate::handle::{Call, Request, Served};
use crate::ports::{Clock, Lock, Storage, StorageError};
use crate::task::Coordinator;

/// Serves a handle's queue with the coordinator that `open` gives, until the queue ends.
///
/// As long as `open` fails, every call gets the reason, and the next one tries again: a
/// handle can be given out before anybody knows whether its store can be opened. `name` is
/// what the program's own log calls the store.
pub async fn serve<C: Clock, S: Storage, L: Lock>(
    served: Served,
    name: &str,
    open: impl AsyncFn(Served) -> Result<Coordinator<C, S, L>, StorageError>,
) {
    let name = printable(name);
    let mut first: Option<Call> = None;
    loop {
        match open(served.clone()).await {
            Ok(mut coordinator) => {
                let Some(call) = first.take() else {
                    // Reading the log ahead of the first call makes that one fast. What
                    // keeps it from being read is told to whoever calls.
                    if let Err(error) = coordinator.load().await {
                        tracing::debug!("{name}: {error}");
                    }
                    return coordinator.run().await;
                };
                let close = coordinator.serve(Some(call)).await;
                return coordinator.run_until(close).await;
            }
            Err(error) => {
                tracing::debug!("{name}: {error}");
                if let Some(call) = first.take() {
                    call.answer(Err(MeshError::Storage(error)));
                }
            }
        }
        match served.next().await {
            Some(Request::Call(call)) => first = Some(call),
            Some(Request::Close(done)) => {
                served.close();
                let _ = done.try_send(());
                return;
            }
            None => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll, Waker};

    use mesh_core::{Command, Reply, Roster};

    use super::*;
    use crate::handle::Handle;
    use crate::memory::{ManualClock, MemoryLock, MemoryLog, MemoryStorage};
    use crate::ports::{Outcome, StorageErrorKind};

    type InMemory = Coordinator<ManualClock, MemoryStorage, MemoryLock<ManualClock>>;

    fn opened(served: Served) -> InMemory {
        let clock = ManualClock::at(0);
        let lock = MemoryLock::new(clock.clone());
        Coordinator::serving(served, clock, MemoryLog::new().storage(), lock, 1)
    }

    fn closed_store() -> StorageError {
        StorageError {
            kind: StorageErrorKind::Io,
            what: "it is closed".to_owned(),
            next: "open it".to_owned(),
            outcome: Outcome::NoEffect,
        }
    }

    /// Serves a queue whose store can be opened at the attempt `good`, the first being 1.
    async fn serve_from(served: Served, good: u32) {
        let attempts = Cell::new(0);
        let open = async |served| {
            attempts.set(attempts.get() + 1);
            match attempts.get() < good {
                true => Err(closed_store()),
                false => Ok(opened(served)),
            }
        };
        serve(served, "it", open).await;
    }

    /// Everything here is in memory, so one look takes a future as far as it goes.
    fn poll<T>(future: Pin<&mut impl Future<Output = T>>) -> Poll<T> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    fn look() -> Command {
        Command::Roster(Roster {
            agent_id: "a".into(),
            ..Roster::default()
        })
    }

    fn ask(handle: &Handle, server: Pin<&mut impl Future>) -> Poll<Result<Reply, MeshError>> {
        let mut call = pin!(handle.call(look()));
        assert!(poll(call.as_mut()).is_pending());
        let _ = poll(server);
        poll(call)
    }

    /// Nobody asks at the first attempt; each call makes one more, and is told how it went.
    #[test]
    fn each_call_tries_again_and_is_told_how_that_went() {
        let (handle, served) = Handle::queue();
        let mut server = pin!(serve_from(served, 3));
        assert!(poll(server.as_mut()).is_pending());
        let refused = Err(MeshError::Storage(closed_store()));
        assert_eq!(ask(&handle, server.as_mut()), Poll::Ready(refused));
        for which in ["the one that opens it", "the next"] {
            let reply = ask(&handle, server.as_mut());
            assert!(matches!(reply, Poll::Ready(Ok(_))), "{which}: {reply:?}");
        }
    }

    /// A request to close that waits behind the call that opens the store is heard.
    #[test]
    fn a_request_to_close_right_behind_the_first_call_is_heard() {
        let (handle, served) = Handle::queue();
        let mut server = pin!(serve_from(served, 2));
        assert!(poll(server.as_mut()).is_pending());
        let mut call = pin!(handle.call(look()));
        let mut close = pin!(handle.clone().close());
        assert!(poll(call.as_mut()).is_pending() && poll(close.as_mut()).is_pending());
        assert!(poll(server).is_ready(), "it has ended");
        assert!(matches!(poll(call), Poll::Ready(Ok(_))));
        assert!(poll(close).is_ready());
    }
}
