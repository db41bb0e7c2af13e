//! A coordinator for tests of the edges: answers come from a closure.

use crate::coordinator::{Handle, Request};
use crate::core::{Command, Reply};
use crate::{Mesh, MeshError};

/// A handle, and the task that answers what is asked through it, one call after the
/// other, until it is closed or every handle is gone.
pub(super) fn fake<A, F>(mut answer: A) -> (Mesh, impl Future<Output = ()>)
where
    A: FnMut(Command) -> F,
    F: Future<Output = Result<Reply, MeshError>>,
{
    let (handle, served) = Handle::queue();
    let task = async move {
        while let Some(Request::Call(call)) = served.next().await {
            let reply = answer(call.command().clone()).await;
            call.answer(reply);
        }
    };
    (handle.into(), task)
}
