//! A recording of the storage port: what each process reads, commits and makes durable.
//!
//! It changes nothing. It stands between the real coordinator and the real storage,
//! because that is where entries are entries and not bytes.

use mesh::core::{Entry, Event, Snapshot};
use mesh::ports::{Append, CheckpointNeed, Durability, News, Outcome, Storage, StorageError};

use crate::trace::{Incident, Noted, Record, Seen, StateSeen};
use crate::world::{Shared, World};

/// How many kinds of parts a checkpoint has: with more parts, one kind is divided.
const KINDS_OF_PARTS: usize = 9;

/// A [`Storage`] that writes down what goes through it.
pub(crate) struct Recording<S> {
    inner: S,
    world: Shared,
    process: usize,
    /// The newest entry read or committed.
    position: u64,
    /// Whether it was given a state to start from.
    loaded: bool,
    /// Whether the newest sync succeeded.
    synced: bool,
    /// What was durable when the present round of reading began.
    round: Option<u64>,
    /// Whether the newest piece of news held as many entries as it may.
    full: bool,
}

impl<S> Recording<S> {
    pub(crate) fn new(inner: S, world: Shared, process: usize) -> Self {
        Self {
            inner,
            world,
            process,
            position: 0,
            loaded: false,
            synced: false,
            round: None,
            full: false,
        }
    }

    fn note(&mut self, entry: &Entry, committed: bool) {
        self.position = entry.seq;
        let mut world = self.world.borrow_mut();
        let noted = world.ledger.note(self.process, entry);
        if noted == Noted::Replaced {
            if !world.trace.pages_dropped {
                world.seen.hit(Seen::EntryLost);
            }
            let replaced = Record::Replaced { seq: entry.seq };
            world.record(self.process, replaced);
        }
        if noted != Noted::Known {
            let accepted = Record::Accepted {
                seq: entry.seq,
                committed,
            };
            world.record(self.process, accepted);
            if let Some(entry) = world.ledger.entries().last().cloned() {
                entry.events.iter().for_each(|event| world.count(event));
                world.trace.entries.push(entry);
            }
        }
    }

    fn saw_state(&self, snapshot: &Snapshot, occasion: &'static str) {
        let mut world = self.world.borrow_mut();
        if world.ledger.is_closed() {
            return;
        }
        if snapshot.seq == 0 && world.knobs.predecessor {
            world.seen.hit(Seen::Adopted);
        }
        let tip = world.ledger.saw_state(self.process, snapshot.seq);
        let seen = StateSeen {
            process: self.process,
            snapshot: Box::new(snapshot.clone()),
            occasion,
            tip,
        };
        world.trace.states.push(seen);
    }
}

/// Whether an entry posts a message that alone is longer than this.
fn has_body_beyond(entry: &Entry, bytes: usize) -> bool {
    let mut events = entry.events.iter();
    events.any(|event| matches!(event, Event::Posted { body, .. } if body.len() > bytes))
}

impl<S: Storage> Storage for Recording<S> {
    async fn read_on(&mut self) -> Result<News, StorageError> {
        {
            let durable = self.world.borrow().ledger.durable();
            self.round.get_or_insert(durable);
        }
        let news = self.inner.read_on().await;
        match &news {
            Ok(News::Reset(snapshot)) => {
                (self.position, self.loaded) = (snapshot.seq, true);
                self.saw_state(snapshot, "loaded");
            }
            Ok(News::Entries(entries)) => {
                entries.iter().for_each(|entry| self.note(entry, false));
                let mut world = self.world.borrow_mut();
                if self.full {
                    world.seen.hit(Seen::NewsDivided);
                }
                self.full = entries.len() >= world.trace.limits.news;
            }
            Ok(News::CaughtUp) => {
                let mut world = self.world.borrow_mut();
                let durable = self.round.take().unwrap_or_default();
                self.full = false;
                world.ledger.caught_up(self.process, self.position, durable);
                let now = world.now;
                world.processes[self.process].caught_up_at = now;
            }
            Err(_) => self.round = None,
        }
        news
    }

    async fn changed(&mut self) {
        self.inner.changed().await;
    }

    fn unwatch(&mut self) {
        self.inner.unwatch();
    }

    async fn append(&mut self, entry: &Entry) -> Result<Append, StorageError> {
        {
            let mut world = self.world.borrow_mut();
            let process = &world.processes[self.process];
            if process.clock_read_at < process.caught_up_at {
                let what = format!(
                    "entry {} was decided by a clock that was read before the log was",
                    entry.seq
                );
                world.ledger.break_rule("C9", what);
            }
        }
        {
            let mut world = self.world.borrow_mut();
            world.ledger.proposed(entry, self.position);
            let proposed = &mut world.processes[self.process].proposed;
            proposed.push(entry.id.clone());
        }
        let appended = self.inner.append(entry).await;
        match &appended {
            Ok(Append::Committed) => self.note(entry, true),
            Ok(Append::Lost) => {
                let mut world = self.world.borrow_mut();
                world.seen.hit(Seen::AppendLost);
                world.incident(self.process, Incident::AppendLost { seq: entry.seq });
                world.ledger.lost(entry);
            }
            Err(error) if error.outcome == Outcome::NoEffect => {
                let mut world = self.world.borrow_mut();
                if has_body_beyond(entry, world.trace.limits.record_bytes) {
                    world.seen.hit(Seen::RecordRefused);
                }
                world.ledger.refused(entry);
            }
            Err(_) => {}
        }
        appended
    }

    async fn sync(&mut self) -> Result<Durability, StorageError> {
        {
            let mut world = self.world.borrow_mut();
            let process = &mut world.processes[self.process];
            let now = process.last_now;
            let first = (self.position, now);
            // What was synced before belongs to an earlier batch, which may have been
            // answered with nothing but more waiting.
            let (first, now) = process
                .decided
                .filter(|_| !self.synced)
                .map_or(first, |(first, _, now)| (first, now));
            self.synced = false;
            process.decided = Some((first, self.position, now));
        }
        let synced = self.inner.sync().await;
        if matches!(synced, Ok(Durability::Durable)) {
            self.synced = true;
            let mut world = self.world.borrow_mut();
            if self.position > world.ledger.durable() {
                let seq = self.position;
                world.record(self.process, Record::Durable { seq });
            }
            world.ledger.synced(self.position);
        }
        synced
    }

    fn checkpoint_need(&self) -> CheckpointNeed {
        self.inner.checkpoint_need()
    }

    async fn checkpoint(&mut self, snapshot: &Snapshot) -> Result<Append, StorageError> {
        self.saw_state(snapshot, "saved");
        if snapshot.parts().count() > KINDS_OF_PARTS {
            self.world.borrow_mut().seen.hit(Seen::PartsDivided);
        }
        self.inner.checkpoint(snapshot).await
    }

    async fn close(&mut self, snapshot: &Snapshot) -> Result<(), StorageError> {
        // Who never read the log leaves nothing behind, and must not.
        if self.loaded {
            self.saw_state(snapshot, "left");
        }
        self.inner.close(snapshot).await
    }
}

impl World {
    /// Counts what an event did to an agent that could not know.
    fn count(&mut self, event: &Event) {
        let Some(agent) = event
            .agent_id()
            .and_then(|agent| agent[1..].parse::<usize>().ok())
        else {
            return;
        };
        let Some(process) = self.processes.get(agent / self.knobs.agents_each) else {
            return;
        };
        match event {
            Event::Promoted { .. } if !process.alive => self.seen.hit(Seen::PromotedAfterCrash),
            Event::Lapsed { .. } if process.alive && process.paused_until > self.now => {
                self.seen.hit(Seen::LapsedWhilePaused);
            }
            _ => {}
        }
    }
}

/// The lock, with a count of writes that went on without it.
pub(crate) struct RecordingLock<L> {
    pub(crate) inner: L,
    pub(crate) world: Shared,
    pub(crate) process: usize,
    /// Whether it was acquired, and not released since.
    pub(crate) held: bool,
}

impl<L: mesh::ports::Lock> mesh::ports::Lock for RecordingLock<L> {
    async fn acquire(&mut self) -> bool {
        if self.world.borrow().knobs.lockless {
            return false;
        }
        self.held = self.inner.acquire().await;
        let mut world = self.world.borrow_mut();
        if self.held {
            world.incident(self.process, Incident::StoreLockTaken);
        } else {
            world.seen.hit(Seen::WroteWithoutLock);
            world.incident(self.process, Incident::WroteWithoutLock);
        }
        self.held
    }

    async fn release(&mut self) {
        self.inner.release().await;
        if std::mem::take(&mut self.held) {
            let mut world = self.world.borrow_mut();
            world.incident(self.process, Incident::StoreLockFreed);
        }
    }
}
