//! Real processes on a real disk, under every fault that a machine has to offer.
//!
//! A run is a row of rounds, under one kind of the store's lock and then the other. A
//! round begins with a storm: many agents at work whose servers are killed,
//! stopped, left and started anew. Then the ground gives way (`hazards`): no room, no
//! right to write, no descriptors, no folder, no journal.
//!
//! Everything that a server acknowledges goes into a [ledger](crate::ledger). After each scene fresh
//! processes look at what is there, and the [oracle](crate::oracle) holds one against the other. Besides:
//! nobody is wedged, nothing panics, whoever loses its client ends, and no temporary file,
//! lock or process is left behind.
//!
//! A seed repeats the choices of a run, not its timing: what fails under a seed fails
//! again soon, but not always.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mesh::backends::fs::LockKind;

use tests::Random;

use crate::hazards::{self, Stage};
use crate::inspect::Ground;
use crate::report::Report;
use crate::storm;

/// A round takes so long at least, with which there is time for a long stop, and at most.
const ROUND: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(120));
/// What of a round is kept for the hazards.
const HAZARDS: Duration = Duration::from_secs(12);

/// How to torture.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// For how long, about.
    pub(crate) duration: Duration,
    /// Which choices are made.
    pub(crate) seed: u64,
    /// How many servers there are in a storm.
    pub(crate) processes: usize,
    /// The kinds of the store's lock, round by round.
    pub(crate) locks: Vec<LockKind>,
    /// Where folders are made.
    pub(crate) dir: PathBuf,
    /// The program under test.
    pub(crate) program: PathBuf,
}

/// Runs it all; `tell` is told what is going on.
pub(crate) async fn run(options: &Options, report: &Report, tell: &dyn Fn(&str)) {
    let mut random = Random::new(options.seed);
    let begin = Instant::now();
    let kinds = options.locks.len();
    let round = (options.duration / kinds.max(1) as u32).clamp(ROUND.0, ROUND.1);
    for (n, lock) in options.locks.iter().cycle().enumerate() {
        // Each kind has its turn, whatever the machine is busy with.
        if n >= kinds && begin.elapsed() + round / 2 > options.duration {
            break;
        }
        let storm = round - HAZARDS;
        one_round(options, *lock, storm, &mut random, report, tell).await;
    }
    no_process_is_left(report);
}

async fn one_round(
    options: &Options,
    lock: LockKind,
    storm: Duration,
    random: &mut Random,
    report: &Report,
    tell: &dyn Fn(&str),
) {
    let (scene, dir, program) = (format!("{lock:?} lock"), &options.dir, &options.program);
    tell(&format!("{scene}: storm"));
    let ground = Ground::new(dir, program, options.processes, lock).await;
    let begin = Instant::now();
    storm::run(&format!("storm, {scene}"), &ground, storm, random, report).await;
    report.took("storm with all that came of it", begin.elapsed());
    let stage = Stage {
        dir,
        program,
        lock,
        report,
        random: random.fork(),
    };
    hazards::run(stage, &|hazard| tell(&format!("{scene}: {hazard}"))).await;
    report.count("rounds");
}

/// No child of this process is there any more, as a zombie or otherwise. Only Linux shows
/// that in files.
fn no_process_is_left(report: &Report) {
    let Ok(processes) = std::fs::read_dir("/proc") else {
        return report.skip("a look for processes that are left (no /proc)");
    };
    let me = std::process::id().to_string();
    for process in processes.flatten() {
        if let Some(state) = child_of(&me, &process.path()) {
            report.finding("the end", format!("a process is left, in state {state}"));
        }
    }
}

/// The state of a process, if `parent` is its parent: `<pid> (<name>) <state> <parent> …`.
fn child_of(parent: &str, process: &Path) -> Option<String> {
    let stat = std::fs::read_to_string(process.join("stat")).ok()?;
    let (_, behind) = stat.rsplit_once(") ")?;
    let mut fields = behind.split(' ');
    let state = fields.next()?;
    (fields.next()? == parent).then(|| state.to_owned())
}
