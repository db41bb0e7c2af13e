//! A lock on a file system: taken in one step, and taken away only by who means its owner.
//!
//! The lock is the directory `lock`, and it is held by whoever's nonce is in it. A process that
//! finds it held by one that is dead, or seems so, may steal it. The textbook's way of doing so
//! removes whatever lock is there by then; and it leaves a lock that is nobody's where a
//! process dies at the wrong moment.
//!
//! The task is to mend `acquire`, `release` and `steal`. In `start.rs` all three are wrong.

pub mod answer;
mod five_ways;
pub mod folder;
mod scenes;
pub mod start;

pub use folder::Folder;

use crate::Exercise;

/// The exercise of chapter 2.
pub const EXERCISE: Exercise = Exercise {
    chapter: 2,
    title: "A lock on a file system",
    task: "Mend a lock directory, so that nobody ever removes the lock of somebody else.",
    start: check::<start::Mine>,
    answer: check::<answer::Mine>,
    show: five_ways::show,
};

/// A lock in a folder. It is held by the process whose nonce is the file in `lock`.
#[allow(
    async_fn_in_trait,
    reason = "all processes are tasks of one thread, so their futures need not be Send"
)]
pub trait Lock {
    /// Tries once to take the lock: `true` if the process `me` has it. A nonce is used once.
    async fn acquire(folder: &Folder, me: &str) -> bool;

    /// Gives back the lock that `me` acquired, unless it was stolen since.
    async fn release(folder: &Folder, me: &str);

    /// Takes the lock away from `stale`, which was seen in it and is dead, or seems so. It may be
    /// gone by now. The lock is free then, and the thief has to acquire it like all others.
    async fn steal(folder: &Folder, stale: &str);
}

/// Tries every order of two processes, two thieves, and a robbed owner that comes back; and
/// kills a process after each of its steps.
///
/// # Errors
///
/// An order in which two are inside together, or nobody can get in any more.
pub fn check<L: Lock>() -> Result<(), String> {
    scenes::one_after_the_other::<L>()?;
    scenes::two_at_once::<L>()?;
    scenes::two_thieves::<L>()?;
    scenes::robbed_owner::<L>()?;
    scenes::killed_anywhere::<L>()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A lock of which each function is the answer's or the textbook's.
    macro_rules! one_wrong {
        ($name:ident, $acquire:ident, $release:ident, $steal:ident) => {
            struct $name;
            impl Lock for $name {
                async fn acquire(folder: &Folder, me: &str) -> bool {
                    $acquire::Mine::acquire(folder, me).await
                }
                async fn release(folder: &Folder, me: &str) {
                    $release::Mine::release(folder, me).await;
                }
                async fn steal(folder: &Folder, stale: &str) {
                    $steal::Mine::steal(folder, stale).await;
                }
            }
        };
    }

    /// What `start.rs` is before anybody edits it.
    mod textbook {
        use super::{Folder, Lock};

        pub(super) struct Mine;

        impl Lock for Mine {
            async fn acquire(folder: &Folder, me: &str) -> bool {
                folder.make_dir("lock").await && folder.make_file("lock", me).await
            }

            async fn release(folder: &Folder, _me: &str) {
                folder.remove_all("lock").await;
            }

            async fn steal(folder: &Folder, stale: &str) {
                if folder.list("lock").await == [stale] {
                    folder.remove_all("lock").await;
                }
            }
        }
    }

    one_wrong!(WrongAcquire, textbook, answer, answer);
    one_wrong!(WrongRelease, answer, textbook, answer);
    one_wrong!(WrongSteal, answer, answer, textbook);

    #[test]
    fn each_of_the_three_mistakes_is_found() {
        let wrong = check::<WrongAcquire>().unwrap_err();
        assert!(wrong.starts_with("a process was killed"), "{wrong}");
        let wrong = check::<WrongRelease>().unwrap_err();
        assert!(wrong.starts_with("a robbed owner comes back"), "{wrong}");
        let wrong = check::<WrongSteal>().unwrap_err();
        assert!(wrong.starts_with("two thieves"), "{wrong}");
    }
}
