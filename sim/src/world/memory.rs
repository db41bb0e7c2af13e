//! What an agent must not forget when its process dies.

use std::collections::BTreeSet;

use mesh::core::{MessageId, Post};

/// What an agent knows that outlives its process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    /// Posts whose outcome it never learned: to be sent again under the same key.
    pub(crate) unsent: Option<Post>,
    pub(crate) posts: u64,
    /// What its inbox showed.
    pub(crate) delivered: BTreeSet<MessageId>,
    /// Resources that it ever asked a share of: it may have one without having heard so.
    pub(crate) shares: BTreeSet<String>,
    /// Whether it came to its end after the storm.
    pub(crate) finished: bool,
}
