//! Rule S5: the audit trail has the newest events of the log, as many as are kept.

use mesh::core::{Event, Snapshot, TrailRecord};

use crate::trace::{Coverage, Ledger, Seen, Trace, Violation, ensure};

/// Holds the trail of a state that was loaded or saved against the log.
pub(super) fn compare(
    trace: &Trace,
    ledger: &Ledger,
    snapshot: &Snapshot,
    seen: &mut Coverage,
) -> Result<(), Violation> {
    let most = trace.limits.trail;
    let entries = &ledger.entries()[..snapshot.seq as usize];
    let newest_first = entries.iter().rev().flat_map(|entry| {
        let events = entry.events.iter().rev();
        events.map(|event| (entry.seq, event))
    });
    let mut theirs = snapshot.trail.iter().rev();
    let mut kept = 0;
    for (seq, event) in newest_first.take(most) {
        let record = theirs.next();
        let right = record.is_some_and(|record| record.seq == seq && is_of(record, event));
        ensure(right, "S5", || {
            format!("the trail has {record:?} where the log has {event:?} of entry {seq}")
        })?;
        kept += 1;
    }
    // An adopted folder brings older ones along.
    let older = theirs.count();
    ensure(kept + older <= most, "S5", || {
        format!("the trail has {kept} events of the log and {older} others, of {most}")
    })?;
    ensure(trace.adopts || older == 0, "S5", || {
        format!("the trail has {older} events more than the log")
    })?;
    let all: usize = entries.iter().map(|entry| entry.events.len()).sum();
    if all > most {
        seen.hit(Seen::TrailCut);
    }
    Ok(())
}

/// Whether a record is of this event; the bodies of messages are left out.
fn is_of(record: &TrailRecord, event: &Event) -> bool {
    match (&record.event, event) {
        (Event::Posted { message_id: a, .. }, Event::Posted { message_id: b, .. }) => a == b,
        (recorded, event) => recorded == event,
    }
}
