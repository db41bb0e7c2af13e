//! The doctor: what it finds is what a server refuses, what it changes is nothing, and
//! what it repairs loses nothing without a word (rule G7).

use std::pin::pin;
use std::task::{Context, Waker};

use super::{Disk, FakeClock, Fault, Folder, Member, block_on, record_ends};
use crate::doctor::{Remedy, Repair, Report, Severity, examine, repair};
use mesh_coordinator::ports::{Append, StorageErrorKind};
use mesh_core::{ClaimId, ClaimRef, Entry, Event, Mode, Terms};

pub(super) const FOUR: [&str; 4] = ["first", "second", "third", "fourth"];

pub(super) fn examined(folder: &Folder) -> Report {
    let before = folder.contents();
    let report = block_on(examine(&folder.fs(), &FakeClock::new()));
    assert!(
        folder.contents() == before,
        "an examination changes nothing"
    );
    report
}

pub(super) fn repaired(folder: &Folder) -> Repair {
    // A disk that does not sync, since no power is cut here.
    let disk = Disk::new(folder.fs(), |_, _| Fault::None);
    block_on(repair(&disk, &FakeClock::new(), 7)).unwrap()
}

/// What a server makes of the folder.
pub(super) fn opened(folder: &Folder) -> Result<Vec<String>, String> {
    block_on(folder.open().look()).map_err(|error| error.to_string())
}

pub(super) fn flip(folder: &Folder, name: &str, at: usize) {
    let mut bytes = folder.read(name);
    bytes[at] ^= 1 << (at % 8);
    folder.write(name, bytes);
}

pub(super) fn place_of(folder: &Folder, name: &str, text: &str) -> usize {
    let bytes = folder.read(name);
    let mut windows = bytes.windows(text.len());
    windows
        .position(|window| window == text.as_bytes())
        .unwrap()
}

/// Every body of `bodies` that is not `there` must have been called lost.
fn assert_nothing_lost_in_silence(repair: &Repair, there: &[String], bodies: &[&str]) {
    let kept: Vec<&str> = bodies
        .iter()
        .filter(|body| there.iter().any(|b| b == *body))
        .copied()
        .collect();
    assert_eq!(there, kept, "in order, and nothing else");
    if kept.len() < bodies.len() {
        assert!(!repair.lost.is_empty(), "{kept:?}: {repair:?}");
    }
}

#[test]
fn a_folder_in_use_is_healthy() {
    let folder = Folder::with(&FOUR);
    let report = examined(&folder);
    assert!(report.is_healthy(), "{report:?}");
    let contents = report.contents.unwrap();
    assert_eq!((contents.seq, contents.messages), (4, 4));
    assert_eq!(contents.durable, Some(4));
    assert_eq!(repaired(&folder), Repair::default());
    assert_eq!(opened(&folder).unwrap(), FOUR);
}

#[test]
fn a_new_folder_is_healthy_and_stays_new() {
    let folder = Folder::new();
    let report = block_on(examine(&folder.fs(), &FakeClock::new()));
    assert!(report.is_healthy(), "{report:?}");
    assert_eq!(folder.names(), [".gitignore"]);
}

/// A write that is in progress at the first look, and done at the second, is no finding.
#[test]
fn a_write_in_progress_is_looked_at_again() {
    let folder = Folder::with(&FOUR);
    let whole = folder.read("journal.1");
    let cut = whole.len() - 9;
    folder.write("journal.1", &whole[..cut]);
    std::fs::remove_file(folder.file("watermark")).unwrap();
    let path = folder.file("journal.1");
    let clock = FakeClock::with(move || std::fs::write(&path, &whole).unwrap());
    let report = block_on(examine(&folder.fs(), &clock));
    assert_eq!(report.findings, [], "the tail became a record");

    folder.write("journal.1", &folder.read("journal.1")[..cut]);
    let report = examined(&folder);
    assert!(report.is_healthy(), "a torn tail was never acknowledged");
    assert_eq!(report.findings[0].severity, Severity::Note);
    assert_eq!(report.findings[0].line, Some(7));
}

/// What the doctor calls healthy a server opens, and what a server refuses the doctor
/// explains, at the same place: for cuts and flipped bits everywhere.
#[test]
fn the_doctor_and_the_server_agree() {
    let whole = Folder::with(&FOUR);
    let bytes = whole.read("journal.1");
    for at in (0..bytes.len()).step_by(5) {
        for cut in [false, true] {
            let folder = whole.copy();
            match cut {
                true => folder.write("journal.1", &bytes[..at]),
                false => flip(&folder, "journal.1", at),
            }
            let report = examined(&folder);
            let Err(error) = opened(&folder) else {
                assert!(report.is_healthy(), "byte {at}: {report:?}");
                continue;
            };
            let worst = &report.findings[0];
            assert_eq!(worst.severity, Severity::Error);
            let (file, line, byte) = (worst.file.as_ref(), worst.line, worst.byte);
            let place = format!(
                "{}, line {}, byte {}: {}",
                file.unwrap(),
                line.unwrap(),
                byte.unwrap(),
                worst.what
            );
            assert!(error.starts_with(&place), "byte {at}: {place} / {error}");
            assert_eq!(worst.remedy, Remedy::Salvage);
        }
    }
}

/// After a repair the folder is in use again, whatever was wrong with the journal; what is
/// missing was named, and the damaged file is kept.
#[test]
fn a_repaired_folder_works_and_nothing_is_lost_in_silence() {
    let whole = Folder::with(&FOUR);
    let bytes = whole.read("journal.1");
    for at in (0..bytes.len()).step_by(7) {
        for cut in [false, true] {
            let folder = whole.copy();
            match cut {
                true => folder.write("journal.1", &bytes[..at]),
                false => flip(&folder, "journal.1", at),
            }
            let damaged = folder.read("journal.1");
            let repair = repaired(&folder);
            assert_eq!(folder.read("journal.1.damaged.1"), damaged, "byte {at}");
            assert!(folder.names().contains(&"repair.1.json".to_owned()));
            let there = opened(&folder).unwrap();
            assert_nothing_lost_in_silence(&repair, &there, &FOUR);
            let report = examined(&folder);
            assert!(report.is_healthy(), "byte {at}: {report:?}");
            block_on(folder.open().commit("next")).unwrap();
            assert_eq!(opened(&folder).unwrap().last().unwrap(), "next");
        }
    }
}

/// One damaged entry costs that entry: those behind it were built on, and are kept.
#[test]
fn entries_behind_a_gap_are_saved_and_the_gap_is_named() {
    let folder = Folder::with(&FOUR);
    flip(
        &folder,
        "journal.1",
        place_of(&folder, "journal.1", "second"),
    );
    let repair = repaired(&folder);
    assert_eq!(opened(&folder).unwrap(), ["first", "third", "fourth"]);
    assert!(
        repair.lost[0].starts_with("entry 2: it was acknowledged, or may have been"),
        "{repair:?}"
    );
    let report = folder.read("repair.1.json");
    let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
    assert_eq!(report["lost"][0], repair.lost[0]);
    assert_eq!(report["generation"], 2);
}

/// A damaged checkpoint costs the parts that are damaged.
#[test]
fn what_stands_behind_a_damaged_checkpoint_is_saved() {
    let folder = Folder::with(&FOUR);
    let at = place_of(&folder, "journal.1", "\"newest\"");
    flip(&folder, "journal.1", at);
    let repair = repaired(&folder);
    assert_eq!(opened(&folder).unwrap(), FOUR);
    assert!(
        repair.lost.iter().any(|lost| lost.contains("parts")),
        "{repair:?}"
    );
}

pub(super) fn claims_event(seq: u64, resource: &str, fence: u64) -> Entry {
    let claim_id: ClaimId = format!("{seq:026}").parse().unwrap();
    Entry {
        seq,
        id: format!("claim.{seq}"),
        at: seq * 1000,
        events: vec![Event::Granted {
            claim: ClaimRef::new(&resource.into(), &"a".into(), claim_id),
            fence,
            mode: Mode::Exclusive,
            terms: Terms {
                lease_ms: 60_000,
                expires_at: seq * 1000 + 60_000,
                note: None,
            },
        }],
    }
}

/// Commits an entry, and acknowledges it.
pub(super) fn committed(process: &mut Member, entry: &Entry) {
    block_on(process.catch_up()).unwrap();
    let storage = &mut process.storage;
    let appended = block_on(mesh_coordinator::ports::Storage::append(storage, entry));
    assert_eq!(appended, Ok(Append::Committed));
    block_on(mesh_coordinator::ports::Storage::sync(storage)).unwrap();
    process.snapshot.apply(entry);
}

/// C3: no fence is given twice, whatever the lost entries granted.
#[test]
fn holds_end_and_fences_rise_where_entries_are_lost() {
    let folder = Folder::with(&["first"]);
    let mut process = folder.open();
    for (seq, resource) in [(2, "kept"), (3, "lost"), (4, "later")] {
        committed(&mut process, &claims_event(seq, resource, 1));
    }
    let at = place_of(&folder, "journal.1", "claim.3");
    flip(&folder, "journal.1", at);
    let repair = repaired(&folder);
    let mut opener = folder.open();
    block_on(opener.look()).unwrap();
    let state = &opener.snapshot.state;
    assert_eq!(state.resources().count(), 0, "no hold can be proved");
    assert!(
        state.newest_fence("kept") > 256,
        "{}",
        state.newest_fence("kept")
    );
    let named = state.newest_fence("lost");
    assert!(
        named >= 256,
        "its name stands in the damaged bytes: {named}"
    );
    assert!(
        repair
            .lost
            .iter()
            .any(|lost| lost.contains("on \"kept\", fence 1")),
        "{repair:?}"
    );
    let later =
        "what entry 4 gave to \"a\", the claim 00000000000000000000000004 on \"later\" (fence 1)";
    assert!(
        repair.lost.iter().any(|lost| lost.starts_with(later)),
        "{repair:?}"
    );
    assert!(state.newest_fence("later") > 256);
    assert_eq!(state.invariants(), Ok(()));
}

/// Where the winner of a race is damaged, the loser's record would follow the chain. It
/// does not become the log: others built on the winner.
#[test]
fn the_loser_of_a_race_does_not_take_the_place_of_a_damaged_winner() {
    let folder = Folder::with(&["first"]);
    let (mut winner, mut loser) = (folder.open(), folder.open());
    block_on(winner.catch_up()).unwrap();
    block_on(loser.catch_up()).unwrap();
    assert_eq!(block_on(winner.append("winner")), Ok(Append::Committed));
    assert_eq!(block_on(loser.append("loser")), Ok(Append::Lost));
    block_on(winner.commit("next")).unwrap();
    block_on(winner.commit("last")).unwrap();
    flip(
        &folder,
        "journal.1",
        place_of(&folder, "journal.1", "winner"),
    );
    assert!(!examined(&folder).is_healthy());
    let repair = repaired(&folder);
    assert_eq!(
        opened(&folder).unwrap(),
        ["first", "next", "last"],
        "{repair:?}"
    );
    assert!(repair.lost[0].starts_with("entry 2"), "{repair:?}");
}

/// A process that has the damaged journal open is not told anything that the repaired
/// folder does not know.
#[test]
fn a_running_process_goes_on_in_the_repaired_log() {
    let folder = Folder::with(&FOUR);
    let mut process = folder.open();
    block_on(process.look()).unwrap();
    flip(
        &folder,
        "journal.1",
        place_of(&folder, "journal.1", "second"),
    );
    block_on(process.commit("before")).unwrap();
    assert_eq!(
        block_on(process.append("unacknowledged")),
        Ok(Append::Committed)
    );
    repaired(&folder);
    block_on(process.commit("after")).unwrap();
    let there = opened(&folder).unwrap();
    assert_eq!(there, block_on(process.look()).unwrap());
    for acknowledged in ["first", "third", "fourth", "before", "after"] {
        assert!(there.iter().any(|body| body == acknowledged), "{there:?}");
    }
}

/// The journal is gone, and `state.json` includes all that the watermark knows.
#[test]
fn a_removed_journal_is_replaced_by_the_copy_that_includes_it() {
    let folder = Folder::with(&FOUR);
    let mut process = folder.open();
    block_on(process.checkpoint()).unwrap();
    std::fs::remove_file(folder.file("journal.2")).unwrap();
    let report = examined(&folder);
    assert_eq!(report.findings[0].remedy, Remedy::Salvage);
    let repair = repaired(&folder);
    assert_eq!(opened(&folder).unwrap(), FOUR);
    assert!(
        repair.lost[0].starts_with("the state comes from state.json"),
        "{repair:?}"
    );

    // Without it, everything is lost, and that is said.
    let folder = Folder::with(&FOUR);
    std::fs::remove_file(folder.file("journal.1")).unwrap();
    let repair = repaired(&folder);
    assert_eq!(opened(&folder).unwrap(), Vec::<String>::new());
    assert!(repair.lost[0].starts_with("entries 1 to 4"), "{repair:?}");
}

/// Killed before any of its steps, a repair leaves a folder that servers refuse, or that
/// has everything; and the next repair ends it.
#[test]
fn a_repair_that_is_killed_anywhere_is_ended_by_the_next() {
    let whole = Folder::with(&FOUR);
    flip(&whole, "journal.1", place_of(&whole, "journal.1", "second"));
    let saved = ["first", "third", "fourth"];
    let mut kills = 0;
    for step in 0.. {
        let folder = whole.copy();
        let mut left = step;
        let disk = Disk::new(folder.fs(), move |_, _| {
            left -= 1;
            match left < 0 {
                true => Fault::Stop,
                false => Fault::None,
            }
        });
        let clock = FakeClock::new();
        let done = {
            let work = pin!(repair(&disk, &clock, 7));
            work.poll(&mut Context::from_waker(Waker::noop()))
                .is_ready()
        };
        if let Ok(there) = opened(&folder.copy()) {
            assert_eq!(there, saved, "step {step}");
        }
        if done {
            break;
        }
        kills += 1;
        let ended = block_on(repair(&folder.fs(), &FakeClock::new(), 8)).unwrap();
        assert_eq!(opened(&folder).unwrap(), saved, "step {step}: {ended:?}");
        let report = examined(&folder);
        assert!(report.is_healthy(), "step {step}: {report:?}");
        let names = folder.names();
        let reports: Vec<_> = names.iter().filter(|n| n.starts_with("repair.")).collect();
        assert_eq!(reports, ["repair.1.json"], "step {step}");
        let report = String::from_utf8(folder.read("repair.1.json")).unwrap();
        assert!(report.contains("entry 2"), "step {step}: {report}");
    }
    assert!(kills > 20, "{kills} steps");
}

#[test]
fn a_damaged_format_is_written_anew() {
    let folder = Folder::with(&FOUR);
    let format = folder.read("format");
    folder.write("format", "garbage");
    assert_eq!(examined(&folder).findings[0].remedy, Remedy::RenewFormat);
    let repair = repaired(&folder);
    assert_eq!(folder.read("format"), format);
    assert_eq!(folder.read("format.damaged.1"), b"garbage");
    assert_eq!(repair.lost, Vec::<String>::new());
    assert!(examined(&folder).is_healthy());
    assert_eq!(opened(&folder).unwrap(), FOUR);
}

/// What has the name of a file of mesh, and is none, is put aside and not followed.
#[test]
fn links_and_directories_are_put_aside_and_not_followed() {
    for name in ["format", "watermark", "journal.1"] {
        let folder = Folder::with(&FOUR);
        let victim = folder.dir.path().join("victim");
        std::fs::rename(folder.file(name), &victim).unwrap();
        let before = std::fs::read(&victim).unwrap();
        std::os::unix::fs::symlink("../victim", folder.file(name)).unwrap();
        let report = examined(&folder);
        assert_eq!(report.findings[0].file.as_deref(), Some(name), "{report:?}");
        let repair = repaired(&folder);
        assert_eq!(std::fs::read(&victim).unwrap(), before, "not followed");
        let kept = folder.file(&format!("{name}.damaged.1"));
        assert!(std::fs::symlink_metadata(kept).unwrap().is_symlink());
        let there = opened(&folder).unwrap();
        assert_nothing_lost_in_silence(&repair, &there, &FOUR);
    }
}

#[test]
fn leftovers_are_swept_and_nothing_else() {
    let folder = Folder::with(&FOUR);
    for leftover in ["tmp.1.00000000000000ff", "probe.12"] {
        folder.write(leftover, "x");
    }
    std::fs::create_dir(folder.file("lock.12-1")).unwrap();
    folder.write("lock.12-1/12-1", "x");
    folder.write("notes.txt", "mine");
    assert!(examined(&folder).is_healthy());
    let before = folder.names();
    repaired(&folder);
    let after = folder.names();
    let gone: Vec<_> = before.iter().filter(|name| !after.contains(name)).collect();
    assert_eq!(gone, ["lock.12-1", "probe.12", "tmp.1.00000000000000ff"]);
}

/// What a newer mesh wrote is not judged, and not touched.
#[test]
fn a_newer_folder_is_not_repaired() {
    let folder = Folder::with(&FOUR);
    folder.write("format", r#"{"format":2,"events":1,"lock":"kernel"}"#);
    flip(
        &folder,
        "journal.1",
        record_ends(&folder.read("journal.1"))[4] + 60,
    );
    let before = folder.contents();
    let error = block_on(repair(&folder.fs(), &FakeClock::new(), 7)).unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::Newer);
    let mut after = folder.contents();
    after.remove("lock.flock");
    let mut before = before;
    before.remove("lock.flock");
    assert!(after == before, "nothing was changed");
}
