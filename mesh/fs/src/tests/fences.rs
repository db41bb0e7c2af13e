//! Fences over a repair: none is given twice, whatever the lost entries granted (C3).

use std::ops::RangeInclusive;

use super::doctor::{claims_event, committed, flip, place_of, repaired};
use super::{FakeClock, Folder, block_on};
use crate::doctor::{GRANT_BYTES, repair};
use mesh_core::{ClaimId, ClaimRef, Entry, Event, Limits, Mode, Terms};

/// An entry in which one resource goes from hand to hand, as often as there are `fences`.
fn many_grants(seq: u64, resource: &str, fences: RangeInclusive<u64>) -> Entry {
    let mut entry = claims_event(seq, resource, 0);
    let granted = entry.events.pop().unwrap();
    for next in fences {
        let mut granted = granted.clone();
        if let Event::Granted { claim, fence, .. } = &mut granted {
            claim.claim_id = format!("{:026}", seq * 100_000 + next).parse().unwrap();
            *fence = next;
        }
        let claim = granted.claim().unwrap().clone();
        entry.events.extend([granted, Event::Released { claim }]);
    }
    entry
}

/// C3: what is due joins a batch without bound, so a lost entry may have granted one resource
/// any number of fences that has room in a record.
#[test]
fn fences_rise_by_more_than_any_entry_can_grant() {
    let folder = Folder::with(&["first"]);
    let mut process = folder.open();
    committed(&mut process, &claims_event(2, "kept", 1));
    let release = process.snapshot.state.resource("kept").unwrap().holders[0].claim_id;
    let mut lost = many_grants(3, "kept", 2..=3_000);
    let claim = ClaimRef::new(&"kept".into(), &"a".into(), release);
    lost.events.insert(0, Event::Released { claim });
    committed(&mut process, &lost);
    block_on(process.commit("last")).unwrap();
    flip(
        &folder,
        "journal.1",
        place_of(&folder, "journal.1", "claim.3"),
    );
    repaired(&folder);
    let mut opener = folder.open();
    block_on(opener.look()).unwrap();
    let newest = opener.snapshot.state.newest_fence("kept");
    assert!(newest >= 3_000, "{newest} would be given again");
    let room = Limits::PRODUCTION.record_bytes as u64;
    assert!(newest > room / GRANT_BYTES, "{newest}");
}

/// C3: where neither mark nor record tells how many entries were lost, their bytes do.
#[test]
fn fences_rise_by_more_than_damaged_bytes_can_hold() {
    let folder = Folder::with(&["first"]);
    let mut process = folder.open();
    committed(&mut process, &claims_event(2, "kept", 1));
    let end = folder.read("journal.1").len();
    let mut journal = folder.read("journal.1");
    let junk = 5 << 20;
    journal.extend(std::iter::repeat_n(b'x', junk));
    journal.extend(b"\n\x1e{\"sum\":");
    journal[end - 20] ^= 1;
    folder.write("journal.1", journal);
    let repair = repaired(&folder);
    let mut opener = folder.open();
    block_on(opener.look()).unwrap();
    let room = Limits::PRODUCTION.record_bytes + junk;
    let newest = opener.snapshot.state.newest_fence("kept");
    assert!(newest >= room as u64 / GRANT_BYTES, "{newest}: {repair:?}");
}

/// No event that grants takes fewer bytes than what the repair reckons with.
#[test]
fn no_grant_is_shorter_than_the_repair_reckons_with() {
    let claim = ClaimRef::new(&"".into(), &"".into(), ClaimId::ZERO);
    let terms = Terms {
        lease_ms: 0,
        expires_at: 0,
        note: None,
    };
    let granting = [
        Event::Granted {
            claim: claim.clone(),
            fence: 1,
            mode: Mode::Shared,
            terms: terms.clone(),
        },
        Event::Upgraded {
            claim: claim.clone(),
            fence: 1,
            terms,
        },
        Event::Promoted {
            claim,
            fence: 1,
            expires_at: 0,
        },
    ];
    for event in granting {
        assert_eq!(event.fence(), Some(1));
        let bytes = serde_json::to_vec(&event).unwrap().len() as u64;
        assert!(bytes >= GRANT_BYTES, "{bytes}: {event:?}");
    }
}

/// C3, G8: a fence that would have to rise beyond the largest number is not raised by less.
/// Nothing is moved, and the error says what is in the way.
#[test]
fn a_repair_that_could_give_a_fence_twice_is_refused() {
    let most = Limits::PRODUCTION.count;
    for newest in [most, most - 1_000] {
        let folder = Folder::with(&["first"]);
        let mut process = folder.open();
        committed(&mut process, &claims_event(2, "src/main.rs", newest));
        block_on(process.commit("second")).unwrap();
        block_on(process.commit("third")).unwrap();
        flip(
            &folder,
            "journal.1",
            place_of(&folder, "journal.1", "second"),
        );
        let before = folder.contents();
        let error = block_on(repair(&folder.fs(), &FakeClock::new(), 7)).unwrap_err();
        let said = error.to_string();
        assert!(said.contains("\"src/main.rs\""), "{said}");
        assert!(said.contains("may have been given already"), "{said}");
        assert!(said.contains("restore the folder from a backup"), "{said}");
        let mut after = folder.contents();
        after.remove("lock.flock");
        let mut before = before;
        before.remove("lock.flock");
        assert!(after == before, "nothing was changed");
    }
}
