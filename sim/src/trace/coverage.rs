//! What a good storm must have met: the positive side of every "never".
//!
//! A checker that finds nothing proves something only if there was something to find.
//! Each of these is counted, and over enough seeds each must have happened.

/// Names the situations, in the order in which they are counted.
macro_rules! situations {
    ($($(#[$doc:meta])* $name:ident,)* ; network $($(#[$doc_n:meta])* $name_n:ident,)*) => {
        /// A situation that must come up sometimes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Seen { $($(#[$doc])* $name,)* $($(#[$doc_n])* $name_n,)* }

        impl Seen {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)* $(Self::$name_n,)*];
            /// Those of the world with a disk.
            pub const DISK: &'static [Self] = &[$(Self::$name,)*];
            /// Those that only the network world has.
            pub const NETWORK: &'static [Self] = &[$(Self::$name_n,)*];
        }
    };
}

situations! {
    /// The store's lock was taken from a live holder that stood still.
    LiveHolderRobbed,
    /// The store's lock was taken from a dead holder.
    DeadHolderRobbed,
    /// Two thieves went for one owner of the store's lock, and the later one found nothing.
    SecondThiefLate,
    /// A process wrote without the lock, after its patience had ended.
    WroteWithoutLock,
    /// Two agents believed at the same time that they hold a resource exclusively.
    TwoBelievers,
    /// A guarded resource refused a write under an old fence.
    StaleWriteRefused,
    /// An unguarded resource was overwritten by a holder that had lost its claim.
    UnfencedClobbered,
    /// An append lost its place to another writer.
    AppendLost,
    /// The power failed between an append and its sync.
    CutBeforeSync,
    /// An entry that was committed and never acknowledged was gone after a power cut.
    EntryLost,
    /// A process died after the effect and before the answer.
    CrashAfterEffect,
    /// A process died, or the disk filled up, in the middle of a write.
    TornTail,
    /// The log went on behind a torn tail.
    TornTailHealed,
    /// A reader saw the first half of a write.
    HalfWriteSeen,
    /// A listing missed a name.
    ListingRaced,
    /// A generation was followed by the next one.
    Rotated,
    /// A rotation was finished by another process than had begun it.
    RotationFinishedByOther,
    /// A name was lost or came back in a power cut.
    NameLost,
    /// Mesh told an agent of a promotion or a loss.
    ToldByMesh,
    /// A claim was denied because it would have waited for itself.
    DeadlockRefused,
    /// A claim was told what its agent had lost.
    LossTold,
    /// A call was held.
    CallHeld,
    /// A caller went away before it had its answer.
    CallerLeft,
    /// What a caller that went away had queued for was withdrawn.
    Withdrawn,
    /// An entry's time was before the time of the entry in front of it.
    ClockBack,
    /// A message was posted by a clock that was behind the newest message.
    ClockBackAcrossUlid,
    /// A process had a clock that was a century ahead.
    CenturyAhead,
    /// A deadline from a bad clock was cut.
    DeadlineCut,
    /// An agent was promoted whose process was dead already.
    PromotedAfterCrash,
    /// A hold lapsed while its process stood still.
    LapsedWhilePaused,
    /// A ticket became a hold.
    Promoted,
    /// Several shared tickets became holds together.
    SharedRunPromoted,
    /// A sole shared holder became the exclusive one.
    Upgraded,
    /// A shared holder was refused the exclusive mode.
    UpgradeDenied,
    /// A dead agent came back as a new incarnation.
    Reincarnated,
    /// A post was retried, and answered with the first reply.
    RetryAnswered,
    /// A message expired and was dropped.
    MessageExpired,
    /// A write failed.
    WriteError,
    /// A sync failed.
    SyncError,
    /// The disk was full.
    DiskFull,
    /// A call was interrupted.
    Interrupted,
    /// A look at files or names failed.
    LookFailed,
    /// A change of names failed.
    NamesNotChanged,
    /// A call failed with its outcome unknown, and had taken effect.
    UnknownTookEffect,
    /// A power cut took what a failed sync had left unwritten, after a later sync of the same
    /// file had succeeded.
    Deceived,
    /// A process was told of a sync that had failed in another one.
    ErrorToldToAll,
    /// What a failed sync had left unwritten was read back as it is on the disk.
    PagesDropped,
    /// A backup was restored under a running process, which was told so.
    RestoreNoticed,
    /// A backup was restored under a running process, which went on from it.
    RestoreFollowed,
    /// A cursor was asked to go where no message is, and stayed.
    BogusCursorRefused,
    /// A flipped bit was reported as damage.
    RotReported,
    /// An event of a newer mesh was reported as such.
    NewerReported,
    /// Two commands shared one entry.
    Batched,
    /// A predecessor's folder was adopted.
    Adopted,
    /// A claim was refused, since as many waited as may.
    TicketRefused,
    /// A claim was refused, since the fences of its resource were used up.
    FenceRefused,
    /// A claim was refused, since as many shared its resource as may.
    SharerRefused,
    /// An entry had as many lapses and cuts as one may, and nothing else: more was due.
    ReapedInPieces,
    /// A loss was forgotten, since newer ones are as many as are remembered.
    LossForgotten,
    /// An audit trail had lost its oldest events.
    TrailCut,
    /// An inbox was told in pieces.
    InboxCut,
    /// A process had more calls open than one entry takes.
    BatchPassed,
    /// A process had more calls open than wait in its queue.
    QueuePassed,
    /// More entries were read at once than one piece of news holds.
    NewsDivided,
    /// A checkpoint had more rows of a kind than one part holds.
    PartsDivided,
    /// An entry was too long for a record.
    RecordRefused,
    /// A number beyond all that there can be was reported as damage.
    NumberRefused,
    ; network
    /// A machine and the log server could not reach each other.
    CutOff,
    /// Only one of them could reach the other.
    CutOffOneWay,
    /// Messages were held back.
    MessagesHeld,
    /// Messages took longer than a client waits.
    MessagesDelayed,
    /// The log server crashed.
    LogServerCrashed,
    /// An append was not answered.
    OutcomeUnknown,
    /// A writer found the entry in the log whose append was not answered.
    OwnEntryFound,
    /// It found another entry in its place.
    OtherEntryFound,
    /// It found nothing there, and proposed the same entry again.
    ProposedAgain,
    /// It never found out, and said so.
    OutcomeToldUnknown,
    /// An append arrived again, or late, when its entry was in the log already.
    AppendArrivedTwice,
}

/// How often each situation came up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage {
    counts: Vec<u64>,
}

impl Default for Coverage {
    fn default() -> Self {
        Self {
            counts: vec![0; Seen::ALL.len()],
        }
    }
}

impl Coverage {
    /// Counts one.
    pub fn hit(&mut self, seen: Seen) {
        self.counts[seen as usize] += 1;
    }

    /// How often it came up.
    pub fn count(&self, seen: Seen) -> u64 {
        self.counts[seen as usize]
    }

    /// Adds another world's counts.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
    }

    /// What of these never came up.
    pub fn missing(&self, of: &[Seen]) -> Vec<Seen> {
        let never = |seen: &&Seen| self.count(**seen) == 0;
        of.iter().filter(never).copied().collect()
    }
}
