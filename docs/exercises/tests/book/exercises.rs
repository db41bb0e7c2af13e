//! Each exercise is one: what the reader starts with is wrong, and the answer is right.

use std::fs;
use std::path::Path;

use exercises::EXERCISES;

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
