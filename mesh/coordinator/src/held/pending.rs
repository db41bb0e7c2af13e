//! One call, from its arrival to its answer: how it is decided, once and again, and what it
//! leaves behind where nobody hears the answer.

use crate::error::MeshError;
use crate::handle::Call;
use crate::ports::StorageError;
use mesh_core::{
    Claim, ClaimReply, ClaimStatus, Command, Decided, Decision, Entropy, LossView, Millis,
    Rejection, Release, Reply, State, Wait, collect, decide, decide_within,
};
use planted::{Bug, sound};

/// A call in a batch, or held.
pub(crate) struct Pending {
    pub(crate) call: Call,
    /// Until when it may be held, by the coordinator's steady clock; 0: not at all.
    pub(super) until: Millis,
    /// Whether it was held before.
    pub(super) held: bool,
    /// Whether its ticket was cancelled meanwhile: it must not be taken anew.
    pub(super) cancelled: bool,
    /// What a claim waits with.
    pub(super) ticket: Option<HeldTicket>,
    /// How the claim is decided again as long as that ticket stands: what the call said of
    /// lease and note the ticket has, and a later claim may have said otherwise.
    again: Option<Command>,
    /// What a claim is to be told of a loss that came before it (rule W6). The grant that
    /// it waits for makes everybody else forget it.
    pub(super) lost: Option<LossView>,
}

/// What a call asks, and what it may find in the state already.
pub(crate) struct Asked<'a> {
    call: &'a Command,
    again: Option<&'a Command>,
    ticket: Option<&'a HeldTicket>,
}

impl Asked<'_> {
    /// Whether there may be nothing to write.
    pub(crate) fn may_only_read(&self) -> bool {
        self.call.is_reader() || self.ticket.is_some()
    }

    /// Decides it on `state`; if `bounded`, what is due before it may come in its place. A held
    /// claim leaves lease and note as its ticket has them, and
    /// says them again where it takes another one.
    pub(crate) fn decide(
        &self,
        state: &State,
        now: Millis,
        entropy: Entropy,
        bounded: bool,
    ) -> Result<Decided, Rejection> {
        let decide = |command: &Command| {
            if bounded {
                decide_within(state, now, command, entropy)
            } else {
                decide(state, now, command, entropy).map(Decided::Whole)
            }
        };
        let Some(again) = self.again else {
            return decide(self.call);
        };
        match decide(again) {
            Ok(Decided::Whole(decision)) if sound!(takes_claim(&decision), Bug::TakenAnewWithoutTerms => false) => {
                decide(self.call)
            }
            decided => decided,
        }
    }

    /// The reply to a held claim that was promoted meanwhile.
    pub(crate) fn collect(&self, state: &State, now: Millis) -> Option<ClaimReply> {
        match (self.call, self.ticket) {
            (Command::Claim(claim), Some(ticket)) => collect(state, now, claim, &ticket.claim_id),
            _ => None,
        }
    }
}

/// Whether a command makes a claim: a hold or a ticket.
pub(crate) fn takes_claim(decision: &Decision) -> bool {
    let mut events = decision.events.iter();
    events.any(|event| event.new_claim().is_some())
}

/// The ticket of a held claim.
pub(super) struct HeldTicket {
    pub(super) claim_id: String,
    /// Whether the call took it; else it stood before.
    pub(super) taken_by_call: bool,
}

impl Pending {
    /// A call that came in at `now`.
    pub(crate) fn new(call: Call, now: Millis) -> Self {
        let until = match call.command.patience() {
            0 => 0,
            patience => now + patience,
        };
        Self {
            call,
            until,
            held: false,
            cancelled: false,
            ticket: None,
            again: None,
            lost: None,
        }
    }

    pub(crate) fn asked(&self) -> Asked<'_> {
        Asked {
            call: &self.call.command,
            again: self.again.as_ref(),
            ticket: self.ticket.as_ref(),
        }
    }

    /// Answers with an error. A call that was held has been decided before: even where the
    /// failed batch did nothing, its ticket was in the log, and is until it is withdrawn.
    pub(crate) fn fail(self, error: StorageError) {
        let decided = self.held && !self.call.command.is_reader();
        let error = if decided {
            error.of_unknown_outcome()
        } else {
            error
        };
        self.call.answer(Err(MeshError::Storage(error)));
    }

    /// The call as it waits.
    pub(super) fn waiting(&self) -> &Command {
        self.again.as_ref().unwrap_or(&self.call.command)
    }

    /// Whoever cancelled the ticket does not want the agent in the queue.
    pub(super) fn mind_the_cancelled(&mut self) {
        if let Command::Claim(claim) = &mut self.call.command
            && self.cancelled
        {
            (claim.wait, claim.wait_seconds) = (Some(Wait::NoWait), None);
            self.again = None;
        }
    }

    /// Whether the claim waits with this ticket.
    pub(super) fn waits_with(&self, claim_id: &str) -> bool {
        let ticket = self.ticket.as_ref();
        ticket.is_some_and(|ticket| ticket.claim_id == claim_id)
    }

    /// Notes with which ticket the call waits; `took` says that it was just taken.
    pub(super) fn note_ticket(&mut self, reply: &Reply, took: bool) {
        let Reply::Claim(reply) = reply else { return };
        self.lost.clone_from(&reply.lost);
        if let Command::Claim(claim) = &self.call.command {
            self.again = Some(Command::Claim(Claim {
                lease_seconds: None,
                note: None,
                ..claim.clone()
            }));
        }
        let same = self.ticket.as_ref();
        if same.is_none_or(|ticket| ticket.claim_id != reply.claim_id) {
            self.ticket = Some(HeldTicket {
                claim_id: reply.claim_id.clone(),
                taken_by_call: took,
            });
        }
    }

    /// What is to be given back if nobody hears the reply: what a call that may wait was
    /// granted, or the ticket that it took and waited with in vain. `took` says that the
    /// claim was made just now, so that a renewal never counts.
    pub(super) fn unheard(&self, reply: &Reply, took: bool) -> Option<Release> {
        let (Command::Claim(claim), Reply::Claim(reply)) = (&self.call.command, reply) else {
            return None;
        };
        let taken = self.ticket.as_ref().is_some_and(|t| t.taken_by_call);
        let owed = match reply.status {
            ClaimStatus::Granted => took && self.until > 0 || self.waits_with(&reply.claim_id),
            ClaimStatus::Queued => taken,
            ClaimStatus::Denied => false,
        };
        owed.then(|| release(claim, reply.claim_id.clone()))
    }

    /// What is to be given back where the call ends with an error: its caller does not know of
    /// the ticket that it took.
    pub(super) fn abandoned(&self) -> Option<Release> {
        let (Command::Claim(claim), Some(ticket)) = (&self.call.command, &self.ticket) else {
            return None;
        };
        let release = || release(claim, ticket.claim_id.clone());
        ticket.taken_by_call.then(release)
    }

    /// What is to be given back for a caller that went away while its call was held.
    pub(super) fn left_behind(&self, state: &State) -> Option<Release> {
        let (Command::Claim(claim), Some(ticket)) = (&self.call.command, &self.ticket) else {
            return None;
        };
        let record = state.resource(&claim.resource);
        let hold = record.and_then(|record| record.hold_of(&claim.agent_id));
        let granted = hold.is_some_and(|hold| hold.claim_id.to_string() == ticket.claim_id);
        let left = sound!(ticket.taken_by_call || granted, Bug::GoneCallerKeepsTicket => false);
        left.then(|| release(claim, ticket.claim_id.clone()))
    }
}

fn release(claim: &Claim, claim_id: String) -> Release {
    Release {
        agent_id: claim.agent_id.clone(),
        claim_id,
        resource: claim.resource.clone(),
    }
}
