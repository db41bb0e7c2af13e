//! The named stories tell what they say, and break nothing.

use sim::run;
use sim::story::{STORIES, draw};
use sim::tape::{Tape, parse};

#[test]
fn every_story_meets_what_it_tells_and_breaks_nothing() {
    for story in STORIES {
        let entries = parse(story.tape).expect("a stored tape reads back");
        let outcome = run(Tape::stored(entries));
        assert_eq!(outcome.violation, None, "{}", story.name);
        assert!(
            outcome.seen.count(story.meets) > 0,
            "{} is another story by now",
            story.name
        );
    }
}

#[test]
fn a_picture_has_a_lane_for_each_process_and_one_for_the_log() {
    let outcome = run(Tape::stored(Vec::new()));
    let picture = draw("calm", &outcome);
    for lane in ["process 0", "process 1", "the log"] {
        assert!(picture.contains(lane), "there is no lane for {lane}");
    }
    assert!(picture.starts_with("<svg") && picture.ends_with("</svg>\n"));
    assert_eq!(
        picture.matches("class=\"entry\"").count(),
        outcome.trace.entries.len()
    );
}
