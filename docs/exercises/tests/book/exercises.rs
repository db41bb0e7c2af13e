//! Each exercise is one: what the reader starts with is wrong, and the answer is right. And
//! each chapter has one, and tells how to check it.

use std::fs;
use std::path::Path;

use exercises::{EXERCISES, Exercise};

use crate::tree::{Page, Problem, Tree};

#[test]
fn each_start_fails_and_each_answer_passes() {
    for exercise in EXERCISES {
        let why = (exercise.start)().expect_err(exercise.title);
        assert!(
            why.split_whitespace().count() >= 5,
            "chapter {}: a sentence says what is wrong: {why}",
            exercise.chapter
        );
        assert_eq!((exercise.answer)(), Ok(()), "chapter {}", exercise.chapter);
    }
}

#[test]
fn each_folder_of_an_exercise_is_registered() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let names = fs::read_dir(src).unwrap().filter_map(|entry| {
        let name = entry.unwrap().file_name().into_string().unwrap();
        name.strip_prefix("ch")
            .map(|number| number.parse().unwrap())
    });
    let mut folders: Vec<u8> = names.collect();
    folders.sort_unstable();
    let registered: Vec<u8> = EXERCISES.iter().map(|exercise| exercise.chapter).collect();
    assert_eq!(registered, folders, "EXERCISES of src/lib.rs, in order");
}

#[test]
fn each_chapter_has_an_exercise() {
    let tree = Tree::repository();
    let pages = tree.pages("docs/book");
    tree.hold(pages.iter().filter_map(lacks_exercise).collect());
}

/// What a chapter lacks: an exercise, or the command that checks it.
fn lacks_exercise(page: &Page) -> Option<Problem> {
    let name = page.path.strip_prefix("docs/book/")?;
    let chapter = name
        .split_once('-')
        .and_then(|(number, _)| number.parse().ok());
    let Some(chapter) = chapter else {
        return Some(Problem::new(
            page,
            1,
            name,
            "the name of a chapter: NN-name.md",
        ));
    };
    let Some(exercise) = Exercise::of(chapter) else {
        let should = format!("one, registered in EXERCISES: docs/exercises/src/ch{chapter:02}/");
        return Some(Problem::new(
            page,
            1,
            "a chapter without an exercise",
            should,
        ));
    };
    let command = format!("cargo exercise {}", exercise.chapter);
    let last = page.text.lines().count();
    let stands = "a chapter that does not tell how its exercise is checked";
    (!page.text.contains(&command)).then(|| Problem::new(page, last, stands, command))
}

#[test]
fn a_chapter_without_an_exercise_is_bad() {
    let said = |path: &str, text: &str| {
        let (path, text) = (path.to_owned(), text.to_owned());
        lacks_exercise(&Page { path, text }).map(|problem| (problem.line, problem.should))
    };
    let good = "# 4. Fences\n\n`cargo exercise 4` checks it.\n";
    assert_eq!(said("docs/book/04-fences.md", good), None);
    let untold = said("docs/book/04-fences.md", "# 4. Fences\n\nText.\n");
    assert_eq!(untold, Some((3, "cargo exercise 4".to_owned())));
    let none = "one, registered in EXERCISES: docs/exercises/src/ch99/";
    assert_eq!(
        said("docs/book/99-more.md", good),
        Some((1, none.to_owned()))
    );
    let name = "the name of a chapter: NN-name.md";
    assert_eq!(said("docs/book/more.md", good), Some((1, name.to_owned())));
}
