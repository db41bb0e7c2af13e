//! Two agents, one file: a save that loses nobody's line.
//!
//! Agents read a file, think, and save what they have read with a line of their own. Between
//! the reading and the saving others may have saved. A save that does not look writes over
//! them, and nobody hears of it.
//!
//! The task is a save that is refused where it is based on an old reading: the agent then
//! reads again, and tries again. In `start.rs` it is never refused.

pub mod answer;
pub mod start;

use std::cell::RefCell;
use std::rc::Rc;

use crate::Exercise;
use crate::orders::{Scene, Story, Task, every_order, turn};

/// The exercise of chapter 1.
pub const EXERCISE: Exercise = Exercise {
    chapter: 1,
    title: "Two agents, one file",
    task: "Write a save that is refused if the file was written since the agent read it.",
    start: || check(start::save),
    answer: || check(answer::save),
    show,
};

/// A file that agents share. What an agent has read is a copy of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SharedFile {
    /// What stands in it.
    pub lines: Vec<String>,
    /// How often it was written.
    pub version: u64,
}

/// What became of a save.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saved {
    /// In the file stands what was given.
    Done,
    /// The file is as it was: read it again.
    Refused,
}

/// Replaces what stands in the `file` by `lines`, which an agent made of the version that it has
/// `seen`. It has the file to itself meanwhile.
pub type Save = fn(file: &mut SharedFile, seen: u64, lines: Vec<String>) -> Saved;

const AGENTS: [&str; 3] = ["ann", "bob", "carl"];

/// Tries every order in which two agents read, save, and read again where they are refused;
/// and then every order of three.
///
/// # Errors
///
/// An order in which a line is lost, or an agent is refused whom nobody had disturbed.
pub fn check(save: Save) -> Result<(), String> {
    every_order(|| fleet(&AGENTS[..2], save))?;
    every_order(|| fleet(&AGENTS, save)).map(drop)
}

/// Agents that add a line each, until they are done.
fn fleet(agents: &[&'static str], save: Save) -> Scene {
    let (file, story) = (Rc::<RefCell<SharedFile>>::default(), Story::default());
    let wrong = Rc::<RefCell<Option<String>>>::default();
    let add = |name: &'static str| -> Task {
        let (file, story, wrong) = (file.clone(), story.clone(), wrong.clone());
        Box::pin(async move {
            loop {
                turn().await;
                let seen = file.borrow().clone();
                let lines = [seen.lines.as_slice(), &[name.to_owned()]].concat();
                story.tell(format!("{name} reads"));
                turn().await;
                let undisturbed = *file.borrow() == seen;
                match save(&mut file.borrow_mut(), seen.version, lines) {
                    Saved::Done => return story.tell(format!("{name} saves")),
                    Saved::Refused => story.tell(format!("{name} is refused")),
                }
                if undisturbed {
                    let told = format!("{name} is refused, and the file is as {name} read it");
                    *wrong.borrow_mut() = Some(told);
                }
            }
        })
    };
    let tasks = agents.iter().map(|name| add(name)).collect();
    let agents = agents.to_vec();
    let judge = Box::new(move |over| match wrong.borrow().clone() {
        Some(wrong) => Err(wrong),
        None if over => all_there(&agents, &file.borrow().lines),
        None => Ok(()),
    });
    Scene {
        tasks,
        story,
        judge,
    }
}

/// Whether each agent's line is there once.
fn all_there(agents: &[&str], lines: &[String]) -> Result<(), String> {
    for name in agents {
        match lines.iter().filter(|line| line == name).count() {
            1 => {}
            0 => {
                return Err(format!(
                    "{name}'s line is lost, in the file stands {lines:?}"
                ));
            }
            _ => {
                return Err(format!(
                    "{name}'s line is doubled, in the file stands {lines:?}"
                ));
            }
        }
    }
    Ok(())
}

/// Two agents that overwrite each other, in all their orders.
fn show() {
    let overwrite: Save = |file, _, lines| {
        file.lines = lines;
        file.version += 1;
        Saved::Done
    };
    let lost = Rc::<RefCell<usize>>::default();
    let orders = every_order(|| {
        let scene = fleet(&AGENTS[..2], overwrite);
        let (judge, story, lost) = (scene.judge, scene.story.clone(), lost.clone());
        Scene {
            judge: Box::new(move |over| {
                let end = judge(over);
                if over {
                    *lost.borrow_mut() += usize::from(end.is_err());
                    let end =
                        end.map_or_else(|wrong| wrong, |()| "both lines are there".to_owned());
                    println!("{}: {end}", story.told());
                }
                Ok(())
            }),
            ..scene
        }
    });
    println!(
        "{} of {} orders lose a line",
        lost.borrow(),
        orders.unwrap_or_default()
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_save_that_is_always_refused_is_no_answer() {
        let wrong = check(|_, _, _| Saved::Refused).unwrap_err();
        let first = "ann is refused, and the file is as ann read it";
        assert!(wrong.starts_with(first), "{wrong}");
    }

    #[test]
    fn a_version_that_is_compared_must_also_rise() {
        let wrong = check(|file, seen, lines| {
            let saved = answer::save(file, seen, lines);
            file.version = 0;
            saved
        });
        assert!(wrong.unwrap_err().starts_with("ann's line is lost"));
    }
}
