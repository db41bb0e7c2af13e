//! After the storm: within a bound everybody alive has what it waited for, whoever is
//! dead holds nothing, and every message has arrived (C9, M5).

use std::collections::{BTreeMap, BTreeSet};

use mesh::core::{MessageId, Reply};

use super::model::Model;
use super::{Violation, ensure};
use crate::trace::Trace;

/// What an agent that came to its end read.
pub(crate) type Delivered = BTreeMap<String, BTreeSet<MessageId>>;

/// Looks at the audit: the answers that the auditor got when all was quiet.
pub(crate) fn check(model: &Model, trace: &Trace, delivered: &Delivered) -> Result<(), Violation> {
    let audit = trace.calls.iter().filter(|call| call.agent == "auditor");
    for call in audit {
        match call.answer.as_ref().map(|answer| &answer.result) {
            Some(Ok(Reply::Claims(reply))) => ensure(reply.claims.is_empty(), "C9", || {
                format!("long after the storm there still are {:?}", reply.claims)
            })?,
            Some(Ok(_)) => {}
            other => ensure(false, "G6", || {
                format!("long after the storm the auditor calls {:?} and is told {other:?}", call.command)
            })?,
        }
    }
    for (agent, delivered) in delivered {
        let topics = ["news".to_owned()];
        let addressed = model.inbox(agent, &topics, MessageId::ZERO, 0);
        let kept = |id: &&MessageId| model.messages[*id].expires_at.is_none();
        let missing = addressed.iter().filter(kept).find(|id| !delivered.contains(id));
        ensure(missing.is_none(), "M5", || {
            format!("message {missing:?} never reached {agent}")
        })?;
    }
    Ok(())
}
