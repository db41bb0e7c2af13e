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
use super::damage::Damage;
use super::error::io_error;
use super::generation::{EntryBody, Generation, Place, ReadError, Step};
use super::lock::LockKind;
use super::names;
use super::nonces::Nonces;
use super::record::{Sum, Tag, encode};
use super::seam::{Appended, FileSystem};
use super::watermark::{Mark, WATERMARK, Watermark};
use crate::core::{Entry, Snapshot};
use crate::ports::{
    Append, CheckpointNeed, Clock, Durability, News, Outcome, Storage, StorageError,
    StorageErrorKind,
};

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
    /// Whether this value appended anything.
    wrote: bool,
}

/// An open log.
pub(super) struct Log<F: FileSystem> {
    pub(super) generation: Generation<F>,
    pub(super) marks: Watermark<F>,
    /// The newest entry that is known to be durable.
    pub(super) durable: u64,
    /// Whether the directory was synced with this generation in it.
    pub(super) named: bool,
    /// Whether a round of reading has begun, with the marks read before it.
    reading: bool,
    /// Entries that were read while an append looked for its own.
    undelivered: VecDeque<Entry>,
    /// Whether bytes of a lost append lie unsynced behind its winner. Were the winner
    /// lost in a power cut, they would count after all.
    exposed: bool,
    /// Whether a sync failed: nothing more of this file is acknowledged.
    pub(super) poisoned: bool,
}

impl<F: FileSystem> Log<F> {
    pub(super) fn new(generation: Generation<F>, marks: Watermark<F>) -> Self {
        Self {
            durable: 0,
            generation,
            marks,
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
            wrote: false,
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

    async fn damaged(&self, file: &str, byte: u64, what: &str) -> StorageError {
        Damage::at(file, byte, what).report(&self.fs).await
    }

    /// Reads entries up to the end of the file, or as many as one piece of news holds.
    async fn read_entries(&mut self) -> Result<Vec<Entry>, StorageError> {
        let Some(log) = &mut self.log else {
            return Ok(Vec::new());
        };
        let mut entries = Vec::from(std::mem::take(&mut log.undelivered));
        while entries.len() < NEWS {
            match log.generation.step(&self.fs).await {
                Ok(Step::Entry(entry, sum)) => {
                    let contradicted = log
                        .marks
                        .marks()
                        .find(|m| m.seq == entry.seq && m.sum != sum);
                    if contradicted.is_some() {
                        let what = format!("has another entry {} than was acknowledged", entry.seq);
                        let error = log.generation.damaged(&what);
                        let number = log.generation.number;
                        return Err(self.read_error(number, error).await);
                    }
                    entries.push(entry);
                }
                Ok(Step::Void) => {}
                Ok(Step::Sealed | Step::End) => break,
                Err(error) => {
                    let number = log.generation.number;
                    return Err(self.read_error(number, error).await);
                }
            }
        }
        Ok(entries)
    }

    /// Begins a round of reading: the marks first, then the log.
    async fn begin_reading(&mut self) -> Result<(), StorageError> {
        let Some(log) = &mut self.log else {
            return Ok(());
        };
        if !log.reading {
            let read = log.marks.read(&self.fs).await;
            read.map_err(|e| Self::io("read", WATERMARK, Outcome::NoEffect, &e))?;
            log.generation.look_again();
            log.reading = true;
        }
        Ok(())
    }

    /// Ends a round of reading at the end of the log, where the marks must be reached.
    async fn end_reading(&mut self) -> Result<(), StorageError> {
        let Some(log) = &mut self.log else {
            return Ok(());
        };
        log.reading = false;
        let Some(mark) = log.marks.highest() else {
            return Ok(());
        };
        let seq = log.generation.chain.seq;
        if mark.seq > seq {
            let (file, byte) = (
                names::journal(log.generation.number),
                log.generation.position,
            );
            let what = format!(
                "ends after entry {seq}, although entry {} was durable",
                mark.seq
            );
            return Err(self.damaged(&file, byte, &what).await);
        }
        log.durable = log.durable.max(mark.seq);
        // A mark is made after the directory was synced, too.
        log.named |= mark.seq > log.generation.base_seq;
        Ok(())
    }

    /// Appends one record and finds out what became of it.
    pub(super) async fn append_record(
        &mut self,
        tag: Tag,
        link: Link,
        body: &impl serde::Serialize,
    ) -> Result<Append, StorageError> {
        let Some(log) = &mut self.log else {
            return Ok(Append::Lost);
        };
        let generation = &mut log.generation;
        let name = names::journal(generation.number);
        let (bytes, sum) = encode(generation.chain.last, tag, body)
            .map_err(|e| Self::io("append to", &name, Outcome::NoEffect, &e.into()))?;
        if !generation.chain.accepts(generation.chain.last, link) {
            return Ok(Append::Lost);
        }
        self.wrote = true;
        match self.fs.append(&generation.file, &bytes).await {
            Ok(landed) if landed.written == bytes.len() => self.landed(landed, link, sum).await,
            Ok(_) => {
                let error = io::Error::from(io::ErrorKind::StorageFull);
                Err(self.append_failed(&name, Outcome::NoEffect, &error).await)
            }
            Err(error) => self.append_unknown(&name, link, sum, &error).await,
        }
    }

    /// All bytes are in the file: did they win?
    async fn landed(
        &mut self,
        landed: Appended,
        link: Link,
        sum: Sum,
    ) -> Result<Append, StorageError> {
        let Some(log) = &mut self.log else {
            return Ok(Append::Lost);
        };
        let generation = &mut log.generation;
        let start = landed.end - landed.written as u64;
        if start < generation.position {
            let file = names::journal(generation.number);
            let what = format!(
                "was {} bytes long and is cut to {start}",
                generation.position
            );
            return Err(self.damaged(&file, start, &what).await);
        }
        if start == generation.position && !generation.unfinished {
            // Nothing came between what was read and what was written.
            generation.chain.extend(sum, link);
            generation.skip_to(landed.end);
            return Ok(Append::Committed);
        }
        self.look_for(link, sum).await
    }

    /// Reads on to see whether the record with `sum` is accepted.
    async fn look_for(&mut self, link: Link, sum: Sum) -> Result<Append, StorageError> {
        self.begin_reading().await?;
        let mut won = false;
        if let Some(log) = &mut self.log {
            log.generation.look_again();
        }
        while let Some(log) = &mut self.log {
            let number = log.generation.number;
            match log.generation.step(&self.fs).await {
                Ok(Step::Entry(entry, found)) => {
                    // A committed entry counts as read; others are still to be delivered.
                    match found == sum {
                        true => won = true,
                        false => log.undelivered.push_back(entry),
                    }
                }
                Ok(Step::Sealed) => {
                    won |= matches!(link, Link::Seal { .. }) && log.generation.chain.last == sum;
                    break;
                }
                Ok(Step::Void) => {}
                Ok(Step::End) => break,
                Err(error) => return Err(self.read_error(number, error).await),
            }
        }
        self.end_reading().await?;
        if won {
            return Ok(Append::Committed);
        }
        if let Some(log) = &mut self.log {
            log.exposed = true;
        }
        Ok(Append::Lost)
    }

    /// An append failed without telling how far it came: the file tells.
    async fn append_unknown(
        &mut self,
        name: &str,
        link: Link,
        sum: Sum,
        error: &io::Error,
    ) -> Result<Append, StorageError> {
        match self.look_for(link, sum).await {
            Ok(Append::Committed) => Ok(Append::Committed),
            Ok(Append::Lost) => Err(self.append_failed(name, Outcome::NoEffect, error).await),
            Err(_) => Err(Self::io("append to", name, Outcome::Unknown, error)),
        }
    }

    /// The error of an append that did not take effect. An earlier attempt may have
    /// left bytes behind the entry that beat it: they are void only once that is
    /// durable, so it is made durable before anything is called certain.
    async fn append_failed(
        &mut self,
        name: &str,
        outcome: Outcome,
        error: &io::Error,
    ) -> StorageError {
        let outcome = match &mut self.log {
            Some(log) if log.exposed => match self.fs.sync(&log.generation.file).await {
                Ok(()) => outcome,
                Err(_) => {
                    log.poisoned = true;
                    Outcome::Unknown
                }
            },
            _ => outcome,
        };
        Self::io("append to", name, outcome, error)
    }

    /// Syncs the directory once in each generation, before anything in it counts.
    pub(super) async fn sync_names(&mut self) -> Result<(), StorageError> {
        let Some(log) = &mut self.log else {
            return Ok(());
        };
        if !log.named {
            let synced = self.fs.sync_dir().await;
            synced.map_err(|e| Self::io("sync", "the folder", Outcome::Unknown, &e))?;
            log.named = true;
            log.durable = log.durable.max(log.generation.base_seq);
        }
        Ok(())
    }

    /// Makes the file durable up to its accepted end, and notes it.
    async fn sync_entries(&mut self) -> Result<(), StorageError> {
        let Some(log) = &mut self.log else {
            return Ok(());
        };
        let chain = log.generation.chain;
        if log.durable >= chain.seq && !log.exposed {
            return Ok(());
        }
        let name = names::journal(log.generation.number);
        if let Err(error) = self.fs.sync(&log.generation.file).await {
            log.poisoned = true;
            return Err(Self::io("sync", &name, Outcome::Unknown, &error));
        }
        log.exposed = false;
        log.durable = chain.seq;
        Ok(())
    }

    /// Notes how far the log is durable. The note is a courtesy to whoever finds the
    /// folder damaged; without room for it, the entries are no less durable.
    async fn note(&mut self) {
        let Some(log) = &mut self.log else { return };
        let chain = log.generation.chain;
        let noted = log
            .marks
            .highest()
            .is_some_and(|mark| mark.seq >= chain.seq);
        if log.durable == chain.seq && chain.seq > 0 && !noted {
            let mark = Mark {
                seq: chain.seq,
                sum: chain.tip,
            };
            if let Err(error) = log.marks.write(&self.fs, mark).await {
                tracing::warn!("writing {WATERMARK} failed: {error}");
            }
        }
    }

    /// Whether what was read still is the log: the generation has its name, or a later
    /// one took over from it.
    async fn is_current(&mut self) -> Result<bool, StorageError> {
        let Some(log) = &self.log else {
            return Ok(false);
        };
        let name = names::journal(log.generation.number);
        let failed = |e: &io::Error| Self::io("look at", &name, Outcome::Unknown, e);
        if !self.fs.is_attached().await.map_err(|e| failed(&e))? {
            return Ok(false);
        }
        match self.fs.stat_name(&name).await {
            Ok(stat) if stat.id == log.generation.id => return Ok(true),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(&error)),
        }
        let names = self.fs.list(None).await.map_err(|e| failed(&e))?;
        let newest = names
            .iter()
            .filter_map(|name| names::parse_journal(name))
            .max();
        if newest.is_some_and(|newest| newest > log.generation.number) {
            return Ok(true);
        }
        if names.iter().any(|name| name == names::FORMAT) {
            return Err(StorageError {
                kind: StorageErrorKind::Damaged,
                what: format!("{name} was removed or replaced under this process"),
                next: "restore it from a backup, or delete the whole folder to start over"
                    .to_owned(),
                outcome: Outcome::Unknown,
            });
        }
        Ok(false)
    }
}

impl<F: FileSystem, C: Clock> Storage for FsStorage<F, C> {
    async fn read_on(&mut self) -> Result<News, StorageError> {
        if self.log.is_none() {
            let snapshot = self.open_newest().await?;
            return Ok(News::Reset(Box::new(snapshot)));
        }
        loop {
            self.begin_reading().await?;
            let entries = self.read_entries().await?;
            if !entries.is_empty() {
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

    async fn append(&mut self, entry: &Entry) -> Result<Append, StorageError> {
        let durable = match &self.log {
            Some(log) if !log.poisoned => log.durable,
            Some(log) => {
                let name = names::journal(log.generation.number);
                let error = io::Error::other("an earlier sync of it failed");
                return Err(Self::io("append to", &name, Outcome::NoEffect, &error));
            }
            None => return Ok(Append::Lost),
        };
        let body = EntryBody {
            seq: entry.seq,
            durable,
            id: &entry.id,
            at: entry.at,
            events: &entry.events,
        };
        self.append_record(Tag::Entry, Link::Entry { seq: entry.seq }, &body)
            .await
    }

    async fn sync(&mut self) -> Result<Durability, StorageError> {
        if let Some(log) = &self.log
            && log.poisoned
        {
            let name = names::journal(log.generation.number);
            let error = io::Error::other("an earlier sync of it failed");
            return Err(Self::io("sync", &name, Outcome::Unknown, &error));
        }
        self.sync_names().await?;
        self.sync_entries().await?;
        if self.is_current().await? {
            self.note().await;
            return Ok(Durability::Durable);
        }
        self.log = None;
        self.fs.reattach().await?;
        Ok(Durability::Reset)
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
        let (seq, durable, sealed) = match &self.log {
            Some(log) if log.undelivered.is_empty() => {
                let chain = log.generation.chain;
                (chain.seq, log.durable, chain.sealed)
            }
            _ => return Ok(Append::Lost),
        };
        if snapshot.seq != seq {
            return Ok(Append::Lost);
        }
        if !sealed {
            let body = Place { seq, durable };
            let sealed = self
                .append_record(Tag::Seal, Link::Seal { seq }, &body)
                .await?;
            if sealed == Append::Lost {
                return Ok(Append::Lost);
            }
        }
        self.rotate(snapshot).await
    }

    async fn close(&mut self, snapshot: &Snapshot) -> Result<(), StorageError> {
        match &self.log {
            Some(_) if self.wrote => self.export(snapshot).await,
            _ => Ok(()),
        }
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
