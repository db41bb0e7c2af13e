//! What befalls processes and their world: faults, and other turns that it takes.
//!
//! An incident is a value, and whatever is said of it is derived from that: the line of a
//! printed trace here, the words of a picture in [`story`](crate::story).

use super::operation::Doing;
use super::time::Micros;

/// A fault, or another turn of the world.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the documentation")]
pub enum Incident {
    Started {
        incarnation: u32,
    },
    Crashed {
        after_effect: bool,
        doing: Doing,
    },
    PowerCut {
        doing: Doing,
    },
    PowerCameBack {
        torn: bool,
        names_lost: bool,
    },
    Paused {
        micros: Micros,
        doing: Doing,
    },
    ClockStepped {
        by_ms: i64,
    },
    WriteFailed {
        name: String,
    },
    SyncFailed {
        name: String,
    },
    /// A process hears of a sync that failed in another one.
    SyncErrorTold {
        name: String,
    },
    /// What a failed sync left unwritten reads as it is on the disk.
    PagesDropped {
        name: String,
    },
    /// Somebody restored a backup.
    Restored {
        how: String,
    },
    DiskFull {
        name: String,
    },
    /// A look at files or names failed, or a change of names, before it had any effect.
    Refused {
        doing: Doing,
        error: i32,
    },
    StoreLockStolen {
        from_live: bool,
    },
    /// Another thief had been there already.
    StoreLockMissed,
    WroteWithoutLock,
    StoreLockTaken,
    StoreLockFreed,
    /// Another writer's entry has the place.
    AppendLost {
        seq: u64,
    },
    /// A record is in the file as far as its middle.
    HalfWritten,
    /// It was read so.
    HalfWriteSeen,
    /// The log goes on behind half a record.
    TornTailHealed,
    /// A generation was ended.
    Sealed {
        name: String,
    },
    /// A generation got its name.
    Followed {
        name: String,
    },
    /// The state was written for people.
    Exported,
    /// A generation got its name, over whatever had that name.
    RenamedOver {
        name: String,
    },
    StormEnded,
    BitFlipped {
        name: String,
        bit: usize,
    },
    NewerWrote {
        name: String,
    },
    NumberForged {
        name: String,
    },
    LinkBroke {
        broken: Broken,
    },
    LinkMended,
    LogServerCrashed,
    LogServerCameBack,
    /// No answer came to an append.
    NotAnswered {
        seq: u64,
    },
    OwnEntryFound {
        seq: u64,
    },
    OtherEntryFound {
        seq: u64,
    },
    ProposedAgain {
        seq: u64,
    },
    OutcomeUnknown {
        seq: u64,
        id: String,
    },
}

/// What is wrong with a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// Nothing goes through.
    BothWays,
    /// No request goes through.
    ToTheLog,
    /// No reply comes back.
    FromTheLog,
    /// Everything waits, and comes when this ends.
    Held,
    /// Everything takes long.
    Slow,
}
