//! What goes wrong where an element is left out, or a bug is planted: the shortest
//! counterexamples, as stories.

use std::time::Duration;

use mesh::planted::Bug;

use crate::cases::{
    BACKWARD, JOURNAL, KEYED, LOCKED, MAIL, QUIET, SHORT_MAIL, SLOW, THREE, TWO_BY_TWO,
};
use crate::claims::{Bounds as ClaimsBounds, Claims};
use crate::commit::{Bounds as CommitBounds, Commit, Fault};
use crate::messages::{Bounds as MessagesBounds, Messages, RIGHT};
use crate::naive::{Bounds as NaiveBounds, Naive};
use crate::planted::Rules;
use crate::{Story, counterexample};

/// How long to look for one story: many times what each takes.
const LIMIT: Duration = Duration::from_secs(60);

/// Something that goes wrong.
#[derive(Clone, Copy, Debug)]
pub struct Tale {
    /// What is done the wrong way.
    pub title: &'static str,
    /// The rule or the property that it breaks: how its name begins.
    pub breaks: &'static str,
    /// The length of the shortest counterexample.
    pub steps: usize,
    wrong: Wrong,
}

#[derive(Clone, Copy, Debug)]
enum Wrong {
    Naive(NaiveBounds),
    Journal(CommitBounds),
    Claims(Bug, ClaimsBounds),
    Messages(Bug, MessagesBounds),
}

impl Tale {
    /// Finds the shortest counterexample. `None`: there is none.
    pub fn tell(&self) -> Option<Story> {
        match self.wrong {
            Wrong::Naive(bounds) => counterexample(Naive(bounds), LIMIT),
            Wrong::Journal(bounds) => counterexample(Commit::new(bounds), LIMIT),
            Wrong::Claims(bug, bounds) => {
                counterexample(Claims::with_rules(bounds, Rules(Some(bug))), LIMIT)
            }
            Wrong::Messages(bug, bounds) => {
                counterexample(Messages::with_rules(bounds, Rules(Some(bug))), LIMIT)
            }
        }
    }
}

/// The ways to commit that are usual, and wrong.
pub fn naive() -> Vec<Tale> {
    let tale = |title, breaks, steps, wrong| Tale {
        title,
        breaks,
        steps,
        wrong,
    };
    let stolen = NaiveBounds {
        theft: true,
        cut: false,
        ..LOCKED
    };
    let unsynced = NaiveBounds {
        sync: false,
        ..LOCKED
    };
    let rechecked = NaiveBounds {
        recheck: true,
        ..stolen
    };
    vec![
        tale(
            "A lock directory, and a rename",
            "no fence",
            12,
            Wrong::Naive(stolen),
        ),
        tale(
            "The same, with a look at the lock before the rename",
            "no fence",
            14,
            Wrong::Naive(rechecked),
        ),
        tale(
            "The same without theft, and without a sync",
            "what was told",
            11,
            Wrong::Naive(unsynced),
        ),
        tale(
            "The next generation is renamed into place",
            "G6",
            22,
            journal(Fault::RenameAtRotation, JOURNAL),
        ),
        tale(
            "An entry is acknowledged before it is synced",
            "G4",
            4,
            journal(Fault::NoSync, JOURNAL),
        ),
    ]
}

fn journal(fault: Fault, bounds: CommitBounds) -> Wrong {
    let fault = Some(fault);
    Wrong::Journal(CommitBounds { fault, ..bounds })
}

/// Each element of the journal's protocol, left out.
pub fn elements() -> Vec<Tale> {
    let tale = |title, breaks, steps, fault, bounds| Tale {
        title,
        breaks,
        steps,
        wrong: journal(fault, bounds),
    };
    let one = CommitBounds {
        generations: 1,
        ..JOURNAL
    };
    let three = CommitBounds { writers: 3, ..one };
    let looks = CommitBounds { looks: true, ..one };
    let torn = CommitBounds { torn: true, ..one };
    let refused = CommitBounds {
        gives_up: true,
        ..JOURNAL
    };
    let paused = CommitBounds {
        commands: 2,
        generations: 3,
        cuts: 0,
        ..JOURNAL
    };
    vec![
        tale(
            "Nobody looks whose record won",
            "G6",
            4,
            Fault::NoOffsetCheck,
            one,
        ),
        tale("There is no chain", "an entry", 7, Fault::NoChain, three),
        tale(
            "Unfinished bytes are void for ever",
            "G6",
            6,
            Fault::UnfinishedIsVoid,
            torn,
        ),
        tale(
            "What was read is revealed before a sync",
            "G4",
            5,
            Fault::RevealBeforeSync,
            looks,
        ),
        tale("There is no seal", "G6", 10, Fault::NoSeal, JOURNAL),
        tale(
            "The checkpoint is linked before it is synced",
            "G7",
            10,
            Fault::NoTempSync,
            JOURNAL,
        ),
        tale(
            "The directory is not synced",
            "G4",
            14,
            Fault::NoDirSync,
            JOURNAL,
        ),
        tale(
            "A generation goes before its successor is synced",
            "G7",
            14,
            Fault::NoDirSyncBeforeUnlink,
            JOURNAL,
        ),
        tale(
            "Nobody looks at the old name before the link",
            "G7",
            36,
            Fault::NoNameCheck,
            paused,
        ),
        tale(
            "Temporary files are not swept",
            "G7",
            39,
            Fault::NoSweep,
            paused,
        ),
        tale(
            "A command is refused before what beat it is durable",
            "G6 what was refused",
            7,
            Fault::RefuseUnsettled,
            refused,
        ),
        tale(
            "A writer forgets in the next generation that it lost a race",
            "G6 what was refused",
            15,
            Fault::ExposureLeftBehind,
            refused,
        ),
        tale(
            "The next old generation goes before it is certain that the last one stays away",
            "a generation goes",
            27,
            Fault::NoDirSyncBetweenUnlinks,
            paused,
        ),
        tale(
            "A retirement ends after one generation",
            "a retirement",
            25,
            Fault::RetireOne,
            paused,
        ),
    ]
}

/// The planted bugs of the core.
pub fn planted() -> Vec<Tale> {
    let claims = |breaks, steps, bug: Bug, bounds| Tale {
        title: bug.description(),
        breaks,
        steps,
        wrong: Wrong::Claims(bug, bounds),
    };
    let messages = |breaks, steps, bug: Bug, bounds| Tale {
        title: bug.description(),
        breaks,
        steps,
        wrong: Wrong::Messages(bug, bounds),
    };
    let short = THREE;
    let long = ClaimsBounds { lease: 4, ..short };
    let fast = ClaimsBounds {
        observer: Some(-3),
        ..long
    };
    let keyed = MessagesBounds {
        kinds: &[KEYED],
        ..QUIET
    };
    let slow = &[RIGHT, SLOW];
    let late = MessagesBounds {
        clocks: slow,
        kinds: &[SHORT_MAIL],
        ..QUIET
    };
    let skewed = MessagesBounds {
        clocks: &[BACKWARD, RIGHT],
        kinds: &[MAIL],
        ..QUIET
    };
    vec![
        claims("C5", 3, Bug::SharedToldExclusive, short),
        claims("C4", 3, Bug::RenewalTellsNewestFence, short),
        claims("C6", 3, Bug::SharedOvertakes, short),
        claims("C7", 3, Bug::SecondTicket, short),
        claims("C6", 4, Bug::LifoPromotion, short),
        claims("C9", 3, Bug::DeadWaiterPromoted, long),
        claims("C12", 2, Bug::BadDeadlineKept, fast),
        claims("A3", 5, Bug::EpochKeptAfterDeath, short),
        claims("A6", 3, Bug::ActingIsNoHeartbeat, short),
        claims("C9", 1, Bug::LapsedHoldKept, short),
        claims("C3", 2, Bug::UpgradeKeepsFence, short),
        claims("C8", 3, Bug::DowngradePromotesNobody, short),
        claims("W1", 5, Bug::LapseSleptThrough, short),
        claims("W4", 4, Bug::CircleQueued, TWO_BY_TWO),
        claims("W5", 3, Bug::PromotionNotTold, short),
        claims("W5", 3, Bug::LossNotTold, short),
        claims("W6", 3, Bug::LossNotSaid, short),
        claims("checkpoint", 3, Bug::LossesLeftOutOfCheckpoint, short),
        claims("replay", 1, Bug::FenceInMemoryOnly, short),
        claims("checkpoint", 1, Bug::FencesLeftOutOfCheckpoint, short),
        messages("M4", 1, Bug::AnyUlidMovesCursor, QUIET),
        messages("M2", 2, Bug::UlidFromClock, skewed),
        messages("M6", 1, Bug::ForeignMailShown, QUIET),
        messages("S1", 3, Bug::MessagesDroppedEarly, late),
        messages("M7", 2, Bug::RetryKeyIgnored, keyed),
    ]
}
