//! The named stories.

use super::{Focus, On, Story, Tells};
use crate::run::Runner;
use crate::sometimes::Seen;

/// Declares the stories; the tapes lie in `stories/`.
macro_rules! stories {
    ($($name:literal, $tells:expr, $focus:expr $(, on $runner:ident)?, $sentence:literal;)*) => {
        /// All of them.
        pub const STORIES: &[Story] = &[$(Story {
            name: $name,
            sentence: $sentence,
            tells: $tells,
            runner: runner!($($runner)?),
            focus: $focus,
            tape: include_str!(concat!("../../stories/", $name, ".tape")),
        },)*];
    };
}

macro_rules! runner {
    () => {
        Runner::Plain
    };
    ($runner:ident) => {
        Runner::$runner
    };
}

#[allow(unused)]
use Tells::{Breaks, Meets};

const R0: On = On::Claims(&["r0"]);

stories! {
    "paused-holder", Meets(Seen::StaleWriteRefused), Focus::on(R0),
    "A holder loses its claim while it believes in it; the fence keeps its late write out.";
    "stale-theft", Meets(Seen::DeadHolderRobbed), Focus::on(On::Lock),
    "A process dies with the store's lock in its hand, and another one takes it away.";
    "robbed-alive", Meets(Seen::LiveHolderRobbed), Focus::on(On::Lock),
    "A holder of the store's lock stands still for so long that it is robbed, and goes on.";
    "double-thief", Meets(Seen::SecondThiefLate), Focus::on(On::Lock),
    "Two processes go for one stale lock; the later one finds nothing, and harms nobody.";
    "torn-tail", Meets(Seen::TornTailHealed), Focus::on(On::Log),
    "A write is cut in its middle, and the log goes on behind it.";
    "cursor-under-skew", Meets(Seen::ClockBackAcrossUlid), Focus::on(On::Messages),
    "A clock that is behind posts a message, and the message still comes last.";
    "rotation-cut-short", Meets(Seen::RotationFinishedByOther), Focus::on(On::Log),
    "One process seals a generation, and another one has to make the next.";
}
