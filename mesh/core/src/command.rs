//! What an agent can ask for: nine commands, as typed as a caller can make them.
//!
//! A command is not yet valid. Its texts are whatever the caller sent, and
//! [`decide`](super::decide) checks them, so that every edge (MCP, command line,
//! library) enforces the same limits with the same words.
//!
//! The fields have the names that the arguments of the tools have, and are read by them. What
//! serde says of arguments that do not fit names no field, so an edge looks at them first.

use serde::{Deserialize, Serialize};
use strum::VariantNames;

use super::limits::MAX_WAIT_SECONDS;
use super::time::Millis;

/// One of the nine requests.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[allow(
    missing_docs,
    reason = "each variant is documented on the type that it carries"
)]
pub enum Command {
    Register(Register),
    Roster(Roster),
    Claim(Claim),
    Release(Release),
    Claims(Claims),
    Post(Post),
    Inbox(Inbox),
    Read(Read),
    Gc(Gc),
}

impl Command {
    /// Whether the command may be answered from the log alone, without an entry of
    /// its own. Only a reader may: `roster` and `claims` turn into writers when they
    /// find something to reap.
    pub fn is_reader(&self) -> bool {
        matches!(self, Self::Roster(_) | Self::Claims(_) | Self::Inbox(_))
    }

    /// How long a coordinator may hold the call for a better answer, in milliseconds
    /// (rule W1); 0 for one that is answered at once.
    pub fn patience(&self) -> Millis {
        let seconds = match self {
            Self::Claim(claim) => claim.wait_seconds,
            Self::Inbox(inbox) => inbox.wait_seconds,
            _ => None,
        };
        seconds.unwrap_or(0).min(MAX_WAIT_SECONDS) * 1000
    }

    /// Roughly how many bytes the command adds to an entry, for bounding batches.
    pub fn weight(&self) -> usize {
        match self {
            Self::Post(post) => 512 + post.body.len(),
            _ => 512,
        }
    }
}

/// Announces an agent, or refreshes its liveness (rule A1).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Register {
    /// The agent's stable name.
    pub agent_id: String,
    /// The branch that it works on.
    pub branch: String,
    /// Where its task is described.
    pub prompt_ptr: String,
    /// What it is for; left out clears an earlier one.
    pub role: Option<String>,
    /// How long it counts as alive without a sign of life; 60 s when left out.
    pub ttl_seconds: Option<u64>,
    /// The client's session that it belongs to, which the edge knows and the agent need
    /// not; left out clears an earlier one. It decides nothing: whoever tidies up behind
    /// a session finds its agents by it.
    #[serde(skip)]
    pub session: Option<String>,
}

/// Lists the agents (rule A4).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Roster {
    /// Who asks.
    pub agent_id: String,
    /// Whether dead agents are listed too.
    #[serde(default)]
    pub include_stale: bool,
}

/// Acquires a resource, queues for it, or renews a hold (rules C1 to C9).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// Who claims.
    pub agent_id: String,
    /// What is claimed.
    pub resource: String,
    /// Left out: exclusive for a new claim, as it was for a renewal.
    pub mode: Option<Mode>,
    /// Left out: 120 s for a new claim, what it last asked for in a renewal.
    pub lease_seconds: Option<u64>,
    /// Whether to take a ticket where the claim cannot be granted. Left out: no, unless
    /// there are `wait_seconds`.
    pub wait: Option<Wait>,
    /// How long the coordinator holds the call while the claim waits in the queue (rule
    /// W1); 0 when left out.
    pub wait_seconds: Option<u64>,
    /// What it is for, for others to read.
    pub note: Option<String>,
}

impl Claim {
    /// What is to happen where the claim cannot be granted at once: waiting for some
    /// time is waiting in the queue.
    pub fn wait(&self) -> Wait {
        let waits = self.wait_seconds.is_some_and(|seconds| seconds > 0);
        let unsaid = if waits { Wait::Queue } else { Wait::NoWait };
        self.wait.unwrap_or(unsaid)
    }
}

/// Gives a hold back, or cancels a ticket (rule C10).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// Who releases.
    pub agent_id: String,
    /// What `claim` returned.
    pub claim_id: String,
    /// The resource of that claim.
    pub resource: String,
}

/// Shows holders and queues (rule C11).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    /// Who asks.
    pub agent_id: String,
    /// Only this resource.
    pub resource: Option<String>,
}

/// Sends a message (rules M1, M2 and M7).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Post {
    /// The sender.
    pub agent_id: String,
    /// An agent id, `*`, or `topic:<name>`.
    pub to: String,
    /// The text.
    pub body: String,
    /// What it is about.
    pub subject: Option<String>,
    /// The message that it answers.
    pub reply_to: Option<String>,
    /// After how long it may be dropped; never, when left out.
    pub ttl_seconds: Option<u64>,
    /// Makes a retry within an hour return the first reply instead of posting again.
    pub key: Option<String>,
}

/// Shows what waits for an agent, without consuming it (rule M3).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inbox {
    /// Whose mail.
    pub agent_id: String,
    /// Topics to include, with or without `topic:`.
    #[serde(default)]
    pub topics: Vec<String>,
    /// Look above this message instead of the stored cursor.
    pub since: Option<String>,
    /// How many messages at most, 1 to 1000; 100 when left out.
    pub limit: Option<u64>,
    /// How long the coordinator holds the call while there is nothing to show (rule W1);
    /// 0 when left out.
    pub wait_seconds: Option<u64>,
}

/// Moves an agent's cursor forward (rule M4).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Read {
    /// Whose cursor.
    pub agent_id: String,
    /// The last message that was consumed.
    pub up_to: String,
    /// Topics that `remaining` counts, with or without `topic:`.
    #[serde(default)]
    pub topics: Vec<String>,
}

/// Drops expired messages and sweeps lapsed claims (rule S1).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gc {
    /// Who asks; nothing depends on it.
    pub agent_id: Option<String>,
}

/// How a claim shares its resource.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Mode {
    /// One holder.
    Exclusive,
    /// Any number of holders, all shared.
    Shared,
}

impl Mode {
    /// Whether claims of these two modes may hold a resource at the same time (C2).
    pub(super) fn conflicts(self, other: Self) -> bool {
        self == Self::Exclusive || other == Self::Exclusive
    }
}

/// What a claim does where it cannot be granted at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Wait {
    /// It is denied.
    NoWait,
    /// It takes a ticket in the queue.
    Queue,
}
