//! What mesh says of its own accord: the messages that an event calls for (W5), and the loss
//! that a claim is told of (W6), both worked out from the events alone.

use std::collections::BTreeMap;

use mesh::core::{
    Claim, ClaimRef, Command, Decision, Event, LapseReason, LossView, Millis, Reply, State,
    Timestamp,
};
use serde_json::{Value, json};

use super::ensure;
use crate::histories::Seen;

/// How long a message from mesh lives, and a loss is spoken of.
const HOUR: Millis = 3_600_000;

/// Who lost what, since it last held it.
#[derive(Default)]
pub(super) struct Told {
    losses: BTreeMap<(String, String), LossView>,
}

/// A message from mesh: to whom, about what, until when.
type Message = (String, String, Value, Option<Millis>);

impl Told {
    pub(super) fn check(
        &mut self,
        before: &State,
        now: Millis,
        command: &Command,
        decision: &Decision,
        seen: &Seen,
    ) -> Result<(), String> {
        notices(before, now, decision, seen)?;
        let claim = match (command, &decision.reply) {
            (Command::Claim(claim), Reply::Claim(reply)) => Some((claim, reply)),
            _ => None,
        };
        let known = claim.and_then(|(claim, _)| self.losses.get(&whose(claim)).cloned());
        let found = self.learn(before, now, decision);
        let Some((claim, reply)) = claim else {
            return Ok(());
        };
        let lost = found.get(&whose(claim)).cloned().or(known);
        let expected = lost.filter(|lost| lost.at.0.abs_diff(now) < HOUR);
        if expected.is_some() {
            seen.borrow_mut().insert("a claim was told of its loss");
        }
        ensure(reply.lost == expected, || {
            format!("W6: told of {:?}, not of {expected:?}", reply.lost)
        })
    }

    /// Folds the losses of a decision in; gives those that are new.
    fn learn(
        &mut self,
        before: &State,
        now: Millis,
        decision: &Decision,
    ) -> BTreeMap<(String, String), LossView> {
        let mut found = BTreeMap::new();
        let mut state = before.clone();
        for event in &decision.events {
            if let (Some(agent), Some(resource)) = (event.agent_id(), event.resource()) {
                let whose = (agent.to_string(), resource.to_string());
                let record = state.resource(resource);
                let hold = record.and_then(|record| record.hold_of(agent));
                match (event, hold) {
                    (Event::Granted { .. } | Event::Promoted { .. }, _) => {
                        self.losses.remove(&whose);
                    }
                    (Event::Lapsed { reason, .. }, Some(hold)) => {
                        let loss = LossView {
                            claim_id: hold.claim_id,
                            fence: hold.fence,
                            at: Timestamp(now),
                            reason: *reason,
                        };
                        found.insert(whose.clone(), loss.clone());
                        self.losses.insert(whose, loss);
                    }
                    _ => {}
                }
            }
            state.apply(now, event);
        }
        found
    }
}

fn whose(claim: &Claim) -> (String, String) {
    (claim.agent_id.clone(), claim.resource.clone())
}

/// W5: one message for each promotion and each loss, in their order, and no other from mesh.
fn notices(before: &State, now: Millis, decision: &Decision, seen: &Seen) -> Result<(), String> {
    let mut state = before.clone();
    let mut expected: Vec<Message> = Vec::new();
    for event in &decision.events {
        expected.extend(called_for(&state, &decision.state, now, event, seen));
        state.apply(now, event);
    }
    let said: Vec<Message> = decision.events.iter().filter_map(from_mesh).collect();
    ensure(said == expected, || {
        format!("W5: mesh says {said:?}, not {expected:?}")
    })
}

/// The message that an event calls for, with the fence as it was before it, and with whoever
/// holds the resource in the end.
fn called_for(
    before: &State,
    after: &State,
    now: Millis,
    event: &Event,
    seen: &Seen,
) -> Option<Message> {
    let ClaimRef {
        resource,
        agent_id: agent,
        claim_id,
    } = event.claim()?;
    let (subject, fence, reason) = match event {
        Event::Promoted { fence, .. } => ("granted", *fence, "promoted"),
        Event::Lapsed { reason, .. } => {
            let hold = before.resource(resource).and_then(|r| r.hold_of(agent));
            let newest = before.newest_fence(resource);
            let reason = match reason {
                LapseReason::Lease => "lease",
                LapseReason::Death => "death",
            };
            ("lost", hold.map_or(newest, |hold| hold.fence), reason)
        }
        _ => return None,
    };
    let noted = match subject {
        "granted" => "mesh told of a promotion",
        _ => "mesh told of a loss",
    };
    seen.borrow_mut().insert(noted);
    let mut body = json!({
        "resource": resource,
        "claim_id": claim_id,
        "fence": fence,
        "reason": reason,
    });
    if let Some(holder) = after.resource(resource).and_then(|r| r.first_holder()) {
        body["holder"] = json!(holder);
    }
    let until = Some(now + HOUR);
    Some((agent.to_string(), subject.to_owned(), body, until))
}

fn from_mesh(event: &Event) -> Option<Message> {
    match event {
        Event::Posted {
            from,
            to,
            subject,
            body,
            expires_at,
            ..
        } if **from == *"mesh" => {
            let subject = subject.as_deref().unwrap_or("").to_owned();
            let body = serde_json::from_str(body).unwrap_or(Value::Null);
            Some((to.to_string(), subject, body, *expires_at))
        }
        _ => None,
    }
}
