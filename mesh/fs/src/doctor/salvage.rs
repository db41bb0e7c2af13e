//! What can be saved of a damaged log, and what that is worth.
//!
//! Three things are told apart. *The prefix*: a whole checkpoint and the entries behind
//! it up to the first break, which counts as it always did. *Proven entries* behind the
//! break: whole records that another record was built on, or that the watermark names, so
//! that somebody once accepted them. *The rest*, which is listed.
//!
//! Where nothing is missing between prefix and proven entries, they are one log again.
//! Where something is, its effects are unknown, and the state is chosen so that no promise
//! of the contract is broken by it:
//!
//! * Messages, cursors, and registrations of proven entries are facts of their own, and
//!   are kept.
//! * No hold or ticket is: a lost entry may have released it, or given it to another. All
//!   end, one by one in the list, and agents claim again.
//! * Every fence rises by more than the lost entries can have granted, so that none is
//!   given twice (rule C3): by as many as have room in records of the greatest length, and
//!   in the bytes that are none. How many commands share an entry does not matter. Names of
//!   resources in damaged bytes count as known. Where a fence would rise beyond the largest
//!   number that there is (G8), nothing is repaired.
//! * The newest message id rises to the present time (rule M2).

mod verdict;

use std::collections::BTreeSet;

use super::examine::fold;
use super::missing::{LISTED, names_in};
use super::refusal::{failed, is_unread, unsalvageable};
use crate::adopt;
use crate::error::is_no_file;
use crate::folder::damage::Damage;
use crate::folder::names;
use crate::log::generation::{
    CheckpointHead, Generation, Loose, Place, ReadError, Ready, Step, StoredEntry, is_in_range,
};
use crate::log::record::{Sum, Tag};
use crate::log::watermark::{WATERMARK, Watermark};
use crate::read_only::ReadOnly;
use crate::seam::FileSystem;
use mesh_coordinator::ports::StorageError;
use mesh_core::{Entry, Limits, Millis, Part, Resource, Snapshot};

/// What was saved.
pub(super) struct Salvage {
    /// The state to go on with.
    pub(super) snapshot: Snapshot,
    /// What was not saved or ended, a sentence each.
    pub(super) lost: Vec<String>,
    /// How many entries behind the newest whole checkpoint were saved.
    pub(super) entries: u64,
    /// The highest generation that was seen.
    pub(super) generation: u64,
}

/// A whole valid entry that does not follow the prefix.
struct LooseEntry {
    file: String,
    at: u64,
    sum: Sum,
    prev: Sum,
    entry: Entry,
}

/// Salvages the log that `view` shows. `kept` shows other files that had the same names, as
/// repairs that were cut short put them aside: they may be newer or older, so they are no
/// part of the log, but nothing that they granted is granted again. `copies` is where
/// `state.json` is.
///
/// # Errors
///
/// Where a file cannot be read, or a newer mesh wrote a part of it: then nothing is guessed.
pub(super) async fn salvage<F: FileSystem>(
    view: &ReadOnly<F>,
    kept: &[ReadOnly<F>],
    copies: &ReadOnly<F>,
    now: Millis,
) -> Result<Salvage, StorageError> {
    let unfit = |error| unsalvageable("the journal", &error);
    let (mut wreck, mut generation) = Wreck::of(view).await?;
    for other in kept {
        let (other, newest) = Wreck::of(other).await?;
        generation = generation.max(newest);
        wreck.hold_against(other.finish(None, newest, now).map_err(unfit)?);
    }
    let exported = read_copy(copies).await?;
    let exported = exported.and_then(|bytes| adopt::salvage(&bytes, now));
    wreck
        .finish(exported.as_ref(), generation, now)
        .map_err(unfit)
}

/// The bytes of `state.json`. What is no such file says nothing; one that cannot be read may
/// be all that is left.
async fn read_copy<F: FileSystem>(copies: &F) -> Result<Option<Vec<u8>>, StorageError> {
    match adopt::read_state(copies).await {
        Err(mut error) if is_unread(&error) => {
            let without = "; or move it to another folder, to go on without what it says";
            error.next.push_str(without);
            Err(error)
        }
        Err(_) => Ok(None),
        read => read,
    }
}

/// The marks that `view` shows. A watermark that is no file says nothing; one that cannot be
/// read may say what is missing.
async fn read_marks<F: FileSystem>(
    view: &ReadOnly<F>,
) -> Result<Watermark<ReadOnly<F>>, StorageError> {
    let mut marks = Watermark::new();
    match marks.read(view).await {
        Err(error) if !is_no_file(&error) => Err(failed("read", &view.shown(WATERMARK), &error)),
        _ => Ok(marks),
    }
}

/// What is known of a damaged log so far.
struct Wreck<'a, F: FileSystem> {
    view: &'a ReadOnly<F>,
    marks: Watermark<ReadOnly<F>>,
    /// The prefix, if there is a whole checkpoint.
    prefix: Option<Snapshot>,
    prefix_generation: u64,
    prefix_end: u64,
    /// The checksum that the record behind the prefix carries.
    prefix_last: Sum,
    entries: u64,
    /// Parts of checkpoints that are not whole.
    parts: Vec<Part>,
    loose: Vec<LooseEntry>,
    /// The checksums that records carry of the one before them: whoever wrote them had
    /// accepted that one.
    built_on: BTreeSet<Sum>,
    /// What must have been there: the highest place that anything speaks of.
    highest: u64,
    /// Resources whose names stand in damaged bytes.
    named: BTreeSet<Resource>,
    /// How many bytes are no whole record, so that entries may have stood there.
    junk_bytes: u64,
    /// What other files of the same names come to, each by itself.
    others: Vec<Snapshot>,
    lost: Vec<String>,
}

impl<'a, F: FileSystem> Wreck<'a, F> {
    fn new(view: &'a ReadOnly<F>, marks: Watermark<ReadOnly<F>>) -> Self {
        Self {
            view,
            marks,
            prefix: None,
            prefix_generation: 0,
            prefix_end: 0,
            prefix_last: Sum::default(),
            entries: 0,
            parts: Vec::new(),
            loose: Vec::new(),
            built_on: BTreeSet::new(),
            highest: 0,
            named: BTreeSet::new(),
            junk_bytes: 0,
            others: Vec::new(),
            lost: Vec::new(),
        }
    }

    /// Reads what `view` shows, and tells its newest generation. Entries that a proven one
    /// refutes do not count for the prefix.
    async fn of(view: &'a ReadOnly<F>) -> Result<(Self, u64), StorageError> {
        let names = view.list(None).await;
        let names = names.map_err(|e| failed("list", "the folder", &e))?;
        let mut generations: Vec<u64> = names
            .iter()
            .filter_map(|name| names::parse_journal(name))
            .collect();
        generations.sort_unstable();
        let newest = generations.last().copied().unwrap_or(0);
        let mut until = u64::MAX;
        loop {
            let wreck = Self::read(view, &generations, until).await?;
            match wreck.first_refuted() {
                Some(seq) if seq <= until => until = seq - 1,
                _ => return Ok((wreck, newest)),
            }
        }
    }

    /// Takes in what another file of the same name comes to. Where it reaches further, that
    /// much is missing here.
    fn hold_against(&mut self, other: Salvage) {
        // A salvaged state lies one place above all that its files speak of.
        self.reach(other.snapshot.seq - 1);
        self.lost.extend(other.lost);
        self.others.push(other.snapshot);
    }

    /// Reads everything. No entry above `until` counts for the prefix.
    async fn read(
        view: &'a ReadOnly<F>,
        generations: &[u64],
        until: u64,
    ) -> Result<Self, StorageError> {
        let unread = |number: u64| {
            let name = view.shown(&names::journal(number));
            move |error| unsalvageable(&name, &error)
        };
        let mut wreck = Self::new(view, read_marks(view).await?);
        for number in generations.iter().rev() {
            let read = wreck.read_prefix(*number, until).await;
            if read.map_err(unread(*number))? {
                break;
            }
        }
        let first = wreck.prefix_generation;
        for number in generations.iter().filter(|n| **n >= first) {
            let read = wreck.read_loose(*number).await;
            read.map_err(unread(*number))?;
        }
        let marked = wreck.marks.highest().map_or(0, |mark| mark.seq);
        let proven = wreck.proven().map(|loose| loose.entry.seq).max();
        wreck.reach(marked);
        wreck.reach(proven.unwrap_or(0));
        Ok(wreck)
    }

    /// Reads generation `number` as far as it counts; `false` if its checkpoint is not
    /// whole.
    async fn read_prefix(&mut self, number: u64, until: u64) -> Result<bool, ReadError> {
        let mut builder = None;
        let mut generation = match Generation::open(
            self.view,
            &Limits::PRODUCTION,
            number,
            Some(&mut builder),
        )
        .await
        {
            Ok(generation) => generation,
            Err(ReadError::Damage(damage)) if !damage.is_newer() => return Ok(false),
            Err(error) => return Err(error),
        };
        let mut snapshot = builder.unwrap_or_default().finish();
        self.entries = 0;
        loop {
            self.prefix_end = generation.accepted_end;
            self.prefix_last = generation.standing.chain.last;
            match generation.step(self.view).await {
                Ok(Step::Entry(entry, sum)) => {
                    if entry.seq > until || self.marks.contradict(entry.seq, sum) {
                        break;
                    }
                    fold(&mut snapshot, &entry);
                    self.entries += 1;
                }
                Ok(Step::Void) => {}
                Ok(Step::Sealed(_) | Step::End) => break,
                Err(ReadError::Damage(damage)) if !damage.is_newer() => break,
                Err(error) => return Err(error),
            }
        }
        self.highest = snapshot.seq;
        self.prefix = Some(snapshot);
        self.prefix_generation = number;
        Ok(true)
    }

    /// Reads what stands in generation `number` behind the prefix.
    async fn read_loose(&mut self, number: u64) -> Result<(), ReadError> {
        let file = names::journal(number);
        let mut generation = match Generation::unread(self.view, &Limits::PRODUCTION, number).await
        {
            Ok(generation) => generation,
            Err(ReadError::Damage(damage)) if !damage.is_newer() => {
                self.lost
                    .push(format!("{file} is not a file: nothing of it was read"));
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let from = match number == self.prefix_generation {
            true => self.prefix_end,
            false => 0,
        };
        let mut parts = 0;
        loop {
            match generation.next_loose(self.view).await {
                Ok(None) => return Ok(()),
                Ok(Some(Loose::Record { at, .. } | Loose::Junk { at, .. })) if at < from => {}
                Ok(Some(Loose::Junk { at, bytes })) => self.junk(&file, at, &bytes),
                Ok(Some(Loose::Record {
                    at,
                    sum,
                    prev,
                    tag,
                    body,
                })) => self.record(&file, at, (sum, prev, tag), &body, &mut parts)?,
                Err(ReadError::Damage(damage)) if !damage.is_newer() => {
                    let at = damage.byte();
                    let len = self.view.stat(&generation.file).await?.len;
                    self.junk_bytes += len.saturating_sub(at);
                    self.lost.push(format!(
                        "{file} from byte {at} on is no record, and too long to be looked through"
                    ));
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn junk(&mut self, file: &str, at: u64, bytes: &[u8]) {
        self.named.extend(names_in(bytes));
        let len = bytes.len();
        self.junk_bytes += len as u64;
        self.list(format!(
            "{file}, byte {at}: {len} bytes that are no whole record"
        ));
    }

    fn record(
        &mut self,
        file: &str,
        at: u64,
        (sum, prev, tag): (Sum, Sum, Option<Tag>),
        body: &[u8],
        parts: &mut u64,
    ) -> Result<(), ReadError> {
        let newer = |_: serde_json::Error| {
            let what = "has a record that this mesh does not know";
            ReadError::Damage(Damage::newer(file, at, what))
        };
        self.built_on.insert(prev);
        match tag {
            Some(Tag::Checkpoint) => {
                let head: CheckpointHead = serde_json::from_slice(body).map_err(newer)?;
                self.reach(head.seq);
            }
            Some(Tag::Part) => {
                self.parts
                    .push(serde_json::from_slice(body).map_err(newer)?);
                *parts += 1;
            }
            Some(Tag::Ready) => {
                let ready: Ready = serde_json::from_slice(body).map_err(newer)?;
                if ready.parts != *parts {
                    let missing = ready.parts.abs_diff(*parts);
                    self.lost.push(format!(
                        "{file}: {missing} of the {} parts of its checkpoint",
                        ready.parts
                    ));
                }
            }
            Some(Tag::Entry) => {
                let stored: StoredEntry = serde_json::from_slice(body).map_err(newer)?;
                if !is_in_range(&Limits::PRODUCTION, stored.seq, &stored.events) {
                    self.named.extend(names_in(body));
                    self.list(format!(
                        "{file}, byte {at}: a record with a number out of range"
                    ));
                    return Ok(());
                }
                self.reach(stored.durable);
                self.loose.push(LooseEntry {
                    file: file.to_owned(),
                    at,
                    sum,
                    prev,
                    entry: stored.into(),
                });
            }
            Some(Tag::Seal) => {
                let place: Place = serde_json::from_slice(body).map_err(newer)?;
                self.reach(place.durable);
            }
            None => {
                let what = "has a record of an unknown kind";
                return Err(ReadError::Damage(Damage::newer(file, at, what)));
            }
        }
        Ok(())
    }

    /// Something speaks of the place `seq`. What no log can reach is nonsense.
    fn reach(&mut self, seq: u64) {
        if seq <= Limits::PRODUCTION.places {
            self.highest = self.highest.max(seq);
        }
    }

    fn list(&mut self, sentence: String) {
        if self.lost.len() < LISTED {
            self.lost.push(sentence);
        }
    }

    /// Whether somebody once accepted this entry, or knew it durable.
    fn is_proven(&self, loose: &LooseEntry) -> bool {
        self.built_on.contains(&loose.sum) || self.marks.confirms(loose.entry.seq, loose.sum)
    }

    fn proven(&self) -> impl Iterator<Item = &LooseEntry> {
        self.loose.iter().filter(|loose| self.is_proven(loose))
    }

    /// An entry of the prefix that a proven one behind it refutes: where the winner of a
    /// race is damaged, the loser looks like the winner.
    fn first_refuted(&self) -> Option<u64> {
        let prefix = self.prefix.as_ref()?;
        if self.entries == 0 {
            return None;
        }
        let file = names::journal(self.prefix_generation);
        let refuting = self.proven().filter(|loose| loose.file == file);
        refuting
            .filter_map(|loose| match loose.entry.seq {
                seq if seq <= prefix.seq => Some(seq),
                seq if seq == prefix.seq + 1 && loose.prev != self.prefix_last => Some(prefix.seq),
                _ => None,
            })
            .min()
    }
}
