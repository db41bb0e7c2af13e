//! The named stories tell what they say, and their pictures in the book are those that
//! would be drawn now.
//!
//! `BLESS=1 cargo test -p sim --test stories` draws the pictures anew. Look at them then.
#![cfg(feature = "planted")]
#![allow(
    clippy::disallowed_methods,
    reason = "pictures are read and written as files; nothing else is"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use sim::run;
use sim::story::{Focus, On, STORIES, Story, Tells, draw};
use sim::world::tape::Tape;

fn broken(story: &Story, planted: bool) -> Option<&'static str> {
    let outcome = match planted {
        true => story.run(),
        false => story.run_sound(),
    };
    let outcome = outcome.unwrap_or_else(|error| panic!("{}: {error}", story.name));
    outcome.violation.map(|broken| broken.rule)
}

#[test]
fn every_story_meets_or_breaks_what_it_tells_and_nothing_else() {
    for story in STORIES {
        let name = story.name;
        assert_eq!(
            broken(story, false),
            None,
            "{name} breaks something by itself"
        );
        match story.tells {
            Tells::Breaks(bug, rule) => {
                let with = broken(story, true);
                assert_eq!(with, Some(rule), "{name} does not show {bug} any more");
            }
            Tells::Meets(seen) => {
                let outcome = story.run().expect("a story runs");
                let met = outcome.seen.count(seen);
                assert!(met > 0, "{name} does not meet {seen:?} any more");
            }
        }
    }
}

fn pictures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/book/pictures")
}

#[test]
fn the_pictures_of_the_book_are_those_that_are_drawn_now() {
    let directory = pictures();
    let bless = std::env::var_os("BLESS").is_some();
    if bless {
        fs::create_dir_all(&directory).expect("a directory for the pictures");
    }
    let mut stale = Vec::new();
    for story in STORIES {
        let picture = story.draw().unwrap_or_else(|error| panic!("{error}"));
        let path = directory.join(format!("{}.svg", story.name));
        if bless {
            fs::write(&path, &picture).expect("a picture that can be written");
        }
        if fs::read_to_string(&path).unwrap_or_default() != picture {
            stale.push(story.name);
        }
    }
    assert_eq!(
        stale, [""; 0],
        "drawn otherwise now: run this test with BLESS=1, and look"
    );
    let files = fs::read_dir(&directory).expect("the pictures");
    let files = files.map(|file| file.expect("a picture").file_name());
    let drawn: BTreeSet<_> = STORIES
        .iter()
        .map(|story| format!("{}.svg", story.name))
        .collect();
    let foreign: Vec<_> = files
        .map(|name| name.to_string_lossy().into_owned())
        .filter(|name| !drawn.contains(name))
        .collect();
    assert_eq!(foreign, [""; 0], "no story draws these");
}

#[test]
fn a_picture_has_a_lane_for_each_process_and_a_box_for_each_entry() {
    let outcome = run(Tape::stored(Vec::new()));
    let picture = draw("calm", &outcome, &Focus::on(On::Log)).expect("a picture");
    for lane in [">p0<", ">p1<", ">log<"] {
        assert!(picture.contains(lane), "there is no lane {lane}");
    }
    assert!(picture.starts_with("<svg") && picture.ends_with("</svg>\n"));
    let boxes = picture.matches("class=\"record\"").count();
    assert!(boxes > 10 && boxes <= outcome.trace.entries.len());
}

#[test]
fn a_picture_begins_and_ends_with_what_it_is_to_show() {
    let outcome = run(Tape::stored(Vec::new()));
    let r0 = Focus::on(On::Claims(&["r0"]));
    let whole = r0.rows(&outcome).expect("it shows something");
    let part = r0.shows(&["a0 claims r0", "a0 has r0", "a0 is told: r0 is yours"]);
    let rows = part.rows(&outcome).expect("a call, its entry, its answer");
    assert!((3..whole).contains(&rows), "{rows} of {whole} rows");
    assert_eq!(r0.shows(&["the power fails"]).rows(&outcome), None);
    assert_eq!(
        draw("calm", &outcome, &r0.shows(&["the power fails"])),
        None
    );
}
