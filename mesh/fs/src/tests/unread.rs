//! What cannot be read is not damaged: a repair that meets an error of the file system stops,
//! and a folder is never worse for it (C3, G7).

use std::cell::Cell;
use std::io::ErrorKind;
use std::rc::Rc;

use super::doctor::{FOUR, claims_event, committed, flip, opened, place_of, repaired};
use super::{Disk, FakeClock, Fault, Folder, block_on};
use crate::doctor::{Remedy, Repair, examine, repair};
use crate::{FileSystem, ReadOnly};
use mesh_coordinator::ports::{StorageError, StorageErrorKind};
use mesh_core::{ClaimRef, Event};

const KINDS: [ErrorKind; 3] = [
    ErrorKind::PermissionDenied,
    ErrorKind::Other,
    ErrorKind::ResourceBusy,
];
/// The newest fence that anybody was granted in the folders of these tests.
const GRANTED: u64 = 3;

/// A folder in which three fences of one resource were granted, and a message sent.
fn granted() -> Folder {
    let folder = Folder::with(&["first"]);
    let mut process = folder.open();
    for fence in 1..=GRANTED {
        let mut entry = claims_event(1 + fence, "r", fence);
        if let Some(held) = process.snapshot.state.resource("r") {
            let claim_id = held.holders[0].claim_id;
            let claim = ClaimRef::new(&"r".into(), &"a".into(), claim_id);
            entry.events.insert(0, Event::Released { claim });
        }
        committed(&mut process, &entry);
    }
    folder
}

/// The acknowledged end of the journal is gone, and only the watermark tells.
fn without_its_end() -> Folder {
    let folder = granted();
    let journal = folder.read("journal.1");
    let newest = place_of(&folder, "journal.1", "claim.4");
    let start = journal[..newest].iter().rposition(|b| *b == 0x1e).unwrap();
    folder.write("journal.1", &journal[..start]);
    folder
}

/// The journal is gone, and `state.json` has all that it had.
fn without_its_journal() -> Folder {
    let folder = granted();
    block_on(folder.open().checkpoint()).unwrap();
    std::fs::remove_file(folder.file("journal.2")).unwrap();
    folder
}

/// An entry in the middle is damaged, and so is `format`.
fn with_damage() -> Folder {
    let folder = granted();
    flip(
        &folder,
        "journal.1",
        place_of(&folder, "journal.1", "claim.3"),
    );
    folder.write("format", "garbage");
    folder
}

/// A repair was cut short, and the journal of before was put back.
fn half_repaired() -> Folder {
    let folder = with_damage();
    let journal = folder.read("journal.1");
    let disk = Disk::new(folder.fs(), |call, name| match call {
        "create" if name.starts_with("tmp.2.") => Fault::Before(ErrorKind::StorageFull),
        _ => Fault::None,
    });
    block_on(repair(&disk, &FakeClock::new(), 6)).unwrap_err();
    folder.write("journal.1", journal);
    folder
}

/// Repairs with the n-th operation failing; whether there were as many.
fn repaired_with_fault(
    folder: &Folder,
    n: usize,
    kind: ErrorKind,
) -> (Result<Repair, StorageError>, Option<String>) {
    let met = Rc::new(Cell::new(None));
    let (witness, mut seen) = (met.clone(), 0);
    let disk = Disk::new(folder.fs(), move |call, name| {
        seen += 1;
        if seen != n {
            return Fault::None;
        }
        witness.set(Some(format!("{call} {name}")));
        Fault::Before(kind)
    });
    let repaired = block_on(repair(&disk, &FakeClock::new(), 7));
    (repaired, met.take())
}

fn newest_fence(folder: &Folder) -> u64 {
    let mut opener = folder.open();
    block_on(opener.look()).unwrap();
    opener.snapshot.state.newest_fence("r")
}

/// The message is there and no fence is given again, or what is lost was told.
fn assert_nothing_lost_in_silence(folder: &Folder, lost: &[String], context: &str) {
    let fence = newest_fence(folder);
    assert!(fence >= GRANTED, "{context}: fence {fence} is given again");
    let there = opened(folder).unwrap();
    assert!(
        there == ["first"] || !lost.is_empty(),
        "{context}: {there:?}"
    );
}

/// Whatever a repair cannot do once, it loses nothing in silence and gives no fence twice; and
/// where it stops, another one does what it would have done.
#[test]
fn a_repair_that_meets_one_error_loses_nothing_in_silence() {
    for make in [
        without_its_end,
        without_its_journal,
        with_damage,
        half_repaired,
    ] {
        let whole = make();
        let control = whole.copy();
        let undisturbed = repaired(&control);
        let (there, fence) = (opened(&control).unwrap(), newest_fence(&control));
        assert_nothing_lost_in_silence(&control, &undisturbed.lost, "undisturbed");
        for kind in KINDS {
            for n in 1.. {
                let folder = whole.copy();
                let (outcome, met) = repaired_with_fault(&folder, n, kind);
                let Some(met) = met else { break };
                let context = format!("{met} failed with {kind:?}: {outcome:?}");
                if outcome.is_err() {
                    if let Ok(there) = opened(&folder.copy()) {
                        assert_eq!(there, opened(&control).unwrap(), "{context}");
                    }
                    repaired(&folder);
                }
                assert_eq!(opened(&folder).unwrap(), there, "{context}");
                assert_eq!(newest_fence(&folder), fence, "{context}");
                let reports = folder.names();
                let mut reports = reports.iter().filter(|name| name.starts_with("repair."));
                let told =
                    reports.any(|name| folder.read(name).windows(6).any(|w| w == b"\"lost\""));
                assert!(told, "{context}");
            }
        }
    }
}

/// A file that cannot be read, ever: the examination says so and what helps, the repair says
/// the same, and neither changes anything.
#[test]
fn what_cannot_be_read_is_not_called_damaged() {
    for (make, name) in [
        (granted as fn() -> Folder, "watermark"),
        (granted, "format"),
        (granted, "journal.1"),
        (without_its_end, "watermark"),
        (without_its_journal, "state.json"),
        (with_damage, "watermark"),
    ] {
        for call in ["open", "read_at"] {
            let folder = make();
            let before = folder.contents();
            let disk = Disk::new(folder.fs(), move |called, of| {
                match of == name && called == call {
                    true => Fault::Before(ErrorKind::PermissionDenied),
                    false => Fault::None,
                }
            });
            let report = block_on(examine(&disk, &FakeClock::new()));
            let about = |f: &&crate::doctor::Finding| f.file.as_deref() == Some(name);
            let finding = report.findings.iter().find(about).unwrap();
            assert_eq!(
                finding.what,
                format!("cannot read {name}: permission denied")
            );
            assert!(finding.next.contains("permission"), "{finding:?}");
            assert_eq!(finding.remedy, Remedy::None, "{finding:?}");
            let error = block_on(repair(&disk, &FakeClock::new(), 7)).unwrap_err();
            assert_eq!(error.kind, StorageErrorKind::Io);
            assert!(error.what.contains(&finding.what), "{error}");
            let mut after = folder.contents();
            after.remove("lock.flock");
            let mut before = before;
            before.remove("lock.flock");
            assert!(after == before, "{call} {name}: nothing was changed");
        }
    }
}

/// A folder that cannot be listed, and a healthy one that is looked at without descriptors.
#[test]
fn a_folder_that_cannot_be_listed_is_not_repaired() {
    let folder = Folder::with(&FOUR);
    let disk = Disk::new(folder.fs(), |call, _| match call {
        "list" => Fault::Before(ErrorKind::Other),
        _ => Fault::None,
    });
    let report = block_on(examine(&disk, &FakeClock::new()));
    assert!(
        report.findings[0]
            .what
            .starts_with("cannot list the folder")
    );
    let error = block_on(repair(&disk, &FakeClock::new(), 7)).unwrap_err();
    assert!(error.what.starts_with("cannot list"), "{error}");
}

/// A socket is no file, and put aside like every other thing in a file's place.
#[test]
fn a_socket_is_no_file() {
    let folder = Folder::with(&FOUR);
    std::fs::remove_file(folder.file("watermark")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(folder.file("watermark")).unwrap();
    let view = ReadOnly::new(folder.fs());
    let error = block_on(view.open("watermark", crate::Access::Read)).unwrap_err();
    assert!(crate::error::is_no_file(&error), "{error}");
    repaired(&folder);
    assert_eq!(opened(&folder).unwrap(), FOUR);
}
