//! `cargo exercise`: lists the exercises of the book, checks them, and runs what the chapters
//! demonstrate.

use std::panic::catch_unwind;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use exercises::{EXERCISES, Exercise};

/// The exercises of the book: without an argument, a list.
///
/// Ends with 0 where an exercise is solved, 1 where it is not, and 2 where the question is
/// not understood.
#[derive(Parser)]
#[command(name = "cargo exercise", args_conflicts_with_subcommands = true)]
struct Arguments {
    /// Check your solution of this chapter's exercise.
    chapter: Option<u8>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Run the chapter's demonstration: its bug, happening.
    Show {
        /// Which chapter.
        chapter: u8,
    },
    /// Check the answer that the book gives.
    Answer {
        /// Which chapter.
        chapter: u8,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match (arguments.command, arguments.chapter) {
        (None, None) => list(),
        (None, Some(chapter)) => of(chapter, solve),
        (Some(Command::Show { chapter }), _) => of(chapter, |exercise| {
            (exercise.show)();
            ExitCode::SUCCESS
        }),
        (Some(Command::Answer { chapter }), _) => of(chapter, answer),
    }
}

fn list() -> ExitCode {
    for exercise in EXERCISES {
        println!("{:>2}  {}", exercise.chapter, exercise.title);
        println!("    {}", exercise.task);
    }
    println!(
        "\n`cargo exercise 4` checks your solution of chapter 4, `cargo exercise show 4` shows"
    );
    println!("what goes wrong without it, `cargo exercise answer 4` checks the book's.");
    ExitCode::SUCCESS
}

/// Does something with the exercise of a chapter, or says which chapters have one.
fn of(chapter: u8, what: fn(&Exercise) -> ExitCode) -> ExitCode {
    if let Some(exercise) = Exercise::of(chapter) {
        return what(exercise);
    }
    let chapters = EXERCISES
        .iter()
        .map(|exercise| exercise.chapter.to_string());
    let chapters = chapters.collect::<Vec<_>>().join(", ");
    eprintln!("chapter {chapter} has no exercise; these have one: {chapters}");
    ExitCode::from(2)
}

fn solve(exercise: &Exercise) -> ExitCode {
    let Err(why) = checked(exercise.start) else {
        println!("solved: {}", exercise.title);
        return ExitCode::SUCCESS;
    };
    println!("not solved yet: {why}\n");
    println!("the task: {}", exercise.task);
    println!("the place: {}", exercise.file("start.rs"));
    println!(
        "then `cargo exercise {0}` again; the book's answer is in {1}",
        exercise.chapter,
        exercise.file("answer.rs")
    );
    ExitCode::FAILURE
}

fn answer(exercise: &Exercise) -> ExitCode {
    let file = exercise.file("answer.rs");
    match checked(exercise.answer) {
        Ok(()) => {
            println!("solved: {}, by {file}", exercise.title);
            ExitCode::SUCCESS
        }
        Err(why) => {
            println!("{file} does not solve it: {why}");
            ExitCode::FAILURE
        }
    }
}

/// What a check says. A panic counts as a failure, not as the end: it is said on standard
/// error, with the line where it happened.
fn checked(check: fn() -> Result<(), String>) -> Result<(), String> {
    catch_unwind(check).unwrap_or_else(|_| Err("it panics, as told above".to_owned()))
}
