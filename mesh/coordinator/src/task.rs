//! The task itself.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use async_channel::{Receiver, RecvError, Sender};

use crate::error::MeshError;
use crate::handle::{Call, Handle, Request, Served};
use crate::held::{Asked, Held, Pending, takes_claim};
use crate::nonces::Nonces;
use crate::ports::{Append, CheckpointNeed, Clock, Durability, Lock, News, Storage, StorageError};
use crate::signal::Signal;
use mesh_core::{Entropy, Entry, Event, Millis, Rejection, Reply, Snapshot, State, prune};
use planted::{Bug, sound};

/// Losing more often than this means that the lock does not help: writers then step
/// aside for a moment, each for another one.
const PATIENT_LOSSES: u32 = 3;
const MAX_STEP_ASIDE: Millis = 64;
/// How many batches are served after the last request.
const LAST_BATCHES: usize = 2;
/// How often the log is looked at for those who wait, without any reason to.
const LOOK: Millis = 4_000;
/// How long the log is still watched after nothing is held any more: whoever waits once
/// often waits again, and to begin to watch costs more than a call.
const LINGER: Millis = 1_000;
/// How long after a checkpoint that failed or was lost the next one is tried.
const CHECKPOINT_RETRY: Millis = 5_000;
/// How long after a batch that failed what is held is looked at again.
const RETRY: Millis = 250;

/// What a command is answered.
struct Answer {
    reply: Result<Reply, Rejection>,
    /// Whether the command made a claim: a hold or a ticket.
    took: bool,
}

/// What the coordinator has to do next.
enum Next {
    Request(Result<Request, RecvError>),
    Signal(Signal),
    /// The log may have gone on, or time has: look at what is held.
    Look,
}

/// Owns the state, and serves a queue of requests over three ports.
pub struct Coordinator<C, S, L> {
    clock: C,
    storage: S,
    lock: L,
    requests: Receiver<Request>,
    signals: Receiver<Signal>,
    held: Held,
    /// How long nothing that is held will be due by itself.
    patience: Millis,
    /// When the log itself is looked at again (monotonic).
    next_look: Millis,
    /// Whether the storage is asked for changes.
    watching: bool,
    /// When it is not any more, if nothing is held by then (monotonic).
    unwatch_at: Millis,
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
    pub fn new(clock: C, storage: S, lock: L, seed: u64) -> (Self, Handle) {
        let (handle, served) = Handle::queue();
        (Self::serving(served, clock, storage, lock, seed), handle)
    }

    /// A coordinator that serves the given end of a handle, over the given ports.
    pub fn serving(served: Served, clock: C, storage: S, lock: L, seed: u64) -> Self {
        let mut nonces = Nonces::new(seed);
        Self {
            clock,
            storage,
            lock,
            requests: served.requests,
            signals: served.signals,
            held: Held::new(served.back),
            patience: LOOK,
            next_look: 0,
            watching: false,
            unwatch_at: 0,
            snapshot: Snapshot::within(served.limits),
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
    pub(crate) async fn run_until(mut self, mut close: Option<Sender<()>>) {
        while close.is_none() {
            close = match self.next().await {
                Next::Request(Ok(Request::Call(first))) => self.serve(Some(first)).await,
                Next::Request(Ok(Request::Close(done))) => Some(done),
                Next::Request(Err(_)) => break,
                Next::Signal(signal) => {
                    self.heed(signal);
                    self.serve(None).await
                }
                Next::Look => {
                    self.look().await;
                    self.serve(None).await
                }
            };
        }
        self.requests.close();
        // What comes now finds the queue closed. Whoever goes away while the first of these
        // batches is decided is heard of in the next.
        for _ in 0..LAST_BATCHES {
            self.held.end_waits();
            self.serve(None).await;
        }
        self.close().await;
        if let Some(done) = close {
            let _ = done.try_send(());
        }
    }

    /// Waits for whatever is next. As long as nothing is held, that is somebody who asks
    /// for something; the storage is then left alone.
    async fn next(&mut self) -> Next {
        let (holding, watching) = (!self.held.is_empty(), self.watching);
        let mut request = pin!(self.requests.recv());
        let mut signal = pin!(self.signals.recv());
        let mut changed = pin!(self.storage.changed());
        let mut look = pin!(self.clock.sleep(self.patience.max(1)));
        poll_fn(|context| {
            if let Poll::Ready(request) = request.as_mut().poll(context) {
                return Poll::Ready(Next::Request(request));
            }
            if let Poll::Ready(Ok(signal)) = signal.as_mut().poll(context) {
                return Poll::Ready(Next::Signal(signal));
            }
            let mut news = || changed.as_mut().poll(context);
            if holding && sound!(news(), Bug::NewsSleptThrough => Poll::Pending).is_ready() {
                return Poll::Ready(Next::Look);
            }
            if (holding || watching) && look.as_mut().poll(context).is_ready() {
                return Poll::Ready(Next::Look);
            }
            Poll::Pending
        })
        .await
    }

    fn heed(&mut self, signal: Signal) {
        match signal {
            // Whoever is gone is found when what is held is looked through.
            Signal::Gone => {}
            Signal::Undelivered(release) => self.held.withdraw(release),
            Signal::EndWaits => self.held.end_waits(),
        }
    }

    /// Now and then, finds out whether the log is still there at all: a folder that was
    /// removed does not change any more. What is wrong with it is told to those who wait
    /// when they are served.
    async fn look(&mut self) {
        let now = self.clock.monotonic();
        if now < self.next_look {
            return;
        }
        self.next_look = now + LOOK;
        let found = match self.catch_up().await {
            Ok(()) => self.make_durable().await.map(drop),
            Err(error) => Err(error),
        };
        if let Err(error) = found {
            tracing::debug!("{error}");
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

    /// Serves a call, with all that wait behind it and all that is held and due. Gives
    /// back the request to close, if that came next.
    pub(crate) async fn serve(&mut self, first: Option<Call>) -> Option<Sender<()>> {
        while let Ok(signal) = self.signals.try_recv() {
            self.heed(signal);
        }
        let (mut batch, close) = self.gather(first);
        let due = self.take_due().await;
        batch.splice(0..0, due);
        if !batch.is_empty() {
            let asked: Vec<Asked<'_>> = batch.iter().map(Pending::asked).collect();
            match self.commit(&asked).await {
                Ok(answers) => self.hold_or_answer(batch, answers),
                Err(error) => self
                    .held
                    .fail(batch, &error, self.clock.monotonic() + RETRY),
            }
            self.maintain().await;
        }
        self.rest();
        close
    }

    /// Finds out for how long there will be nothing to do.
    fn rest(&mut self) {
        let steady = self.clock.monotonic();
        if !self.held.is_empty() {
            let state = &self.snapshot.state;
            let wall = self.clock.now();
            self.patience = self.held.patience(state, wall, steady, LOOK);
            (self.watching, self.unwatch_at) = (true, steady + LINGER);
        } else if self.watching {
            self.patience = self.unwatch_at.saturating_sub(steady);
            self.watching = self.patience > 0;
            if !self.watching {
                self.storage.unwatch();
            }
        }
    }

    /// What waits in the queue, as one batch. Whoever is gone by now gets nothing.
    fn gather(&mut self, first: Option<Call>) -> (Vec<Pending>, Option<Sender<()>>) {
        let now = self.clock.monotonic();
        let limits = self.snapshot.state.limits();
        let mut batch = Vec::new();
        let mut bytes = 0;
        let mut next = first;
        loop {
            if let Some(call) = next.filter(|call| !call.is_gone()) {
                bytes += call.command.weight();
                batch.push(Pending::new(call, now));
            }
            if batch.len() >= limits.batch_commands || bytes >= limits.batch_bytes {
                return (batch, None);
            }
            next = match self.requests.try_recv() {
                Ok(Request::Call(call)) => Some(call),
                Ok(Request::Close(done)) => return (batch, Some(done)),
                Err(_) => return (batch, None),
            };
        }
    }

    /// The calls that were held and are to be decided now. A log that needs a person is told
    /// to all of them; one that merely cannot be read just now is looked at again.
    async fn take_due(&mut self) -> Vec<Pending> {
        if self.held.is_empty() {
            return Vec::new();
        }
        if let Err(error) = self.catch_up().await {
            match error.is_lasting() {
                true => self.held.end_waits(),
                false => self.held.pause(self.clock.monotonic() + RETRY),
            }
        }
        let (wall, steady) = (self.clock.now(), self.clock.monotonic());
        self.held.take_due(&self.snapshot.state, wall, steady)
    }

    fn hold_or_answer(&mut self, batch: Vec<Pending>, answers: Vec<Answer>) {
        self.held.decided();
        let now = self.clock.monotonic();
        for (pending, answer) in batch.into_iter().zip(answers) {
            match answer.reply {
                Ok(reply) => self.held.hold_or_answer(pending, reply, answer.took, now),
                Err(rejection) => pending.call.answer(Err(MeshError::Rejected(rejection))),
            }
        }
    }

    /// Decides a batch, commits what it causes, and makes durable what it tells.
    async fn commit(&mut self, asked: &[Asked<'_>]) -> Result<Vec<Answer>, StorageError> {
        let mut writing = !asked.iter().all(Asked::may_only_read);
        let mut losses = 0;
        loop {
            let attempt = self.attempt(asked, writing).await;
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

    /// An attempt that writes takes the lock, and leaves it to its caller to release it.
    async fn attempt(
        &mut self,
        asked: &[Asked<'_>],
        writing: bool,
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
        match (self.append(events, now, state).await?, stuck) {
            (Append::Committed, _) => Ok(Attempt::Answered(answers)),
            (Append::Lost, None) => Ok(Attempt::Lost),
            (Append::Lost, Some(error)) => Err(error),
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

    async fn catch_up(&mut self) -> Result<(), StorageError> {
        loop {
            match self.storage.read_on().await? {
                News::Reset(snapshot) => self.snapshot = *snapshot,
                News::Entries(entries) => {
                    for entry in &entries {
                        entry.events.iter().for_each(|event| self.held.note(event));
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
        match written {
            Ok(Append::Committed) => return,
            // Others write faster than this one does. They may write the checkpoint, too.
            Ok(Append::Lost) => tracing::debug!("the checkpoint is put off: another entry came"),
            Err(error) => tracing::warn!("the checkpoint is put off: {error}"),
        }
        self.next_checkpoint = self.clock.monotonic() + CHECKPOINT_RETRY;
    }

    /// After several lost races, waits for a moment that differs from writer to writer.
    async fn step_aside(&mut self, losses: u32) {
        if losses > PATIENT_LOSSES {
            let bound = (1 << (losses - PATIENT_LOSSES).min(6)).min(MAX_STEP_ASIDE);
            self.clock.sleep(1 + self.nonces.draw() % bound).await;
        }
    }
}
