//! The named stories.
//!
//! A tape was found by `sim shrink --calm …`, which searches calm worlds with a few faults
//! for a run that shows what it should, and makes it small. Its first line says where.

use super::focus::{Focus, On};
use super::tale::Story;
use super::tale::Tells::{Breaks, Meets};
use crate::explore::Runner;
use crate::trace::Seen;

/// Declares the stories; the tapes lie in `stories/`.
macro_rules! stories {
    ($($name:literal, $tells:expr, $focus:expr $(, on $runner:ident)?, $sentence:literal;)*) => {
        /// All of them, in the order of the chapters that tell them.
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

const R0: On = On::Claims(&["r0"]);
const R0_AND_R1: On = On::Claims(&["r0", "r1"]);

stories! {
    "stale-theft", Meets(Seen::DeadHolderRobbed), Focus::on(On::Lock).shows(&["takes the store's lock", "is killed", "from its dead owner", "takes the lock"]),
    "A process dies with the store's lock in its hand, and another one takes it away.";
    "double-thief", Meets(Seen::SecondThiefLate), Focus::on(On::Lock).shows(&["takes the store's lock", "is killed", "from its dead owner", "finds it gone", "takes the"]),
    "Two processes go for one stale lock; the later one finds nothing, and harms nobody.";
    "robbed-alive", Meets(Seen::LiveHolderRobbed), Focus::on(On::Lock).shows(&["p0 takes the store's lock", "p0 stands still", "who is alive", "p1 takes the lock, appends", "p0 finds that another", "entry"]),
    "A holder of the store's lock stands still for so long that it is robbed; the log refuses what it goes on to write.";
    "fresh-lock-stolen", Breaks("ThiefWithoutNonce", "lock"), Focus::on(On::Lock).shows(&["takes the store's lock", "is killed", "from its dead owner", "takes the store's lock", "who is alive", "takes the lock"]),
    "Two processes go for one stale lock, and the later one takes it from its new owner, who is alive and at work.";
    "unlocked-anothers", Breaks("ReleaseOfAnyonesLock", "lock"), Focus::on(On::Lock).shows(&["p0 takes the store's lock", "p0 stands still", "who is alive", "p1 takes the store's lock", "p0 frees the store's lock, which"]),
    "A robbed owner comes back, and frees the lock for which another one is at work.";
    "robbed-by-the-impatient", Breaks("TheftByOwnWait", "lock"), Focus::on(On::Lock).shows(&["takes the store's lock", "stands still", "who is alive", "takes the store's lock", "who is alive"]),
    "A lock is stolen by how long the thief has waited, and not by how long it was held.";
    "lapsed-while-paused", Meets(Seen::LapsedWhilePaused), Focus::on(R0).shows(&["a0 claims r0", "a0 is told: r0 is yours, fence 1", "p0 stands still", "a0 loses r0", "it lost the hold of fence 1"]),
    "A lease ends while its holder stands still; the resource is another one's before the holder hears of it.";
    "two-believers", Meets(Seen::TwoBelievers), Focus::on(R0).shows(&["a0 claims r0", "a0 has r0 under fence 1", "p0 stands still", "a0 loses r0", "a1 is told: r0 is yours, fence 2", "a0 is told: r0 is yours, fence 1"]),
    "Two agents believe at the same time that they hold a resource exclusively; one of them is wrong, and cannot know.";
    "century-ahead", Meets(Seen::DeadlineCut), Focus::on(R0).shows(&["claims r0", "for 100 years", "is cut to", "is told: number 1"]),
    "A process whose clock is a century ahead leaves a deadline behind; whoever touches the resource next cuts it.";
    "locked-out", Breaks("BadDeadlineKept", "C12"), Focus::on(R0).shows(&["claims r0", "for 100 years", "is told: number 1"]),
    "The same deadline is kept, and everybody else waits for a century.";
    "time-read-too-early", Breaks("NowBeforeLock", "C9"), Focus::on(R0).with_lock().shows(&["a0 claims r0", "a0 is told: r0 is yours, fence 1", "p0 stands still", "a1 claims r0", "goes on without", "a1 waits for r0 (dated", "a1 is told: number 1"]),
    "The time is read before the wait for the store's lock: a lease that has ended in the meantime still counts.";
    "paused-holder", Meets(Seen::StaleWriteRefused), Focus::on(R0).shows(&["a0 claims r0", "a0 is told: r0 is yours, fence 1", "p0 stands still", "a0 loses r0", "a1 writes to r0 under fence 2", "a0 writes to r0 under fence 1, and is refused"]),
    "A holder loses its claim while it believes in it; the fence keeps its late write out.";
    "clobbered", Meets(Seen::UnfencedClobbered), Focus::on(R0).unfenced().shows(&["a0 claims r0", "a0 is told: r0 is yours, fence 1", "p0 stands still", "a0 loses r0", "a1 writes to r0 under fence 2", "a0 writes to r0 under fence 1, over what is newer"]),
    "The same run, and a store that checks no fence: the late write goes over the newer one.";
    "fence-not-raised", Breaks("FenceNotRaised", "C3"), Focus::on(R0).shows(&["a0 claims r0", "a0 is told: r0 is yours, fence 1", "p0 stands still", "a0 loses r0", "a1 writes to r0 under fence 1", "a0 writes to r0 under fence 1"]),
    "The same run, and a grant that does not raise the fence: the store cannot tell the late write from the others.";
    "promoted-in-order", Meets(Seen::Promoted), Focus::on(R0).shows(&["a0 claims r0", "a1 waits for r0", "a2 waits for r0", "a0 releases", "a1 releases", "a2 is promoted"]),
    "Two agents queue for what a third one holds, and get it one after the other, each under a higher fence.";
    "overtaken", Breaks("LifoPromotion", "C6"), Focus::on(R0).shows(&["a0 claims r0", "a1 waits for r0", "a2 waits for r0", "a0 releases", "a2 is promoted", "is told"]),
    "Who came last is promoted first.";
    "dead-promoted", Breaks("DeadWaiterPromoted", "C9"), Focus::on(R0).shows(&["waits for r0", "is killed", "is promoted"]),
    "The claim goes to an agent that is dead, and to nobody else before its lease is over.";
    "writer-starved", Breaks("SharedOvertakes", "C6"), Focus::on(R0).shows(&["claims a share", "a0 waits for r0", "has a share", "is told"]),
    "A shared claim joins the readers past a writer that waits.";
    "deadlock-refused", Meets(Seen::DeadlockRefused), Focus::on(R0_AND_R1).shows(&["has r", "has r", "waits for", "is denied"]),
    "A claim that would wait for itself, around a circle, is denied, and told why.";
    "deadlocked", Breaks("CircleQueued", "W4"), Focus::on(R0_AND_R1).shows(&["has r", "has r", "waits for", "waits for"]),
    "A claim that would wait for itself is queued, and two agents wait for each other.";
    "first-writer-wins", Meets(Seen::AppendLost), Focus::on(On::Log).shows(&["a0 claims r0", "a1 claims r0", "came first", "waits for r0", "is told: number 1"]),
    "Two processes append at one place; the log takes the first, and the other one decides again.";
    "believed-it-won", Breaks("NoLookAtTheWinner", "G6"), Focus::on(On::Log).shows(&["a0 claims r0", "is told: r0 is yours, fence 1", "is told: r0 is yours, fence 1"]),
    "Whoever appends believes that it won: two agents are told that they hold one resource, under one fence.";
    "torn-tail", Meets(Seen::TornTailHealed), Focus::on(On::Log).shows(&["claims r0", "is killed, in its write", "behind the torn record", "entry"]),
    "A write is cut in its middle, and the log goes on behind it.";
    "lost-before-sync", Meets(Seen::EntryLost), Focus::on(On::Log).shows(&["claims r0", "has r0 under fence 1", "power fails", "is gone", "is told: r0 is yours"]),
    "The power fails between an append and its sync: the entry is gone, and nobody had been told of it.";
    "acknowledged-too-early", Breaks("NoFileSync", "G4"), Focus::on(On::Log).shows(&["a0 claims r0", "a0 is told: r0 is yours, fence 1", "power fails", "a1 claims r0", "a1 is told: r0 is yours, fence 1"]),
    "The answer goes out without a sync; the power cut takes back what was promised, and the next agent is promised the same.";
    "half-a-record", Breaks("UnfinishedIsVoid", "G6"), Focus::on(On::Log).shows(&["claims r0", "half a record so far", "sees half", "is told: r0 is yours, fence 1", "is told: r0 is yours, fence 1"]),
    "A reader takes half a write for void for ever, and misses it when it is whole.";
    "rotation-cut-short", Meets(Seen::RotationFinishedByOther), Focus::on(On::Log).shows(&["seals", "is killed", "links journal.2", "is told"]),
    "One process seals a generation and dies; another one makes the next.";
    "renamed-over", Breaks("RenameInsteadOfLink", "G6"), Focus::on(On::Log).shows(&["seals journal.1", "stands still", "renames its own file to journal.2", "entry", "renames its own file to journal.2", "as durable"]),
    "A process that stood still renames its next generation over one that others have written to.";
    "checkpoint-unsynced", Breaks("CheckpointNotSynced", "G7"), Focus::on(On::Log).shows(&["seals journal.1", "links journal.2", "power fails", "is told: journal.2"]),
    "A checkpoint is linked before it is synced, and the power fails: the log is there by name only.";
    "fences-forgotten", Breaks("FencesLeftOutOfCheckpoint", "C3"), Focus::on(R0).shows(&["has r0 under fence 1", "under fence 2", "starts again", "releases", "has r0 under fence 1", "is told"]),
    "A checkpoint leaves the fences out, and whoever starts from it begins to count again.";
    "cursor-under-skew", Meets(Seen::ClockBackAcrossUlid), Focus::on(On::Messages).shows(&["posts to", "cursor is at m1", "m2 from", "is shown m2"]),
    "A clock that is behind posts a message, and the message still comes last.";
    "message-behind-cursor", Breaks("UlidFromClock", "M2"), Focus::on(On::Messages).shows(&["posts to", "cursor is at m1", "its id sorts before that of m1", "is shown no mail"]),
    "The id is drawn from the clock alone: the message lands behind its reader's cursor, and nobody ever sees it.";
    "cursor-past-everything", Breaks("AnyUlidMovesCursor", "M4"), Focus::on(On::Messages).shows(&["a0 moves its cursor", "m1 from a1 to a0", "a0 is shown no mail"]),
    "A made-up id moves the cursor past everything to come.";
    "export-taken-for-loss", Breaks("ExportTakenForLoss", "G7"), Focus::on(On::Files).shows(&["a0 registers", "stands still", "is told: the journal is missing"]),
    "What the simulator found once, as small as it could make it: a file that appears while a folder is opened is taken for the rest of a lost journal.";
    "answer-lost", Meets(Seen::OwnEntryFound), Focus::on(On::Log).shows(&["claims r0", "hears nothing", "gets no answer", "finds its own", "is told"]), on Network,
    "An append is committed and its answer is lost; the writer looks at the place, and finds its own entry.";
    "proposed-again", Meets(Seen::ProposedAgain), Focus::on(On::Log).shows(&["claims r0", "gets no answer", "proposes the same entry", "finds its own", "is told: r0 is yours"]), on Network,
    "An append never arrives; the writer finds the place empty, and proposes the same entry again.";
    "timeout-taken-for-loss", Breaks("TimeoutTakenForLoss", "G6"), Focus::on(On::Log).shows(&["claims r0", "gets no answer", "came first", "is told: r0 is yours"]), on Network,
    "A client takes a time-out for a lost race, and decides again what has its place in the log already.";
}

impl Story {
    /// The one of a name.
    ///
    /// # Errors
    ///
    /// Where there is no such one.
    pub fn named(name: &str) -> Result<Self, String> {
        let found = STORIES.iter().find(|story| story.name == name);
        found.copied().ok_or_else(|| {
            format!("no story is called {name}; `sim story` without a name lists them")
        })
    }
}
