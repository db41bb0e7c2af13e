//! Being told: what befalls a claim without its agent's doing is also a message to it
//! (rule W5).
//!
//! The message stands in the same entry as the event that it tells of, so that neither
//! is ever there without the other. It is written once everything else of a command is
//! decided, because it says who holds the resource *then*.

use std::sync::Arc;

use serde::Serialize;

use super::Draft;
use super::messages::is_address;
use crate::event::{ClaimRef, Event, LapseReason};
use crate::ids::ClaimId;
use crate::limits::{LOSS_MEMORY, MESH};
use crate::names::{AgentId, Resource};
use crate::state::State;
use crate::time::after;
use planted::{Bug, sound};

/// Something that an agent is to be told.
#[derive(Debug)]
pub(super) struct Notice {
    claim: ClaimRef,
    fence: u64,
    what: What,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Granted,
    Lost(LapseReason),
}

/// The body of the message.
#[derive(Serialize)]
struct Body<'a> {
    resource: &'a Resource,
    claim_id: ClaimId,
    fence: u64,
    reason: &'static str,
    /// The first of those who hold the resource now.
    #[serde(skip_serializing_if = "Option::is_none")]
    holder: Option<&'a AgentId>,
}

impl What {
    fn subject(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Lost(_) => "lost",
        }
    }

    fn reason(self) -> &'static str {
        match self {
            Self::Granted => "promoted",
            Self::Lost(LapseReason::Lease) => "lease",
            Self::Lost(LapseReason::Death) => "death",
        }
    }
}

impl Notice {
    /// What an event, which is about to happen to `state`, is to whom it befalls.
    pub(super) fn of(state: &State, event: &Event) -> Option<Self> {
        let (claim, fence, what) = match event {
            Event::Promoted { claim, fence, .. } => {
                let granted = (claim, *fence, What::Granted);
                sound!(granted, Bug::PromotionNotTold => return None)
            }
            Event::Lapsed { claim, reason } => {
                let record = state.resource(&claim.resource)?;
                let fence = match record.hold_of(&claim.agent_id) {
                    Some(hold) => hold.fence,
                    None => state.newest_fence(&claim.resource),
                };
                let lost = (claim, fence, What::Lost(*reason));
                sound!(lost, Bug::LossNotTold => return None)
            }
            _ => return None,
        };
        Some(Self {
            claim: claim.clone(),
            fence,
            what,
        })
    }
}

impl Draft {
    /// Posts what agents are to be told, in the order in which it happened.
    pub(super) fn tell(&mut self) {
        for notice in std::mem::take(&mut self.notices) {
            self.post_notice(&notice);
        }
    }

    /// Says nothing to an agent of an adopted folder whose name is the address of
    /// others, and nothing after the last message id.
    fn post_notice(&mut self, notice: &Notice) {
        // The claim id of the same command may be made of the same entropy; the complement
        // keeps the two from being the same text.
        let next = self.state.mail.newest().next(self.now, !self.entropy);
        let Some(message_id) = next.filter(|_| !is_address(&notice.claim.agent_id)) else {
            return;
        };
        let record = self.state.resource(&notice.claim.resource);
        let body = Body {
            resource: &notice.claim.resource,
            claim_id: notice.claim.claim_id,
            fence: notice.fence,
            reason: notice.what.reason(),
            holder: record.and_then(|record| record.first_holder()),
        };
        // A struct of strings and numbers always has a JSON text.
        let body = serde_json::to_string(&body).unwrap_or_default();
        self.emit(Event::Posted {
            message_id,
            from: AgentId::from(MESH),
            to: Arc::from(&*notice.claim.agent_id),
            subject: Some(notice.what.subject().into()),
            body: body.into(),
            reply_to: None,
            expires_at: Some(after(self.now, LOSS_MEMORY)),
            key: None,
            fanout: 1,
        });
    }
}
