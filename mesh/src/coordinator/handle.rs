//! The handle through which everything reaches a coordinator.

use std::fmt;

use async_channel::{Receiver, Sender};

use crate::core::{
    Claim, ClaimReply, Claims, ClaimsReply, Command, FenceCheck, Gc, GcReply, Inbox, InboxReply,
    Post, PostReply, Read, ReadReply, Register, RegisterReply, Rejection, Release, ReleaseReply,
    Reply, Roster, RosterReply,
};
use crate::ports::StorageError;

/// How many requests may wait for the coordinator before callers wait to be queued.
const QUEUE: usize = 256;

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MeshError {
    /// The caller's fault; the state is unchanged.
    Rejected(Rejection),
    /// The environment's fault; says whether the outcome is known.
    Storage(StorageError),
    /// The coordinator is gone.
    Closed,
}

impl fmt::Display for MeshError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(rejection) => rejection.fmt(f),
            Self::Storage(error) => error.fmt(f),
            Self::Closed => f.write_str("the coordinator has shut down; open the folder again"),
        }
    }
}

impl std::error::Error for MeshError {}

/// What goes to the coordinator, with the way back.
pub(crate) enum Request {
    /// A command.
    Call(Call),
    /// End, and tell when the folder is tidy.
    Close(Sender<()>),
}

/// One command on its way to the coordinator.
pub(crate) struct Call {
    pub(super) command: Command,
    pub(super) answer: Sender<Result<Reply, MeshError>>,
}

impl Call {
    /// Answers the call. A caller that is gone needs no answer.
    pub(crate) fn answer(self, answer: Result<Reply, MeshError>) {
        let _ = self.answer.try_send(answer);
    }
}

/// A mesh folder, opened: nine methods, one for each tool.
///
/// Cheap to clone and usable from any thread and any executor, since it only passes
/// messages to the coordinator that owns the state. Every method returns once its
/// effect, and whatever its reply reveals, survives a power cut (rules G4 and G5).
#[derive(Clone, Debug)]
pub struct Mesh {
    requests: Sender<Request>,
}

impl Mesh {
    /// A handle, and the end of the queue that a coordinator serves.
    pub(crate) fn queue() -> (Self, Receiver<Request>) {
        let (requests, served) = async_channel::bounded(QUEUE);
        (Self { requests }, served)
    }

    /// Sends one command and waits for its reply.
    ///
    /// # Errors
    ///
    /// [`MeshError::Rejected`] for a bad argument, [`MeshError::Storage`] when the
    /// folder cannot serve the command, [`MeshError::Closed`] after the coordinator
    /// ended.
    pub async fn call(&self, command: Command) -> Result<Reply, MeshError> {
        let (answer, reply) = async_channel::bounded(1);
        let request = Request::Call(Call { command, answer });
        self.requests
            .send(request)
            .await
            .map_err(|_| MeshError::Closed)?;
        reply.recv().await.map_err(|_| MeshError::Closed)?
    }

    /// Whether `fence` is that of a live holder of `resource`, now, as `claims` tells it:
    /// what has lapsed is reaped first, so nothing is ever
    /// [`Lapsed`](FenceCheck::Lapsed) here. See [`check_fence`](crate::core::check_fence)
    /// for what the answer does not promise.
    ///
    /// # Errors
    ///
    /// As [`Mesh::call`].
    pub async fn check_fence(&self, resource: &str, fence: u64) -> Result<FenceCheck, MeshError> {
        let claims = Claims {
            // Nothing depends on who asks (rule A5).
            agent_id: "mesh".to_owned(),
            resource: Some(resource.to_owned()),
        };
        let reply = self.claims(claims).await?;
        Ok(FenceCheck::by_claims(&reply, resource, fence))
    }

    /// Ends the coordinator once it has served what was sent before, and waits until
    /// the folder is tidy. Other handles to it find it [closed](MeshError::Closed).
    /// Dropping every handle ends it too, without waiting.
    pub async fn close(self) {
        let (done, closed) = async_channel::bounded(1);
        if self.requests.send(Request::Close(done)).await.is_ok() {
            // An error means that the coordinator ended without an answer: closed, too.
            let _ = closed.recv().await;
        }
    }
}

macro_rules! tool {
    ($(#[$doc:meta])* $method:ident, $command:ident, $reply:ident) => {
        impl Mesh {
            $(#[$doc])*
            ///
            /// # Errors
            ///
            /// As [`Mesh::call`].
            pub async fn $method(&self, command: $command) -> Result<$reply, MeshError> {
                match self.call(Command::$command(command)).await? {
                    Reply::$command(reply) => Ok(reply),
                    _ => unreachable!(concat!(stringify!($method), " answers with its own reply")),
                }
            }
        }
    };
}

tool! {
    /// Announces an agent, or refreshes its liveness (rule A1).
    register, Register, RegisterReply
}
tool! {
    /// Lists the agents (rule A4).
    roster, Roster, RosterReply
}
tool! {
    /// Acquires a resource, queues for it, or renews a hold (rules C1 to C9).
    claim, Claim, ClaimReply
}
tool! {
    /// Gives a hold back, or cancels a ticket (rule C10).
    release, Release, ReleaseReply
}
tool! {
    /// Shows holders and queues (rule C11).
    claims, Claims, ClaimsReply
}
tool! {
    /// Sends a message (rules M1, M2 and M7).
    post, Post, PostReply
}
tool! {
    /// Shows what waits for an agent, without consuming it (rule M3).
    inbox, Inbox, InboxReply
}
tool! {
    /// Moves an agent's cursor forward (rule M4).
    read, Read, ReadReply
}
tool! {
    /// Drops expired messages and sweeps lapsed claims (rule S1).
    gc, Gc, GcReply
}
