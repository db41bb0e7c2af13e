//! After the storm: within a bound everybody alive has what it waited for, whoever is
//! dead holds nothing, and every message has arrived (C9, M5).

use std::collections::{BTreeMap, BTreeSet};

use mesh::core::{Command, MessageId, Reply};

use super::reference::Reference;
use crate::trace::{AUDITOR, TOPIC, Trace, Violation, ensure};

/// What an agent that came to its end read.
pub(crate) type Delivered = BTreeMap<String, BTreeSet<MessageId>>;

/// Looks at the audit: the answers that the auditor got when all was quiet.
pub(crate) fn check(
    reference: &Reference,
    trace: &Trace,
    delivered: &Delivered,
) -> Result<(), Violation> {
    let audit = trace.calls.iter().filter(|call| call.agent == AUDITOR);
    let mut held = None;
    for call in audit {
        match call.answer.as_ref().map(|answer| &answer.result) {
            Some(Ok(Reply::Claims(reply))) => held = reply.claims.first(),
            Some(Ok(_)) => {}
            other => ensure(false, "G6", || {
                format!(
                    "long after the storm the auditor calls {:?} and is told {other:?}",
                    call.command
                )
            })?,
        }
    }
    ensure(held.is_none(), "C9", || {
        format!("long after the storm, and after several sweeps, there still is {held:?}")
    })?;
    let shown = shown_to_auditor(trace);
    for (agent, delivered) in delivered {
        let topics = [TOPIC.to_owned()];
        let addressed = reference.inbox(agent, &topics, MessageId::ZERO, 0);
        let waits = shown.get(agent.as_str());
        let arrived = |id: &MessageId| {
            delivered.contains(id) || waits.is_some_and(|waits| waits.contains(id))
        };
        let kept = |id: &&MessageId| reference.messages[*id].expires_at.is_none();
        let missing = addressed.iter().filter(kept).find(|id| !arrived(id));
        ensure(missing.is_none(), "M5", || {
            format!("message {missing:?} never reached {agent}")
        })?;
    }
    Ok(())
}

/// What still waits in each inbox: it was posted after its reader had come to its end.
fn shown_to_auditor(trace: &Trace) -> BTreeMap<&str, BTreeSet<MessageId>> {
    let mut shown: BTreeMap<&str, BTreeSet<MessageId>> = BTreeMap::new();
    for call in trace.calls.iter().filter(|call| call.agent == AUDITOR) {
        let result = call.answer.as_ref().map(|answer| &answer.result);
        if let (Command::Inbox(command), Some(Ok(Reply::Inbox(reply)))) = (&call.command, result) {
            let ids = reply.messages.iter().map(|message| message.message_id);
            shown.entry(&command.agent_id).or_default().extend(ids);
        }
    }
    shown
}
