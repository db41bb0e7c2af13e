//! Bugs that can be switched on, so that the simulator can prove that it would see
//! them.
//!
//! Behind the feature `planted`, which no release has: without it `is` is the constant
//! `false`, and the compiler removes what stands behind it. Each bug is one that this
//! code, its drafts or its predecessor could have, and stands where it would be made.
//! `docs/planted-bugs.md` tells after how many seeds each is caught.

#[cfg_attr(not(feature = "planted"), path = "never.rs")]
mod switch;

pub use switch::*;

/// The right value, unless a bug is planted: then the wrong one that stands behind it.
///
/// `sound!(right, Bug::X => wrong)` reads as `right`: whoever reads the code in passing stops
/// at the comma. Nothing but the value that is asked for is computed.
#[macro_export]
macro_rules! sound {
    ($right:expr, $($bug:path => $wrong:expr),+ $(,)?) => {
        match () {
            $(() if $crate::is($bug) => $wrong,)+
            () => $right,
        }
    };
}

/// Asserts, in debug builds, a sentence that the code promises to itself. While a bug is
/// planted, checkers are to find what it breaks, and the assertion stays silent.
#[macro_export]
macro_rules! promise {
    ($holds:expr, $sentence:literal $(, $argument:expr)* $(,)?) => {
        debug_assert!($crate::is_silent() || $holds, $sentence $(, $argument)*)
    };
}

/// Declares the bugs, with the rule of the contract that each breaks.
macro_rules! bugs {
    ($(#[doc = $doc:literal] $name:ident breaks $($rule:literal)|+,)*) => {
        /// A bug that can be planted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Bug { $(#[doc = $doc] $name,)* }

        impl Bug {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name by which it is asked for.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// What it is.
            pub fn description(self) -> &'static str {
                match self { $(Self::$name => $doc,)* }
            }

            /// The rules, any of which it may be caught by.
            pub fn breaks(self) -> &'static [&'static str] {
                match self { $(Self::$name => &[$($rule),+],)* }
            }
        }
    };
}

bugs! {
    #[doc = "A shared holder that asks for exclusive is told that it was granted."]
    SharedToldExclusive breaks "C5",
    #[doc = "A renewal returns the newest fence, which may be a co-holder's."]
    RenewalTellsNewestFence breaks "C4",
    #[doc = "A shared claim joins shared holders past a waiting exclusive ticket."]
    SharedOvertakes breaks "C6",
    #[doc = "A second claim in the queue adds a second ticket."]
    SecondTicket breaks "C7",
    #[doc = "Any ULID moves the cursor, past everything to come."]
    AnyUlidMovesCursor breaks "M4",
    #[doc = "A message id is drawn from the clock alone."]
    UlidFromClock breaks "M2",
    #[doc = "Who came last is promoted first."]
    LifoPromotion breaks "C6" | "C8",
    #[doc = "A waiter is promoted although its agent is dead."]
    DeadWaiterPromoted breaks "A5" | "C9",
    #[doc = "A checkpoint forgets the fences."]
    FencesLeftOutOfCheckpoint breaks "C3",
    #[doc = "A fence is kept in memory only: a replay does not count it."]
    FenceInMemoryOnly breaks "C3" | "C11",
    #[doc = "A deadline that a bad clock set is kept."]
    BadDeadlineKept breaks "C12",
    #[doc = "The time is read before the lock is taken."]
    NowBeforeLock breaks "C9",
    #[doc = "A post is sent again under its key, and posted again."]
    RetryKeyIgnored breaks "M7",
    #[doc = "A dead agent comes back as if it had lived."]
    EpochKeptAfterDeath breaks "A3",
    #[doc = "An inbox shows another agent's mail."]
    ForeignMailShown breaks "M6" | "M4",
    #[doc = "Acting is no sign of life."]
    ActingIsNoHeartbeat breaks "A6",
    #[doc = "Messages are dropped ten seconds early."]
    MessagesDroppedEarly breaks "S1",
    #[doc = "A hold whose lease has ended is not reaped."]
    LapsedHoldKept breaks "C9",
    #[doc = "The exclusive mode is granted under the old fence."]
    UpgradeKeepsFence breaks "C3",
    #[doc = "Whoever is granted a resource gets the fence that the last holder had."]
    FenceNotRaised breaks "C3",
    #[doc = "A downgrade promotes nobody."]
    DowngradePromotesNobody breaks "C8",
    #[doc = "A claim that would wait for itself is queued."]
    CircleQueued breaks "W4",
    #[doc = "Nobody is told of a promotion."]
    PromotionNotTold breaks "W5",
    #[doc = "Nobody is told of a loss."]
    LossNotTold breaks "W5",
    #[doc = "A renewal that comes too late looks like a new claim."]
    LossNotSaid breaks "W6",
    #[doc = "A checkpoint forgets what was lost."]
    LossesLeftOutOfCheckpoint breaks "W6",
    #[doc = "The journal is never synced."]
    NoFileSync breaks "G4" | "G7",
    #[doc = "What others wrote is revealed before it is synced."]
    RevealedUnsynced breaks "C9" | "G4" | "G5" | "G7",
    #[doc = "The directory is never synced."]
    NoDirectorySync breaks "G4" | "G7",
    #[doc = "Whoever appends believes that it won."]
    NoLookAtTheWinner breaks "G4" | "G6" | "G7",
    #[doc = "The next generation is renamed into place, over one that others wrote to."]
    RenameInsteadOfLink breaks "G4" | "G6" | "G7",
    #[doc = "A checkpoint is linked before it is synced."]
    CheckpointNotSynced breaks "G4" | "G7",
    #[doc = "Bytes that are not yet a record are void for ever."]
    UnfinishedIsVoid breaks "G4" | "G6" | "G7",
    #[doc = "An append whose outcome is unknown is decided again, as a new entry."]
    UnknownAppendRetriedAnew breaks "M1" | "G6",
    #[doc = "A thief removes whatever nonce it finds in the lock."]
    ThiefWithoutNonce breaks "lock",
    #[doc = "A lock is stolen by how long the thief waited, not by how long it is held."]
    TheftByOwnWait breaks "lock",
    #[doc = "An owner that lost the lock frees it for whoever has it now."]
    ReleaseOfAnyonesLock breaks "lock",
    #[doc = "A journal that is not found at once is reported as lost."]
    NoSecondLook breaks "G7",
    #[doc = "Whoever finds another one syncing believes itself synced."]
    SyncLeftToOthers breaks "G4" | "G5" | "G6" | "G7",
    #[doc = "A log that ends too early is taken as it is."]
    EndNotHeldAgainstMarks breaks "G4" | "G7",
    #[doc = "An event of an unknown kind is passed over."]
    NewerEventPassedOver breaks "G7",
    #[doc = "A held claim does not wake when what is in its way lapses."]
    LapseSleptThrough breaks "W1",
    #[doc = "A held claim gives no sign of life."]
    HeldTicketNotKept breaks "W1",
    #[doc = "A held claim is told of its grant although that has lapsed by now."]
    StaleGrantCollected breaks "A6" | "C4" | "C9" | "C12",
    #[doc = "A held call is not looked at when the log goes on."]
    NewsSleptThrough breaks "W1",
    #[doc = "A caller that goes away leaves the ticket that its call took."]
    GoneCallerKeepsTicket breaks "W3",
    #[doc = "A grant whose caller went away before it heard of it stays."]
    UndeliveredGrantKept breaks "W3",
    #[doc = "A held claim whose ticket lapsed takes another one, not as it was asked for."]
    TakenAnewWithoutTerms breaks "C1",
    #[doc = "A look that fails after an append says that nothing was appended."]
    FailedLookDenies breaks "G4" | "G6",
    #[doc = "A failure behind a committed entry says that nothing happened."]
    CommittedIsDenied breaks "G4",
    #[doc = "A resource whose fences are used up is granted under a fence that no reader takes."]
    FenceBeyondLimit breaks "G7" | "G8",
    #[doc = "A `state.json` that appears while the folder is opened counts as a lost journal."]
    ExportTakenForLoss breaks "G7",
    #[doc = "One ticket too many may wait for a resource."]
    TicketTooMany breaks "G8",
    #[doc = "One sharer too many may hold a resource."]
    SharerTooMany breaks "G8",
    #[doc = "All that is due is reaped in one entry, however much it is."]
    ReapedInOnePiece breaks "G8",
    #[doc = "An entry that no record takes fails all the calls that it was decided for."]
    BatchFailsTogether breaks "G4" | "G8",
    #[doc = "An inbox is told in one piece, however long."]
    InboxInOnePiece breaks "M3",
    #[doc = "The audit trail keeps one event too many."]
    TrailTooLong breaks "S5",
    #[doc = "Where there are too many losses, the newest is forgotten."]
    NewestLossForgotten breaks "W6",
    #[doc = "A record is written that is longer than any reader takes."]
    RecordTooLong breaks "G7",
    #[doc = "What was read last is not held against the file, which may have been restored."]
    FileNotHeldToWhatWasRead breaks "G6" | "G7" | "S2",
    #[doc = "Any later generation is taken for one that continues the present one."]
    AnyLaterGenerationFollows breaks "G7",
    #[doc = "A sync vouches for what stood in the file before it was opened."]
    LateDescriptorVouches breaks "C9" | "G4" | "G6" | "G7",
    #[doc = "A number beyond all that there can be is read like any other."]
    NumberNotBounded breaks "A6" | "G7",
}
