//! The rules of mesh, and nothing else.
//!
//! [`decide`] looks at a [`State`], a time and a [`Command`], and answers with the
//! [`Event`]s that the command causes and the [`Reply`] to give, or with a
//! [`Rejection`] that leaves everything as it was. [`State::apply`] folds events
//! into the state. That is the whole interface; the contract in `docs/contract.md`
//! is the specification of both, and every rule in here names its id.
//!
//! Guarantees:
//!
//! * **Pure.** No I/O, no clock, no randomness, no async, no hash maps. Time and
//!   entropy are arguments, so the simulator and the model call the very code that
//!   production runs, and equal inputs give equal outputs on every machine.
//! * **Decide, then apply.** Events are facts ("granted, fence 7, until 12:02"),
//!   not commands. A replay therefore needs no rule, and two versions of the binary
//!   agree on the state as long as they agree on the facts.
//! * **Cheap snapshots.** The collections are persistent trees, so `State::clone`
//!   costs a few reference counts. `decide` works on a clone, a batch of commands is
//!   decided by threading the clone through, and a lost race drops it.
//!
//! Left to others: durability and order (the `Storage`
//! port), what time it is, and who may call.

mod arguments;
mod command;
mod decide;
mod event;
mod ids;
mod limits;
mod names;
mod rejection;
mod reply;
mod snapshot;
mod state;
pub mod steps;
mod time;
mod trail;
mod within;

pub use command::{
    Claim, Claims, Command, Gc, Inbox, Mode, Post, Read, Register, Release, Roster, Wait,
};
pub use decide::{
    Concern, Decided, Decision, FenceCheck, Piece, Prospect, check_fence, collect, concern, decide,
    decide_within, has_expired, prospect, prospects, prune, settle, shown_to, standing,
};
pub use event::{ClaimRef, Entry, Event, LapseReason, Terms};
pub use ids::{ClaimId, Entropy, MessageId};
pub use limits::{
    DEFAULT_INBOX_LIMIT, DEFAULT_LEASE_SECONDS, DEFAULT_TTL_SECONDS, Limits, MAX_BODY_BYTES,
    MAX_COUNT, MAX_INBOX_BYTES, MAX_INBOX_LIMIT, MAX_KEY_BYTES, MAX_LEASE, MAX_LEASE_SECONDS,
    MAX_MESSAGE_TTL_SECONDS, MAX_NAME_BYTES, MAX_REQUEST_BYTES, MAX_SHARERS, MAX_TEXT_BYTES,
    MAX_TICKETS, MAX_TRAIL, MAX_WAIT_SECONDS,
};
pub use names::{AgentId, Resource, SessionId};
pub use rejection::{Rejection, escape, printable, printable_json};
pub use reply::{
    AgentView, ClaimReply, ClaimStatus, ClaimView, ClaimsReply, DeadlockView, GcReply, HolderView,
    InboxReply, Liveness, LossView, MessageView, PostReply, ReadReply, RegisterReply, ReleaseReply,
    ReleaseStatus, Reply, RosterReply, TicketView,
};
pub use snapshot::{Part, Snapshot, SnapshotBuilder, SnapshotError};
pub use state::{
    Agent, Hold, KeyedPost, Loss, Losses, Mail, Message, ResourceState, State, Ticket,
};
pub use time::{Millis, Timestamp};
pub use trail::{Trail, TrailRecord};
