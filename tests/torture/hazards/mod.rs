//! The ground gives way: no room, no right to write, no descriptors, no folder, no journal.
//!
//! Each scene has a folder of its own, since some of these faults legitimately lose what
//! was acknowledged before (a removed folder) or must not be mended by anybody (a damaged
//! journal).

mod damaged;
mod descriptors;
mod disk;
mod full;
#[cfg(target_os = "linux")]
mod limit;
mod read_only;
mod removed;
mod restored;

use std::path::Path;
use std::time::Instant;

use mesh::backends::fs::LockKind;

use crate::inspect::Ground;
use crate::report::Report;
use tests::Random;

/// How many servers there are in each of these scenes.
const CREW: usize = 4;

/// What all scenes start from.
pub(crate) struct Stage<'a> {
    pub(crate) dir: &'a Path,
    pub(crate) program: &'a Path,
    pub(crate) lock: LockKind,
    pub(crate) report: &'a Report,
    pub(crate) random: Random,
}

impl Stage<'_> {
    async fn ground(&self) -> Ground {
        self.ground_in(self.dir).await
    }

    async fn ground_in(&self, dir: &Path) -> Ground {
        Ground::new(dir, self.program, CREW, self.lock).await
    }
}

/// Plays all scenes; `tell` is told the name of each.
pub(crate) async fn run(mut stage: Stage<'_>, tell: &dyn Fn(&str)) {
    let report = stage.report;
    let mut begin = Instant::now();
    let mut done = |scene: &'static str, next: &str| {
        report.took(scene, begin.elapsed());
        begin = Instant::now();
        tell(next);
    };
    tell("full disk");
    full::disk(&stage).await;
    done("full disk", "file size limit");
    full::file_size(&stage).await;
    done("file size limit", "read-only");
    read_only::run(&stage).await;
    done("read-only", "no descriptors");
    descriptors::run(&mut stage).await;
    done("no descriptors", "removed folder");
    removed::run(&mut stage).await;
    done("removed folder", "damaged files");
    damaged::run(&stage).await;
    done("damaged files", "restored files");
    restored::run(&stage).await;
    done("restored files", "");
}
