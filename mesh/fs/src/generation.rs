//! One generation of the log: a file that holds a checkpoint and the entries after it,
//! and a reader's place in it.

use std::io;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::chain::{Chain, Link};
use super::damage::Damage;
use super::error::is_no_file;
use super::names;
use super::record::{MAX_RECORD, Record, Scanned, Sum, Tag, scan};
use super::seam::{Access, FileId, FileSystem};
use mesh_core::{Entry, Event, MAX_COUNT, Millis, Part, SnapshotBuilder, escape};
use planted::Bug;

/// The version of the records in a generation.
pub(super) const RECORD_VERSION: u32 = 1;
/// How much the first read of a round asks for: a few entries, if there is anything
/// new at all. Each further read asks for twice as much.
const FIRST_READ: usize = 4 << 10;
/// The most that one read asks for, unless one record is larger.
const LARGEST_READ: usize = 256 << 10;

/// What is said of numbers that mesh cannot have given.
const OUT_OF_RANGE: &str = "has a number that is out of range";

/// The first record of a generation.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct CheckpointHead {
    /// The version of the records that follow.
    pub(super) version: u32,
    /// Drawn once for each log: all its generations carry it, and those of a folder
    /// that was emptied and made anew carry another.
    pub(super) log: Sum,
    /// Which generation this is.
    pub(super) generation: u64,
    /// The newest entry that the checkpoint includes.
    pub(super) seq: u64,
    /// That entry's checksum.
    pub(super) tip: Sum,
}

/// The last record of a checkpoint.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Ready {
    /// How many parts came before.
    pub(super) parts: u64,
}

/// An entry as it stands in the journal.
#[derive(Serialize)]
pub(super) struct EntryBody<'a> {
    pub(super) seq: u64,
    /// The newest entry that the writer knew to be durable.
    pub(super) durable: u64,
    pub(super) id: &'a str,
    pub(super) at: Millis,
    pub(super) events: &'a [Event],
}

/// The same, read back.
#[derive(Deserialize)]
pub(super) struct StoredEntry {
    pub(super) seq: u64,
    pub(super) durable: u64,
    pub(super) id: String,
    pub(super) at: Millis,
    pub(super) events: Vec<Event>,
}

impl From<StoredEntry> for Entry {
    fn from(stored: StoredEntry) -> Self {
        Self {
            seq: stored.seq,
            id: stored.id,
            at: stored.at,
            events: stored.events,
        }
    }
}

/// What stands in a generation, whether it counts or not.
pub(super) enum Loose {
    /// A whole valid record.
    Record {
        at: u64,
        sum: Sum,
        prev: Sum,
        tag: Option<Tag>,
        body: Vec<u8>,
    },
    /// Bytes that are none.
    Junk { at: u64, bytes: Vec<u8> },
}

/// What of an entry or seal matters for the chain alone.
#[derive(Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) seq: u64,
    pub(super) durable: u64,
}

/// What the next record of a generation turned out to be.
#[derive(Debug)]
pub(super) enum Step {
    /// An entry that counts.
    Entry(Entry, Sum),
    /// The end of the generation.
    Sealed(Sum),
    /// A record that lost its race, or bytes that are none.
    Void,
    /// Nothing more right now.
    End,
}

/// Why a generation cannot be read.
#[derive(Debug)]
pub(super) enum ReadError {
    /// The file system failed.
    Io(io::Error),
    /// The file is not what was acknowledged, or was written by a newer mesh.
    Damage(Damage),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A whole valid record in what was read, by its place there.
struct Whole {
    tag: Option<Tag>,
    sum: Sum,
    prev: Sum,
    body: Range<usize>,
    len: usize,
}

impl Whole {
    fn new(record: &Record<'_>, len: usize) -> Self {
        // Behind the body there is the end of the record's object, and a newline.
        let end = len - 2;
        Self {
            tag: record.tag,
            sum: record.sum,
            prev: record.prev,
            body: end - record.body.len()..end,
            len,
        }
    }
}

/// An open generation, with a place up to which it was read.
pub(super) struct Generation<F: FileSystem> {
    pub(super) number: u64,
    pub(super) file: F::File,
    pub(super) id: FileId,
    pub(super) chain: Chain,
    pub(super) log_id: Sum,
    /// The entry at the checkpoint, and where the checkpoint ends.
    pub(super) base_seq: u64,
    pub(super) base_end: u64,
    /// The first byte that is not read yet.
    pub(super) position: u64,
    /// Where the newest record that counts ends: damage begins here.
    pub(super) accepted_end: u64,
    /// Whether the bytes from `position` to the end were seen, and were no record.
    pub(super) unfinished: bool,
    /// What was read from `position` on.
    buffer: Vec<u8>,
    used: usize,
    /// How much the next read asks for.
    appetite: usize,
    /// Whether the end of the file was seen in this round.
    at_end: bool,
}

impl<F: FileSystem> Generation<F> {
    /// Opens generation `number`, and reads its checkpoint. With a `builder`, the
    /// parts are put together in it; without, they are only checked.
    pub(super) async fn open(
        fs: &F,
        number: u64,
        builder: Option<&mut Option<SnapshotBuilder>>,
    ) -> Result<Self, ReadError> {
        let mut generation = Self::unread(fs, number).await?;
        generation.read_checkpoint(fs, builder).await?;
        Ok(generation)
    }

    /// Which log generation `number` belongs to.
    pub(super) async fn log_id(fs: &F, number: u64) -> Result<Sum, ReadError> {
        let mut generation = Self::unread(fs, number).await?;
        Ok(generation.read_head(fs).await?.log)
    }

    /// Opens generation `number` without reading anything.
    pub(super) async fn unread(fs: &F, number: u64) -> Result<Self, ReadError> {
        let name = names::journal(number);
        let file = match fs.open(&name, Access::Append).await {
            Err(error) if is_no_file(&error) => {
                let what = "is not a file, but something else of that name";
                return Err(ReadError::Damage(Damage::at(&name, 0, what)));
            }
            file => file?,
        };
        let id = fs.stat(&file).await?.id;
        Ok(Self {
            number,
            file,
            id,
            chain: Chain::after_checkpoint(0, Sum::default(), Sum::default()),
            log_id: Sum::default(),
            base_seq: 0,
            base_end: 0,
            position: 0,
            accepted_end: 0,
            unfinished: false,
            buffer: Vec::new(),
            used: 0,
            appetite: FIRST_READ,
            at_end: false,
        })
    }

    async fn read_head(&mut self, fs: &F) -> Result<CheckpointHead, ReadError> {
        let (_, head) = self.expect::<CheckpointHead>(fs, Tag::Checkpoint).await?;
        if head.version != RECORD_VERSION {
            return Err(self.newer("has records of a version that this mesh does not know"));
        }
        if head.seq > MAX_COUNT {
            return Err(self.damaged(OUT_OF_RANGE));
        }
        if head.generation != self.number {
            return Err(self.damaged("is the file of another generation"));
        }
        Ok(head)
    }

    async fn read_checkpoint(
        &mut self,
        fs: &F,
        builder: Option<&mut Option<SnapshotBuilder>>,
    ) -> Result<(), ReadError> {
        let head = self.read_head(fs).await?;
        let mut snapshot = SnapshotBuilder::new(head.seq);
        let keep = builder.is_some();
        let mut parts = 0;
        let (last, ready) = loop {
            let whole = self.whole(fs).await?;
            if whole.as_ref().and_then(|whole| whole.tag) != Some(Tag::Part) {
                break self.take::<Ready>(whole, Tag::Ready)?;
            }
            parts += 1;
            if keep {
                let (_, part) = self.take::<Part>(whole, Tag::Part)?;
                snapshot
                    .add(part)
                    .map_err(|error| self.damaged(&error.to_string()))?;
            } else {
                self.take::<serde::de::IgnoredAny>(whole, Tag::Part)?;
            }
        };
        if ready.parts != parts {
            return Err(self.damaged("has a checkpoint with parts missing"));
        }
        if let Some(builder) = builder {
            *builder = Some(snapshot);
        }
        self.chain = Chain::after_checkpoint(head.seq, head.tip, last);
        self.log_id = head.log;
        self.base_seq = head.seq;
        self.base_end = self.position;
        Ok(())
    }

    /// The next whole record, if there is one. It is looked for, and its checksum
    /// computed, only once: a checkpoint is most of what a new process reads.
    async fn whole(&mut self, fs: &F) -> Result<Option<Whole>, ReadError> {
        loop {
            match scan(self.rest()) {
                Scanned::Record(record, len) => return Ok(Some(Whole::new(&record, len))),
                Scanned::Void(_) => return Ok(None),
                Scanned::Unfinished | Scanned::End => {
                    if !self.fill(fs).await? {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// The next record of a checkpoint, which was synced as a whole before the file
    /// got its name: anything else is damage.
    async fn expect<T: for<'a> Deserialize<'a>>(
        &mut self,
        fs: &F,
        tag: Tag,
    ) -> Result<(Sum, T), ReadError> {
        let whole = self.whole(fs).await?;
        self.take(whole, tag)
    }

    /// Takes what [`whole`](Self::whole) found, which must be of this kind.
    fn take<T: for<'a> Deserialize<'a>>(
        &mut self,
        whole: Option<Whole>,
        tag: Tag,
    ) -> Result<(Sum, T), ReadError> {
        let Some(record) = whole else {
            return Err(self.damaged("has no whole record here, inside its checkpoint"));
        };
        if record.tag.is_none() && record.prev == self.chain.last {
            return Err(self.newer("has a record of an unknown kind"));
        }
        let linked = tag == Tag::Checkpoint || record.prev == self.chain.last;
        if record.tag != Some(tag) || !linked {
            return Err(self.damaged("has another record here than its checkpoint needs"));
        }
        let sum = record.sum;
        let body = &self.rest()[record.body];
        let value = match serde_json::from_slice(body) {
            Ok(value) => value,
            Err(error) => {
                let error = escape(&error.to_string());
                let what = format!("has a checkpoint that this mesh does not know: {error}");
                return Err(self.newer(&what));
            }
        };
        self.chain.last = sum;
        self.consume(record.len);
        self.accepted_end = self.position;
        Ok((sum, value))
    }

    /// Begins to look again: what was unfinished before may be a record by now.
    pub(super) fn look_again(&mut self) {
        self.buffer.clear();
        self.used = 0;
        self.appetite = FIRST_READ;
        self.at_end = false;
        self.unfinished = false;
    }

    /// Takes the next step towards the end of the file.
    pub(super) async fn step(&mut self, fs: &F) -> Result<Step, ReadError> {
        if self.chain.sealed {
            return Ok(Step::End);
        }
        loop {
            let (step, link, sum, len) = match scan(self.rest()) {
                Scanned::Record(record, len) => match judge(&self.chain, &record) {
                    Ok((step, link)) => (step, link, record.sum, len),
                    Err(Verdict::Gap(durable)) => return Err(self.breaks_off(durable)),
                    Err(Verdict::Damaged(what)) => return Err(self.damaged(&what)),
                    Err(Verdict::Newer(what)) => return Err(self.newer(&what)),
                },
                Scanned::Void(len) => (Step::Void, None, Sum::default(), len),
                Scanned::Unfinished | Scanned::End => {
                    if self.fill(fs).await? {
                        continue;
                    }
                    if planted::is(Bug::UnfinishedIsVoid) {
                        self.consume(self.buffer.len() - self.used);
                    }
                    self.unfinished = self.used < self.buffer.len();
                    return Ok(Step::End);
                }
            };
            self.consume(len);
            if let Some(link) = link {
                self.chain.extend(sum, link);
                self.accepted_end = self.position;
            }
            return Ok(step);
        }
    }

    /// The next thing in the file, whether it counts or not: for who looks for what can
    /// be saved of a damaged generation.
    pub(super) async fn next_loose(&mut self, fs: &F) -> Result<Option<Loose>, ReadError> {
        let at = self.position;
        loop {
            let (loose, len) = match scan(self.rest()) {
                Scanned::Record(record, len) => {
                    let loose = Loose::Record {
                        at,
                        sum: record.sum,
                        prev: record.prev,
                        tag: record.tag,
                        body: record.body.to_vec(),
                    };
                    (loose, len)
                }
                Scanned::Void(len) => {
                    let bytes = self.rest()[..len].to_vec();
                    (Loose::Junk { at, bytes }, len)
                }
                Scanned::Unfinished | Scanned::End => {
                    if self.fill(fs).await? {
                        continue;
                    }
                    let bytes = self.rest().to_vec();
                    if bytes.is_empty() {
                        return Ok(None);
                    }
                    let len = bytes.len();
                    (Loose::Junk { at, bytes }, len)
                }
            };
            self.consume(len);
            return Ok(Some(loose));
        }
    }

    /// Takes in a record that this process wrote itself, right at its position.
    pub(super) fn extend(&mut self, sum: Sum, link: Link, end: u64) {
        self.chain.extend(sum, link);
        self.position = end;
        self.accepted_end = end;
        self.look_again();
    }

    fn rest(&self) -> &[u8] {
        &self.buffer[self.used..]
    }

    fn consume(&mut self, len: usize) {
        self.used += len;
        self.position += len as u64;
    }

    /// Reads more behind what is unread. `false`: there is no more right now.
    async fn fill(&mut self, fs: &F) -> Result<bool, ReadError> {
        if self.at_end {
            return Ok(false);
        }
        if self.buffer.len() - self.used > MAX_RECORD {
            return Err(self.damaged("has more bytes than any record, and no end of one"));
        }
        self.buffer.drain(..self.used);
        self.used = 0;
        let held = self.buffer.len();
        // The first read of a round begins one byte early: where that byte is gone, the
        // file was cut, and what was read of it is no longer there.
        let known = usize::from(held == 0 && self.position > 0);
        // Doubling keeps the search for the end of a long record linear.
        let wanted = self.appetite.max(held) + known;
        self.appetite = (self.appetite * 2).min(LARGEST_READ);
        self.buffer.resize(held + wanted, 0);
        let offset = self.position + held as u64 - known as u64;
        let read = fs
            .read_at(&self.file, offset, &mut self.buffer[held..])
            .await;
        let got = *read.as_ref().unwrap_or(&0);
        self.buffer.truncate(held + got);
        if let Err(error) = read {
            return Err(error.into());
        }
        if got < known {
            return Err(self.damaged("is shorter than what was read of it"));
        }
        self.buffer.drain(..known);
        self.at_end = got < wanted;
        if self.at_end && self.buffer.len() < FIRST_READ {
            self.buffer.shrink_to(LARGEST_READ);
        }
        Ok(got > known)
    }

    /// The log breaks off where it must not: `durable` was acknowledged.
    pub(super) fn breaks_off(&self, durable: u64) -> ReadError {
        let seq = self.chain.seq;
        let what = format!("breaks off after entry {seq}, although entry {durable} was durable");
        let file = names::journal(self.number);
        ReadError::Damage(Damage::at(&file, self.accepted_end, &what))
    }

    /// Damage at the present position.
    pub(super) fn damaged(&self, what: &str) -> ReadError {
        ReadError::Damage(Damage::at(
            &names::journal(self.number),
            self.position,
            what,
        ))
    }

    fn newer(&self, what: &str) -> ReadError {
        ReadError::Damage(Damage::newer(
            &names::journal(self.number),
            self.position,
            what,
        ))
    }
}

enum Verdict {
    /// This entry was durable, and is not in front.
    Gap(u64),
    Damaged(String),
    Newer(String),
}

/// What a whole valid record means behind `chain`.
///
/// Every record, also one that lost its race, carries the newest entry that its
/// writer knew to be durable. That entry must be in front of it: if the chain does not
/// reach it, something in between is gone.
fn judge(chain: &Chain, record: &Record<'_>) -> Result<(Step, Option<Link>), Verdict> {
    let link = match record.tag {
        Some(Tag::Entry) if record.prev == chain.last => {
            return judge_next(chain, record);
        }
        Some(Tag::Entry) => {
            let place = parse::<Place>(record)?;
            reaches(chain, place.durable)?;
            Link::Entry { seq: place.seq }
        }
        Some(Tag::Seal) => {
            let place = parse::<Place>(record)?;
            reaches(chain, place.durable)?;
            Link::Seal { seq: place.seq }
        }
        Some(_) => {
            return Err(Verdict::Damaged(
                "has a checkpoint in its middle".to_owned(),
            ));
        }
        None if record.prev == chain.last => {
            return Err(Verdict::Newer("has a record of an unknown kind".to_owned()));
        }
        None => return Ok((Step::Void, None)),
    };
    if !chain.accepts(record.prev, link) {
        return Ok((Step::Void, None));
    }
    Ok((Step::Sealed(record.sum), Some(link)))
}

/// The same for an entry that carries the right checksum: it is read as a whole.
fn judge_next(chain: &Chain, record: &Record<'_>) -> Result<(Step, Option<Link>), Verdict> {
    let stored = match parse::<StoredEntry>(record) {
        Err(_) if planted::is(Bug::NewerEventPassedOver) => return Ok((Step::Void, None)),
        parsed => parsed?,
    };
    reaches(chain, stored.durable)?;
    let link = Link::Entry { seq: stored.seq };
    if !chain.accepts(record.prev, link) {
        return Ok((Step::Void, None));
    }
    if stored.seq > MAX_COUNT || !stored.events.iter().all(Event::is_in_range) {
        return Err(Verdict::Damaged(OUT_OF_RANGE.to_owned()));
    }
    Ok((Step::Entry(stored.into(), record.sum), Some(link)))
}

fn reaches(chain: &Chain, durable: u64) -> Result<(), Verdict> {
    if durable <= chain.seq {
        return Ok(());
    }
    Err(Verdict::Gap(durable))
}

fn parse<'a, T: Deserialize<'a>>(record: &Record<'a>) -> Result<T, Verdict> {
    serde_json::from_slice(record.body).map_err(|error| {
        let error = escape(&error.to_string());
        Verdict::Newer(format!(
            "has a record that this mesh does not know: {error}"
        ))
    })
}
