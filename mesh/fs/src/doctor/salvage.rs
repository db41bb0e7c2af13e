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

use std::collections::{BTreeMap, BTreeSet};

use super::examine::{fold, read_state};
use super::missing::{LISTED, describe_gaps, gaps, grants, names_in};
use super::pile::Pile;
use crate::adopt;
use crate::folder::damage::Damage;
use crate::folder::names;
use crate::log::generation::{
    CheckpointHead, Generation, Loose, Place, ReadError, Ready, Step, StoredEntry, is_in_range,
};
use crate::log::record::{Sum, Tag};
use crate::log::watermark::Watermark;
use crate::read_only::ReadOnly;
use crate::seam::FileSystem;
use mesh_core::{Entry, Limits, Millis, Part, Resource, Snapshot, escape};

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

/// Salvages the log that `view` shows. `copies` is where `state.json` is.
///
/// # Errors
///
/// Where the disk fails, or a newer mesh wrote a part of it: then nothing is guessed.
pub(super) async fn salvage<F: FileSystem>(
    view: &ReadOnly<F>,
    copies: &ReadOnly<F>,
    now: Millis,
) -> Result<Salvage, ReadError> {
    let names = view.list(None).await?;
    let mut generations: Vec<u64> = names
        .iter()
        .filter_map(|name| names::parse_journal(name))
        .collect();
    generations.sort_unstable();
    let mut until = u64::MAX;
    let wreck = loop {
        let wreck = Wreck::read(view, &generations, until).await?;
        match wreck.first_refuted() {
            Some(seq) if seq <= until => until = seq - 1,
            _ => break wreck,
        }
    };
    let exported = match read_state(copies).await {
        Ok(Some(bytes)) => adopt::salvage(&bytes, now),
        _ => None,
    };
    let generation = generations.last().copied().unwrap_or(0);
    wreck.finish(exported.as_ref(), generation, now)
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
            lost: Vec::new(),
        }
    }

    /// Reads everything. No entry above `until` counts for the prefix.
    async fn read(
        view: &'a ReadOnly<F>,
        generations: &[u64],
        until: u64,
    ) -> Result<Self, ReadError> {
        let mut marks = Watermark::new();
        // A watermark that is none says nothing.
        let _ = marks.read_all(view).await;
        let mut wreck = Self::new(view, marks);
        for number in generations.iter().rev() {
            if wreck.read_prefix(*number, until).await? {
                break;
            }
        }
        let first = wreck.prefix_generation;
        for number in generations.iter().filter(|n| **n >= first) {
            wreck.read_loose(*number).await?;
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
        if seq < Limits::PRODUCTION.places {
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

    /// Puts together what was saved.
    fn finish(
        mut self,
        exported: Option<&(u64, Snapshot)>,
        generation: u64,
        now: Millis,
    ) -> Result<Salvage, ReadError> {
        let mut rest: BTreeMap<u64, Entry> = BTreeMap::new();
        for loose in self.proven() {
            let entry = rest.entry(loose.entry.seq);
            entry.or_insert_with(|| loose.entry.clone());
        }
        let is_whole = self.prefix.is_some();
        let mut snapshot = self.prefix.take().unwrap_or_default();
        rest.retain(|seq, _| *seq > snapshot.seq);
        while is_whole && let Some(entry) = rest.remove(&(snapshot.seq + 1)) {
            fold(&mut snapshot, &entry);
            self.entries += 1;
        }
        let complete = is_whole && snapshot.seq >= self.highest;
        let marked = self.marks.highest().map(|mark| mark.seq);
        let mut lost = Vec::new();
        if complete && snapshot.state.invariants().is_ok() {
            // Whatever else stands in the files was never acknowledged.
        } else if let Some((seq, copy)) = exported
            && marked.is_some_and(|marked| marked <= *seq)
            && self.highest <= *seq
        {
            lost.push(from_copy(*seq));
            snapshot = copy.clone();
        } else {
            (snapshot, lost) = self.bridge(&snapshot, is_whole, exported, rest, now)?;
        }
        snapshot.seq = self.highest.max(snapshot.seq) + 1;
        let refused =
            |what: &str| ReadError::Damage(Damage::at(&names::journal(generation), 0, what));
        let most = Limits::PRODUCTION.places;
        if snapshot.seq >= most || generation >= most {
            return Err(refused(
                "leaves no place in the log, or no generation, to go on with",
            ));
        }
        snapshot.state.invariants().map_err(|broken| {
            let what = format!("what can be saved breaks an invariant: {}", escape(&broken));
            refused(&what)
        })?;
        Ok(Salvage {
            snapshot,
            lost,
            entries: self.entries,
            generation,
        })
    }

    /// The state behind a gap: see the top of this file.
    fn bridge(
        &mut self,
        prefix: &Snapshot,
        is_whole: bool,
        exported: Option<&(u64, Snapshot)>,
        rest: BTreeMap<u64, Entry>,
        now: Millis,
    ) -> Result<(Snapshot, Vec<String>), ReadError> {
        let mut pile = Pile::default();
        pile.add_all(prefix);
        if let Some((seq, copy)) = exported {
            match *seq > prefix.seq {
                true => pile.add_all(copy),
                false => pile.add_fences(copy),
            }
        }
        self.parts.drain(..).for_each(|part| pile.add(part));
        let gaps = gaps(prefix.seq, rest.keys().copied(), self.highest);
        let mut lost = describe_gaps(&gaps);
        if !is_whole {
            let what = "no whole checkpoint is left: what its missing parts said of agents, claims, \
                        messages and fences";
            lost.push(what.to_owned());
        }
        lost.extend(self.describe_unproven());
        lost.append(&mut self.lost);
        lost.extend(pile.end_claims());
        self.entries += rest.len() as u64;
        let mut pile = pile.follow(rest.into_values(), &mut lost)?;
        let missing = gaps.iter().map(|(from, to)| to - from + 1).sum::<u64>();
        let by = grants(missing.max(1), self.junk_bytes);
        for event in self.unproven().flat_map(|loose| &loose.entry.events) {
            // Where no mark is left, it may have been acknowledged all the same.
            pile.note_fence(event);
        }
        pile.raise_fences(&self.named, by)?;
        pile.raise_message_id(now);
        lost.push(format!(
            "every fence was raised by {by}, since lost entries may have granted some: the next \
             one of each resource is higher than any that was given{}",
            if is_whole {
                ""
            } else {
                ", unless it stood in a missing part alone"
            },
        ));
        lost.push(
            "a resource that was claimed for the first time in a lost entry is not known, and \
             its fences begin at 1 again: where a fence guards something, look at the highest \
             that it has seen"
                .to_owned(),
        );
        Ok((pile.build(self.highest)?, lost))
    }

    /// Whole records that nobody built on: a race that was lost, or an entry that was not
    /// acknowledged.
    fn unproven(&self) -> impl Iterator<Item = &LooseEntry> {
        self.loose.iter().filter(|loose| !self.is_proven(loose))
    }

    fn describe_unproven(&self) -> Vec<String> {
        self.unproven()
            .map(|loose| {
                let (seq, file, at) = (loose.entry.seq, &loose.file, loose.at);
                format!("{file}, byte {at}: a record for entry {seq} that nothing proves")
            })
            .take(LISTED)
            .collect()
    }
}

fn from_copy(seq: u64) -> String {
    format!(
        "the state comes from state.json, which includes entry {seq}, the newest that the \
         watermark knows: times lost their fractions of a second, retry keys (rule M7) and \
         the audit trail are gone"
    )
}
