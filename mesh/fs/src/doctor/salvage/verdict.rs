//! What is made of what was read: the state to go on with, and the list of what is lost.

use std::collections::BTreeMap;

use super::{LooseEntry, Salvage, Wreck};
use crate::doctor::examine::fold;
use crate::doctor::missing::{LISTED, describe_gaps, gaps, grants};
use crate::doctor::pile::Pile;
use crate::folder::damage::Damage;
use crate::folder::names;
use crate::log::generation::ReadError;
use crate::seam::FileSystem;
use mesh_core::{Entry, Limits, Millis, Snapshot, escape};

impl<F: FileSystem> Wreck<'_, F> {
    /// Puts together what was saved.
    pub(super) fn finish(
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
        // The copy may be of an entry above all that the files speak of.
        let copied = exported.map_or(0, |(seq, _)| (*seq).min(Limits::PRODUCTION.places));
        snapshot.seq = self.highest.max(snapshot.seq).max(copied) + 1;
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
        self.others.iter().for_each(|other| pile.add_fences(other));
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
