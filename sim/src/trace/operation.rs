//! What a process was doing when something befell it.

use std::fmt;

/// An operation of the file-system seam.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Opens a file.
    Open,
    /// Creates one that must not be there.
    Create,
    /// Reads from an open file.
    Read,
    /// Adds to its end.
    Append,
    /// Writes in place.
    Overwrite,
    /// Makes bytes or names durable.
    Sync,
    /// Asks after a file.
    Stat,
    /// Gives a file a second name.
    Link,
    /// Gives it another one.
    Rename,
    /// Takes a name away.
    Remove,
    /// Lists names.
    List,
    /// Makes a directory.
    MakeDir,
    /// Removes an empty one.
    RemoveDir,
    /// Asks for the kernel's lock on a file.
    Lock,
    /// Gives it back.
    Unlock,
    /// Asks whether a process is alive.
    Probe,
}

impl Verb {
    fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Create => "create",
            Self::Read => "read",
            Self::Append => "append",
            Self::Overwrite => "overwrite",
            Self::Sync => "sync",
            Self::Stat => "stat",
            Self::Link => "link",
            Self::Rename => "rename",
            Self::Remove => "remove",
            Self::List => "list",
            Self::MakeDir => "make_dir",
            Self::RemoveDir => "remove_dir",
            Self::Lock => "lock",
            Self::Unlock => "unlock",
            Self::Probe => "kill -0",
        }
    }

    /// Whether it changes names.
    pub(crate) fn changes_names(self) -> bool {
        matches!(
            self,
            Self::Link | Self::Rename | Self::Remove | Self::RemoveDir
        ) || self.takes_room()
    }

    /// Whether it takes room on the disk for a name.
    pub(crate) fn takes_room(self) -> bool {
        matches!(self, Self::Create | Self::Link | Self::MakeDir)
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What an operation is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A file that is open, or none.
    Open,
    /// A file that gets its name when it is complete.
    Temporary(String),
    /// A directory that becomes the store's lock when it gets its name.
    FutureLock(String),
    /// Any other name.
    Named(String),
}

impl Target {
    fn of(name: &str) -> Self {
        match name {
            "" => Self::Open,
            name if name.starts_with("tmp.") => Self::Temporary(name.to_owned()),
            name if name.starts_with("lock.") => Self::FutureLock(name.to_owned()),
            name => Self::Named(name.to_owned()),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => Ok(()),
            Self::Temporary(name) | Self::FutureLock(name) | Self::Named(name) => f.write_str(name),
        }
    }
}

/// What a process was doing.
#[derive(Clone, PartialEq, Eq)]
pub enum Doing {
    /// An operation: it was about to have its effect, or just had it.
    Operation(Verb, Target),
    /// An append, half of which is in the file.
    HalfAnAppend,
    /// Anything: nobody looked.
    Anything,
}

impl Doing {
    /// An operation on a name; an empty one for a file that is open.
    pub(crate) fn operation(verb: Verb, name: &str) -> Self {
        Self::Operation(verb, Target::of(name))
    }
}

impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operation(verb, target) => write!(f, "{verb} {target}"),
            Self::HalfAnAppend => f.write_str("append, in its middle"),
            Self::Anything => f.write_str("whatever it does"),
        }
    }
}

/// As it stands in a printed trace: its words, in quotes.
impl fmt::Debug for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}
