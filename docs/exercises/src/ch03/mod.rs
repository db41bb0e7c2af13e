//! Leases: until when a holder may believe in its claim.
//!
//! The grantor decides at some moment between the sending of a claim and its answer, and the
//! lease counts from there, by the grantor's clock. The holder knows neither that moment nor
//! how fast that clock is. It knows when it sent and when it was answered, by its own.
//!
//! The task is the moment at which the holder has to stop. In `start.rs` it counts from the
//! answer, which is right as long as answers are fast.

pub mod answer;
mod scenes;
pub mod start;

use mesh::core::Millis;

use crate::Exercise;

/// The exercise of chapter 3.
pub const EXERCISE: Exercise = Exercise {
    chapter: 3,
    title: "Leases",
    task: "Tell until when a holder may act on its claim, whatever the network and its clock do.",
    start: || check(start::believe_until),
    answer: || check(answer::believe_until),
    show: scenes::show,
};

/// A claim that was granted, as its holder knows it: in milliseconds of its own steady clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// When the claim was sent.
    pub sent_at: Millis,
    /// When the answer came.
    pub answered_at: Millis,
    /// How long the grantor gives the resource to nobody else, by the grantor's clock.
    pub lease: Millis,
}

/// By how much the clocks of holder and grantor may drift apart: while one of them shows 100,
/// the other shows 99 at least and 101 at most.
pub const DRIFT_PERCENT: u64 = 1;

/// Until when the holder may act on its claim, by its own clock.
pub type BelieveUntil = fn(&Call) -> Millis;

/// How long a request or an answer is under way, in milliseconds.
const DELAYS: [Millis; 4] = [0, 5, 400, 4_000];
const LEASES: [Millis; 3] = [1_000, 10_000, 120_000];
/// What the holder's clock shows while the grantor's shows 100.
const SPEEDS: [u64; 3] = [100, 100 - DRIFT_PERCENT, 100 + DRIFT_PERCENT];
/// What the holder's clock shows when it sends.
const STARTS: [Millis; 2] = [0, 7_000_000];

/// Tries slow requests, slow answers, and clocks that drift.
///
/// # Errors
///
/// A case in which the holder believes in a lease that the grantor has ended, or gives away
/// more than it must.
pub fn check(believe_until: BelieveUntil) -> Result<(), String> {
    for (speed, lease) in pairs(SPEEDS, LEASES) {
        for (request, answer) in pairs(DELAYS, DELAYS) {
            for sent_at in STARTS {
                let case = Case {
                    request,
                    answer,
                    lease,
                    speed,
                    sent_at,
                };
                case.judge(believe_until)?;
            }
        }
    }
    Ok(())
}

/// Each of the ones with each of the others.
fn pairs<const N: usize, const M: usize>(
    ones: [u64; N],
    others: [u64; M],
) -> impl Iterator<Item = (u64, u64)> {
    let with_others = move |one| others.map(|other| (one, other));
    ones.into_iter().flat_map(with_others)
}

/// What really happens, by the grantor's clock, which shows 0 when the claim is sent.
struct Case {
    request: Millis,
    answer: Millis,
    lease: Millis,
    speed: u64,
    sent_at: Millis,
}

impl Case {
    fn judge(&self, believe_until: BelieveUntil) -> Result<(), String> {
        let ends = self.request + self.lease;
        let under_way = (self.request + self.answer) * self.speed / 100;
        let until = believe_until(&Call {
            sent_at: self.sent_at,
            answered_at: self.sent_at + under_way,
            lease: self.lease,
        });
        let shown = until.saturating_sub(self.sent_at);
        // Wide enough for whatever an attempt returns.
        let stops = u128::from(shown) * 100 / u128::from(self.speed);
        if stops > u128::from(ends) {
            return Err(format!(
                "{}: the grantor ends the lease after {ends} ms, and the holder believes in it \
                 for {stops} ms",
                self.told()
            ));
        }
        let least = self.lease - 2 * self.lease * DRIFT_PERCENT / 100;
        if shown < least {
            return Err(format!(
                "{}: the holder stops {shown} ms after it sent, by its own clock, and could \
                 safely go on to {least} ms at least",
                self.told()
            ));
        }
        Ok(())
    }

    fn told(&self) -> String {
        let Self {
            request,
            answer,
            lease,
            speed,
            ..
        } = self;
        format!(
            "a lease of {lease} ms; the request takes {request} ms and the answer {answer} ms; \
             the holder's clock shows {speed} ms while the grantor's shows 100"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(believe_until: BelieveUntil) -> String {
        check(believe_until).unwrap_err()
    }

    #[test]
    fn to_count_from_the_answer_fails_where_the_answer_is_slow() {
        let wrong = wrong(|call| call.answered_at + call.lease);
        assert!(wrong.contains("the answer 5 ms"), "{wrong}");
    }

    #[test]
    fn to_forget_the_drift_fails_where_the_clock_is_slow() {
        let wrong = wrong(|call| call.sent_at + call.lease);
        assert!(wrong.contains("shows 99 ms"), "{wrong}");
        assert!(wrong.contains("ends the lease after 1000 ms"), "{wrong}");
    }

    #[test]
    fn to_believe_nothing_is_no_answer() {
        for timid in [|call: &Call| call.sent_at, |_: &Call| 0] {
            assert!(wrong(timid).contains("could safely go on to 980 ms"));
        }
    }
}
