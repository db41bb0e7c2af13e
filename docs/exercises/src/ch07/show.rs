//! The demonstration: two processes rename the next generation into place.

use super::folder::Name;
use super::process::Phase;
use super::{Action, PROCESSES, Step, World};

/// What everybody would write, and careful people: all is synced.
const RENAMING: &[Step] = &[
    Step::WriteTemporary,
    Step::SyncTemporary,
    Step::Rename,
    Step::SyncDirectory,
];

/// Who takes a step: bob is paused after his second one.
const ANN: usize = 0;
const BOB: usize = 1;

pub(super) fn show() {
    let mut world = World::new(RENAMING);
    let mut turns = vec![ANN, ANN, BOB, BOB];
    turns.extend([ANN; 6]);
    turns.push(BOB);
    for who in turns {
        let before = world.processes[who].clone();
        let action = Action::Takes {
            who,
            phase: before.phase,
            generation: before.generation,
        };
        let next = world.after(who, RENAMING);
        println!("  {action}");
        match next {
            Ok(next) => world = next,
            Err(wrong) => {
                println!("  {wrong}");
                return;
            }
        }
        if matches!(
            before.phase,
            Phase::Rotating(Step::Rename, _) | Phase::Appending
        ) {
            shown(&world);
        }
        if who == BOB && before.phase == Phase::Rotating(Step::SyncTemporary, 1) {
            println!("  {} is paused", PROCESSES[BOB]);
        }
    }
}

/// The generations that have a name, with their entries.
fn shown(world: &World) {
    for (name, file) in &world.folder.names {
        if let Name::Journal(generation) = name {
            let log = world.folder.files[*file].log();
            println!("      journal.{generation}: file {file}, entries {log:?}");
        }
    }
}
