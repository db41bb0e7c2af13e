//! The log on files: [`Storage`] over a [`FileSystem`].
//!
//! The protocol in one paragraph. A generation is one file: a checkpoint, then
//! entries. An append is one write; the order of the file is the order of the log, and
//! the first valid record that continues the chain wins its place (see
//! [`chain`](super::chain)). A writer whose bytes did not land where it expected reads
//! what came between, and so learns whether it won. Nothing is acknowledged or revealed
//! before the file, and the directory once in each generation, is synced; how far that
//! went is noted in the watermark. A generation ends with a seal, and the state at the
//! seal is the next one's checkpoint, so anybody can finish a rotation that a crash
//! cut short (see [`rotation`](super::rotation)).
//!
//! No lock is needed for any of this. What a lock adds is that writers seldom lose.

use std::collections::VecDeque;
use std::io;

use super::chain::Link;
use super::error::io_error;
use super::generation::{EntryBody, Generation, ReadError, Step};
use super::lock::LockKind;
use super::names;
use super::record::{Sum, Tag};
use super::seam::FileSystem;
use super::turn::Turn;
use super::watermark::Watermark;
use mesh_coordinator::Nonces;
use mesh_coordinator::ports::{
    Append, CheckpointNeed, Clock, Durability, News, Outcome, Storage, StorageError,
};
use mesh_core::{Entry, Snapshot};
use planted::Bug;

/// How many entries one piece of news holds at most.
const NEWS: usize = 1024;

/// How a folder is used. The defaults are right for production.
#[derive(Clone, Debug)]
pub struct FsOptions {
    /// The kind of the store's lock in a folder that is made anew.
    pub lock: LockKind,
    /// A generation is rotated once its entries take this many bytes, and twice as many
    /// as its checkpoint.
    pub rotate_bytes: u64,
}

impl Default for FsOptions {
    fn default() -> Self {
        Self {
            lock: LockKind::Kernel,
            rotate_bytes: 1 << 20,
        }
    }
}

/// A mesh folder as a log.
pub struct FsStorage<F: FileSystem, C: Clock> {
    pub(super) fs: F,
    pub(super) options: FsOptions,
    pub(super) nonces: Nonces,
    pub(super) clock: C,
    pub(super) log: Option<Log<F>>,
    /// What is known to have been durable: what `watermark` said, and what this value
    /// itself has synced. It outlives `log`, so that a log that is opened again is
    /// held to it.
    pub(super) marks: Watermark<F>,
    /// The log that `marks` are about.
    pub(super) log_id: Option<Sum>,
    /// Whether this value appended anything.
    pub(super) wrote: bool,
    pub(super) turn: Turn<F>,
    /// How many entries of others were read since this value last synced.
    pub(super) foreign: usize,
}

/// An open log.
pub(super) struct Log<F: FileSystem> {
    pub(super) generation: Generation<F>,
    /// The newest entry that is known to be durable.
    pub(super) durable: u64,
    /// Whether the directory was synced with this generation in it.
    pub(super) named: bool,
    /// Whether a round of reading has begun, with the marks read before it.
    pub(super) reading: bool,
    /// Entries that were read while an append looked for its own.
    pub(super) undelivered: VecDeque<Entry>,
    /// Whether bytes of a lost append lie unsynced behind its winner. Were the winner
    /// lost in a power cut, they would count after all.
    pub(super) exposed: bool,
    /// Whether a sync failed: nothing more of this file is acknowledged.
    pub(super) poisoned: bool,
}

impl<F: FileSystem> Log<F> {
    pub(super) fn new(generation: Generation<F>) -> Self {
        Self {
            durable: 0,
            generation,
            named: false,
            reading: false,
            undelivered: VecDeque::new(),
            exposed: false,
            poisoned: false,
        }
    }
}

impl<F: FileSystem, C: Clock> FsStorage<F, C> {
    /// The folder behind `fs`. Nothing is read before the first call of
    /// [`Storage::read_on`]. `seed` must differ from every other process's.
    pub fn new(fs: F, clock: C, options: FsOptions, seed: u64) -> Self {
        Self {
            fs,
            options,
            nonces: Nonces::new(seed),
            clock,
            log: None,
            marks: Watermark::new(),
            log_id: None,
            wrote: false,
            turn: Turn::new(),
            foreign: 0,
        }
    }

    pub(super) fn io(doing: &str, name: &str, outcome: Outcome, error: &io::Error) -> StorageError {
        io_error(doing, name, outcome, error)
    }

    /// The error to report for a generation that cannot be read.
    pub(super) async fn read_error(&self, number: u64, error: ReadError) -> StorageError {
        match error {
            ReadError::Io(error) => {
                Self::io("read", &names::journal(number), Outcome::NoEffect, &error)
            }
            ReadError::Damage(damage) => damage.report(&self.fs).await,
        }
    }

    /// The next step of reading, held against the marks.
    pub(super) async fn next_step(&mut self) -> Result<Step, StorageError> {
        let Some(log) = &mut self.log else {
            return Ok(Step::End);
        };
        let generation = &mut log.generation;
        let number = generation.number;
        let step = match generation.step(&self.fs).await {
            Ok(step) => step,
            Err(error) => return Err(self.read_error(number, error).await),
        };
        if let Step::Entry(entry, sum) = &step
            && self.marks.contradict(entry.seq, *sum)
        {
            let what = format!("has another entry {} than was acknowledged", entry.seq);
            let error = generation.damaged(&what);
            return Err(self.read_error(number, error).await);
        }
        Ok(step)
    }

    /// Reads entries up to the end of the file, or as many as one piece of news holds.
    /// What was read before a failure is kept for the next call.
    async fn read_entries(&mut self) -> Result<Vec<Entry>, StorageError> {
        while let Some(log) = &self.log
            && log.undelivered.len() < NEWS
        {
            match self.next_step().await? {
                Step::Entry(entry, _) => {
                    if let Some(log) = &mut self.log {
                        log.undelivered.push_back(entry);
                    }
                }
                Step::Void => {}
                Step::Sealed(_) | Step::End => break,
            }
        }
        let undelivered = self.log.as_mut().map(|log| &mut log.undelivered);
        Ok(undelivered.map(std::mem::take).unwrap_or_default().into())
    }

    /// Begins a round of reading: the marks first, then the log.
    pub(super) async fn begin_reading(&mut self) -> Result<(), StorageError> {
        let Some(log) = &mut self.log else {
            return Ok(());
        };
        if !log.reading {
            self.marks.read_all(&self.fs).await?;
            log.generation.look_again();
            log.reading = true;
        }
        Ok(())
    }

    /// Ends a round of reading at the end of the log, where the marks must be reached.
    pub(super) async fn end_reading(&mut self) -> Result<(), StorageError> {
        let Some(log) = &mut self.log else {
            return Ok(());
        };
        log.reading = false;
        if planted::is(Bug::RevealedUnsynced) {
            log.durable = log.generation.chain.seq;
        }
        let Some(mark) = self.marks.highest() else {
            return Ok(());
        };
        let seq = log.generation.chain.seq;
        if mark.seq > seq && !planted::is(Bug::EndNotHeldAgainstMarks) {
            let error = log.generation.breaks_off(mark.seq);
            let number = log.generation.number;
            return Err(self.read_error(number, error).await);
        }
        log.durable = log.durable.max(mark.seq);
        // A mark is made after the directory was synced, too.
        log.named |= mark.seq > log.generation.base_seq;
        Ok(())
    }

    /// Reads on: see [`Storage::read_on`].
    async fn read_news(&mut self) -> Result<News, StorageError> {
        if self.log.is_none() {
            let snapshot = self.open_newest().await?;
            return Ok(News::Reset(Box::new(snapshot)));
        }
        loop {
            self.begin_reading().await?;
            let entries = self.read_entries().await?;
            if !entries.is_empty() {
                self.foreign += entries.len();
                return Ok(News::Entries(entries));
            }
            match &self.log {
                Some(log) if log.generation.chain.sealed => {}
                _ => break,
            }
            match self.follow().await? {
                Followed::Next => {}
                Followed::Missing => break,
                Followed::Elsewhere => {
                    self.log = None;
                    let snapshot = self.open_newest().await?;
                    return Ok(News::Reset(Box::new(snapshot)));
                }
            }
        }
        self.end_reading().await?;
        Ok(News::CaughtUp)
    }

    /// Appends an entry: see [`Storage::append`].
    async fn append_entry(&mut self, entry: &Entry) -> Result<Append, StorageError> {
        self.check_poison(Outcome::NoEffect)?;
        let Some(log) = &self.log else {
            return Ok(Append::Lost);
        };
        let body = EntryBody {
            seq: entry.seq,
            durable: log.durable,
            id: &entry.id,
            at: entry.at,
            events: &entry.events,
        };
        self.append_record(Tag::Entry, Link::Entry { seq: entry.seq }, &body)
            .await
    }

    /// Brings a snapshot up to the end of the log.
    async fn newest(&mut self, snapshot: &Snapshot) -> Result<Snapshot, StorageError> {
        let mut newest = snapshot.clone();
        loop {
            match self.read_on().await? {
                News::Reset(snapshot) => newest = *snapshot,
                News::Entries(entries) => entries.iter().for_each(|entry| newest.apply(entry)),
                News::CaughtUp => return Ok(newest),
            }
        }
    }
}

impl<F: FileSystem, C: Clock> Storage for FsStorage<F, C> {
    async fn read_on(&mut self) -> Result<News, StorageError> {
        match self.read_news().await {
            Err(error) => Err(self.certain(error).await),
            news => news,
        }
    }

    async fn changed(&mut self) {
        // A generation that goes on tells of its own end. What comes after that end is
        // another file.
        let open = self.log.as_ref().filter(|log| !log.generation.chain.sealed);
        let name = open.map(|log| names::journal(log.generation.number));
        self.fs.changed(name.as_deref()).await;
    }

    fn unwatch(&mut self) {
        self.fs.unwatch();
    }

    async fn append(&mut self, entry: &Entry) -> Result<Append, StorageError> {
        match self.append_entry(entry).await {
            Err(error) => Err(self.certain(error).await),
            appended => appended,
        }
    }

    async fn sync(&mut self) -> Result<Durability, StorageError> {
        match self.barrier().await {
            Err(error) => Err(self.certain(error).await),
            durability => durability,
        }
    }

    fn checkpoint_need(&self) -> CheckpointNeed {
        let Some(log) = &self.log else {
            return CheckpointNeed::None;
        };
        let generation = &log.generation;
        if log.poisoned || generation.chain.sealed {
            return CheckpointNeed::Required;
        }
        let grown = generation.position - generation.base_end;
        match grown >= self.options.rotate_bytes.max(2 * generation.base_end) {
            true => CheckpointNeed::Worthwhile,
            false => CheckpointNeed::None,
        }
    }

    async fn checkpoint(&mut self, snapshot: &Snapshot) -> Result<Append, StorageError> {
        match self.rotate(snapshot).await {
            Err(error) => Err(self.certain(error).await),
            written => written,
        }
    }

    async fn close(&mut self, snapshot: &Snapshot) -> Result<(), StorageError> {
        if self.log.is_none() || !self.wrote {
            return Ok(());
        }
        // Others may have gone on: people must not find an older state than before.
        let newest = self.newest(snapshot).await?;
        self.export(&newest).await
    }
}

/// Where the log goes on after a seal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Followed {
    /// In the next generation, which is open now.
    Next,
    /// Nowhere yet: the rotation was cut short.
    Missing,
    /// In a later generation: this reader was left behind.
    Elsewhere,
}
