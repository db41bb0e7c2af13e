//! What a reply tells, as facts that stay true for ever, and holding a state to them.

use mesh::core::{ClaimStatus, Command, Reply, Snapshot};

/// Something that a client was told: from then on no power cut may take it back (G4 where
/// it is the caller's own doing, G5 where it was another's).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// This message is there: id and text.
    Message(String, String),
    /// The newest fence of a resource is at least this.
    Fence(String, u64),
    /// The cursor of an agent is at least this.
    Cursor(String, String),
    /// An agent is registered.
    Agent(String),
    /// A claim was given back: resource and claim id.
    Released(String, String),
}

impl Fact {
    /// Whether a state that was read back still says so.
    #[must_use]
    pub fn holds_in(&self, snapshot: &Snapshot) -> bool {
        let state = &snapshot.state;
        match self {
            Self::Message(id, body) => {
                let mut messages = state.mail().messages();
                messages.any(|(found, m)| found.to_string() == *id && *m.body == **body)
            }
            Self::Fence(resource, fence) => state.newest_fence(resource) >= *fence,
            Self::Cursor(agent, cursor) => state.mail().cursor(agent).to_string() >= *cursor,
            Self::Agent(agent) => state.agent(agent).is_some(),
            Self::Released(resource, claim_id) => state.resource(resource).is_none_or(|found| {
                let mut holders = found.holders.iter();
                holders.all(|hold| hold.claim_id.to_string() != *claim_id)
            }),
        }
    }
}

/// All that a reply to a command tells.
#[must_use]
pub fn told(command: &Command, reply: &Reply) -> Vec<Fact> {
    match (command, reply) {
        (Command::Register(_), Reply::Register(reply)) => {
            vec![Fact::Agent(reply.agent_id.to_string())]
        }
        (Command::Post(post), Reply::Post(reply)) => {
            vec![Fact::Message(
                reply.message_id.to_string(),
                post.body.clone(),
            )]
        }
        (Command::Inbox(inbox), Reply::Inbox(reply)) => {
            let messages = reply.messages.iter();
            let shown =
                messages.map(|m| Fact::Message(m.message_id.to_string(), m.body.to_string()));
            let cursor = Fact::Cursor(inbox.agent_id.clone(), reply.cursor.to_string());
            shown.chain([cursor]).collect()
        }
        (Command::Read(read), Reply::Read(reply)) => {
            vec![Fact::Cursor(
                read.agent_id.clone(),
                reply.cursor.to_string(),
            )]
        }
        (Command::Claim(claim), Reply::Claim(reply)) => {
            debug_assert!(reply.status != ClaimStatus::Granted || reply.fence > 0);
            vec![Fact::Fence(claim.resource.clone(), reply.fence)]
        }
        (Command::Release(release), Reply::Release(reply)) => {
            let gone = Fact::Released(release.resource.clone(), release.claim_id.clone());
            let fence = reply
                .fence
                .map(|fence| Fact::Fence(release.resource.clone(), fence));
            [gone].into_iter().chain(fence).collect()
        }
        (Command::Claims(_), Reply::Claims(reply)) => {
            let claims = reply.claims.iter();
            claims
                .map(|c| Fact::Fence(c.resource.to_string(), c.fence))
                .collect()
        }
        _ => Vec::new(),
    }
}
