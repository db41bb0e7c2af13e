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

    /// What `start.rs` is before anybody edits it.
    struct Textbook;

    impl Lock for Textbook {
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

    /// Removes by name, but takes the lock in two steps.
    struct TwoSteps;

    impl Lock for TwoSteps {
        async fn acquire(folder: &Folder, me: &str) -> bool {
            Textbook::acquire(folder, me).await
        }

        async fn release(folder: &Folder, me: &str) {
            if folder.remove_file("lock", me).await {
                folder.remove_dir("lock").await;
            }
        }

        async fn steal(folder: &Folder, stale: &str) {
            Self::release(folder, stale).await;
        }
    }

    /// Takes the lock in one step, and frees whoever's it is.
    struct FreesAny;

    impl Lock for FreesAny {
        async fn acquire(folder: &Folder, me: &str) -> bool {
            answer::Mine::acquire(folder, me).await
        }

        async fn release(folder: &Folder, me: &str) {
            Textbook::release(folder, me).await;
        }

        async fn steal(folder: &Folder, stale: &str) {
            answer::Mine::steal(folder, stale).await;
        }
    }

    /// Takes the lock in one step, and steals whoever's it is by now.
    struct StealsAny;

    impl Lock for StealsAny {
        async fn acquire(folder: &Folder, me: &str) -> bool {
            answer::Mine::acquire(folder, me).await
        }

        async fn release(folder: &Folder, me: &str) {
            answer::Mine::release(folder, me).await;
        }

        async fn steal(folder: &Folder, stale: &str) {
            Textbook::steal(folder, stale).await;
        }
    }

    #[test]
    fn each_of_the_three_mistakes_is_found() {
        let wrong = [
            (check::<Textbook>(), "two thieves"),
            (check::<StealsAny>(), "two thieves"),
            (check::<FreesAny>(), "a robbed owner comes back"),
            (
                check::<TwoSteps>(),
                "a process was killed in the middle of acquire",
            ),
        ];
        for (found, begins) in wrong {
            let found = found.unwrap_err();
            assert!(found.starts_with(begins), "{begins}: {found}");
        }
    }
}
