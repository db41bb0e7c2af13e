//! Fences: a store that refuses who is late.
//!
//! A lease ends while its holder stands still, and the next holder reads and writes. Then the
//! first one goes on, sees nothing of all that, and writes too. No lock can prevent that from
//! its side. The store can: each grant carries a fence, a number higher than all before it;
//! whoever reads or writes shows its fence, and the store refuses one that is lower than
//! one that it has seen.
//!
//! The task is that store. In `start.rs` it compares fences, and a late writer still gets
//! through.

pub mod answer;
mod scenes;
pub mod start;

use std::cell::RefCell;
use std::rc::Rc;

use crate::Exercise;
use crate::orders::{Scene, Story, Task, every_order, turn};

/// The exercise of chapter 4.
pub const EXERCISE: Exercise = Exercise {
    chapter: 4,
    title: "Fences",
    task: "Write a store that refuses a fence which is lower than one that it was shown.",
    start: check::<start::Counter>,
    answer: check::<answer::Counter>,
    show: scenes::show,
};

/// A number that those who were granted the claim on it may change, each under its fence. A
/// holder may come as often as it likes, so the same fence may come again.
pub trait Store: Default {
    /// The number.
    ///
    /// # Errors
    ///
    /// Where a higher fence was shown before.
    fn read(&mut self, fence: u64) -> Result<u64, TooLate>;

    /// Replaces the number.
    ///
    /// # Errors
    ///
    /// Where a higher fence was shown before. The number then stays.
    fn write(&mut self, fence: u64, number: u64) -> Result<(), TooLate>;
}

/// Why somebody is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLate {
    /// The highest fence that the store was shown.
    pub seen: u64,
}

/// Who was granted the claim, under which fence, and how often each adds one to the number.
type Holder = (&'static str, u64, usize);

/// Few first, since the shorter story says more.
const TWO: &[Holder] = &[("ann", 1, 1), ("bob", 2, 1)];
const THREE: &[Holder] = &[("ann", 1, 2), ("bob", 2, 2), ("carl", 3, 1)];

/// Tries every order in which two and three holders reach the store. Each was granted the claim when
/// the lease of the one before had ended, and each may be late with everything that it does.
///
/// # Errors
///
/// An order in which an accepted addition is lost, or in which a holder is refused although
/// nobody with a higher fence was there.
pub fn check<S: Store + 'static>() -> Result<(), String> {
    every_order(|| late_holders::<S>(TWO))?;
    every_order(|| late_holders::<S>(THREE)).map(drop)
}

/// The store, and what an onlooker knows of it.
#[derive(Default)]
struct Watched<S> {
    store: S,
    /// The highest fence that was shown to it.
    shown: u64,
    /// How many additions it has accepted.
    added: u64,
    /// Who was refused without a reason.
    wronged: Option<String>,
}

impl<S: Store> Watched<S> {
    /// Somebody comes with a fence. What they do is told, and whether they were let in.
    fn comes<T>(
        &mut self,
        story: &Story,
        fence: u64,
        what: &str,
        act: impl FnOnce(&mut S) -> Result<T, TooLate>,
    ) -> Option<T> {
        let newest = fence >= self.shown;
        self.shown = self.shown.max(fence);
        let done = act(&mut self.store);
        let refused = if done.is_ok() { "" } else { ", and is refused" };
        story.tell(format!("{what} under fence {fence}{refused}"));
        if newest && done.is_err() {
            self.wronged = Some(format!("{what}, and nobody with a higher fence was there"));
        }
        done.ok()
    }
}

fn late_holders<S: Store + 'static>(holders: &[Holder]) -> Scene {
    let (watched, story) = (Rc::<RefCell<Watched<S>>>::default(), Story::default());
    let holder = |&(name, fence, additions): &Holder| -> Task {
        let (watched, story) = (watched.clone(), story.clone());
        Box::pin(async move {
            for _ in 0..additions {
                turn().await;
                let what = format!("{name} reads");
                let read = watched
                    .borrow_mut()
                    .comes(&story, fence, &what, |s| s.read(fence));
                let Some(number) = read else { return };
                turn().await;
                let what = format!("{name} writes {}", number + 1);
                let mut watched = watched.borrow_mut();
                let write = |store: &mut S| store.write(fence, number + 1);
                match watched.comes(&story, fence, &what, write) {
                    Some(()) => watched.added += 1,
                    None => return,
                }
            }
        })
    };
    Scene {
        tasks: holders.iter().map(holder).collect(),
        story,
        judge: Box::new(move |over| judge(&mut watched.borrow_mut(), over)),
    }
}

fn judge<S: Store>(watched: &mut Watched<S>, over: bool) -> Result<(), String> {
    if let Some(wronged) = watched.wronged.take() {
        return Err(wronged);
    }
    if !over {
        return Ok(());
    }
    let added = watched.added;
    match watched.store.read(u64::MAX) {
        Ok(number) if number == added => Ok(()),
        Ok(number) => Err(format!(
            "{added} additions were accepted, and the number is {number}"
        )),
        Err(_) => Err("the highest fence of all is refused".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A store that lets the same fence in again, or does not.
    #[derive(Default)]
    struct Guarded<const AGAIN: bool> {
        number: u64,
        highest: u64,
    }

    impl<const AGAIN: bool> Guarded<AGAIN> {
        fn admit(&mut self, fence: u64) -> Result<(), TooLate> {
            let again = AGAIN && fence == self.highest;
            if fence > self.highest || again {
                self.highest = fence;
                return Ok(());
            }
            Err(TooLate { seen: self.highest })
        }
    }

    impl<const AGAIN: bool> Store for Guarded<AGAIN> {
        fn read(&mut self, fence: u64) -> Result<u64, TooLate> {
            self.admit(fence).map(|()| self.number)
        }

        fn write(&mut self, fence: u64, number: u64) -> Result<(), TooLate> {
            self.admit(fence).map(|()| self.number = number)
        }
    }

    #[test]
    fn a_holder_may_come_again() {
        assert_eq!(check::<Guarded<true>>(), Ok(()));
        let wrong = check::<Guarded<false>>().unwrap_err();
        let refused = "ann writes 1, and nobody with a higher fence was there";
        assert!(wrong.starts_with(refused), "{wrong}");
    }

    #[test]
    fn a_late_writer_is_found_with_two_holders() {
        let wrong = check::<start_of_the_book::Counter>().unwrap_err();
        assert!(
            wrong.starts_with("2 additions were accepted, and the number is 1"),
            "{wrong}"
        );
    }

    /// What `start.rs` is before anybody edits it.
    mod start_of_the_book {
        use super::{Store, TooLate};

        #[derive(Default)]
        pub(super) struct Counter {
            number: u64,
            highest: u64,
        }

        impl Store for Counter {
            fn read(&mut self, _fence: u64) -> Result<u64, TooLate> {
                Ok(self.number)
            }

            fn write(&mut self, fence: u64, number: u64) -> Result<(), TooLate> {
                if fence < self.highest {
                    return Err(TooLate { seen: self.highest });
                }
                (self.highest, self.number) = (fence, number);
                Ok(())
            }
        }
    }
}
