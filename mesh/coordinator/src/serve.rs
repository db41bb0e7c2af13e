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
