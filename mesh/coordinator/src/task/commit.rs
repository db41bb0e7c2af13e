//! From a batch to its answers: decide it on the end of the log, append what it causes,
//! and begin anew on the state as it is then wherever another writer came first.
//!
//! An entry has a bound, and a batch may cause more. Then the calls in front are committed
//! and answered, and the others are a batch of their own. Where a single call needs more
//! reaped than one entry has room for, that goes before it in entries of its own.
//!
//! An error tells what all that it is told to may have done, since the attempts before the
//! last one count as well ([`Footprint`]). What is wrong with one call is told to that one.

use super::Coordinator;
use super::deciding::{Answer, Drafted};
use crate::footprint::Footprint;
use crate::held::Asked;
use crate::ports::{
    Append, CheckpointNeed, Clock, Durability, Lock, Outcome, Storage, StorageError,
    StorageErrorKind,
};
#[cfg(debug_assertions)]
use mesh_core::steps;
use mesh_core::{Entry, Event, Millis, State};
use planted::{Bug, promise, sound};

/// Losing more often than this means that the lock does not help: writers then step
/// aside for a moment, each for another one.
const PATIENT_LOSSES: u32 = 3;
const MAX_STEP_ASIDE: Millis = 64;
/// How often a batch may lose to others.
const MOST_LOSSES: u32 = 1_000;
/// How often in a row it may get nowhere although nobody else does either: the log takes no
/// entry and shows none, or is gone whenever something was appended.
const MOST_FRUITLESS: u32 = 32;
/// So many pieces go before a call, each of what a thousand claims leave behind. Whoever is
/// not through by then is up against a folder that others fill faster, and reaps the rest with
/// its own entry.
const MAX_PIECES: u32 = 1 << 16;

/// What became of the calls in front of a batch.
pub(super) struct Committed {
    /// How many calls this is about: one at least.
    pub(super) calls: usize,
    /// Their answers, or why they have none.
    pub(super) answers: Result<Vec<Answer>, StorageError>,
}

/// What became of an attempt to commit a batch.
enum Attempt {
    /// The answers stand, once what they tell is durable.
    Answered(Vec<Answer>),
    /// A piece of what was due is in the log, and dropped so many messages.
    Reaped(u64),
    /// Readers found something to reap, which needs the lock.
    NeedsLock,
    /// Another writer came first.
    Lost,
    /// No record takes the entry that so many calls cause.
    Unfit(usize, StorageError),
}

/// How far a batch has come.
struct Progress {
    /// The calls that one entry is decided for: fewer, once no record took what they cause.
    calls: usize,
    /// The pieces that went before, and the messages that they dropped: a `gc` has dropped
    /// these, too.
    pieces: u32,
    reclaimed: u64,
    losses: u32,
    /// The end of the log at the newest loss, and how many attempts in a row got nowhere.
    lost_at: Option<u64>,
    fruitless: u32,
    footprint: Footprint,
}

impl Progress {
    /// Whether another attempt is worth it. The bound is beside the point as long as others
    /// get on; where nobody does, the next attempt will not either.
    fn may_go_on(&self) -> bool {
        self.losses < MOST_LOSSES && self.fruitless < MOST_FRUITLESS
    }

    /// Another attempt was lost, with the log read up to `seq`: somebody else's entry is where
    /// this one was to be, or nothing is.
    fn lose(&mut self, seq: u64) {
        self.losses += 1;
        if self.lost_at.replace(seq) == Some(seq) {
            self.fruitless += 1;
        } else {
            self.fruitless = 0;
        }
    }
}

/// The error of a batch that comes to no end.
fn takes_nothing(losses: u32) -> StorageError {
    StorageError {
        kind: StorageErrorKind::Io,
        what: format!("cannot append to the log: it took nothing in {losses} attempts"),
        next: "call again; if it persists, run `mesh doctor`, and start mesh again".to_owned(),
        outcome: Outcome::NoEffect,
    }
}

impl<C: Clock, S: Storage, L: Lock> Coordinator<C, S, L> {
    /// Decides the calls in front of a batch, as many as go into one entry, commits what they
    /// cause, and makes durable what they tell. An error tells what all of them may have done.
    pub(super) async fn commit(&mut self, asked: &[Asked<'_>]) -> Committed {
        let mut progress = Progress {
            calls: asked.len(),
            pieces: 0,
            reclaimed: 0,
            losses: 0,
            lost_at: None,
            fruitless: 0,
            footprint: Footprint::default(),
        };
        let answers = self.try_to_commit(asked, &mut progress).await;
        let calls = match &answers {
            Ok(answers) => answers.len(),
            Err(error) if error.kind == StorageErrorKind::Unfit => progress.calls,
            Err(_) => asked.len(),
        };
        promise!(calls > 0, "each time some of a batch are through");
        Committed {
            calls,
            answers: answers.map_err(|error| progress.footprint.told(error)),
        }
    }

    async fn try_to_commit(
        &mut self,
        asked: &[Asked<'_>],
        progress: &mut Progress,
    ) -> Result<Vec<Answer>, StorageError> {
        let mut writing = !asked.iter().all(Asked::may_only_read);
        while progress.may_go_on() {
            let attempt = self.attempt(asked, writing, progress).await;
            if writing {
                self.lock.release().await;
            }
            match attempt? {
                Attempt::Answered(answers) => match self.make_durable().await? {
                    Durability::Durable => return Ok(answers),
                    // What the pieces dropped is not gone.
                    Durability::Reset => {
                        progress.reclaimed = 0;
                        progress.fruitless += 1;
                    }
                },
                Attempt::Reaped(messages) => {
                    progress.pieces += 1;
                    progress.reclaimed += messages;
                }
                Attempt::NeedsLock => writing = true,
                Attempt::Lost => progress.lose(self.snapshot.seq),
                Attempt::Unfit(calls, error) => progress.divide(calls, error)?,
            }
            self.step_aside(progress.losses).await;
        }
        Err(takes_nothing(progress.losses))
    }

    /// An attempt that writes takes the lock, and leaves it to its caller to release it.
    async fn attempt(
        &mut self,
        asked: &[Asked<'_>],
        writing: bool,
        progress: &mut Progress,
    ) -> Result<Attempt, StorageError> {
        // The wall clock is read after everything that may have waited.
        let (stuck, now) = sound!(
            (self.prepare(writing).await?, self.clock.now()),
            Bug::NowBeforeLock => {
                let now = self.clock.now();
                (self.prepare(writing).await?, now)
            }
        );
        let bounded = progress.pieces < MAX_PIECES;
        let mut drafted = self.decide_all(&asked[..progress.calls], now, bounded);
        drafted.add_reclaimed(progress.reclaimed);
        if drafted.events.is_empty() {
            return Ok(Attempt::Answered(drafted.answers));
        }
        if !writing {
            return Ok(Attempt::NeedsLock);
        }
        if let Some(error) = stuck
            && self.storage.checkpoint_need() == CheckpointNeed::Required
        {
            return Err(error);
        }
        self.append_drafted(drafted, now, progress).await
    }

    async fn append_drafted(
        &mut self,
        drafted: Drafted,
        now: Millis,
        progress: &mut Progress,
    ) -> Result<Attempt, StorageError> {
        let Drafted {
            events,
            answers,
            state,
        } = drafted;
        let messages = events.iter().map(Event::reclaims).sum();
        let appended = match self.append(events, now, state).await {
            Err(error) if error.kind == StorageErrorKind::Unfit => {
                return Ok(Attempt::Unfit(answers.len(), error));
            }
            appended => appended,
        };
        progress.footprint.note(&appended);
        Ok(match appended? {
            Append::Committed if answers.is_empty() => Attempt::Reaped(messages),
            Append::Committed => Attempt::Answered(answers),
            Append::Lost => Attempt::Lost,
        })
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
            steps::uncounted(|| self.assert_replay(&entry, &state));
            self.held.note(&self.snapshot.state, &entry.events);
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

impl Progress {
    /// Goes on with half of the calls that no record takes together. A call that none takes by
    /// itself fails, and no other one with it.
    fn divide(&mut self, calls: usize, error: StorageError) -> Result<(), StorageError> {
        let several = calls > 1;
        if sound!(several, Bug::BatchFailsTogether => false) {
            self.calls = calls / 2;
            return Ok(());
        }
        // None: what no record takes is due before the first call.
        self.calls = calls.max(1);
        Err(error)
    }
}
