//! One world from its tape to its verdict.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use crate::checkers::{self, Reference, liveness};
use crate::machine::{ByHand, End, Executor, Network, Panic, Runtime, UnderTurmoil};
use crate::trace::{Coverage, Ledger, Seen, Trace, Violation};
use crate::world::knobs::Knobs;
use crate::world::planted::{self, SimBug};
use crate::world::tape::Tape;
use crate::world::{Shared, World};

/// What became of a world.
#[derive(Debug)]
pub struct Outcome {
    /// What kind of world it was.
    pub knobs: Knobs,
    /// Every choice that was made.
    pub tape: Vec<u32>,
    /// Everything that happened.
    pub trace: Trace,
    /// What was met on the way.
    pub seen: Coverage,
    /// The broken rule, if one is.
    pub violation: Option<Violation>,
    /// How many operations of the seam there were.
    pub steps: u64,
}

/// What a world runs on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Runner {
    /// By hand, on one thread: the fastest.
    #[default]
    Plain,
    /// Under turmoil, each process a host with a tokio runtime. The same world, so the
    /// same trace for the same tape.
    Turmoil,
    /// The network world, under turmoil: another world, so other traces.
    Network,
}

impl Runner {
    /// What the command line needs in order to run the same.
    pub fn argument(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Turmoil => " --runner turmoil",
            Self::Network => " --runner network",
        }
    }
}

/// Runs the world of a seed, by hand.
pub fn run_seed(seed: u64) -> Outcome {
    run(Tape::from_seed(seed))
}

/// Runs the world that a tape makes, by hand, and checks it.
pub fn run(tape: Tape) -> Outcome {
    run_on(Runner::Plain, tape)
}

/// Runs the world that a tape makes, and checks it.
///
/// The tape decides everything: equal tapes give equal outcomes, trace and all.
pub fn run_on(runner: Runner, tape: Tape) -> Outcome {
    let world = Rc::new(RefCell::new(World::begin(tape)));
    let ended = match runner {
        Runner::Plain => run_by(ByHand::default(), &world),
        Runner::Turmoil => run_by(UnderTurmoil::new(), &world),
        Runner::Network => run_network(&world),
    };
    verdict(&mut world.borrow_mut(), ended)
}

fn run_by(runtime: impl Runtime, world: &Shared) -> Result<End, Panic> {
    let mut executor = Executor::new(world.clone(), runtime);
    let ended = catch_unwind(AssertUnwindSafe(|| executor.run()));
    // A panic may have left futures behind, which hold the world.
    drop(executor);
    ended
}

fn run_network(world: &Shared) -> Result<End, Panic> {
    let mut network = Network::new(world.clone());
    let ended = catch_unwind(AssertUnwindSafe(|| network.run()));
    drop(network);
    ended
}

/// What the checkers make of a world that has come to its end.
fn verdict(world: &mut World, ended: Result<End, Panic>) -> Outcome {
    let World {
        knobs,
        tape,
        trace,
        ledger,
        seen,
        memories,
        steps,
        ..
    } = world;
    let end = ended.unwrap_or_else(|panic| End::Panicked(panicked(panic.as_ref())));
    let mut violation = match end {
        End::Panicked(ref broken) => Some(broken.clone()),
        End::Quiet | End::Endless => match judge(trace, ledger, seen) {
            Err(broken) => Some(broken),
            Ok(model) => {
                let finished = memories.iter().filter(|(_, memory)| memory.finished);
                let delivered = finished.map(|(name, m)| (name.clone(), m.delivered.clone()));
                liveness::check(&model, trace, &delivered.collect()).err()
            }
        },
    };
    if end == End::Endless && violation.is_none() {
        let what = "the storm is over, and the world does not come to rest".to_owned();
        violation = Some(Violation { rule: "C9", what });
    }
    count(trace, seen);
    Outcome {
        knobs: knobs.clone(),
        tape: tape.entries().to_vec(),
        trace: std::mem::take(trace),
        seen: seen.clone(),
        violation,
        steps: *steps,
    }
}

/// What the checkers make of a log, unless they are planted to agree with everything.
pub(super) fn judge(
    trace: &Trace,
    ledger: &Ledger,
    seen: &mut Coverage,
) -> Result<Reference, Violation> {
    if planted::is(SimBug::CheckersAlwaysAgree) {
        return Ok(Reference::default());
    }
    checkers::check(trace, ledger, seen)
}

/// A panic is a bug, and only a bug.
fn panicked(panic: &(dyn Any + Send)) -> Violation {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Violation {
        rule: "panic",
        what: text.unwrap_or("something panicked").to_owned(),
    }
}

/// Situations that are seen in the finished trace.
fn count(trace: &Trace, seen: &mut Coverage) {
    for pair in trace.entries.windows(2) {
        if pair[1].at < pair[0].at {
            seen.hit(Seen::ClockBack);
        }
    }
}
