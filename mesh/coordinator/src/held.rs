//! Calls that are held until there is something better to say (rules W1 and W3).
//!
//! A call that waits is decided like any other. Where the answer is "wait", it comes
//! here, and is decided again once [`prospect`] says that it would be answered otherwise
//! by now, or once its time is up. In between it costs nothing but a look at the state. One
//! that was promoted is answered from the state as well, without an entry of its own.
//!
//! A caller may go away meanwhile, or before it hears the answer. Then what its call left
//! behind is withdrawn: the ticket that it took, or the grant that its ticket turned into.
//! A ticket that stood before the call stays.

use async_channel::Sender;

use crate::error::MeshError;
use crate::handle::Call;
use crate::parcel::Parcel;
use crate::ports::StorageError;
use crate::signal::Signal;
use mesh_core::{
    Claim, ClaimId, ClaimReply, ClaimStatus, Command, Decision, Entropy, Event, LossView, Millis,
    Prospect, Rejection, Release, Reply, State, Wait, collect, decide, prospect,
};
use planted::{Bug, sound};

/// A call in a batch, or held.
pub(super) struct Pending {
    pub(super) call: Call,
    /// Until when it may be held, by the coordinator's steady clock; 0: not at all.
    until: Millis,
    /// Whether it was held before.
    held: bool,
    /// Whether its ticket was cancelled meanwhile: it must not be taken anew.
    cancelled: bool,
    /// What a claim waits with.
    ticket: Option<HeldTicket>,
    /// How the claim is decided again as long as that ticket stands: what the call said of
    /// lease and note the ticket has, and a later claim may have said otherwise.
    again: Option<Command>,
    /// What a claim is to be told of a loss that came before it (rule W6). The grant that
    /// it waits for makes everybody else forget it.
    lost: Option<LossView>,
}

/// What a call asks, and what it may find in the state already.
pub(super) struct Asked<'a> {
    call: &'a Command,
    again: Option<&'a Command>,
    ticket: Option<&'a HeldTicket>,
}

impl Asked<'_> {
    /// Whether there may be nothing to write.
    pub(super) fn may_only_read(&self) -> bool {
        self.call.is_reader() || self.ticket.is_some()
    }

    /// Decides it on `state`. A held claim leaves lease and note as its ticket has them, and
    /// says them again where it takes another one.
    pub(super) fn decide(
        &self,
        state: &State,
        now: Millis,
        entropy: Entropy,
    ) -> Result<Decision, Rejection> {
        let Some(again) = self.again else {
            return decide(state, now, self.call, entropy);
        };
        let decided = decide(state, now, again, entropy);
        match decided.as_ref().is_ok_and(takes_claim) {
            true => decide(state, now, self.call, entropy),
            false => decided,
        }
    }

    /// The reply to a held claim that was promoted meanwhile.
    pub(super) fn collect(&self, state: &State, now: Millis) -> Option<ClaimReply> {
        match (self.call, self.ticket) {
            (Command::Claim(claim), Some(ticket)) => collect(state, now, claim, &ticket.claim_id),
            _ => None,
        }
    }
}

/// Whether a command makes a claim: a hold or a ticket.
pub(super) fn takes_claim(decision: &Decision) -> bool {
    let mut events = decision.events.iter();
    events.any(|event| event.new_claim().is_some())
}

/// The ticket of a held claim.
struct HeldTicket {
    claim_id: String,
    /// Whether the call took it; else it stood before.
    taken_by_call: bool,
}

impl Pending {
    /// A call that came in at `now`.
    pub(super) fn new(call: Call, now: Millis) -> Self {
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

    pub(super) fn asked(&self) -> Asked<'_> {
        Asked {
            call: &self.call.command,
            again: self.again.as_ref(),
            ticket: self.ticket.as_ref(),
        }
    }

    /// Answers with an error. A call that was held has been decided before: even where the
    /// failed batch did nothing, its ticket was in the log, and is until it is withdrawn.
    pub(super) fn fail(self, error: StorageError) {
        let decided = self.held && !self.call.command.is_reader();
        let error = if decided {
            error.of_unknown_outcome()
        } else {
            error
        };
        self.call.answer(Err(MeshError::Storage(error)));
    }

    /// The call as it waits.
    fn waiting(&self) -> &Command {
        self.again.as_ref().unwrap_or(&self.call.command)
    }

    /// Whoever cancelled the ticket does not want the agent in the queue.
    fn mind_the_cancelled(&mut self) {
        if let Command::Claim(claim) = &mut self.call.command
            && self.cancelled
        {
            (claim.wait, claim.wait_seconds) = (Some(Wait::NoWait), None);
            self.again = None;
        }
    }

    /// Whether the claim waits with this ticket.
    fn waits_with(&self, claim_id: &str) -> bool {
        let ticket = self.ticket.as_ref();
        ticket.is_some_and(|ticket| ticket.claim_id == claim_id)
    }

    /// Notes with which ticket the call waits; `took` says that it was just taken.
    fn note_ticket(&mut self, reply: &Reply, took: bool) {
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
    fn unheard(&self, reply: &Reply, took: bool) -> Option<Release> {
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
    fn abandoned(&self) -> Option<Release> {
        let (Command::Claim(claim), Some(ticket)) = (&self.call.command, &self.ticket) else {
            return None;
        };
        let release = || release(claim, ticket.claim_id.clone());
        ticket.taken_by_call.then(release)
    }

    /// What is to be given back for a caller that went away while its call was held.
    fn left_behind(&self, state: &State) -> Option<Release> {
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

/// The calls that are held, and what is to be undone for those that are not any more.
pub(super) struct Held {
    calls: Vec<Pending>,
    withdrawals: Vec<Release>,
    /// Before this nothing is decided again but what ends, since that has just failed
    /// (monotonic).
    paused_until: Millis,
    /// Whether the batch that is decided withdraws them.
    withdrawing: bool,
    /// The tickets that were cancelled since the batch that is decided was taken out.
    cancelled: Vec<ClaimId>,
    /// What a parcel that never arrives is reported to.
    signals: Sender<Signal>,
}

impl Held {
    pub(super) fn new(signals: Sender<Signal>) -> Self {
        Self {
            calls: Vec::new(),
            withdrawals: Vec::new(),
            paused_until: 0,
            withdrawing: false,
            cancelled: Vec::new(),
            signals,
        }
    }

    /// Whether there is nothing to wait for.
    pub(super) fn is_empty(&self) -> bool {
        self.calls.is_empty() && self.withdrawals.is_empty()
    }

    /// Holds a call whose answer can wait, or else gives it its answer. `took` says that
    /// it took a ticket just now.
    pub(super) fn hold_or_answer(
        &mut self,
        mut pending: Pending,
        mut reply: Reply,
        took: bool,
        now: Millis,
    ) {
        if pending.until > now && reply.is_waiting() {
            pending.note_ticket(&reply, took);
            return self.hold(pending);
        }
        if let Reply::Claim(reply) = &mut reply
            && reply.status == ClaimStatus::Granted
        {
            reply.lost = reply.lost.take().or(pending.lost.take());
        }
        let back = pending.unheard(&reply, took);
        let parcel = match sound!(back, Bug::UndeliveredGrantKept => None) {
            Some(release) => Parcel::returnable(reply, release, self.signals.clone()),
            None => Parcel::plain(Ok(reply)),
        };
        pending.call.deliver(parcel);
    }

    /// Holds a call. Its ticket may have been cancelled while it was decided.
    fn hold(&mut self, mut pending: Pending) {
        let mut cancelled = self.cancelled.iter();
        pending.cancelled |= cancelled.any(|id| pending.waits_with(&id.to_string()));
        pending.held = true;
        self.calls.push(pending);
    }

    /// Takes back a batch that failed. Who waited and may wait on does so, unless the log
    /// needs a person; to all others the error is told, and what a call that ends so has
    /// taken before is withdrawn. Nothing of it is tried again before `until`.
    pub(super) fn fail(&mut self, batch: Vec<Pending>, error: &StorageError, until: Millis) {
        self.pause(until);
        for pending in batch {
            if pending.held && pending.until > until && !error.is_lasting() {
                self.hold(pending);
                continue;
            }
            self.withdrawals.extend(pending.abandoned());
            pending.fail(error.clone());
        }
    }

    /// Answers a call that is refused. One that was held has a ticket from before, which its
    /// caller does not know of.
    pub(super) fn refuse(&mut self, pending: Pending, rejection: Rejection) {
        self.withdrawals.extend(pending.abandoned());
        pending.call.answer(Err(MeshError::Rejected(rejection)));
    }

    /// Has a claim given back that nobody waits for any more.
    pub(super) fn withdraw(&mut self, release: Release) {
        self.withdrawals.push(release);
    }

    /// Lets no call wait any longer, and nothing that is to be withdrawn.
    pub(super) fn end_waits(&mut self) {
        self.paused_until = 0;
        self.calls.iter_mut().for_each(|call| call.until = 0);
    }

    /// What is to be decided now, by the state as it was read: first what is withdrawn,
    /// then the calls that would be answered otherwise by now or whose time is up.
    pub(super) fn take_due(&mut self, state: &State, wall: Millis, steady: Millis) -> Vec<Pending> {
        self.let_go(state);
        let paused = self.is_paused(steady);
        self.withdrawing = !paused;
        let ready = self.withdrawals.iter().filter(|_| !paused);
        let withdrawn = ready.map(|release| {
            let command = Command::Release(release.clone());
            Pending::new(Call::of_nobody(command), steady)
        });
        let mut due: Vec<Pending> = withdrawn.collect();
        due.extend(self.calls.extract_if(.., |pending| {
            let prospect = || prospect(state, wall, pending.waiting());
            pending.until <= steady || !paused && prospect() == Prospect::Due
        }));
        due.iter_mut().for_each(Pending::mind_the_cancelled);
        due
    }

    /// Forgets the calls whose callers are gone, and notes what they leave behind. What
    /// another call of the agent waits with is that one's now.
    fn let_go(&mut self, state: &State) {
        let gone = self.calls.extract_if(.., |pending| pending.call.is_gone());
        let left = gone.filter_map(|pending| pending.left_behind(state));
        self.withdrawals.extend(left);
        let calls = &mut self.calls;
        self.withdrawals.retain(|left| {
            let mut heirs = calls.iter_mut().filter_map(|call| call.ticket.as_mut());
            let heir = heirs.find(|ticket| ticket.claim_id == left.claim_id);
            heir.map(|ticket| ticket.taken_by_call = true).is_none()
        });
    }

    /// Takes in what happened to claims: a ticket that was cancelled is not taken anew.
    pub(super) fn note(&mut self, event: &Event) {
        if let Event::Cancelled { claim } = event {
            self.cancelled.push(claim.claim_id);
            let claim_id = claim.claim_id.to_string();
            for pending in &mut self.calls {
                pending.cancelled |= pending.waits_with(&claim_id);
            }
        }
    }

    /// A new batch begins. Who is held by now was told of what came before it.
    pub(super) fn forget_cancelled(&mut self) {
        self.cancelled.clear();
    }

    /// Whether nothing is decided again yet.
    pub(super) fn is_paused(&self, steady: Millis) -> bool {
        steady < self.paused_until
    }

    /// What was due is decided, so the log is in order.
    pub(super) fn decided(&mut self) {
        self.paused_until = 0;
        if self.withdrawing {
            self.withdrawals.clear();
        }
    }

    /// Decides nothing again before `until` but what ends: right away it would only fail
    /// again.
    pub(super) fn pause(&mut self, until: Millis) {
        self.paused_until = until;
    }

    /// How long nothing will be due unless the log goes on; `most` at most.
    pub(super) fn patience(
        &self,
        state: &State,
        wall: Millis,
        steady: Millis,
        most: Millis,
    ) -> Millis {
        let paused = self.paused_until.saturating_sub(steady);
        let rest = |pending: &Pending| {
            let up = pending.until.saturating_sub(steady);
            let due = match prospect(state, wall, pending.waiting()) {
                Prospect::Due => 0,
                Prospect::NotBefore(None) => up,
                Prospect::NotBefore(Some(at)) => at.saturating_sub(wall),
            };
            up.min(due.max(paused))
        };
        let withdraw = self.withdrawals.iter().map(|_| paused);
        let rests = self.calls.iter().map(rest).chain(withdraw);
        rests.min().unwrap_or(most).min(most)
    }
}

fn release(claim: &Claim, claim_id: String) -> Release {
    Release {
        agent_id: claim.agent_id.clone(),
        claim_id,
        resource: claim.resource.clone(),
    }
}
