//! What an error says of its call, held against the log (G4).
//!
//! An error without effect, and a rejection, say that the call did nothing and never will.
//! An honest caller then calls again. So nothing that only this call can have brought about
//! may stand in an entry that its process proposed while the call was open: not when the
//! error is told, and not later either.

use std::collections::BTreeMap;

use mesh::MeshError;
use mesh::core::{Command, Entry, Event};
use mesh::ports::{Outcome, StorageError};

use crate::trace::{Answer, Call, Coverage, Seen, Trace, Violation};

/// Holds every error against all entries that ever were in the log.
pub(super) fn check(trace: &Trace, seen: &mut Coverage) -> Result<(), Violation> {
    let entries = trace.entries.iter();
    let entries: BTreeMap<&str, &Entry> = entries.map(|e| (e.id.as_str(), &**e)).collect();
    for (at, call) in trace.calls.iter().enumerate() {
        let Some(answer) = &call.answer else { continue };
        let Err(error) = &answer.result else { continue };
        let Some((entry, event)) = effect(&trace.calls[..at], call, answer, &entries) else {
            continue;
        };
        if is_unknown(error) {
            seen.hit(Seen::UnknownTookEffect);
            continue;
        }
        // One that waited was decided before, and told so by its rejection only at the end.
        if matches!(error, MeshError::Rejected(_)) && call.command.patience() > 0 {
            continue;
        }
        let what = format!(
            "{} is told that its call has no effect ({error}), and entry {} has it at place {}: \
             {event:?}",
            call.agent, entry.id, entry.seq
        );
        return Err(Violation { rule: "G4", what });
    }
    Ok(())
}

/// Whether an error leaves it open what became of the call.
fn is_unknown(error: &MeshError) -> bool {
    match error {
        MeshError::Storage(StorageError { outcome, .. }) => *outcome == Outcome::Unknown,
        MeshError::Rejected(_) => false,
        MeshError::Closed => true,
    }
}

/// What a call led to, as far as it can be told from what others do.
fn effect<'a>(
    earlier: &[Call],
    call: &Call,
    answer: &Answer,
    entries: &BTreeMap<&str, &'a Entry>,
) -> Option<(&'a Entry, &'a Event)> {
    let left = || {
        let same = earlier.iter().filter(|other| other.agent == call.agent);
        same.filter(|other| other.left)
    };
    let proposed = answer.proposed.iter();
    let logged = proposed.filter_map(|id| entries.get(id.as_str()).copied());
    let mut events = logged.flat_map(|entry| entry.events.iter().map(move |event| (entry, event)));
    events
        .find(|(_, event)| leads_to(call, event) && !left().any(|other| may_lead_to(other, event)))
}

/// Whether this kind of call, by this agent, leads to such an event, and no other kind does.
fn leads_to(call: &Call, event: &Event) -> bool {
    let by_caller = event.agent_id().is_some_and(|agent| **agent == *call.agent);
    by_caller
        && match (&call.command, event) {
            (Command::Register(_), Event::Registered { .. })
            | (Command::Read(_), Event::CursorMoved { .. })
            | (
                Command::Claim(_) | Command::Release(_) | Command::Post(_) | Command::Read(_),
                Event::Heartbeat { .. },
            ) => true,
            (Command::Post(post), Event::Posted { body, .. }) => **body == *post.body,
            (Command::Release(release), Event::Released { claim } | Event::Cancelled { claim }) => {
                claim.claim_id.to_string() == release.claim_id
            }
            (Command::Claim(asked), event) => {
                let of_it = event
                    .claim()
                    .filter(|claim| *claim.resource == *asked.resource);
                of_it.is_some() && event.terms().is_some()
            }
            _ => false,
        }
}

/// Whether a call whose caller went away may lead to such an event still: by itself, or
/// because what it led to is withdrawn.
fn may_lead_to(left: &Call, event: &Event) -> bool {
    let withdrawn = matches!(
        event,
        Event::Released { .. } | Event::Cancelled { .. } | Event::Heartbeat { .. }
    );
    withdrawn || leads_to(left, event)
}
