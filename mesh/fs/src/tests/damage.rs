//! Rule G7: what was acknowledged is never silently missing, whatever happened to the
//! files; and what never was acknowledged is healed.

use std::io::ErrorKind;

use super::{FakeClock, Fault, Folder, FsOptions, block_on, on_disk, record_ends};
use mesh_coordinator::ports::{Append, News, Outcome, Storage, StorageErrorKind};
use mesh_core::Limits;

const THREE: [&str; 3] = ["first", "second", "third"];

/// Asserts that neither an opener nor anybody who asks it twice gets an answer, and
/// that nothing in the folder changes. Returns the error.
fn assert_damaged(folder: &Folder, kind: StorageErrorKind) -> String {
    let before = folder.contents();
    let mut opener = folder.open();
    let error = block_on(opener.look()).unwrap_err();
    assert_eq!(error.kind, kind, "{error}");
    let again = block_on(opener.look()).unwrap_err();
    assert_eq!(again, error, "asking again changes nothing");
    block_on(opener.commit("x")).unwrap_err();
    assert_eq!(block_on(opener.checkpoint()).ok(), None);
    let snapshot = opener.snapshot.clone();
    let _ = block_on(mesh_coordinator::ports::Storage::close(
        &mut opener.storage,
        &snapshot,
    ));
    assert!(
        folder.contents() == before,
        "a damaged folder is left as it is"
    );
    error.to_string()
}

/// Cut anywhere, the journal is damaged, unless everything that was acknowledged is in
/// front of the cut.
#[test]
fn a_truncated_journal_is_damaged_wherever_it_is_cut() {
    let whole = Folder::with(&THREE);
    let bytes = whole.read("journal.1");
    let ends = record_ends(&bytes);
    for cut in 0..bytes.len() {
        let folder = whole.copy();
        folder.write("journal.1", &bytes[..cut]);
        let error = assert_damaged(&folder, StorageErrorKind::Damaged);
        let accepted = *ends.iter().rev().find(|end| **end <= cut).unwrap_or(&0);
        let line = ends.iter().filter(|end| **end <= cut).count() + 1;
        let place = format!("journal.1, line {line}, byte {accepted}: ");
        assert!(error.starts_with(&place), "cut at {cut}: {error}");
        assert!(error.contains("nothing was changed"), "{error}");
    }
}

/// An entry that was never acknowledged is void at every length, for those who saw its
/// beginning too.
#[test]
fn a_torn_tail_is_healed_at_every_length() {
    let whole = Folder::with(&["first"]);
    let acknowledged = whole.read("journal.1").len();
    let mut unacknowledged = whole.open();
    block_on(unacknowledged.catch_up()).unwrap();
    assert_eq!(
        block_on(unacknowledged.append("torn")),
        Ok(Append::Committed)
    );
    let tail = whole.read("journal.1").split_off(acknowledged);
    for len in 0..tail.len() {
        let folder = Folder::with(&["first"]);
        let mut witness = folder.open();
        block_on(witness.look()).unwrap();
        let journal = [&folder.read("journal.1"), &tail[..len]].concat();
        folder.write("journal.1", &journal);
        assert_eq!(block_on(witness.look()).unwrap(), ["first"], "{len} bytes");
        let mut opener = folder.open();
        block_on(opener.commit("second")).unwrap();
        block_on(witness.commit("third")).unwrap();
        for process in [&mut opener, &mut witness, &mut folder.open()] {
            let read = block_on(process.look()).unwrap();
            assert_eq!(read, ["first", "second", "third"], "{len} bytes");
        }
    }
}

/// Cut below what a running process has read, the journal is damaged for it too, before
/// it writes anything behind the cut.
#[test]
fn a_running_process_notices_that_the_journal_was_cut() {
    let whole = Folder::with(&THREE);
    let bytes = whole.read("journal.1");
    for remove_marks in [false, true] {
        for cut in [0, 1, bytes.len() / 2, bytes.len() - 1] {
            let folder = whole.copy();
            let mut process = folder.open();
            block_on(process.look()).unwrap();
            // The same file, as `truncate` would do it: the process holds it open.
            let file = std::fs::OpenOptions::new()
                .write(true)
                .open(folder.file("journal.1"));
            file.unwrap().set_len(cut as u64).unwrap();
            if remove_marks {
                std::fs::remove_file(folder.file("watermark")).unwrap();
            }
            let before = folder.contents();
            let error = block_on(process.commit("x")).unwrap_err();
            assert_eq!(error.kind, StorageErrorKind::Damaged, "{error}");
            assert!(
                error.what.contains("is shorter than what was read"),
                "{error}"
            );
            for _ in 0..2 {
                // Having forgotten what it read, it still knows what it acknowledged.
                let error = block_on(process.look()).unwrap_err();
                assert_eq!(error.kind, StorageErrorKind::Damaged, "{error}");
            }
            assert!(folder.contents() == before, "cut at {cut}");
        }
    }
}

/// A flipped bit anywhere in what was acknowledged: in the checkpoint, in an entry, and
/// in the last entry, which nothing follows.
#[test]
fn a_flipped_bit_is_damage_wherever_it_is() {
    let whole = Folder::with(&THREE);
    let bytes = whole.read("journal.1");
    for at in 0..bytes.len() {
        let folder = whole.copy();
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        folder.write("journal.1", &flipped);
        let error = assert_damaged(&folder, StorageErrorKind::Damaged);
        assert!(error.starts_with("journal.1, line "), "byte {at}: {error}");
    }
}

/// The same, noticed by what follows: writers say how far they knew the log durable.
#[test]
fn a_flipped_bit_is_damage_without_the_watermark_too_where_entries_follow() {
    let whole = Folder::with(&THREE);
    let bytes = whole.read("journal.1");
    let ends = record_ends(&bytes);
    let before_last = ends[ends.len() - 2];
    for at in 0..before_last {
        let folder = whole.copy();
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        folder.write("journal.1", &flipped);
        std::fs::remove_file(folder.file("watermark")).unwrap();
        assert_damaged(&folder, StorageErrorKind::Damaged);
    }
}

/// An append fails, and the look for its record finds that the one that counts was damaged:
/// that is what is told, and nothing more is read of this log before a person has seen to it.
#[test]
fn damage_that_is_found_behind_a_failed_append_is_told() {
    let whole = Folder::with(&["1"]);
    let before = whole.copy();
    let mut loser = whole.open();
    block_on(loser.look()).unwrap();
    block_on(whole.open().commit("winner")).unwrap();
    assert_eq!(block_on(loser.append("loser")), Ok(Append::Lost));
    let mut raced = whole.read("journal.1");
    let at = raced.windows(6).position(|window| window == b"winner");
    raced[at.unwrap()] ^= 1;

    let (mut process, fs) = before.faulty(|_, _| Fault::None);
    block_on(process.look()).unwrap();
    before.write("journal.1", &raced);
    before.write("watermark", whole.read("watermark"));
    fs.plan(|call, _| match call {
        "append" => Fault::After(ErrorKind::Other),
        _ => Fault::None,
    });
    let error = block_on(process.append("mine")).unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::Damaged, "{error}");
    assert_eq!(error.outcome, Outcome::Unknown);
    fs.plan(|_, _| Fault::None);
    let error = block_on(process.look()).unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::Damaged, "{error}");
}

/// Where the record that counts was damaged, the loser of its race is the next to count, as
/// far as its own bytes tell. It is not handed over: what follows says better, or the marks.
#[test]
fn a_loser_is_not_read_in_the_place_of_a_damaged_winner() {
    const fn in_pieces_of(news: usize) -> Limits {
        Limits {
            news,
            ..Limits::PRODUCTION
        }
    }
    static PIECES: [Limits; 3] = [in_pieces_of(1), in_pieces_of(2), in_pieces_of(3)];
    let whole = Folder::with(&["1"]);
    let mut loser = whole.open();
    block_on(loser.look()).unwrap();
    block_on(whole.open().commit("winner")).unwrap();
    assert_eq!(block_on(loser.append("loser")), Ok(Append::Lost));
    let raced = whole.read("journal.1").len();
    // The first of them tells no more to be durable than the loser makes up for.
    for body in ["3", "4"] {
        block_on(whole.open().commit(body)).unwrap();
    }
    let bytes = whole.read("journal.1");
    let ends = record_ends(&bytes);
    let winner = ends[ends.len() - 5]..ends[ends.len() - 4];
    assert!(String::from_utf8_lossy(&bytes[winner.clone()]).contains("winner"));

    for limits in &PIECES {
        for (end, marked) in [(bytes.len(), true), (bytes.len(), false), (raced, true)] {
            let folder = whole.copy();
            let mut flipped = bytes[..end].to_vec();
            flipped[winner.start + winner.len() / 2] ^= 1;
            folder.write("journal.1", &flipped);
            if !marked {
                std::fs::remove_file(folder.file("watermark")).unwrap();
            }
            let options = FsOptions {
                limits,
                ..FsOptions::default()
            };
            let mut reader = on_disk(folder.fs(), options, FakeClock::new());
            let mut read = 0;
            let error = loop {
                match block_on(reader.storage.read_on()) {
                    Ok(News::Reset(_)) => {}
                    Ok(News::Entries(entries)) => read += entries.len(),
                    Ok(News::CaughtUp) => panic!("the damage was not noticed"),
                    Err(error) => break error,
                }
            };
            assert_eq!(error.kind, StorageErrorKind::Damaged, "{error}");
            assert!(read <= 1, "{read} entries, in pieces of {}", limits.news);
        }
    }
}

/// Zeroed, emptied, replaced by other bytes, a directory or a symbolic link.
#[test]
fn a_journal_that_was_replaced_is_damaged() {
    let whole = Folder::with(&THREE);
    let bytes = whole.read("journal.1");
    let elsewhere = Folder::with(&["other"]);
    for replacement in [
        vec![0; bytes.len()],
        Vec::new(),
        b"#!/bin/sh\necho hello\n".to_vec(),
        elsewhere.read("journal.1"),
    ] {
        let folder = whole.copy();
        folder.write("journal.1", replacement);
        assert_damaged(&folder, StorageErrorKind::Damaged);
    }
    let folder = whole.copy();
    std::fs::remove_file(folder.file("journal.1")).unwrap();
    std::fs::create_dir(folder.file("journal.1")).unwrap();
    assert_eq!(
        assert_damaged(&folder, StorageErrorKind::Damaged),
        "journal.1, line 1, byte 0: is not a file, but something else of that name; nothing \
         was changed: keep a copy of the folder and run `mesh doctor`; then stop all mesh \
         processes, and restore the file from a backup or delete the folder to start over"
    );
    let folder = whole.copy();
    std::fs::rename(folder.file("journal.1"), folder.dir.path().join("aside")).unwrap();
    std::os::unix::fs::symlink("../aside", folder.file("journal.1")).unwrap();
    let error = assert_damaged(&folder, StorageErrorKind::Damaged);
    assert!(error.starts_with("journal.1, line 1, byte 0: is not a file"));
}

/// A removed journal is not a new folder, as long as anything says that there was one.
#[test]
fn a_removed_journal_is_damage_and_not_a_new_folder() {
    let folder = Folder::with(&THREE);
    let mut process = folder.open();
    block_on(process.checkpoint()).unwrap();
    let witnesses = ["format", "watermark", "state.json"];
    for witness in witnesses {
        let folder = folder.copy();
        std::fs::remove_file(folder.file("journal.2")).unwrap();
        for other in witnesses.iter().filter(|name| **name != witness) {
            std::fs::remove_file(folder.file(other)).unwrap();
        }
        assert_eq!(
            assert_damaged(&folder, StorageErrorKind::Damaged),
            format!(
                "the journal is missing, although there is a file {witness} beside it; nothing \
                 was changed: stop all mesh processes, then restore journal.* from a backup, save what is left with `mesh \
                 doctor --repair`, or delete the whole folder to start over"
            )
        );
    }
}

/// The same for a process that has it open.
#[test]
fn a_journal_removed_under_a_running_process_is_damage() {
    let folder = Folder::with(&THREE);
    let mut process = folder.open();
    block_on(process.look()).unwrap();
    std::fs::remove_file(folder.file("journal.1")).unwrap();
    let before = folder.contents();
    for _ in 0..2 {
        let error = block_on(process.commit("x")).unwrap_err();
        assert_eq!(error.kind, StorageErrorKind::Damaged, "{error}");
    }
    assert!(folder.contents() == before);
}

/// A file that was put back as it was is in use again, without a restart.
#[test]
fn a_restored_journal_is_in_use_again() {
    let folder = Folder::with(&THREE);
    let mut process = folder.open();
    block_on(process.look()).unwrap();
    let backup = folder.read("journal.1");
    std::fs::remove_file(folder.file("journal.1")).unwrap();
    block_on(process.look()).unwrap_err();
    folder.write("journal.1", &backup);
    assert_eq!(block_on(process.look()).unwrap(), THREE);

    // An older backup is not what was acknowledged, and the process knows it.
    block_on(process.commit("fourth")).unwrap();
    std::fs::remove_file(folder.file("journal.1")).unwrap();
    std::fs::remove_file(folder.file("watermark")).unwrap();
    folder.write("journal.1", &backup);
    for _ in 0..2 {
        let error = block_on(process.look()).unwrap_err();
        assert_eq!(error.kind, StorageErrorKind::Damaged);
        assert!(
            error.what.contains("although entry 4 was durable"),
            "{error}"
        );
    }
}

/// `format` can be made again from what the journal says; garbage in it cannot be
/// judged; a newer mesh's is respected.
#[test]
fn a_format_is_healed_where_it_is_missing_and_refused_where_it_is_foreign() {
    let whole = Folder::with(&THREE);
    let folder = whole.copy();
    std::fs::remove_file(folder.file("format")).unwrap();
    assert_eq!(block_on(folder.open().look()).unwrap(), THREE);
    assert_eq!(folder.read("format"), whole.read("format"));

    for garbage in [&b""[..], b"\0\0\0\0", b"{\"format\":1", b"hello\nworld\n"] {
        let folder = whole.copy();
        folder.write("format", garbage);
        let error = assert_damaged(&folder, StorageErrorKind::Damaged);
        assert!(error.starts_with("format, line 1, byte "), "{error}");
    }
    let folder = whole.copy();
    std::fs::remove_file(folder.file("format")).unwrap();
    std::fs::create_dir(folder.file("format")).unwrap();
    let error = assert_damaged(&folder, StorageErrorKind::Damaged);
    assert!(error.starts_with("format, line 1, byte 0: is not a file"));

    for newer in [
        r#"{"format":2,"events":1,"lock":"kernel"}"#,
        r#"{"format":1,"events":2,"lock":"kernel"}"#,
        r#"{"format":2,"events":1,"lock":"quantum","more":[]}"#,
    ] {
        let folder = whole.copy();
        folder.write("format", newer);
        let error = assert_damaged(&folder, StorageErrorKind::Newer);
        assert!(error.contains("install the mesh that wrote it"), "{error}");
    }
}

/// The watermark is a lower bound: losing it, or a part of it, loses no answer.
#[test]
fn a_watermark_that_is_missing_torn_or_foreign_is_no_damage() {
    let whole = Folder::with(&THREE);
    let marks = whole.read("watermark");
    let mut contents = vec![vec![], vec![0; marks.len()], b"shopping list\n".to_vec()];
    contents.extend((0..marks.len()).step_by(7).map(|cut| marks[..cut].to_vec()));
    for bytes in contents {
        let folder = whole.copy();
        folder.write("watermark", bytes);
        assert_eq!(block_on(folder.open().look()).unwrap(), THREE);
        block_on(folder.open().commit("fourth")).unwrap();
        // By now it is a bound again; and where no mark was left to tell that the log had
        // been synced, its state is in the next generation.
        let mut names = folder.names().into_iter();
        let name = names.find(|name| name.starts_with("journal.")).unwrap();
        let journal = folder.read(&name);
        let ends = record_ends(&journal);
        folder.write(&name, &journal[..ends[ends.len() - 2]]);
        assert_damaged(&folder, StorageErrorKind::Damaged);
    }
    let folder = whole.copy();
    std::fs::remove_file(folder.file("watermark")).unwrap();
    assert_eq!(block_on(folder.open().look()).unwrap(), THREE);
}

/// A mark speaks of an entry with its checksum: another entry in its place is damage.
#[test]
fn an_entry_other_than_the_one_acknowledged_is_damage() {
    let base = Folder::with(&["first"]);
    let (one, other) = (base.copy(), base.copy());
    block_on(one.open().commit("one")).unwrap();
    block_on(other.open().commit("other")).unwrap();
    let folder = one.copy();
    folder.write("journal.1", other.read("journal.1"));
    let error = assert_damaged(&folder, StorageErrorKind::Damaged);
    assert!(
        error.contains("has another entry 2 than was acknowledged"),
        "{error}"
    );
}

/// What a newer mesh wrote is neither skipped nor guessed at.
#[test]
fn a_record_of_a_newer_mesh_asks_for_an_upgrade() {
    use crate::{Record, Scanned, Sum, Tag, encode, scan};
    use serde_json::json;

    let whole = Folder::with(&THREE);
    let bytes = whole.read("journal.1");
    let ends = record_ends(&bytes);
    let last = &bytes[ends[ends.len() - 2]..];
    let Scanned::Record(Record { sum: prev, .. }, _) = scan(last) else {
        panic!("no record")
    };
    let body = json!({
        "seq": 4, "durable": 3, "id": "x", "at": 0,
        "events": [{ "kind": "teleported", "agent_id": "a" }],
    });
    let (event, _) = encode(prev, Tag::Entry, &body).unwrap();
    let text = String::from_utf8(event.clone()).unwrap();
    let renamed = text.replace("\"entry\":", "\"treaty\":");
    let covered = renamed[25..].trim_end().to_owned();
    let sum = Sum::of(covered.as_bytes());
    let tag = format!("\u{1e}{{\"sum\":\"{sum}{covered}\n").into_bytes();

    for (record, what) in [(event, "teleported"), (tag, "of an unknown kind")] {
        let folder = whole.copy();
        let mut running = folder.open();
        block_on(running.look()).unwrap();
        folder.write("journal.1", [&bytes[..], &record].concat());
        let error = assert_damaged(&folder, StorageErrorKind::Newer);
        let place = format!("journal.1, line {}, byte {}: ", ends.len() + 1, bytes.len());
        assert!(error.starts_with(&place), "{error}");
        assert!(error.contains(what), "{error}");
        assert!(error.ends_with("install a newer mesh; nothing was changed"));
        for _ in 0..2 {
            let error = block_on(running.look()).unwrap_err();
            assert_eq!(error.kind, StorageErrorKind::Newer);
        }
    }
}
