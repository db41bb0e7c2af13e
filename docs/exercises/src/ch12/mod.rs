//! Chapter 12: a lease and whose clock it is measured by.
//!
//! A record in a shared store names a leader. The leader renews it; a candidate that
//! sees that it is not renewed any more takes it over. When is that? The record has the
//! time of its last renewal in it, by the leader's wall clock.

pub mod answer;
mod show;
pub mod start;

use crate::Exercise;

/// The exercise of chapter 12.
pub const EXERCISE: Exercise = Exercise {
    chapter: 12,
    title: "How others do it",
    task: "Take a lease over in time, whatever any wall clock says.",
    start: || check(&|| Box::new(start::Candidate::default())),
    answer: || check(&|| Box::new(answer::Candidate::default())),
    show: show::show,
};

/// How long a lease lasts, in seconds.
pub const LEASE: u64 = 15;
/// How often a leader renews, in seconds.
const RENEWS_EVERY: u64 = 4;
/// How often a candidate looks, in seconds.
const LOOKS_EVERY: u64 = 2;
/// What time it really is when a run begins, in seconds.
const START: u64 = 1_000_000;

/// The record in the shared store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Who leads.
    pub holder: String,
    /// When the holder renewed it last, in seconds, by the holder's wall clock.
    pub renewed_at: u64,
    /// How long it lasts, in seconds.
    pub duration: u64,
    /// The store's number for this state of the record: another one after each write.
    pub version: u64,
}

/// The clocks of the machine that looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clocks {
    /// Wall time in seconds. It may be wrong by any amount, and may step.
    pub wall: u64,
    /// Steady time in seconds since some moment of this machine. It only goes on.
    pub steady: u64,
}

/// Somebody who wants to lead next.
pub trait Candidate {
    /// Looks at the record. `true`: it is abandoned, and I take it over.
    fn takes_over(&mut self, lease: &Lease, clocks: Clocks) -> bool;
}

/// One world: how wrong the clocks are, and when the leader dies.
#[derive(Clone, Copy, Debug)]
struct World {
    /// By how many seconds the leader's wall clock is ahead.
    leader_ahead: i64,
    /// And the candidate's.
    candidate_ahead: i64,
    /// By how many seconds the candidate's wall clock steps, half a minute after the start.
    step: i64,
    /// After how many seconds the leader dies, if it does.
    dies_after: Option<u64>,
    /// After how many seconds the candidate begins to look.
    joins_after: u64,
}

/// Holds candidates against worlds in which wall clocks are off by up to an hour: a
/// leader that renews must keep its lease, and one that is dead must lose it in time.
///
/// # Errors
///
/// The first world in which it is otherwise.
pub fn check(candidate: &dyn Fn() -> Box<dyn Candidate>) -> Result<(), String> {
    let offs = [0, 1, 30, -30, 3_600, -3_600];
    for dies_after in [None, Some(0), Some(41)] {
        for joins_after in [0, 7, 60] {
            for (leader_ahead, candidate_ahead, step) in triples(&offs) {
                let world = World {
                    leader_ahead,
                    candidate_ahead,
                    step,
                    dies_after,
                    joins_after,
                };
                judge(candidate().as_mut(), world)?;
            }
        }
    }
    Ok(())
}

fn triples(of: &[i64]) -> Vec<(i64, i64, i64)> {
    let pairs = of.iter().flat_map(|a| of.iter().map(move |b| (*a, *b)));
    pairs
        .flat_map(|(a, b)| of.iter().map(move |c| (a, b, *c)))
        .collect()
}

fn judge(candidate: &mut dyn Candidate, world: World) -> Result<(), String> {
    let mut lease = Lease {
        holder: "leader".to_owned(),
        renewed_at: wall(0, world.leader_ahead),
        duration: LEASE,
        version: 1,
    };
    let mut renewed = 0;
    for second in 0..200 {
        let lives = world.dies_after.is_none_or(|end| second < end);
        if lives && second > 0 && second % RENEWS_EVERY == 0 {
            renewed = second;
            lease.renewed_at = wall(second, world.leader_ahead);
            lease.version += 1;
        }
        if second < world.joins_after || second % LOOKS_EVERY > 0 {
            continue;
        }
        let step = if second < 30 { 0 } else { world.step };
        let clocks = Clocks {
            wall: wall(second, world.candidate_ahead + step),
            steady: second + 77,
        };
        if candidate.takes_over(&lease, clocks) {
            let ago = second - renewed;
            return match ago < LEASE {
                true => Err(format!(
                    "the leader renewed {ago} s ago, and is robbed {}",
                    told(world)
                )),
                false => Ok(()),
            };
        }
        // A candidate that joins late may count from when it saw the record first.
        let due = renewed.max(world.joins_after) + LEASE + 2 * LOOKS_EVERY;
        if !lives && second > due {
            return Err(format!(
                "the leader is dead for {} s, and nobody takes over {}",
                second - world.dies_after.unwrap_or_default(),
                told(world)
            ));
        }
    }
    Ok(())
}

fn wall(second: u64, ahead: i64) -> u64 {
    (START + second).saturating_add_signed(ahead)
}

fn told(world: World) -> String {
    format!(
        "(the leader's wall clock is {} s ahead, the candidate's {} s, and steps by {} s after 30 s; \
         the candidate looks from {} s on)",
        world.leader_ahead, world.candidate_ahead, world.step, world.joins_after
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A candidate that remembers, but measures by its wall clock.
    #[derive(Default)]
    struct ByTheWall {
        seen: Option<(u64, u64)>,
    }

    impl Candidate for ByTheWall {
        fn takes_over(&mut self, lease: &Lease, clocks: Clocks) -> bool {
            match self.seen {
                Some((version, since)) if version == lease.version => {
                    clocks.wall.saturating_sub(since) >= lease.duration
                }
                _ => {
                    self.seen = Some((lease.version, clocks.wall));
                    false
                }
            }
        }
    }

    #[test]
    fn a_candidate_that_measures_by_its_wall_clock_is_caught() {
        let said = check(&|| Box::new(ByTheWall::default())).unwrap_err();
        assert!(said.contains("is robbed"), "{said}");
    }

    /// A candidate that never dares.
    struct Shy;

    impl Candidate for Shy {
        fn takes_over(&mut self, _: &Lease, _: Clocks) -> bool {
            false
        }
    }

    #[test]
    fn a_candidate_that_never_takes_over_is_caught() {
        let said = check(&|| Box::new(Shy)).unwrap_err();
        assert!(said.contains("nobody takes over"), "{said}");
    }
}
