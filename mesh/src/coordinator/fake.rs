//! A coordinator for tests of the edges: answers come from a closure.

use crate::core::{Command, Reply};

use super::handle::{Mesh, MeshError, Request};

/// A handle, and the task that answers what is asked through it, one call after the
/// other, until it is closed or every handle is gone.
pub(crate) fn fake<A, F>(mut answer: A) -> (Mesh, impl Future<Output = ()>)
where
    A: FnMut(Command) -> F,
    F: Future<Output = Result<Reply, MeshError>>,
{
    let (mesh, served) = Mesh::queue();
    let task = async move {
        while let Ok(Request::Call(call)) = served.requests.recv().await {
            let reply = answer(call.command.clone()).await;
            call.answer(reply);
        }
    };
    (mesh, task)
}
