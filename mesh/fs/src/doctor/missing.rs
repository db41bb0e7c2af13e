//! What is not there: the places that are lost, and what may have stood in them.
//!
//! All of it errs on one side. A place too many, a name too many or a fence too high does no
//! harm; one too few could give a fence twice.

use std::collections::BTreeSet;

use mesh_core::{Limits, Resource};

/// No event that grants a fence takes fewer bytes of a record, whatever the names in it.
pub(crate) const GRANT_BYTES: u64 = 100;
/// How many single losses of a kind are listed.
pub(super) const LISTED: usize = 10_000;

/// How many fences so many lost entries, and bytes that are no record, can have granted one
/// resource: no entry is longer than a record, and each grant takes its bytes.
pub(super) fn grants(entries: u64, junk_bytes: u64) -> u64 {
    let bytes = entries.saturating_mul(Limits::PRODUCTION.record_bytes as u64);
    let bytes = bytes.saturating_add(junk_bytes);
    bytes / GRANT_BYTES + 1
}

/// The places between `from` and `to` that are not among `there`, as ranges.
pub(super) fn gaps(from: u64, there: impl Iterator<Item = u64>, to: u64) -> Vec<(u64, u64)> {
    let mut gaps = Vec::new();
    let mut next = from + 1;
    for seq in there {
        if seq > next {
            gaps.push((next, seq - 1));
        }
        next = seq + 1;
    }
    if next <= to {
        gaps.push((next, to));
    }
    gaps
}

pub(super) fn describe_gaps(gaps: &[(u64, u64)]) -> Vec<String> {
    let sentence = |(from, to): &(u64, u64)| match from == to {
        true => format!("entry {from}: it was acknowledged, or may have been, and is not readable"),
        false => format!(
            "entries {from} to {to}: they were acknowledged, or may have been, and are not readable"
        ),
    };
    gaps.iter().take(LISTED).map(sentence).collect()
}

/// Names of resources in bytes that were a record once. A name too many does no harm: its
/// fence rises for nothing.
pub(super) fn names_in(bytes: &[u8]) -> BTreeSet<Resource> {
    const MEMBER: &[u8] = b"\"resource\":";
    let starts = bytes.windows(MEMBER.len()).enumerate();
    let starts = starts.filter(|(_, window)| *window == MEMBER);
    starts
        .filter_map(|(at, _)| {
            let mut json = serde_json::Deserializer::from_slice(&bytes[at + MEMBER.len()..]);
            <Resource as serde::Deserialize>::deserialize(&mut json).ok()
        })
        .collect()
}
