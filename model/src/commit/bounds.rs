//! How much of the world a commit model contains, and what may be left out of the
//! protocol to see what it is there for.

/// The bounds of a commit model.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// How many processes there are.
    pub writers: usize,
    /// How many commands each of them serves: appends, or looks that reveal.
    pub commands: u8,
    /// How many entries a generation takes before a writer rotates it.
    pub rotate_after: u64,
    /// The number of the last generation that may be made.
    pub generations: u8,
    /// How many processes may be killed.
    pub kills: u8,
    /// How many times the power may fail.
    pub cuts: u8,
    /// Whether a write can be seen, and cut, in its middle.
    pub torn: bool,
    /// Whether a command may also be one that only reads and reveals (G5).
    pub looks: bool,
    /// Whether a writer whose entry lost its race may give the command up, and refuse it.
    pub gives_up: bool,
    /// Whether writers take the store's lock, which may be stolen at any time.
    pub lock: bool,
    /// What is left out of the protocol.
    pub fault: Option<Fault>,
}

/// An element of the protocol that is left out, or done in another way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// A writer does not look whose record won: it believes in its own.
    NoOffsetCheck,
    /// A record counts by its place alone, whatever it was decided on.
    NoChain,
    /// Bytes that are no whole record yet are passed over for ever.
    UnfinishedIsVoid,
    /// A generation ends without a seal.
    NoSeal,
    /// The next generation is renamed into place, over whatever is there.
    RenameAtRotation,
    /// An entry is acknowledged before its file is synced.
    NoSync,
    /// What was read is revealed before it is synced.
    RevealBeforeSync,
    /// The next generation gets its name before its bytes are synced.
    NoTempSync,
    /// An entry is acknowledged before the name of its generation is synced.
    NoDirSync,
    /// A generation is removed before the name of its successor is synced.
    NoDirSyncBeforeUnlink,
    /// The successor is linked without a look at the name of the sealed generation.
    NoNameCheck,
    /// Retiring leaves the temporary files of old generations behind.
    NoSweep,
    /// A command is refused before the record that beat its own is durable.
    RefuseUnsettled,
    /// A writer forgets in the next generation that it lost a race in the one before.
    ExposureLeftBehind,
    /// Of several old generations, the next one is removed before it is certain that the
    /// one before it stays away.
    NoDirSyncBetweenUnlinks,
    /// A retirement ends after one generation.
    RetireOne,
}
