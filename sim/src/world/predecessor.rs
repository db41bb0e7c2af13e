//! The folder of the Node mesh that came before, for worlds that begin with one (S3).

use serde_json::json;

use super::state::World;
use super::tape::Tape;
use crate::trace::predecessor::{CLAIM, EPOCH, FENCES, KEPT, NEWEST, THEN};

impl World {
    /// The world that a tape makes, as it is when the first process starts.
    pub(crate) fn begin(tape: Tape) -> Self {
        let mut world = Self::new(tape);
        if world.knobs.predecessor {
            world.trace.adopts = true;
            world.begin_with_predecessor();
        }
        world
    }

    /// Lets a Node mesh have been here.
    fn begin_with_predecessor(&mut self) {
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
