//! Rule G6, in small: two writers without any lock, paused at every operation.
//!
//! One process is stopped before each of its operations in turn, the other runs for
//! every number of operations up to its end, then the first goes on. Both write and
//! rotate. Whatever the schedule: no false damage, one entry for each place, and
//! nothing acknowledged is missing or doubled.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::{FakeClock, Folder, FsOptions, block_on, on_disk};
use crate::testing::FaultyFs;

/// What a process was told, each time that something was acknowledged to it.
type Told = Vec<Vec<String>>;

/// Commits two messages, with a checkpoint after each, which may lose its race.
async fn work(folder: &Folder, name: &str) -> Told {
    let fs = FaultyFs::stepping(folder.fs());
    let mut process = on_disk(fs, FsOptions::default(), FakeClock::new());
    let mut told = vec![process.look().await.unwrap()];
    for round in 0..2 {
        process.commit(&format!("{name}{round}")).await.unwrap();
        told.push(process.bodies());
        process.checkpoint().await.unwrap();
        told.push(process.look().await.unwrap());
    }
    told
}

/// One of the two, one operation at a time.
struct Runner<'a> {
    future: Pin<Box<dyn Future<Output = Told> + 'a>>,
    told: Option<Told>,
}

impl<'a> Runner<'a> {
    fn new(folder: &'a Folder, name: &'a str) -> Self {
        Self {
            future: Box::pin(work(folder, name)),
            told: None,
        }
    }

    /// Runs for so many operations, or to the end. Whether it is at its end.
    fn run(&mut self, operations: usize) -> bool {
        for _ in 0..operations {
            if self.told.is_some() {
                break;
            }
            let mut context = Context::from_waker(Waker::noop());
            if let Poll::Ready(told) = self.future.as_mut().poll(&mut context) {
                self.told = Some(told);
            }
        }
        self.told.is_some()
    }
}

/// Runs the first for `pause` operations, the second for `length`, then both to their
/// ends. Whether each was still on its way when it was stopped.
fn check(whole: &Folder, pause: usize, length: usize) -> (bool, bool) {
    let folder = whole.copy();
    let (mut first, mut second) = (Runner::new(&folder, "a"), Runner::new(&folder, "b"));
    let ended = (first.run(pause), second.run(length));
    assert!(
        first.run(10_000) && second.run(10_000),
        "both come to an end"
    );
    let read = block_on(folder.open().look()).unwrap();
    let schedule = format!("{pause} operations of a, then {length} of b");
    for body in ["start", "a0", "a1", "b0", "b1"] {
        let count = read.iter().filter(|b| *b == body).count();
        assert_eq!(count, 1, "{body} in {read:?}: {schedule}");
    }
    assert_eq!(read.len(), 5, "{schedule}");
    for told in [first.told, second.told].into_iter().flatten().flatten() {
        assert!(
            read.starts_with(&told),
            "{told:?} was told, and {read:?} is what is: {schedule}"
        );
    }
    (!ended.0, !ended.1)
}

/// Checks the schedules whose lengths are `stride` apart, shifted from pause to pause so
/// that all differences of phase occur. How many there are.
fn check_schedules(stride: usize) -> usize {
    let whole = Folder::with(&["start"]);
    let mut schedules = 0;
    for pause in 0.. {
        let mut paused = false;
        for length in (pause % stride..).step_by(stride) {
            let running = check(&whole, pause, length);
            paused = running.0;
            schedules += 1;
            if !running.1 {
                break;
            }
        }
        if !paused {
            break;
        }
    }
    schedules
}

#[test]
fn two_writers_paused_at_any_operation_agree() {
    let schedules = check_schedules(17);
    assert!(schedules > 500, "only {schedules} schedules");
}

#[test]
#[ignore = "takes minutes: every schedule there is, where the test above takes a sample"]
fn two_writers_paused_at_any_operation_agree_in_every_schedule() {
    let schedules = check_schedules(1);
    assert!(schedules > 5_000, "only {schedules} schedules");
}
