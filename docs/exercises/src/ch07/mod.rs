//! Rotation: from one generation of a log to the next, under the feet of those who write.
//!
//! Two processes share a folder. Each follows the same list of steps to make the next
//! generation, is paused anywhere in it for as long as you like, and appends and acknowledges
//! entries afterwards. What was acknowledged must be in the newest generation, always, and
//! also after a power cut that keeps of the unsynced whatever it likes.
//!
//! The task is that list. `start.rs` has the one that everybody would write.

pub mod answer;
mod folder;
mod process;
mod show;
pub mod start;

use std::fmt;

use crate::Exercise;
use crate::search::{Steps, explore};
use folder::Folder;
use process::{Phase, Process};

/// The exercise of chapter 7.
pub const EXERCISE: Exercise = Exercise {
    chapter: 7,
    title: "Rotation",
    task: "Put the steps from one generation to the next in an order in which nothing is lost.",
    start: || check(start::ROTATION),
    answer: || check(answer::ROTATION),
    show: show::show,
};

/// A step from generation g to generation g + 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Writes the state, as far as the process has read, to a temporary file of its own.
    WriteTemporary,
    /// Makes the temporary file survive a power cut.
    SyncTemporary,
    /// Appends a seal to generation g: nothing behind it counts. Where an entry came in
    /// that is not in the temporary file, the process begins again from the first step.
    Seal,
    /// Goes on without making generation g + 1 if the name of generation g does not lead
    /// to the file that the process has open.
    LookAtOldName,
    /// Gives the temporary file the name of generation g + 1, whatever had it before.
    Rename,
    /// Gives the temporary file the name of generation g + 1, unless there is one.
    Link,
    /// Makes all names, as they are now, survive a power cut.
    SyncDirectory,
    /// Removes the temporary files that could become generation g or an older one.
    SweepTemporaries,
    /// Removes generation g and all older ones.
    RemoveOld,
}

/// What there is, and what was promised.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct World {
    folder: Folder,
    processes: [Process; 2],
    /// The entries that were acknowledged.
    told: Vec<u8>,
}

/// Something that happens.
#[derive(Clone, Debug)]
enum Action {
    Takes {
        who: usize,
        phase: Phase,
        generation: u8,
    },
    PowerCut,
}

/// Who rotates: ann twice, bob once.
const PROCESSES: [&str; 2] = ["ann", "bob"];

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Takes {
            who,
            phase,
            generation,
        } = self
        else {
            return write!(f, "the power fails");
        };
        let (who, next) = (PROCESSES[*who], generation + 1);
        match phase {
            Phase::Rotating(step, _) => match step {
                Step::WriteTemporary => {
                    write!(f, "{who} writes a file that is to be generation {next}")
                }
                Step::SyncTemporary => write!(f, "{who} syncs that file"),
                Step::Seal => write!(f, "{who} seals generation {generation}"),
                Step::LookAtOldName => write!(
                    f,
                    "{who} looks whether generation {generation} is still there"
                ),
                Step::Rename => write!(f, "{who} renames its file to journal.{next}"),
                Step::Link => write!(f, "{who} links its file to journal.{next}"),
                Step::SyncDirectory => write!(f, "{who} syncs the directory"),
                Step::SweepTemporaries => {
                    write!(
                        f,
                        "{who} removes temporary files up to generation {generation}"
                    )
                }
                Step::RemoveOld => write!(f, "{who} removes generations up to {generation}"),
            },
            Phase::Opening => write!(f, "{who} opens the next generation"),
            Phase::Appending => write!(f, "{who} appends an entry to generation {generation}"),
            Phase::Syncing(_) => write!(f, "{who} syncs generation {generation}"),
            Phase::Telling(entry) => write!(f, "{who} acknowledges entry {entry}"),
            Phase::Done => write!(f, "{who} is done"),
        }
    }
}

/// Runs a rotation in all orders of two processes, with a power cut at any moment.
///
/// # Errors
///
/// A shortest history after which something is lost, and what.
pub fn check(rotation: &[Step]) -> Result<(), String> {
    explore(World::new(rotation), |world| world.steps(rotation)).map(drop)
}

impl World {
    fn new(rotation: &[Step]) -> Self {
        Self {
            folder: Folder::new(),
            processes: [Process::new(2, rotation), Process::new(1, rotation)],
            told: Vec::new(),
        }
    }

    fn steps(&self, rotation: &[Step]) -> Steps<Self, Action> {
        let mut steps = Vec::new();
        for who in 0..PROCESSES.len() {
            let Process {
                phase, generation, ..
            } = self.processes[who];
            if phase != Phase::Done {
                let action = Action::Takes {
                    who,
                    phase,
                    generation,
                };
                steps.push((action, self.after(who, rotation)));
            }
        }
        // What is true after a power cut is looked at once, and nothing goes on from there.
        if let Err(wrong) = self.folder.survives(&self.told) {
            steps.push((Action::PowerCut, Err(wrong)));
        }
        steps
    }

    /// The world after the next step of a process.
    fn after(&self, who: usize, rotation: &[Step]) -> Result<Self, String> {
        let mut next = self.clone();
        let World {
            folder,
            processes,
            told,
        } = &mut next;
        processes[who].go_on(who, folder, told, rotation)?;
        next.folder.has(&next.told)?;
        Ok(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the check finds where the answer is changed.
    fn wrong(change: impl FnOnce(&mut Vec<Step>)) -> String {
        let mut rotation = answer::ROTATION.to_vec();
        change(&mut rotation);
        let wrong = check(&rotation).expect_err("something goes wrong");
        wrong.lines().last().unwrap_or_default().to_owned()
    }

    #[test]
    fn each_step_is_needed() {
        for step in answer::ROTATION
            .iter()
            .filter(|step| **step != Step::RemoveOld)
        {
            let found = wrong(|rotation| rotation.retain(|kept| kept != step));
            println!("without {step:?}: {found}");
        }
    }

    #[test]
    fn the_look_comes_behind_the_temporary_file() {
        let found = wrong(|rotation| {
            let look = rotation.remove(3);
            assert_eq!(look, Step::LookAtOldName);
            rotation.insert(0, look);
        });
        assert!(found.contains("acknowledged"), "{found}");
    }

    #[test]
    fn a_rename_is_no_link() {
        let found = wrong(|rotation| rotation[4] = Step::Rename);
        assert!(found.contains("acknowledged"), "{found}");
    }

    #[test]
    fn the_seal_may_come_first() {
        let mut rotation = answer::ROTATION.to_vec();
        rotation[..3].rotate_right(1);
        assert_eq!(rotation[0], Step::Seal);
        assert_eq!(check(&rotation), Ok(()));
    }
}
