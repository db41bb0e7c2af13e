//! The task itself.

use async_channel::{Receiver, Sender};

use super::handle::{Call, Mesh, MeshError, Request};
use crate::backends::fs::Nonces;
use crate::core::{
    Command, Entropy, Entry, Event, Millis, Rejection, Reply, Snapshot, State, decide, prune,
};
use crate::planted::{self, Bug};
use crate::ports::{Append, CheckpointNeed, Clock, Durability, Lock, News, Storage, StorageError};

/// How many commands, and how many bytes of them, one entry carries at most.
const BATCH_COMMANDS: usize = 256;
const BATCH_BYTES: usize = 1 << 20;
/// Losing more often than this means that the lock does not help: writers then step
/// aside for a moment, each for another one.
const PATIENT_LOSSES: u32 = 3;
const MAX_STEP_ASIDE: Millis = 64;
/// How long after a failed checkpoint the next one is tried.
const CHECKPOINT_RETRY: Millis = 5_000;

type Answer = Result<Reply, Rejection>;

/// Owns the state, and serves a queue of requests over three ports.
pub struct Coordinator<C, S, L> {
    clock: C,
    storage: S,
    lock: L,
    requests: Receiver<Request>,
    snapshot: Snapshot,
    nonces: Nonces,
    /// This process, in the ids of its entries.
    writer: u64,
    entries: u64,
    /// No checkpoint that is merely worthwhile before this (monotonic).
    next_checkpoint: Millis,
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
    /// A coordinator over the given ports, and the handle to reach it by. `seed` must
    /// differ from every other coordinator's.
    pub fn new(clock: C, storage: S, lock: L, seed: u64) -> (Self, Mesh) {
        let (mesh, requests) = Mesh::queue();
        (Self::serving(requests, clock, storage, lock, seed), mesh)
    }

    pub(crate) fn serving(
        requests: Receiver<Request>,
        clock: C,
        storage: S,
        lock: L,
        seed: u64,
    ) -> Self {
        let mut nonces = Nonces::new(seed);
        Self {
            clock,
            storage,
            lock,
            requests,
            snapshot: Snapshot::default(),
            writer: nonces.draw(),
            nonces,
            entries: 0,
            next_checkpoint: 0,
        }
    }

    /// Serves requests until it is told to close or every handle is gone, then leaves
    /// the folder tidy.
    pub async fn run(self) {
        self.run_until(None).await;
    }

    /// The same; `close` is a request to close that came already.
    pub(crate) async fn run_until(mut self, close: Option<Sender<()>>) {
        let done = loop {
            if close.is_some() {
                break close;
            }
            match self.requests.recv().await {
                Ok(Request::Call(first)) => {
                    if let Some(done) = self.serve(first).await {
                        break Some(done);
                    }
                }
                Ok(Request::Close(done)) => break Some(done),
                Err(_) => break None,
            }
        };
        self.requests.close();
        self.close().await;
        if let Some(done) = done {
            let _ = done.try_send(());
        }
    }

    /// Reads the log to its end, without waiting for a first request.
    ///
    /// # Errors
    ///
    /// What keeps the log from being read. Requests will meet it again.
    pub async fn load(&mut self) -> Result<(), StorageError> {
        self.catch_up().await
    }

    async fn close(&mut self) {
        if let Err(error) = self.storage.close(&self.snapshot).await {
            tracing::warn!("{error}");
        }
    }

    /// Serves a call, with all that wait behind it. Gives back the request to close,
    /// if that came next.
    pub(crate) async fn serve(&mut self, first: Call) -> Option<Sender<()>> {
        let mut bytes = first.command.weight();
        let mut batch = vec![first];
        let mut close = None;
        while batch.len() < BATCH_COMMANDS && bytes < BATCH_BYTES {
            match self.requests.try_recv() {
                Ok(Request::Call(call)) => {
                    bytes += call.command.weight();
                    batch.push(call);
                }
                Ok(Request::Close(done)) => {
                    close = Some(done);
                    break;
                }
                Err(_) => break,
            }
        }
        let commands: Vec<&Command> = batch.iter().map(|call| &call.command).collect();
        match self.commit(&commands).await {
            Ok(answers) => {
                for (call, answer) in batch.into_iter().zip(answers) {
                    call.answer(answer.map_err(MeshError::Rejected));
                }
            }
            Err(error) => {
                for call in batch {
                    call.answer(Err(MeshError::Storage(error.clone())));
                }
            }
        }
        self.maintain().await;
        close
    }

    /// Decides a batch, commits what it causes, and makes durable what it tells.
    async fn commit(&mut self, commands: &[&Command]) -> Result<Vec<Answer>, StorageError> {
        let mut writing = !commands.iter().all(|command| command.is_reader());
        let mut losses = 0;
        loop {
            let early = planted::is(Bug::NowBeforeLock).then(|| self.clock.now());
            if writing {
                self.lock.acquire().await;
            }
            let attempt = self.attempt(commands, writing, early).await;
            if writing {
                self.lock.release().await;
            }
            match attempt? {
                Attempt::Answered(answers) => {
                    if self.make_durable().await? == Durability::Durable {
                        return Ok(answers);
                    }
                }
                Attempt::NeedsLock => writing = true,
                Attempt::Lost => losses += 1,
            }
            self.step_aside(losses).await;
        }
    }

    async fn attempt(
        &mut self,
        commands: &[&Command],
        writing: bool,
        early: Option<Millis>,
    ) -> Result<Attempt, StorageError> {
        self.catch_up().await?;
        let mut stuck = None;
        if writing && self.storage.checkpoint_need() == CheckpointNeed::Required {
            stuck = self.checkpoint().await.err();
            self.catch_up().await?;
        }
        // The wall clock is read after everything that may have waited.
        let now = early.unwrap_or_else(|| self.clock.now());
        let (events, answers, state) = self.decide_all(commands, now);
        if events.is_empty() {
            return Ok(Attempt::Answered(answers));
        }
        if !writing {
            return Ok(Attempt::NeedsLock);
        }
        match (self.append(events, now, state).await?, stuck) {
            (Append::Committed, _) => Ok(Attempt::Answered(answers)),
            (Append::Lost, None) => Ok(Attempt::Lost),
            (Append::Lost, Some(error)) => Err(error),
        }
    }

    /// Decides one command after the other, each on the state that the ones before it
    /// lead to.
    fn decide_all(
        &mut self,
        commands: &[&Command],
        now: Millis,
    ) -> (Vec<Event>, Vec<Answer>, State) {
        let mut state = self.snapshot.state.clone();
        let mut events = Vec::new();
        let mut answers = Vec::with_capacity(commands.len());
        for command in commands {
            let entropy =
                Entropy::from(self.nonces.draw()) << 64 | Entropy::from(self.nonces.draw());
            match decide(&state, now, command, entropy) {
                Ok(decision) => {
                    state = decision.state;
                    events.extend(decision.events);
                    answers.push(Ok(decision.reply));
                }
                Err(rejection) => answers.push(Err(rejection)),
            }
        }
        (events, answers, state)
    }

    /// Appends events as the next entry. If that is committed, `state`, in which they
    /// are folded in already, becomes the state.
    async fn append(
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
            replayed == *decided || planted::any(),
            "entry {} replays to another state",
            entry.seq
        );
    }

    async fn catch_up(&mut self) -> Result<(), StorageError> {
        loop {
            match self.storage.read_on().await? {
                News::Reset(snapshot) => self.snapshot = *snapshot,
                News::Entries(entries) => {
                    for entry in &entries {
                        self.snapshot.apply(entry);
                    }
                }
                News::CaughtUp => return Ok(()),
            }
        }
    }

    /// A barrier. Where the log cannot be synced any more, what is in memory goes into
    /// a checkpoint of its own, and that is synced.
    async fn make_durable(&mut self) -> Result<Durability, StorageError> {
        let failed = match self.storage.sync().await {
            Err(error) if self.storage.checkpoint_need() == CheckpointNeed::Required => error,
            other => return other,
        };
        self.lock.acquire().await;
        let saved = self.checkpoint().await;
        self.lock.release().await;
        match saved {
            Ok(Append::Committed) => self.storage.sync().await,
            Ok(Append::Lost) | Err(_) => Err(failed),
        }
    }

    /// Writes a checkpoint, without what has expired.
    async fn checkpoint(&mut self) -> Result<Append, StorageError> {
        self.catch_up().await?;
        if self.storage.checkpoint_need() == CheckpointNeed::None {
            // Another process wrote one in the meantime.
            return Ok(Append::Committed);
        }
        let now = self.clock.now();
        let events = prune(&self.snapshot.state, now);
        if !events.is_empty() && self.storage.checkpoint_need() != CheckpointNeed::Required {
            let mut state = self.snapshot.state.clone();
            events.iter().for_each(|event| state.apply(now, event));
            if self.append(events, now, state).await? == Append::Lost {
                return Ok(Append::Lost);
            }
        }
        self.storage.checkpoint(&self.snapshot).await
    }

    /// What can wait until the callers have their answers.
    async fn maintain(&mut self) {
        let due = self.storage.checkpoint_need() != CheckpointNeed::None;
        if !due || self.clock.monotonic() < self.next_checkpoint {
            return;
        }
        self.lock.acquire().await;
        let written = self.checkpoint().await;
        self.lock.release().await;
        if let Err(error) = written {
            tracing::warn!("the checkpoint is put off: {error}");
            self.next_checkpoint = self.clock.monotonic() + CHECKPOINT_RETRY;
        }
    }

    /// After several lost races, waits for a moment that differs from writer to writer.
    async fn step_aside(&mut self, losses: u32) {
        if losses > PATIENT_LOSSES {
            let bound = (1 << (losses - PATIENT_LOSSES).min(6)).min(MAX_STEP_ASIDE);
            self.clock.sleep(1 + self.nonces.draw() % bound).await;
        }
    }
}
