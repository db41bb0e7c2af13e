//! A backup is restored under a running process.
//!
//! It comes when all else is over: a veteran has read the log and goes on, and a newcomer
//! opens what was restored. No ledger is kept any more, since there are two histories then;
//! what both are told is held against each other
//! ([`restored`](crate::checkers)).

use super::state::{Restoring, Way, World};
use crate::trace::{Incident, Micros, ProcessNumber};

/// After how many operations of the veteran at most the backup is restored.
const OPERATIONS: u32 = 120;
/// For how long the veteran stands still, in some worlds.
const STILL: Micros = 2_000_000;

/// Takes a backup, which comes back while the process `veteran` goes on.
pub(crate) fn prepare(world: &mut World, veteran: ProcessNumber) {
    let way = world.tape.pick(&[
        Way::InPlace,
        Way::Anew,
        Way::Copied,
        Way::InPlace,
        Way::WithoutMarks,
    ]);
    world.restoring = Some(Restoring {
        files: world.disk.files(),
        way,
        veteran,
        after: 1 + world.tape.below(OPERATIONS),
        stands_still: world.tape.below(2) == 1,
        no_links: world.tape.below(2) == 1,
    });
    world.trace.restored = Some(Vec::new());
}

/// Counts an operation of a process, and restores the backup if it is time.
pub(crate) fn strike(world: &mut World, process: ProcessNumber) {
    let Some(restoring) = &mut world.restoring else {
        return;
    };
    if restoring.veteran == process {
        restoring.after -= 1;
        if restoring.after == 0 {
            if restoring.stands_still {
                let until = world.now + STILL;
                world.processes[process].paused_until = until;
            }
            now(world);
        }
    }
}

/// Whether a process cannot make a link now.
pub(crate) fn refuses_links(world: &World, process: ProcessNumber) -> bool {
    let restoring = world.restoring.as_ref();
    restoring.is_some_and(|restoring| restoring.no_links && restoring.veteran == process)
}

/// Restores the backup, if it was not yet.
pub(crate) fn now(world: &mut World) {
    let Some(Restoring { mut files, way, .. }) = world.restoring.take() else {
        return;
    };
    if way == Way::Copied {
        files = world.disk.files();
        world.copied = true;
    }
    let in_place = !matches!(way, Way::Anew | Way::Copied);
    for name in world.disk.files().into_keys() {
        if !files.contains_key(&name) {
            world.disk.remove(&name);
        }
    }
    for (name, bytes) in &files {
        if way != Way::WithoutMarks || name != "watermark" {
            world.disk.put(name, bytes, in_place);
        }
    }
    let how = format!("{way:?}");
    world.incident(0, Incident::Restored { how });
}
