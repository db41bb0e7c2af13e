//! The state that the folder of a predecessor is adopted as (S3).

use std::collections::BTreeMap;

use mesh::core::{LapseReason, Limits, MessageId, Snapshot};

use super::reference::{Agent, HOUR_MS, Lost, Message, Reference};
use crate::trace::Violation;
use crate::trace::predecessor::{CLAIM, EPOCH, FENCES, KEPT, NEWEST, THEN};

impl Reference {
    /// The state that a predecessor's folder is adopted as: what was there, and that its
    /// agent lost what it held, and is told. When that was, and under which id it is told, is
    /// known only to who adopted it, so these two are taken from `adopted`.
    ///
    /// # Errors
    ///
    /// W5 and W6, where the loss is not told of or not remembered.
    pub(crate) fn after_predecessor(
        limits: &'static Limits,
        adopted: Option<&Snapshot>,
    ) -> Result<Self, Violation> {
        let mut reference = Self::before_adoption(limits);
        let Some(adopted) = adopted else {
            return Ok(reference);
        };
        let none = |rule, what: &str| Violation {
            rule,
            what: format!("the adopted hold has lapsed, and {what}"),
        };
        let mut messages = adopted.state.mail().messages();
        let told = messages.find(|(_, message)| *message.from == *"mesh");
        let (told, _) = told.ok_or_else(|| none("W5", "nobody is told"))?;
        let mut losses = adopted.state.losses().iter();
        let (_, loss) = losses.next().ok_or_else(|| none("W6", "it is forgotten"))?;
        let lost = Lost {
            claim: CLAIM.parse().unwrap_or_default(),
            fence: FENCES[0],
            at: loss.at,
            reason: LapseReason::Lease,
        };
        let body = format!(
            r#"{{"resource":"r0","claim_id":"{CLAIM}","fence":{},"reason":"lease"}}"#,
            FENCES[0]
        );
        let message = Message {
            from: "mesh".to_owned(),
            to: "a0".to_owned(),
            subject: Some("lost".to_owned()),
            body,
            posted_at: loss.at,
            expires_at: Some(loss.at + HOUR_MS),
            key: None,
            fanout: 1,
        };
        reference
            .losses
            .insert(("a0".to_owned(), "r0".to_owned()), lost);
        reference.newest_message = reference.newest_message.max(told);
        reference.messages.insert(told, message);
        Ok(reference)
    }

    fn before_adoption(limits: &'static Limits) -> Self {
        let id = |text: &str| text.parse::<MessageId>().unwrap_or(MessageId::ZERO);
        let mut reference = Self {
            newest_message: id(NEWEST),
            newest_claim: CLAIM.parse().unwrap_or_default(),
            cursors: BTreeMap::from([("a0".to_owned(), id(KEPT)), ("a2".to_owned(), id(NEWEST))]),
            ..Self::within(limits)
        };
        let agent = Agent {
            role: None,
            registered_at: THEN * 1000,
            last_seen: THEN * 1000,
            ttl_ms: 60_000,
            expires_at: (THEN + 60) * 1000,
            epoch: EPOCH,
        };
        reference.agents.insert("a0".to_owned(), agent);
        for (name, fence) in ["r0", "r1"].into_iter().zip(FENCES) {
            let resource = reference.resources.entry(name.to_owned()).or_default();
            resource.newest_fence = fence;
        }
        let message = Message {
            from: "a0".to_owned(),
            to: "a1".to_owned(),
            subject: None,
            body: "before".to_owned(),
            posted_at: THEN * 1000,
            expires_at: None,
            key: None,
            fanout: 1,
        };
        reference.messages.insert(id(KEPT), message);
        reference
    }
}
