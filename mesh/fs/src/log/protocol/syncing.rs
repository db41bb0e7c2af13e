//! What must hold before anything is acknowledged or revealed (rules G4, G5, S2).

use super::standing::Standing;
use planted::promise;

/// A barrier: its value is the step that comes next.
///
/// In this order: the directory was synced with this generation in it; the file is synced
/// up to its accepted end; and both still are what the folder's path leads to. Steps whose
/// outcome is known already are passed over.
///
/// A driver syncs entries only where the standing is not
/// [doubtful](Standing::is_doubtful): what was found in the file is to be marked by others
/// before, or goes into a generation of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use = "a barrier that is not driven on makes nothing durable"]
pub enum Syncing {
    /// Sync the directory.
    Names,
    /// Sync the file.
    Entries,
    /// See whether what was read still is the log.
    Confirm,
    /// Over: all that was read or appended may be told.
    Over,
}

impl Syncing {
    /// The first step that is still to be taken. A driver may begin again at any time, for
    /// instance when a mark has told that somebody else has synced.
    pub fn begin(standing: &Standing) -> Self {
        if !standing.named {
            Self::Names
        } else if !standing.is_synced() {
            Self::Entries
        } else {
            Self::Confirm
        }
    }

    /// The directory, or the file, was synced.
    pub fn synced(self, standing: &mut Standing) -> Self {
        match self {
            Self::Names => standing.names_synced(),
            Self::Entries => standing.entries_synced(),
            Self::Confirm | Self::Over => panic!("only names and entries are synced"),
        }
        Self::begin(standing)
    }

    /// What was read still is the log.
    pub fn confirmed(self, standing: &Standing) -> Self {
        promise!(self == Self::Confirm, "what is confirmed was synced before");
        promise!(
            standing.named,
            "what is told stands in a file that has a name"
        );
        promise!(standing.is_synced(), "nothing is told that is not durable");
        Self::Over
    }
}
