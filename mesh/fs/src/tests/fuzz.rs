//! Folders with anything in them (rule G7): no panic, no hang, and never an empty or older
//! state in the place of a damaged one. `tests/fuzz` has the same as coverage-guided
//! targets.

use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::*;

use super::adoption::node_state;
use super::{Disk, FakeClock, Fault, Folder, block_on};
use crate::doctor::{examine, repair};
use crate::{Scanned, scan};
use mesh_coordinator::ports::StorageErrorKind;

const BODIES: [&str; 4] = ["first", "second", "third", "fourth"];

/// A folder after a rotation: a checkpoint with messages, and entries behind it.
static WHOLE: LazyLock<Folder> = LazyLock::new(|| {
    let folder = Folder::with(&BODIES[..2]);
    let mut process = folder.open();
    block_on(process.checkpoint()).unwrap();
    for body in &BODIES[2..] {
        block_on(process.commit(body)).unwrap();
    }
    folder
});

/// One thing that happens to a file.
#[derive(Clone, Debug)]
enum Harm {
    Flip(usize, u8),
    Cut(usize),
    Insert(usize, Vec<u8>),
    Remove(usize, usize),
    Repeat(usize, usize, usize),
}

fn harm() -> impl Strategy<Value = Harm> {
    let at = || 0..2000_usize;
    prop_oneof![
        (at(), 0..8_u8).prop_map(|(at, bit)| Harm::Flip(at, bit)),
        at().prop_map(Harm::Cut),
        (at(), vec(any::<u8>(), 0..40)).prop_map(|(at, bytes)| Harm::Insert(at, bytes)),
        (at(), 1..300_usize).prop_map(|(at, len)| Harm::Remove(at, len)),
        (at(), 1..600_usize, at()).prop_map(|(at, len, to)| Harm::Repeat(at, len, to)),
    ]
}

fn harmed(mut bytes: Vec<u8>, harms: &[Harm]) -> Vec<u8> {
    for harm in harms {
        let end = bytes.len();
        let within = |at: usize| at % (end + 1);
        match harm {
            Harm::Flip(at, bit) if end > 0 => bytes[at % end] ^= 1 << bit,
            Harm::Flip(..) => {}
            Harm::Cut(at) => bytes.truncate(within(*at)),
            Harm::Insert(at, new) => {
                let at = within(*at);
                bytes.splice(at..at, new.iter().copied());
            }
            Harm::Remove(at, len) => {
                let at = within(*at);
                bytes.drain(at..(at + len).min(end));
            }
            Harm::Repeat(at, len, to) => {
                let (at, to) = (within(*at), within(*to));
                let piece = bytes[at..(at + len).min(end)].to_vec();
                bytes.splice(to..to, piece);
            }
        }
    }
    bytes
}

/// All that was acknowledged, or an error that says that it is not there.
fn whole_or_refused(folder: &Folder) -> Result<(), TestCaseError> {
    let report = block_on(examine(&folder.fs(), &FakeClock::new()));
    match block_on(folder.open().look()) {
        Ok(bodies) => {
            prop_assert_eq!(bodies, BODIES);
            prop_assert!(report.is_healthy(), "{:?}", report);
        }
        Err(error) => {
            let kinds = [StorageErrorKind::Damaged, StorageErrorKind::Newer];
            prop_assert!(kinds.contains(&error.kind), "{}", error);
            prop_assert!(!report.is_healthy(), "{}", error);
        }
    }
    Ok(())
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_harmed_journal_is_whole_or_refused(harms in vec(harm(), 1..4)) {
        let folder = WHOLE.copy();
        folder.write("journal.2", harmed(WHOLE.read("journal.2"), &harms));
        whole_or_refused(&folder)?;
    }

    #[test]
    fn any_bytes_as_a_journal_are_refused(bytes in vec(any::<u8>(), 0..400)) {
        let folder = WHOLE.copy();
        folder.write("journal.2", &bytes);
        prop_assert!(block_on(folder.open().look()).is_err());
        // As a later generation they are not the log either.
        let folder = WHOLE.copy();
        folder.write("journal.3", &bytes);
        prop_assert!(block_on(folder.open().look()).is_err());
    }

    #[test]
    fn a_harmed_watermark_never_costs_an_answer(harms in vec(harm(), 1..6)) {
        let folder = WHOLE.copy();
        folder.write("watermark", harmed(WHOLE.read("watermark"), &harms));
        prop_assert_eq!(block_on(folder.open().look()).unwrap(), BODIES);
    }

    #[test]
    fn a_harmed_format_is_whole_or_refused(harms in vec(harm(), 1..4)) {
        let folder = WHOLE.copy();
        folder.write("format", harmed(WHOLE.read("format"), &harms));
        whole_or_refused(&folder)?;
    }

    /// The predecessor has no checksums, so a flipped digit is another digit. But what is
    /// no state is never taken for an empty one, and the file stays what it is.
    #[test]
    fn a_harmed_state_of_the_predecessor_is_adopted_or_left_alone(harms in vec(harm(), 1..4)) {
        let folder = Folder::new();
        let whole = serde_json::to_vec(&node_state()).unwrap();
        let bytes = harmed(whole.clone(), &harms);
        folder.write("state.json", &bytes);
        let (mut process, _) = folder.faulty(|_, _| Fault::None);
        match block_on(process.look()) {
            Ok(_) => {
                let text = std::str::from_utf8(&bytes);
                prop_assert!(text.is_ok_and(is_json));
                prop_assert_eq!(folder.read("state.node.json"), bytes);
            }
            Err(_) => {
                prop_assert_eq!(folder.read("state.json"), bytes);
                prop_assert!(!folder.names().iter().any(|name| name.starts_with("journal.")));
            }
        }
    }

    #[test]
    fn a_truncated_state_of_the_predecessor_is_refused(cut in 0.0..1.0_f64) {
        let folder = Folder::new();
        let whole = serde_json::to_vec(&node_state()).unwrap();
        folder.write("state.json", &whole[..(whole.len() as f64 * cut) as usize]);
        prop_assert!(block_on(folder.open().look()).is_err());
    }

    /// Whatever was done to the journal: after a repair the folder works, has nothing that
    /// was not there before, and says what it lost.
    #[test]
    fn a_repair_of_anything_works_and_is_honest(harms in vec(harm(), 1..4)) {
        let folder = WHOLE.copy();
        folder.write("journal.2", harmed(WHOLE.read("journal.2"), &harms));
        let disk = Disk::new(folder.fs(), |_, _| Fault::None);
        let repair = block_on(repair(&disk, &FakeClock::new(), 7)).unwrap();
        let there = block_on(folder.open().look()).unwrap();
        let kept: Vec<&str> = BODIES.into_iter().filter(|b| there.iter().any(|t| t == b)).collect();
        prop_assert_eq!(&there, &kept);
        prop_assert!(kept.len() == BODIES.len() || !repair.lost.is_empty());
        let report = block_on(examine(&folder.fs(), &FakeClock::new()));
        prop_assert!(report.is_healthy(), "{:?}", report);
    }

    /// Scanning any bytes ends, and takes at least one of them with each step.
    #[test]
    fn scanning_anything_makes_progress(bytes in vec(prop_oneof![Just(0x1E), Just(b'\n'), any::<u8>()], 0..200)) {
        let mut rest = &bytes[..];
        while let Scanned::Record(_, taken) | Scanned::Void(taken) = scan(rest) {
            prop_assert!(taken > 0);
            rest = &rest[taken..];
        }
    }
}
