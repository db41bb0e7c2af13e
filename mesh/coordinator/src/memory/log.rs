//! A log in memory, and the faults that it can be told to have.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use crate::ports::{
    Append, CheckpointNeed, Durability, News, Outcome, Storage, StorageError, StorageErrorKind,
};
use mesh_core::{Entry, Event, Limits, Snapshot};

/// After how many entries a checkpoint is worthwhile, unless told otherwise.
const WORTHWHILE: usize = 4096;

/// A log that lives as long as somebody holds it. Clones are the same log.
///
/// It can be told to fail in the ways that a real one does: see
/// [`lose_next_append`](Self::lose_next_append),
/// [`fail_next_append`](Self::fail_next_append), [`set_unreadable`](Self::set_unreadable) and
/// [`remove`](Self::remove).
#[derive(Clone, Debug, Default)]
pub struct MemoryLog {
    records: Arc<Mutex<Records>>,
}

#[derive(Debug)]
struct Records {
    /// How often the log was removed.
    incarnation: u64,
    /// The newest checkpoint.
    checkpoint: Snapshot,
    /// The entries after it.
    entries: VecDeque<Entry>,
    worthwhile: usize,
    /// What happens to the next appends.
    faults: VecDeque<Fault>,
    /// Whether reads fail.
    unreadable: bool,
    /// Who waits for a change.
    watchers: Vec<Waker>,
}

#[derive(Debug)]
enum Fault {
    /// Another writer comes first.
    Lost,
    /// An error, with the entry in the log or not.
    Failed { committed: bool },
}

impl Default for Records {
    fn default() -> Self {
        Self {
            incarnation: 0,
            checkpoint: Snapshot::default(),
            entries: VecDeque::new(),
            worthwhile: WORTHWHILE,
            faults: VecDeque::new(),
            unreadable: false,
            watchers: Vec::new(),
        }
    }
}

impl Records {
    fn newest(&self) -> u64 {
        self.checkpoint.seq + self.entries.len() as u64
    }

    fn limits(&self) -> &'static Limits {
        self.checkpoint.state.limits()
    }

    fn tell_watchers(&mut self) {
        self.watchers.drain(..).for_each(Waker::wake);
    }
}

impl MemoryLog {
    /// A log without entries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A new log for which a checkpoint is worthwhile after every `entries` entries.
    #[must_use]
    pub fn with_checkpoints_every(entries: usize) -> Self {
        let log = Self::default();
        log.records().worthwhile = entries;
        log
    }

    /// A new log that stays within `limits`.
    #[must_use]
    pub fn within(limits: &'static Limits) -> Self {
        let log = Self::default();
        log.records().checkpoint = Snapshot::within(limits);
        log
    }

    /// Another reader and writer, which has read nothing yet.
    #[must_use]
    pub fn storage(&self) -> MemoryStorage {
        MemoryStorage {
            log: self.clone(),
            place: None,
        }
    }

    /// Lets another writer win the place of the next append that would succeed: with
    /// an entry in which nothing happens.
    pub fn lose_next_append(&self) {
        self.records().faults.push_back(Fault::Lost);
    }

    /// Lets the next append that would succeed fail with its outcome unknown, as a
    /// time-out does. `committed` says whether the entry is in the log all the same.
    pub fn fail_next_append(&self, committed: bool) {
        let fault = Fault::Failed { committed };
        self.records().faults.push_back(fault);
    }

    /// Lets every read fail from now on, or none any more.
    pub fn set_unreadable(&self, unreadable: bool) {
        self.records().unreadable = unreadable;
    }

    /// Removes the log, as a person does who deletes the folder: it is empty from now
    /// on, and whoever has read the old one is told at the next sync or read.
    pub fn remove(&self) {
        let mut records = self.records();
        records.incarnation += 1;
        records.checkpoint = Snapshot::within(records.limits());
        records.entries.clear();
        records.tell_watchers();
    }

    fn records(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One reader and writer of a [`MemoryLog`].
#[derive(Debug)]
pub struct MemoryStorage {
    log: MemoryLog,
    /// Up to where it has read; `None` before the first reset.
    place: Option<Place>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    incarnation: u64,
    seq: u64,
}

impl MemoryStorage {
    /// Whether this reader has read everything, of the log that there is now.
    fn is_newest(&self, records: &Records) -> bool {
        let newest = Place {
            incarnation: records.incarnation,
            seq: records.newest(),
        };
        self.place == Some(newest)
    }
}

impl Storage for MemoryStorage {
    async fn read_on(&mut self) -> Result<News, StorageError> {
        let records = self.log.records();
        if records.unreadable {
            return Err(unreadable());
        }
        let (incarnation, oldest) = (records.incarnation, records.checkpoint.seq);
        let place = match self.place {
            Some(place) if place.incarnation == incarnation && place.seq >= oldest => place,
            _ => {
                let seq = oldest;
                self.place = Some(Place { incarnation, seq });
                return Ok(News::Reset(Box::new(records.checkpoint.clone())));
            }
        };
        let unread = records.entries.iter().skip((place.seq - oldest) as usize);
        let entries: Vec<Entry> = unread.take(records.limits().news).cloned().collect();
        let Some(last) = entries.last() else {
            return Ok(News::CaughtUp);
        };
        let seq = last.seq;
        self.place = Some(Place { incarnation, seq });
        Ok(News::Entries(entries))
    }

    async fn changed(&mut self) {
        poll_fn(|context| {
            let mut records = self.log.records();
            if !self.is_newest(&records) {
                return Poll::Ready(());
            }
            let waker = context.waker();
            if !records.watchers.iter().any(|known| known.will_wake(waker)) {
                records.watchers.push(waker.clone());
            }
            Poll::Pending
        })
        .await;
    }

    fn unwatch(&mut self) {}

    async fn append(&mut self, entry: &Entry) -> Result<Append, StorageError> {
        let mut records = self.log.records();
        if !self.is_newest(&records) || entry.seq != records.newest() + 1 {
            return Ok(Append::Lost);
        }
        check_fit(records.limits(), entry)?;
        match records.faults.pop_front() {
            None => {}
            Some(Fault::Lost) => {
                records.entries.push_back(Entry {
                    seq: entry.seq,
                    id: "another writer".to_owned(),
                    at: entry.at,
                    events: Vec::new(),
                });
                records.tell_watchers();
                return Ok(Append::Lost);
            }
            Some(Fault::Failed { committed }) => {
                if committed {
                    records.entries.push_back(entry.clone());
                    records.tell_watchers();
                }
                return Err(StorageError {
                    kind: StorageErrorKind::Io,
                    what: format!("cannot append entry {}: timed out", entry.seq),
                    next: "call again".to_owned(),
                    outcome: Outcome::Unknown,
                });
            }
        }
        records.entries.push_back(entry.clone());
        records.tell_watchers();
        let (incarnation, seq) = (records.incarnation, entry.seq);
        drop(records);
        self.place = Some(Place { incarnation, seq });
        Ok(Append::Committed)
    }

    async fn sync(&mut self) -> Result<Durability, StorageError> {
        let incarnation = self.log.records().incarnation;
        Ok(match self.place {
            Some(place) if place.incarnation == incarnation => Durability::Durable,
            Some(_) => Durability::Reset,
            None => Durability::Durable,
        })
    }

    fn checkpoint_need(&self) -> CheckpointNeed {
        let records = self.log.records();
        match records.entries.len() >= records.worthwhile {
            true => CheckpointNeed::Worthwhile,
            false => CheckpointNeed::None,
        }
    }

    async fn checkpoint(&mut self, snapshot: &Snapshot) -> Result<Append, StorageError> {
        let mut records = self.log.records();
        if !self.is_newest(&records) || snapshot.seq != records.newest() {
            return Ok(Append::Lost);
        }
        records.checkpoint = snapshot.clone();
        records.entries.clear();
        Ok(Append::Committed)
    }

    async fn close(&mut self, _snapshot: &Snapshot) -> Result<(), StorageError> {
        Ok(())
    }
}

fn unreadable() -> StorageError {
    StorageError {
        kind: StorageErrorKind::Io,
        what: "the log in memory was told to fail its reads".to_owned(),
        next: "call again".to_owned(),
        outcome: Outcome::NoEffect,
    }
}

/// There are no records in memory, but an entry is held to their length all the same, by what
/// makes it long: its messages.
fn check_fit(limits: &Limits, entry: &Entry) -> Result<(), StorageError> {
    let bodies = entry.events.iter().map(|event| match event {
        Event::Posted { body, .. } => body.len(),
        _ => 0,
    });
    let bytes: usize = bodies.sum();
    if bytes < limits.record_bytes {
        return Ok(());
    }
    Err(StorageError {
        kind: StorageErrorKind::Unfit,
        what: format!("cannot append entry {}: it has {bytes} bytes", entry.seq),
        next: "ask for less at once".to_owned(),
        outcome: Outcome::NoEffect,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{Process, conformance};
    use futures_executor::block_on;

    #[test]
    fn the_memory_log_keeps_the_contract() {
        block_on(conformance(|| {
            let log = MemoryLog::new();
            move || log.storage()
        }));
    }

    fn pair() -> (MemoryLog, Process<MemoryStorage>, Process<MemoryStorage>) {
        let log = MemoryLog::with_checkpoints_every(2);
        let (mut a, mut b) = (Process::over(log.storage()), Process::over(log.storage()));
        block_on(a.look()).unwrap();
        block_on(b.look()).unwrap();
        (log, a, b)
    }

    #[test]
    fn a_stale_reader_is_reset_by_a_checkpoint() {
        let (_, mut a, mut b) = pair();
        block_on(a.commit("1")).unwrap();
        assert_eq!(a.storage.checkpoint_need(), CheckpointNeed::None);
        block_on(a.commit("2")).unwrap();
        assert_eq!(a.storage.checkpoint_need(), CheckpointNeed::Worthwhile);
        assert_eq!(block_on(a.checkpoint()), Ok(Append::Committed));
        assert_eq!(a.storage.checkpoint_need(), CheckpointNeed::None);
        assert_eq!(block_on(b.append("3")), Ok(Append::Lost));
        assert_eq!(block_on(b.look()).unwrap(), ["1", "2"]);
        assert_eq!((a.resets, b.resets), (1, 2));
    }

    #[test]
    fn a_lost_append_and_one_of_unknown_outcome_can_be_had_for_the_asking() {
        let (log, mut a, _) = pair();
        log.lose_next_append();
        assert_eq!(block_on(a.append("1")), Ok(Append::Lost));
        block_on(a.catch_up()).unwrap();
        assert_eq!(a.snapshot.seq, 1, "somebody else's entry");
        for committed in [false, true] {
            log.fail_next_append(committed);
            let error = block_on(a.append("2")).unwrap_err();
            assert_eq!(error.outcome, Outcome::Unknown);
            assert_eq!(block_on(a.look()).unwrap().len(), usize::from(committed));
        }
    }

    #[test]
    fn a_removed_log_is_noticed_at_the_next_sync() {
        let (log, mut a, mut b) = pair();
        block_on(a.commit("1")).unwrap();
        log.remove();
        assert_eq!(block_on(a.storage.sync()), Ok(Durability::Reset));
        assert_eq!(block_on(a.append("2")), Ok(Append::Lost));
        block_on(b.commit("3")).unwrap();
        assert_eq!(block_on(a.look()).unwrap(), ["3"]);
    }
}
