//! The doctor about the folder itself: what a server refuses it calls no healthy folder, in
//! the same words, and its advice costs nobody a file (S3, S4, G8).

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use super::adoption::node_state;
use super::doctor::{FOUR, opened};
use super::{FakeClock, Fault, Folder, FsOptions, block_on, on_disk};
use crate::OsFileSystem;
use crate::doctor::{Finding, Report, Severity, examine_folder, repair_folder};
use crate::log::generation::{CheckpointHead, RECORD_VERSION, checkpoint_pieces};
use crate::log::record::Sum;
use mesh_coordinator::ports::StorageError;
use mesh_core::{Limits, Snapshot};

/// What whoever appends to the folder is told.
fn refusal(folder: &Folder) -> StorageError {
    let fs = match OsFileSystem::open(&folder.path(), true) {
        Ok(fs) => fs,
        Err(error) => return error,
    };
    let fs = super::Disk::new(fs, |_, _| Fault::None);
    let mut process = on_disk(fs, FsOptions::default(), FakeClock::new());
    block_on(process.commit("next")).unwrap_err()
}

fn examined(folder: &Folder) -> Report {
    let before = folder.contents();
    let mode = fs::metadata(folder.path()).unwrap().permissions();
    let report = examine_folder(&folder.path(), true).unwrap();
    assert_eq!(fs::metadata(folder.path()).unwrap().permissions(), mode);
    assert!(
        folder.contents() == before,
        "an examination changes nothing"
    );
    report
}

fn empty(mode: u32) -> Folder {
    let folder = Folder::new();
    fs::set_permissions(folder.path(), Permissions::from_mode(mode)).unwrap();
    folder
}

/// A folder with something of a stranger in it, and nothing of mesh.
fn foreign(mode: u32) -> Folder {
    let folder = empty(mode);
    folder.write("foo", "mine");
    folder
}

/// A folder of the predecessor.
fn adoptable() -> Folder {
    let folder = empty(0o700);
    folder.write("state.json", node_state().to_string());
    folder
}

fn changed(folder: Folder, change: impl FnOnce(&Folder)) -> Folder {
    change(&folder);
    folder
}

/// A log of which the last place, or the last generation, is taken.
fn spent(generation: u64, seq: u64) -> Folder {
    let folder = Folder::with(&[]);
    fs::remove_file(folder.file("journal.1")).unwrap();
    let mut snapshot = Snapshot::within(&Limits::PRODUCTION);
    snapshot.seq = seq;
    let head = CheckpointHead {
        version: RECORD_VERSION,
        log: Sum(1),
        generation,
        seq,
        tip: Sum::default(),
    };
    let pieces = checkpoint_pieces(head, &snapshot).map(Result::unwrap);
    folder.write(
        &format!("journal.{generation}"),
        pieces.flatten().collect::<Vec<u8>>(),
    );
    folder
}

/// Whatever opening refuses, or an append, the doctor says as an error with the same text and
/// the same next step.
#[test]
fn what_every_call_is_refused_with_is_no_healthy_folder() {
    let makers: [(&str, fn() -> Folder); 8] = [
        ("foreign, private", || foreign(0o700)),
        ("foreign, open", || foreign(0o755)),
        (".gitignore", || {
            changed(Folder::with(&FOUR), |folder| {
                fs::remove_file(folder.file(".gitignore")).unwrap();
                fs::create_dir(folder.file(".gitignore")).unwrap();
            })
        }),
        ("another original", || {
            changed(adoptable(), |f| f.write("state.node.json", "other"))
        }),
        (".lock, a file", || {
            changed(adoptable(), |f| f.write(".lock", "x"))
        }),
        (".lock, not empty", || {
            changed(adoptable(), |folder| {
                fs::create_dir(folder.file(".lock")).unwrap();
                folder.write(".lock/x", "x");
            })
        }),
        ("unreadable state", || {
            changed(adoptable(), |f| f.write("state.json", r#"{"roster":3}"#))
        }),
        ("spent", || spent(1, Limits::PRODUCTION.places)),
    ];
    for (name, make) in makers {
        let folder = make();
        let report = examined(&folder);
        let error = refusal(&folder);
        let worst = &report.findings[0];
        assert!(!report.is_healthy(), "{name}: {report:?}");
        assert_eq!(worst.severity, Severity::Error, "{name}: {report:?}");
        assert_eq!(worst.what, error.what, "{name}");
        assert!(
            error.next.contains(&worst.next),
            "{name}: {worst:?} / {error}"
        );
        let promises_what_is_refused =
            |f: &Finding| f.next.contains("any call") || f.meaning.contains("the first call");
        assert!(
            !report.findings.iter().any(promises_what_is_refused),
            "{name}: {report:?}"
        );
    }
}

/// One that can be adopted, or goes on without checkpoints, is not refused.
#[test]
fn what_no_call_is_refused_with_is_no_error() {
    assert!(examined(&adoptable()).is_healthy());
    let last = spent(Limits::PRODUCTION.places, 3);
    let report = examined(&last);
    assert_eq!(report.findings[0].severity, Severity::Warning, "{report:?}");
    assert!(
        report.findings[0].what.contains("last generation"),
        "{report:?}"
    );
    block_on(last.open().commit("next")).unwrap();
}

/// A directory in the place of a file that mesh can do without is worth a look.
#[test]
fn a_directory_in_a_files_place_is_told() {
    for name in ["state.json", "lock.flock", "sync.flock"] {
        let folder = Folder::with(&FOUR);
        let _ = fs::remove_file(folder.file(name));
        fs::create_dir(folder.file(name)).unwrap();
        let finding = &examined(&folder).findings[0];
        assert_eq!(finding.severity, Severity::Warning, "{finding:?}");
        assert_eq!(finding.file.as_deref(), Some(name));
        block_on(folder.open().commit("next")).unwrap();
    }
}

/// A process was killed between giving a new generation its name and taking the temporary
/// one back: nothing has to be done, and a repair removes the temporary one.
#[test]
fn a_temporary_name_of_a_journal_is_a_note() {
    let folder = Folder::with(&FOUR);
    let temporary = "tmp.1.00000000000000ff";
    fs::hard_link(folder.file("journal.1"), folder.file(temporary)).unwrap();
    let report = examined(&folder);
    assert!(report.is_healthy(), "{report:?}");
    let about = |f: &&Finding| f.file.as_deref() == Some("journal.1");
    let finding = report.findings.iter().find(about).unwrap();
    assert_eq!(finding.what, format!("has a second name, {temporary}"));
    repair_folder(&folder.path(), true).unwrap();
    assert!(!folder.names().contains(&temporary.to_owned()));
    assert_eq!(opened(&folder).unwrap(), FOUR);
}

/// Another name may be anybody's. Who does as the doctor says keeps both files.
#[test]
fn advice_about_another_name_does_not_cost_the_journal() {
    for (name, inside) in [
        ("journal.1", false),
        ("journal.1", true),
        ("watermark", false),
    ] {
        let folder = Folder::with(&FOUR);
        let other = match inside {
            true => folder.file("copy"),
            false => folder.dir.path().join("copy"),
        };
        fs::hard_link(folder.file(name), &other).unwrap();
        let report = examined(&folder);
        let finding = &report.findings[0];
        assert_eq!(
            (finding.severity, finding.file.as_deref()),
            (Severity::Warning, Some(name))
        );
        assert!(
            finding.next.starts_with(&format!("do not remove {name}")),
            "{finding:?}"
        );
        let (_, command) = finding.next.split_once("in the folder: ").unwrap();
        let (command, _) = command.split_once(')').unwrap();
        let mut shell = std::process::Command::new("sh");
        let done = shell
            .args(["-c", command])
            .current_dir(folder.path())
            .status();
        assert!(done.unwrap().success(), "{command}");
        assert!(other.exists());
        assert!(examined(&folder).is_healthy());
        assert_eq!(opened(&folder).unwrap(), FOUR);
    }
}

/// A build in the folder, or a stranger with patience.
#[test]
fn many_foreign_files_are_told_in_a_few_lines() {
    let folder = Folder::with(&FOUR);
    for n in 0..500 {
        folder.write(&format!("foreign.{n}"), "x");
    }
    let report = examined(&folder);
    assert!(report.is_healthy());
    assert!(report.findings.len() < 20, "{}", report.findings.len());
    let more = |f: &Finding| f.what.starts_with("490 more");
    assert!(report.findings.iter().any(more), "{report:?}");
    assert!(json!(report).to_string().len() < 10_000);
}
