//! The exercises of the book, one module for each chapter.
//!
//! A chapter's module has three parts. `start` compiles and is wrong: it is what the reader
//! edits. `answer` is the same with the solution. The module itself says what the task is, has
//! the `check` that both are held against, and `show`, the demonstration that the chapter
//! begins with. Checks and demonstrations are deterministic: no clock, no thread, no chance.
//!
//! Guarantees, held by a test: each `start` fails its check, each `answer` passes it, each
//! folder `src/chNN` is in [`EXERCISES`]. Left to others: the text, which is in
//! `docs/book/`, and `cargo exercise`, which is `main.rs`. [`orders`] is no exercise: it is
//! how checks try every order of a few steps.

pub mod orders;
mod search;

// 1. Two agents, one file
pub mod ch01;
// 2. A lock on a file system
pub mod ch02;
// 3. Leases
pub mod ch03;
// 4. Fences
pub mod ch04;
// 5. Fair queues
pub mod ch05;
// 6. The log
pub mod ch06;
// 7. Rotation
pub mod ch07;
// 8. Messages
pub mod ch08;
// 9. Simulation
pub mod ch09;
// 10. Model checking
pub mod ch10;
// 11. Beyond one machine
pub mod ch11;
// 12. How others do it
pub mod ch12;

/// All exercises, in the order of the chapters.
pub const EXERCISES: &[Exercise] = &[
    // 1. Two agents, one file
    ch01::EXERCISE,
    // 2. A lock on a file system
    ch02::EXERCISE,
    // 3. Leases
    ch03::EXERCISE,
    // 4. Fences
    ch04::EXERCISE,
    // 5. Fair queues
    ch05::EXERCISE,
    // 6. The log
    ch06::EXERCISE,
    // 7. Rotation
    ch07::EXERCISE,
    // 8. Messages
    ch08::EXERCISE,
    // 9. Simulation
    ch09::EXERCISE,
    // 10. Model checking
    ch10::EXERCISE,
    // 11. Beyond one machine
    ch11::EXERCISE,
    // 12. How others do it
    ch12::EXERCISE,
];

/// The exercise of a chapter.
#[derive(Clone, Copy, Debug)]
pub struct Exercise {
    /// The number of the chapter.
    pub chapter: u8,
    /// What the chapter is about.
    pub title: &'static str,
    /// What is to be done, in one sentence.
    pub task: &'static str,
    /// Checks `start.rs`. The error says what went wrong, with what input.
    pub start: fn() -> Result<(), String>,
    /// Checks `answer.rs`.
    pub answer: fn() -> Result<(), String>,
    /// Prints the chapter's demonstration: its bug, happening.
    pub show: fn(),
}

impl Exercise {
    /// The exercise of a chapter, if it has one.
    pub fn of(chapter: u8) -> Option<&'static Self> {
        EXERCISES.iter().find(|found| found.chapter == chapter)
    }

    /// A file of the exercise, as a path from the root of the repository.
    pub fn file(&self, name: &str) -> String {
        format!("docs/exercises/src/ch{:02}/{name}", self.chapter)
    }
}
