//! The contract of claims, as questions about what a claim and a release are answered.

use mesh::core::{
    Claim, ClaimReply, ClaimStatus, Decision, Hold, Mode, Release, ReleaseReply, ReleaseStatus,
    ResourceState, State, Ticket, Wait,
};

use super::contract::{Step, TOLERANCE, Verdict, ensure, has_claim};

impl Step<'_> {
    /// C4 to C7: what a claim may be answered.
    pub(super) fn claim(&self, claim: &Claim, reply: &ClaimReply, after: &State) -> Verdict {
        let (holds, tickets) = self.live(self.before, &claim.resource);
        let own = holds.iter().find(|h| *h.agent_id == *claim.agent_id);
        let ticket = tickets.iter().find(|t| *t.agent_id == *claim.agent_id);
        let now = after.resource(&claim.resource);
        let hold = now.and_then(|r| r.hold_of(&claim.agent_id));
        let place = now.and_then(|r| r.ticket_of(&claim.agent_id));
        self.circle(claim, reply, after)?;
        match (own, ticket) {
            (Some(own), _) => {
                let mode = self.before.resource(&claim.resource).map(|r| r.mode);
                let up = mode == Some(Mode::Shared) && claim.mode == Some(Mode::Exclusive);
                if up {
                    let alone = holds.len() == 1 && tickets.is_empty();
                    self.upgrade(own, alone, reply, hold)?;
                } else {
                    self.renewal(claim, own, reply, now)?;
                }
            }
            (None, Some(ticket)) => {
                let same = reply.claim_id == ticket.claim_id.to_string();
                let denied = reply.status == ClaimStatus::Denied;
                ensure(same || denied, "C7", "a queued agent gets another ticket")?;
                ensure(
                    !(denied && claim.mode.is_none()),
                    "C7",
                    "a queued agent is denied what it waits for",
                )?;
            }
            (None, None) => self.request(claim, reply, now)?,
        }
        reply_is_true(reply, hold, place)
    }

    /// C4 and the downgrade of C5.
    fn renewal(
        &self,
        claim: &Claim,
        own: &Hold,
        reply: &ClaimReply,
        now: Option<&ResourceState>,
    ) -> Verdict {
        let granted = reply.status == ClaimStatus::Granted;
        ensure(granted, "C4", "a holder is refused its renewal")?;
        let same = reply.claim_id == own.claim_id.to_string() && reply.fence == own.fence;
        ensure(same, "C4", "a renewal changes the claim id or the fence")?;
        let lease = claim.lease_seconds.map_or(own.lease_ms, |s| s * 1000);
        let hold = now.and_then(|r| r.hold_of(&own.agent_id));
        let renewed = hold.is_some_and(|hold| hold.expires_at == self.at + lease);
        ensure(renewed, "C4", "a renewal does not set the lease from now")?;
        let mode = now.map(|r| r.mode);
        let right = claim.mode.is_none() || mode == claim.mode;
        ensure(right, "C5", "a downgrade leaves the mode as it was")
    }

    /// C5: shared to exclusive.
    fn upgrade(&self, own: &Hold, alone: bool, reply: &ClaimReply, now: Option<&Hold>) -> Verdict {
        let Some(now) = now else {
            return ensure(false, "C5", "an upgrade costs the holder its hold");
        };
        ensure(
            now.claim_id == own.claim_id,
            "C5",
            "an upgrade changes the claim id",
        )?;
        if alone {
            let granted = reply.status == ClaimStatus::Granted;
            ensure(granted, "C5", "a sole holder's upgrade is denied")?;
            ensure(
                now.fence > own.fence,
                "C5",
                "an upgrade keeps the old fence",
            )
        } else {
            let denied = reply.status == ClaimStatus::Denied;
            ensure(denied, "C5", "an upgrade is not denied beside others")?;
            let cut = own.expires_at > self.at + own.lease_ms + TOLERANCE;
            let same = now.fence == own.fence && (now.expires_at == own.expires_at || cut);
            ensure(same, "C5", "a denied upgrade changes the hold")
        }
    }

    /// C6: a new request is granted if, and only if, nobody is in its way or before it.
    fn request(&self, claim: &Claim, reply: &ClaimReply, now: Option<&ResourceState>) -> Verdict {
        let mode = claim.mode.unwrap_or(Mode::Exclusive);
        let others_wait =
            now.is_some_and(|r| r.queue.iter().any(|t| *t.agent_id != *claim.agent_id));
        let others_hold = now.is_some_and(|r| {
            let conflict = r.mode == Mode::Exclusive || mode == Mode::Exclusive;
            conflict && r.holders.iter().any(|h| *h.agent_id != *claim.agent_id)
        });
        let free = !others_wait && !others_hold;
        match reply.status {
            ClaimStatus::Granted => {
                ensure(!others_wait, "C6", "a new request passes a waiting ticket")?;
                ensure(!others_hold, "C2", "a new request passes a holder")
            }
            ClaimStatus::Queued => {
                ensure(!free, "C6", "a request waits for nobody")?;
                ensure(
                    claim.wait() == Wait::Queue,
                    "C1",
                    "who would not wait is queued",
                )
            }
            ClaimStatus::Denied => {
                ensure(
                    !free,
                    "C6",
                    "a request is denied though nobody is in its way",
                )?;
                ensure(
                    claim.wait() == Wait::NoWait || reply.deadlock.is_some(),
                    "C1",
                    "who would wait is denied",
                )
            }
        }
    }

    /// C10.
    pub(super) fn release(
        &self,
        release: &Release,
        reply: &ReleaseReply,
        decision: &Decision,
    ) -> Verdict {
        let (holds, tickets) = self.live(self.before, &release.resource);
        let holds = holds.iter().map(|h| (&h.agent_id, h.claim_id));
        let tickets = tickets.iter().map(|t| (&t.agent_id, t.claim_id));
        let owner = holds
            .chain(tickets)
            .find(|(_, id)| release.claim_id.parse() == Ok(*id))
            .map(|(owner, _)| &**owner);
        let expected = match owner {
            Some(owner) if owner == release.agent_id => ReleaseStatus::Released,
            Some(_) => ReleaseStatus::NotHolder,
            None => ReleaseStatus::Unknown,
        };
        ensure(
            reply.status == expected,
            "C10",
            "a release has the wrong status",
        )?;
        if expected != ReleaseStatus::Released {
            return Ok(());
        }
        let after = &decision.state;
        let gone = release
            .claim_id
            .parse()
            .is_ok_and(|id| !has_claim(after, &release.resource, id));
        ensure(gone, "C10", "what was released is still there")?;
        let newest = after.newest_fence(&release.resource);
        ensure(
            reply.fence == Some(newest),
            "C10",
            "the fence is not the newest",
        )?;
        let next = reply.next_holder.as_ref();
        let holds = next.is_none_or(|next| {
            after
                .resource(&release.resource)
                .is_some_and(|r| r.hold_of(next).is_some())
        });
        ensure(holds, "C10", "the next holder does not hold")
    }
}

/// C1: the reply says what the state says.
fn reply_is_true(
    reply: &ClaimReply,
    hold: Option<&Hold>,
    ticket: Option<(usize, &Ticket)>,
) -> Verdict {
    let right = match reply.status {
        ClaimStatus::Granted => hold.is_some_and(|hold| {
            reply.claim_id == hold.claim_id.to_string() && reply.fence == hold.fence
        }),
        ClaimStatus::Queued => ticket.is_some_and(|(place, ticket)| {
            reply.claim_id == ticket.claim_id.to_string()
                && reply.queue_position == Some(place as u64 + 1)
        }),
        ClaimStatus::Denied => reply.claim_id.is_empty() && ticket.is_none(),
    };
    ensure(right, "C1", "a claim's reply differs from the state")
}
