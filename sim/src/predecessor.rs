//! The folder of the Node mesh that came before, for worlds that begin with one (S3).
//!
//! It stands in two forms here: as the file, and as the state that the checkers expect
//! whoever opens the folder to have. Its agents are long dead and its hold has lapsed, so
//! that nothing depends on when it is adopted; what must survive is what may never be
//! forgotten: fences, epochs, mail, cursors, and the newest message.

use std::collections::BTreeMap;

use mesh::core::{LapseReason, MessageId, Snapshot};
use serde_json::json;

use crate::checkers::Violation;
use crate::checkers::model::{Agent, Message, Model};
use crate::checkers::waiting::{HOUR_MS, Lost};
use crate::clock::EPOCH_MS;
use crate::world::World;

/// A message that is there, and one that only its log remembers.
const KEPT: &str = "01HF7Y0000000000000000000A";
const NEWEST: &str = "01HF7Y0000000000000000000B";
const CLAIM: &str = "01HF7Y0000000000000000000C";
/// An hour before the world begins.
const THEN: u64 = EPOCH_MS / 1000 - 3_600;
const EPOCH: u64 = 3;
/// The fences of `r0`, which is held, and of `r1`, which was.
const FENCES: [u64; 2] = [9, 4];

impl World {
    /// Lets a Node mesh have been here.
    pub(crate) fn begin_with_predecessor(&mut self) {
        let file = json!({
            "roster": { "a0": {
                "agent_id": "a0", "branch": "main", "prompt_ptr": "task", "role": null,
                "registered_at": THEN, "last_seen": THEN, "expires_at": THEN + 60, "epoch": EPOCH,
            } },
            "claims": { "r0": {
                "resource": "r0", "mode": "exclusive", "fence": FENCES[0], "queue": [],
                "holders": [{
                    "agent_id": "a0", "claim_id": CLAIM, "lease_expires_at": THEN + 90, "note": null,
                }],
            } },
            "messages": { KEPT: {
                "message_id": KEPT, "from": "a0", "to": "a1", "subject": null, "body": "before",
                "reply_to": null, "posted_at": THEN, "expires_at": null,
            } },
            "log": [{ "message_id": KEPT }, { "message_id": NEWEST }],
            "cursors": { "a0": KEPT, "a2": "not a message" },
            "events": [],
            "fence_floor": { "r0": 2, "r1": FENCES[1] },
        });
        if let Some(inode) = self.disk.create("state.json") {
            self.disk.append(inode, file.to_string().as_bytes());
            self.disk.sync(inode);
            self.disk.sync_dir();
        }
    }
}

impl Model {
    /// The state that a predecessor's folder is adopted as: what was there, and that its
    /// agent lost what it held, and is told. When that was, and under which id it is told, is
    /// known only to who adopted it, so these two are taken from `adopted`.
    ///
    /// # Errors
    ///
    /// W5 and W6, where the loss is not told of or not remembered.
    pub(crate) fn after_predecessor(adopted: Option<&Snapshot>) -> Result<Self, Violation> {
        let mut model = Self::before_adoption();
        let Some(adopted) = adopted else {
            return Ok(model);
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
            body,
            posted_at: loss.at,
            expires_at: Some(loss.at + HOUR_MS),
            key: None,
            fanout: 1,
        };
        model
            .losses
            .insert(("a0".to_owned(), "r0".to_owned()), lost);
        model.newest_message = model.newest_message.max(told);
        model.messages.insert(told, message);
        Ok(model)
    }

    fn before_adoption() -> Self {
        let id = |text: &str| text.parse::<MessageId>().unwrap_or(MessageId::ZERO);
        let mut model = Self {
            newest_message: id(NEWEST),
            newest_claim: CLAIM.parse().unwrap_or_default(),
            cursors: BTreeMap::from([("a0".to_owned(), id(KEPT)), ("a2".to_owned(), id(NEWEST))]),
            ..Self::default()
        };
        let agent = Agent {
            role: None,
            registered_at: THEN * 1000,
            last_seen: THEN * 1000,
            ttl_ms: 60_000,
            expires_at: (THEN + 60) * 1000,
            epoch: EPOCH,
        };
        model.agents.insert("a0".to_owned(), agent);
        for (name, fence) in ["r0", "r1"].into_iter().zip(FENCES) {
            let resource = model.resources.entry(name.to_owned()).or_default();
            resource.newest_fence = fence;
        }
        let message = Message {
            from: "a0".to_owned(),
            to: "a1".to_owned(),
            body: "before".to_owned(),
            posted_at: THEN * 1000,
            expires_at: None,
            key: None,
            fanout: 1,
        };
        model.messages.insert(id(KEPT), message);
        model
    }
}
