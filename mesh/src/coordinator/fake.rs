//! A coordinator for tests of the edges: answers come from a closure.

use crate::core::{Command, Reply};

use super::handle::{Mesh, MeshError};

/// A handle, and the task that answers what is asked through it, one call after the
/// other, until every handle is gone.
pub(crate) fn fake<A, F>(mut answer: A) -> (Mesh, impl Future<Output = ()>)
where
    A: FnMut(Command) -> F,
    F: Future<Output = Result<Reply, MeshError>>,
{
    let (mesh, requests) = Mesh::queue();
    let task = async move {
        while let Ok(request) = requests.recv().await {
            let reply = answer(request.command).await;
            // An error means that the caller is gone.
            let _ = request.answer.send(reply).await;
        }
    };
    (mesh, task)
}
