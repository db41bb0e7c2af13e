//! Power cuts on the real code path, as many as fit into a few seconds. For more there is
//! `cargo run -p tests --bin torture -- power-cuts --minutes 10`.

use mesh::backends::fs::LockKind;
use tests::power_cuts::recorder::Step;
use tests::power_cuts::{Bounds, Forgetful, Plan, Summary, explore, record, scratch};

fn cut(plan: Plan, bounds: Bounds) -> Summary {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let steps = record(&dir.path().join(".mesh"), plan);
    let next = |step: &Step| matches!(step, Step::Link(_, to) if to == "journal.2");
    assert_eq!(
        plan.rotate_bytes < 1 << 20,
        steps.iter().any(next),
        "{plan:?} rotates"
    );
    explore(&steps, bounds, &scratch(), Some(tests::binary()))
}

const PLAN: Plan = Plan {
    seed: 1,
    processes: 1,
    calls: 8,
    rotate_bytes: 1 << 20,
    lock: Some(LockKind::Kernel),
};

const BOUNDS: Bounds = Bounds {
    images_of_a_cut: 64,
    program_one_in: 100,
    seed: 1,
    forgetful: Forgetful::No,
};

#[track_caller]
fn nothing_is_wrong(summary: &Summary) {
    println!("{summary}");
    assert_eq!(summary.wrong, [""; 0], "{summary}");
    assert!(
        summary.images > summary.cuts,
        "cuts leave more than one image"
    );
    assert!(summary.by_program > 0, "the program opens a sample");
    assert!(summary.told > 0, "damage is told");
}

/// G4, G5, G7: a new folder and a few calls, cut behind every operation, with every image
/// that the bounds allow.
#[test]
fn a_new_folder_survives_a_power_cut_behind_every_operation() {
    let bounds = Bounds {
        images_of_a_cut: 1 << 8,
        ..BOUNDS
    };
    let summary = cut(PLAN, bounds);
    nothing_is_wrong(&summary);
    assert!(summary.exhausted > summary.cuts / 4, "{summary}");
}

/// The same for three processes that rotate every few entries, with either lock and none.
#[test]
fn processes_that_rotate_and_race_survive_power_cuts() {
    for (seed, lock) in [
        (2, Some(LockKind::Kernel)),
        (3, Some(LockKind::Directory)),
        (4, None),
    ] {
        let plan = Plan {
            seed,
            processes: 3,
            calls: 10,
            rotate_bytes: 600,
            lock,
        };
        let bounds = Bounds {
            images_of_a_cut: 3,
            seed,
            ..BOUNDS
        };
        nothing_is_wrong(&cut(plan, bounds));
    }
}

/// The check can fail: on a disk that forgets what it was told to sync, what was told is
/// found to be lost.
#[test]
fn a_disk_that_forgets_its_syncs_is_found_out() {
    for forgetful in [Forgetful::OfFiles, Forgetful::OfNames] {
        let bounds = Bounds {
            forgetful,
            ..BOUNDS
        };
        let summary = cut(PLAN, bounds);
        let lost = summary.wrong.iter().filter(|wrong| wrong.contains("G4"));
        assert!(lost.count() > 0, "{forgetful:?}: {summary}");
    }
}
