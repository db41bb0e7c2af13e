//! Calls that are held until there is something better to say (rules W1 and W3).
//!
//! A call that waits is decided like any other. Where the answer is "wait", it comes
//! here, and is decided again once [`prospect`] says that it would be answered otherwise
//! by now, or once its time is up. In between it costs nothing: the [`Agenda`] knows which
//! calls a change concerns, and when each is worth a look by itself. One
//! that was promoted is answered from the state as well, without an entry of its own.
//!
//! A caller may go away meanwhile, or before it hears the answer. Then what its call left
//! behind is withdrawn: the ticket that it took, or the grant that its ticket turned into.
//! A ticket that stood before the call stays.

mod agenda;
mod pending;

use std::collections::BTreeMap;

use async_channel::Sender;

use crate::error::MeshError;
use crate::handle::Call;
use crate::parcel::Parcel;
use crate::ports::StorageError;
use crate::signal::Signal;
use agenda::{Agenda, CallId};
use mesh_core::{ClaimId, ClaimStatus, Command, Event, Millis, Rejection, Release, Reply, State};
pub(crate) use pending::{Asked, Pending, takes_claim};
use planted::{Bug, sound};

/// The calls that are held, and what is to be undone for those that are not any more.
pub(super) struct Held {
    /// In the order in which they came to be held.
    calls: BTreeMap<CallId, Pending>,
    newest: CallId,
    agenda: Agenda,
    withdrawals: Vec<Release>,
    /// Whether the caller of one of them may be gone.
    caller_left: bool,
    /// Before this nothing is decided again but what ends, since that has just failed
    /// (monotonic).
    paused_until: Millis,
    /// How many of them, from the first, the batch that is decided withdraws.
    withdrawing: usize,
    /// The tickets that were cancelled since the batch that is decided was taken out.
    cancelled: Vec<ClaimId>,
    /// What a parcel that never arrives is reported to.
    signals: Sender<Signal>,
}

impl Held {
    pub(super) fn new(signals: Sender<Signal>) -> Self {
        Self {
            calls: BTreeMap::new(),
            newest: 0,
            agenda: Agenda::default(),
            withdrawals: Vec::new(),
            caller_left: false,
            paused_until: 0,
            withdrawing: 0,
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

    /// Holds a call. Its ticket may have been cancelled while it was decided, and its caller
    /// may have gone.
    fn hold(&mut self, mut pending: Pending) {
        let mut cancelled = self.cancelled.iter();
        pending.cancelled |= cancelled.any(|id| pending.waits_with(&id.to_string()));
        pending.held = true;
        self.caller_left |= pending.call.is_gone();
        self.newest += 1;
        self.agenda
            .add(self.newest, pending.waiting(), pending.until);
        self.calls.insert(self.newest, pending);
    }

    fn take(&mut self, id: CallId) -> Option<Pending> {
        let pending = self.calls.remove(&id)?;
        self.agenda.remove(id, pending.waiting(), pending.until);
        Some(pending)
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

    /// Answers calls that no record takes with why. They would never be decided otherwise.
    pub(super) fn refuse_unfit(&mut self, batch: Vec<Pending>, error: &StorageError) {
        for pending in batch {
            self.withdrawals.extend(pending.abandoned());
            pending.fail(error.clone());
        }
    }

    /// Has a claim given back that nobody waits for any more.
    pub(super) fn withdraw(&mut self, release: Release) {
        self.withdrawals.push(release);
    }

    /// Looks for callers that are gone when what is due is taken next.
    pub(super) fn look_for_gone(&mut self) {
        self.caller_left = true;
    }

    /// Lets no call wait any longer, and nothing that is to be withdrawn.
    pub(super) fn end_waits(&mut self) {
        self.paused_until = 0;
        self.calls.values_mut().for_each(|call| call.until = 0);
        self.agenda.end_all();
    }

    /// What is to be decided now, by the state as it was read: first what is withdrawn,
    /// then the calls that would be answered otherwise by now or whose time is up.
    pub(super) fn take_due(&mut self, state: &State, wall: Millis, steady: Millis) -> Vec<Pending> {
        self.let_go(state);
        let paused = self.is_paused(steady);
        self.withdrawing = if paused { 0 } else { self.withdrawals.len() };
        let ready = self.withdrawals.iter().take(self.withdrawing);
        let withdrawn = ready.map(|release| {
            let command = Command::Release(release.clone());
            Pending::new(Call::of_nobody(command), steady)
        });
        let mut due: Vec<Pending> = withdrawn.collect();
        self.refresh(state, wall);
        let ids = self.agenda.ready(steady, !paused);
        due.extend(ids.into_iter().filter_map(|id| self.take(id)));
        due.iter_mut().for_each(Pending::mind_the_cancelled);
        due
    }

    fn refresh(&mut self, state: &State, wall: Millis) {
        let calls = &self.calls;
        let command = |id: CallId| calls.get(&id).map(Pending::waiting);
        self.agenda.refresh(state, wall, command);
    }

    /// Forgets the calls whose callers are gone, and notes what they leave behind. What
    /// another call of the agent waits with is that one's now.
    fn let_go(&mut self, state: &State) {
        if std::mem::take(&mut self.caller_left) {
            let calls = self.calls.iter();
            let gone = calls.filter(|(_, pending)| pending.call.is_gone());
            let gone: Vec<CallId> = gone.map(|(id, _)| *id).collect();
            for id in gone {
                let left = self.take(id);
                let left = left.and_then(|pending| pending.left_behind(state));
                self.withdrawals.extend(left);
            }
        }
        let (calls, agenda) = (&mut self.calls, &self.agenda);
        self.withdrawals.retain(|left| {
            let mut others = agenda.claims_of(&left.resource, &left.agent_id);
            let heir = others.find(|id| {
                let call = calls.get(id);
                call.is_some_and(|call| call.waits_with(&left.claim_id))
            });
            let heir = heir.and_then(|id| calls.get_mut(&id)?.ticket.as_mut());
            heir.map(|ticket| ticket.taken_by_call = true).is_none()
        });
    }

    /// Takes in what is about to happen to `state`: a ticket that was cancelled is not taken
    /// anew, and whom it concerns is looked at.
    pub(super) fn note(&mut self, state: &State, events: &[Event]) {
        for event in events {
            self.agenda.note(state, event);
            if let Event::Cancelled { claim } = event {
                self.cancelled.push(claim.claim_id);
                let claim_id = claim.claim_id.to_string();
                for id in self.agenda.claims_of(&claim.resource, &claim.agent_id) {
                    if let Some(pending) = self.calls.get_mut(&id) {
                        pending.cancelled |= pending.waits_with(&claim_id);
                    }
                }
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

    /// Takes in that the log begins anew.
    pub(super) fn note_reset(&mut self) {
        self.agenda.note_all();
    }

    /// What was due is decided, so the log is in order.
    pub(super) fn decided(&mut self) {
        self.paused_until = 0;
        self.withdrawals.drain(..self.withdrawing);
        self.withdrawing = 0;
    }

    /// Decides nothing again before `until` but what ends: right away it would only fail
    /// again.
    pub(super) fn pause(&mut self, until: Millis) {
        self.paused_until = until;
    }

    /// How long nothing will be due unless the log goes on; `most` at most.
    pub(super) fn patience(
        &mut self,
        state: &State,
        wall: Millis,
        steady: Millis,
        most: Millis,
    ) -> Millis {
        self.refresh(state, wall);
        let paused = self.paused_until.saturating_sub(steady);
        let up = self.agenda.first_end();
        let up = up.map(|until| until.saturating_sub(steady));
        let due = self.agenda.first_due();
        let due = due.map(|at| at.saturating_sub(wall).max(paused));
        let withdraw = (!self.withdrawals.is_empty()).then_some(paused);
        let rests = [up, due, withdraw];
        rests.into_iter().flatten().min().unwrap_or(most).min(most)
    }
}
