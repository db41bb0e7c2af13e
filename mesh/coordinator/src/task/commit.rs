//! From a batch to its answers: decide it on the end of the log, append what it causes,
//! and begin anew on the state as it is then wherever another writer came first.
//!
//! An error tells what the whole batch may have done, since the attempts before the last
//! one count as well ([`Footprint`]).

use super::Coordinator;
use crate::footprint::Footprint;
use crate::held::{Asked, takes_claim};
use crate::ports::{
    Append, CheckpointNeed, Clock, Durability, Lock, Outcome, Storage, StorageError,
    StorageErrorKind,
};
use mesh_core::{Entropy, Entry, Event, Millis, Rejection, Reply, State};
use planted::{Bug, sound};

/// Losing more often than this means that the lock does not help: writers then step
/// aside for a moment, each for another one.
const PATIENT_LOSSES: u32 = 3;
const MAX_STEP_ASIDE: Millis = 64;
/// How often a batch may lose to others.
const MOST_LOSSES: u32 = 1_000;
/// How often in a row it may get nowhere although nobody else does either: the log takes no
/// entry and shows none, or is gone whenever something was appended.
const MOST_FRUITLESS: u32 = 32;

/// The error of a batch that comes to no end.
fn takes_nothing(losses: u32) -> StorageError {
    StorageError {
        kind: StorageErrorKind::Io,
        what: format!("cannot append to the log: it took nothing in {losses} attempts"),
        next: "call again; if it persists, run `mesh doctor`, and start mesh again".to_owned(),
        outcome: Outcome::NoEffect,
    }
}

/// What a command is answered.
pub(super) struct Answer {
    pub(super) reply: Result<Reply, Rejection>,
    /// Whether the command made a claim: a hold or a ticket.
    pub(super) took: bool,
}

/// What became of an attempt to commit a batch.
enum Attempt {
    /// The answers stand, once what they tell is durable.
    Answered(Vec<Answer>),
    /// Readers found something to reap, which needs the lock.
    NeedsLock,
    /// Another writer came first.
    Lost,
}

impl<C: Clock, S: Storage, L: Lock> Coordinator<C, S, L> {
    /// Decides a batch, commits what it causes, and makes durable what it tells. An error
    /// tells what the whole batch may have done.
    pub(super) async fn commit(
        &mut self,
        asked: &[Asked<'_>],
    ) -> Result<Vec<Answer>, StorageError> {
        let mut footprint = Footprint::default();
        let answers = self.try_to_commit(asked, &mut footprint).await;
        answers.map_err(|error| footprint.told(error))
    }

    async fn try_to_commit(
        &mut self,
        asked: &[Asked<'_>],
        footprint: &mut Footprint,
    ) -> Result<Vec<Answer>, StorageError> {
        let mut writing = !asked.iter().all(Asked::may_only_read);
        let (mut losses, mut fruitless) = (0, 0);
        let mut lost_at = None;
        while sound!(
            losses < MOST_LOSSES && fruitless < MOST_FRUITLESS,
            Bug::ReplacedSealFollowed => true
        ) {
            let attempt = self.attempt(asked, writing, footprint).await;
            if writing {
                self.lock.release().await;
            }
            match attempt? {
                Attempt::Answered(answers) => {
                    if self.make_durable().await? == Durability::Durable {
                        return Ok(answers);
                    }
                    fruitless += 1;
                }
                Attempt::NeedsLock => writing = true,
                Attempt::Lost => {
                    // Somebody else's entry is where this one was to be, or nothing is.
                    let here = Some(self.snapshot.seq);
                    fruitless = if lost_at == here { fruitless + 1 } else { 0 };
                    (losses, lost_at) = (losses + 1, here);
                }
            }
            self.step_aside(losses).await;
        }
        Err(takes_nothing(losses))
    }

    /// An attempt that writes takes the lock, and leaves it to its caller to release it.
    async fn attempt(
        &mut self,
        asked: &[Asked<'_>],
        writing: bool,
        footprint: &mut Footprint,
    ) -> Result<Attempt, StorageError> {
        // The wall clock is read after everything that may have waited.
        let (stuck, now) = sound!(
            (self.prepare(writing).await?, self.clock.now()),
            Bug::NowBeforeLock => {
                let now = self.clock.now();
                (self.prepare(writing).await?, now)
            }
        );
        let (events, answers, state) = self.decide_all(asked, now);
        if events.is_empty() {
            return Ok(Attempt::Answered(answers));
        }
        if !writing {
            return Ok(Attempt::NeedsLock);
        }
        if let Some(error) = stuck
            && self.storage.checkpoint_need() == CheckpointNeed::Required
        {
            return Err(error);
        }
        let appended = self.append(events, now, state).await;
        footprint.note(&appended);
        match appended? {
            Append::Committed => Ok(Attempt::Answered(answers)),
            Append::Lost => Ok(Attempt::Lost),
        }
    }

    /// Comes to the end of the log, with the lock if `writing`. Gives back why a checkpoint
    /// that is required cannot be written.
    async fn prepare(&mut self, writing: bool) -> Result<Option<StorageError>, StorageError> {
        if writing {
            self.lock.acquire().await;
        }
        self.catch_up().await?;
        let mut stuck = None;
        if writing && self.storage.checkpoint_need() == CheckpointNeed::Required {
            stuck = self.checkpoint().await.err();
            self.catch_up().await?;
        }
        Ok(stuck)
    }

    /// Decides one command after the other, each on the state that the ones before it
    /// lead to. What a held claim is answered may be in the state already.
    fn decide_all(&mut self, asked: &[Asked<'_>], now: Millis) -> (Vec<Event>, Vec<Answer>, State) {
        let mut state = self.snapshot.state.clone();
        let mut events = Vec::new();
        let mut answers = Vec::with_capacity(asked.len());
        for asked in asked {
            let collected = asked.collect(&state, now).map(|reply| Answer {
                reply: Ok(Reply::Claim(reply)),
                took: false,
            });
            if let Some(answer) = collected {
                answers.push(answer);
                continue;
            }
            let entropy =
                Entropy::from(self.nonces.draw()) << 64 | Entropy::from(self.nonces.draw());
            match asked.decide(&state, now, entropy) {
                Ok(decision) => {
                    let took = takes_claim(&decision);
                    state = decision.state;
                    answers.push(Answer {
                        reply: Ok(decision.reply),
                        took,
                    });
                    events.extend(decision.events);
                }
                Err(rejection) => answers.push(Answer {
                    reply: Err(rejection),
                    took: false,
                }),
            }
        }
        (events, answers, state)
    }

    /// Appends events as the next entry. If that is committed, `state`, in which they
    /// are folded in already, becomes the state.
    pub(super) async fn append(
        &mut self,
        events: Vec<Event>,
        at: Millis,
        state: State,
    ) -> Result<Append, StorageError> {
        self.entries += 1;
        let entry = Entry {
            seq: self.snapshot.seq + 1,
            id: format!("{:016x}.{}", self.writer, self.entries),
            at,
            events,
        };
        let appended = self.storage.append(&entry).await?;
        if appended == Append::Committed {
            #[cfg(debug_assertions)]
            self.assert_replay(&entry, &state);
            entry.events.iter().for_each(|event| self.held.note(event));
            self.snapshot.advance(&entry, state);
        }
        Ok(appended)
    }

    /// Whoever replays the entry must come to the state that it was decided to lead to.
    #[cfg(debug_assertions)]
    fn assert_replay(&self, entry: &Entry, decided: &State) {
        let mut replayed = self.snapshot.state.clone();
        replayed.apply_entry(entry);
        assert!(
            replayed == *decided || planted::is_silent(),
            "entry {} replays to another state",
            entry.seq
        );
    }

    /// After several lost races, waits for a moment that differs from writer to writer.
    async fn step_aside(&mut self, losses: u32) {
        if losses > PATIENT_LOSSES {
            let bound = (1 << (losses - PATIENT_LOSSES).min(6)).min(MAX_STEP_ASIDE);
            self.clock.sleep(1 + self.nonces.draw() % bound).await;
        }
    }
}
