//! The handle through which everything reaches a coordinator.

use crate::error::MeshError;
use crate::parcel::Parcel;
use crate::signal::Signal;
use async_channel::{Receiver, Sender};
use mesh_core::{
    Claim, ClaimReply, Claims, ClaimsReply, Command, FenceCheck, Gc, GcReply, Inbox, InboxReply,
    Limits, Post, PostReply, Read, ReadReply, Register, RegisterReply, Release, ReleaseReply,
    Reply, Roster, RosterReply,
};

/// What goes to the coordinator, with the way back.
#[derive(Debug)]
pub enum Request {
    /// A command.
    Call(Call),
    /// End, and tell when the folder is tidy.
    Close(Sender<()>),
}

/// One command on its way to the coordinator, or held by it.
#[derive(Debug)]
pub struct Call {
    pub(super) command: Command,
    answer: Sender<Parcel>,
}

impl Call {
    /// A command, and where its answer arrives.
    fn new(command: Command) -> (Self, Receiver<Parcel>) {
        let (answer, parcels) = async_channel::bounded(1);
        (Self { command, answer }, parcels)
    }

    /// A command that nobody waits for.
    pub(super) fn of_nobody(command: Command) -> Self {
        Self::new(command).0
    }

    /// What is asked.
    pub fn command(&self) -> &Command {
        &self.command
    }

    /// Answers the call. A caller that is gone needs no answer.
    pub fn answer(self, answer: Result<Reply, MeshError>) {
        self.deliver(Parcel::plain(answer));
    }

    /// Sends the answer on its way. A caller that is gone does not open it.
    pub(super) fn deliver(self, parcel: Parcel) {
        let _ = self.answer.try_send(parcel);
    }

    /// Whether the caller is known to be gone.
    pub(super) fn is_gone(&self) -> bool {
        self.answer.is_closed()
    }
}

/// The serving end of a [`Handle`]: what a coordinator takes its requests from.
#[derive(Clone, Debug)]
pub struct Served {
    pub(super) requests: Receiver<Request>,
    pub(super) signals: Receiver<Signal>,
    /// For what the coordinator sends out that may have to come back.
    pub(super) back: Sender<Signal>,
    /// What the coordinator stays within.
    pub(super) limits: &'static Limits,
}

impl Served {
    /// The next request, for whoever serves before there is a coordinator; `None` once the
    /// queue has ended.
    pub async fn next(&self) -> Option<Request> {
        self.requests.recv().await.ok()
    }

    /// Ends the queue.
    pub fn close(&self) {
        self.requests.close();
    }
}

/// The way to a coordinator: nine methods, one for each tool.
///
/// Cheap to clone and usable from any thread and any executor, since it only passes
/// messages to the coordinator that owns the state. Every method returns once its
/// effect, and whatever its reply reveals, survives a power cut (rules G4 and G5).
///
/// A call that [waits](Command::patience) is held by the coordinator. To drop its future
/// is to go away: the ticket that the call took is withdrawn, and a grant that comes too
/// late to be heard of is released (rule W3).
#[derive(Clone, Debug)]
pub struct Handle {
    requests: Sender<Request>,
    signals: Sender<Signal>,
}

impl Handle {
    /// A handle, and its serving end.
    pub fn queue() -> (Self, Served) {
        Self::within(&Limits::PRODUCTION)
    }

    /// The same, for a coordinator that stays within `limits`.
    pub fn within(limits: &'static Limits) -> (Self, Served) {
        let (requests, served) = async_channel::bounded(limits.queue);
        let (signals, heard) = async_channel::unbounded();
        let served = Served {
            requests: served,
            signals: heard,
            back: signals.clone(),
            limits,
        };
        (Self { requests, signals }, served)
    }

    /// Sends one command and waits for its reply.
    ///
    /// # Errors
    ///
    /// [`MeshError::Rejected`] for a bad argument, [`MeshError::Storage`] when the
    /// folder cannot serve the command, [`MeshError::Closed`] after the coordinator
    /// ended.
    pub async fn call(&self, command: Command) -> Result<Reply, MeshError> {
        self.send(command).await.open()
    }

    /// The same, for whoever passes the reply on: it counts as arrived only once the
    /// parcel is opened.
    pub async fn send(&self, command: Command) -> Parcel {
        let waits = command.patience() > 0;
        let (call, parcels) = Call::new(command);
        if self.requests.send(Request::Call(call)).await.is_err() {
            return Parcel::plain(Err(MeshError::Closed));
        }
        let waiting = Waiting {
            parcels,
            signals: waits.then_some(&self.signals),
        };
        let parcel = waiting.parcels.recv().await;
        parcel.unwrap_or_else(|_| Parcel::plain(Err(MeshError::Closed)))
    }

    /// Has all calls answered that are held, as things stand.
    pub fn end_waits(&self) {
        // An error means that the coordinator is gone, and nothing is held.
        let _ = self.signals.try_send(Signal::EndWaits);
    }

    /// Whether `fence` is that of a live holder of `resource`, now, as `claims` tells it:
    /// what has lapsed is reaped first, so nothing is ever
    /// [`Lapsed`](FenceCheck::Lapsed) here. See [`check_fence`](mesh_core::check_fence)
    /// for what the answer does not promise.
    ///
    /// # Errors
    ///
    /// As [`Handle::call`].
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
    /// the folder is tidy. Calls that are held are answered as things stand. Other
    /// handles to it find it [closed](MeshError::Closed). Dropping every handle ends it
    /// too, without waiting.
    pub async fn close(self) {
        let (done, closed) = async_channel::bounded(1);
        if self.requests.send(Request::Close(done)).await.is_ok() {
            // An error means that the coordinator ended without an answer: closed, too.
            let _ = closed.recv().await;
        }
    }
}

/// A caller that waits for its answer. Dropped, it is gone, and says so.
struct Waiting<'a> {
    parcels: Receiver<Parcel>,
    signals: Option<&'a Sender<Signal>>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        // First closed, so that whoever hears the signal finds the caller gone. After an
        // answer there is nothing to find, which is one look in vain.
        self.parcels.close();
        if let Some(signals) = self.signals {
            let _ = signals.try_send(Signal::Gone);
        }
    }
}

macro_rules! tool {
    ($(#[$doc:meta])* $method:ident, $command:ident, $reply:ident) => {
        impl Handle {
            $(#[$doc])*
            ///
            /// # Errors
            ///
            /// As [`Handle::call`].
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
