//! What stands in the predecessor's `state.json`.

use std::collections::BTreeMap;

use mesh_core::{ClaimId, MessageId, Mode, Timestamp};
use serde::Deserialize;

/// The predecessor's file.
#[derive(Debug, Deserialize)]
pub(super) struct NodeState {
    pub(super) roster: BTreeMap<String, NodeAgent>,
    pub(super) claims: BTreeMap<String, NodeClaim>,
    pub(super) messages: BTreeMap<String, NodeMessage>,
    #[serde(default)]
    pub(super) log: Vec<NodeLogRow>,
    pub(super) cursors: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) events: Vec<NodeEvent>,
    #[serde(default)]
    pub(super) fence_floor: BTreeMap<String, u64>,
}

/// A row of the log of messages. The predecessor keeps it longer than the message, so
/// it may know the newest id where the messages do not.
#[derive(Debug, Deserialize)]
pub(super) struct NodeLogRow {
    pub(super) message_id: MessageId,
}

#[derive(Debug, Deserialize)]
pub(super) struct NodeAgent {
    pub(super) branch: String,
    pub(super) prompt_ptr: String,
    pub(super) role: Option<String>,
    pub(super) registered_at: f64,
    pub(super) last_seen: f64,
    pub(super) expires_at: f64,
    pub(super) epoch: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct NodeClaim {
    pub(super) mode: Mode,
    #[serde(default)]
    pub(super) holders: Vec<NodeHolder>,
    #[serde(default)]
    pub(super) queue: Vec<NodeTicket>,
    pub(super) fence: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct NodeHolder {
    pub(super) agent_id: String,
    pub(super) claim_id: ClaimId,
    pub(super) lease_expires_at: f64,
    pub(super) note: Option<String>,
    /// Only in files of ours: the predecessor keeps one fence for all holders.
    pub(super) fence: Option<u64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct NodeTicket {
    pub(super) agent_id: String,
    pub(super) claim_id: ClaimId,
    pub(super) mode: Mode,
    pub(super) lease_seconds: f64,
    pub(super) note: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct NodeMessage {
    pub(super) message_id: MessageId,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) subject: Option<String>,
    pub(super) body: String,
    pub(super) reply_to: Option<String>,
    pub(super) posted_at: f64,
    pub(super) expires_at: Option<f64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct NodeEvent {
    pub(super) resource: String,
    pub(super) event: String,
    pub(super) agent_id: String,
    pub(super) fence: u64,
    pub(super) at: Timestamp,
}
