//! Why a rule has nothing of a kind: the only part of the page that is written by hand.

use super::Kind::{self, Asserted, Bug, Checker, Golden, Model, Test};

/// Kinds, the ids of rules that have nothing of them, and the reasons.
pub(super) type Reasons<'a> = &'a [(Kind, &'a str, &'a str)];

/// The reasons of this repository.
pub(super) const REASONS: Reasons<'_> = &[
    (
        Asserted,
        "G1 G2",
        "It is kept at the edge, by types and limits; a state may hold more, such as names \
         that were adopted.",
    ),
    (
        Asserted,
        "G3 A1 A3 A4 A5 A6 C4 C5 C6 C10 C11 M1 M3 W4 W5 S1",
        "It is about a step or an answer, and a state alone does not tell how it came about: \
         the checkers hold every step and every answer to it.",
    ),
    (
        Asserted,
        "A2 C9 C12",
        "It is about time, which is no part of a state: one that nobody touched for a while \
         may hold what has lapsed.",
    ),
    (
        Asserted,
        "G4 G5 G6 G7",
        "It is about the log and the disk, of which a state knows nothing.",
    ),
    (
        Asserted,
        "W1 W2 W3",
        "It is about calls and when they end, not about what the log says.",
    ),
    (
        Asserted,
        "S2 S3 S4 S6",
        "It is about the folder, not about a state in it.",
    ),
    (
        Asserted,
        "S5",
        "The trail is no part of the state; its own type drops the oldest event.",
    ),
    (
        Golden,
        "G2",
        "A script calls the nine commands, not the server that wraps their replies.",
    ),
    (
        Golden,
        "G4 G5 G6 G7",
        "A script has a log that nothing disturbs; the tests of the backend, power cuts and \
         the simulator disturb it.",
    ),
    (
        Golden,
        "W2 W3",
        "A script has no clock but its own, and no caller that waits or goes away.",
    ),
    (
        Golden,
        "S2 S3 S4 S6",
        "A script calls the nine commands, and sees no files.",
    ),
    (
        Test,
        "A5 C11",
        "The golden scripts show it, and the simulator holds every answer to it.",
    ),
    (
        Checker,
        "G1",
        "The simulator's agents call the coordinator, below the edge where texts are judged \
         and times are printed.",
    ),
    (
        Checker,
        "G5",
        "What was revealed and is lost in a power cut is reported as a breach of G4 or G7; \
         the ledger does not tell readers from writers.",
    ),
    (
        Checker,
        "W2",
        "In virtual time whoever is woken runs at once; how long it takes, only a real \
         machine can tell.",
    ),
    (
        Checker,
        "S4 S6",
        "The simulated disk has one folder, of one user, on a file system that mesh accepts.",
    ),
    (
        Model,
        "G1 G2 G8",
        "The models call `decide`, below the edge where texts are judged and printed.",
    ),
    (
        Model,
        "A1 A2",
        "The models ask A3, A4 and A6 of every state, which go by who is alive, stale or dead.",
    ),
    (
        Model,
        "C11",
        "It is about how a state is shown; the simulator holds every such answer to it.",
    ),
    (
        Model,
        "W2 W3",
        "The models have no processes, no callers and no time between a commit and its news.",
    ),
    (
        Model,
        "S2 S3 S4 S6",
        "The models have a log, but no folder, no users and no file systems.",
    ),
    (
        Model,
        "S5",
        "No model has as many events as the trail keeps.",
    ),
    (
        Bug,
        "G1 G2 G3",
        "A mistake at the edge shows in any test of a reply; the bugs are planted where it \
         takes an unlucky schedule to see them.",
    ),
    (
        Bug,
        "A1 A2 A4 C10 M5",
        "Its checker compares every answer of every run with the log, so it does not depend on \
         luck, and the bugs planted for other rules show that answers are compared.",
    ),
    (
        Bug,
        "C2",
        "Two exclusive holders are forged into a log instead: `CheckersAlwaysAgree` is caught \
         because the checkers let them pass.",
    ),
    (
        Bug,
        "W2",
        "It is about speed, of which the simulator knows nothing.",
    ),
    (
        Bug,
        "S3 S4 S6",
        "It is about how a folder is found and taken over, which needs no unlucky \
         schedule: the tests of the backend make such folders one by one.",
    ),
];
