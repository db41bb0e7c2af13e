//! The task itself: what it waits for, what it takes up as a batch, and to whom it
//! answers. How a batch is committed and how it keeps level with the log are modules of
//! their own.

mod commit;
mod deciding;
mod upkeep;

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use async_channel::{Receiver, RecvError, Sender};

use crate::handle::{Call, Handle, Request, Served};
use crate::held::{Asked, Held, Pending};
use crate::nonces::Nonces;
use crate::ports::{Clock, Lock, Storage, StorageError, StorageErrorKind};
use crate::signal::Signal;
use deciding::Answer;
use mesh_core::{Millis, Snapshot};
use planted::{Bug, sound};

/// How many batches are served after the last request.
const LAST_BATCHES: usize = 2;
/// How often the log is looked at for those who wait, without any reason to.
const LOOK: Millis = 4_000;
/// How long the log is still watched after nothing is held any more: whoever waits once
/// often waits again, and to begin to watch costs more than a call.
const LINGER: Millis = 1_000;
/// How long after a batch that failed what is held is looked at again.
const RETRY: Millis = 250;

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
    /// How often it was filled anew.
    resets: u64,
    nonces: Nonces,
    /// This process, in the ids of its entries.
    writer: u64,
    entries: u64,
    /// No checkpoint that is merely worthwhile before this (monotonic).
    next_checkpoint: Millis,
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
            resets: 0,
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
        // What cannot be read just now is news as long as that lasts, and must not be heard of
        // before it is tried again.
        let listening = holding && !self.held.is_paused(self.clock.monotonic());
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
            if listening && sound!(news(), Bug::NewsSleptThrough => Poll::Pending).is_ready() {
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
            Signal::Gone => self.held.look_for_gone(),
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
        self.held.forget_cancelled();
        let (mut batch, close) = self.gather(first);
        let due = self.take_due().await;
        batch.splice(0..0, due);
        if !batch.is_empty() {
            self.serve_all(batch).await;
            self.maintain().await;
        }
        self.rest();
        close
    }

    /// Commits and answers a batch, as many calls at a time as go into one entry.
    async fn serve_all(&mut self, mut batch: Vec<Pending>) {
        let mut in_order = true;
        while !batch.is_empty() {
            let asked: Vec<Asked<'_>> = batch.iter().map(Pending::asked).collect();
            let committed = self.commit(&asked).await;
            let rest = batch.split_off(committed.calls);
            match committed.answers {
                Ok(answers) => self.hold_or_answer(batch, answers),
                Err(error) if error.kind == StorageErrorKind::Unfit => {
                    self.held.refuse_unfit(batch, &error);
                }
                Err(error) => {
                    in_order = false;
                    let retry = self.clock.monotonic() + RETRY;
                    self.held.fail(batch, &error, retry);
                }
            }
            batch = rest;
        }
        if in_order {
            self.held.decided();
        }
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
        let now = self.clock.monotonic();
        for (pending, answer) in batch.into_iter().zip(answers) {
            match answer.reply {
                Ok(reply) => self.held.hold_or_answer(pending, reply, answer.took, now),
                Err(rejection) => self.held.refuse(pending, rejection),
            }
        }
    }
}
