//! From one generation to the next.

use mesh_coordinator::ports::Append;

use super::appending::Appending;
use super::retiring::Retiring;
use super::standing::Standing;
use crate::log::chain::Link;
use planted::promise;

/// A rotation: its value is the step that comes next.
///
/// A sealed generation accepts nothing more, so the state at its seal is the same for
/// everybody, and whoever comes first writes it down as the next generation's checkpoint.
/// The order of the steps is the whole safety of it:
///
/// 1. The new file is written under a temporary name of its own, and synced. Where there is
///    no room for it, the present generation goes on as if nothing had been tried. Then the
///    present generation is sealed, where it is not yet.
/// 2. *Then* the sealed generation's name is looked at: if it is gone, others are further
///    already, and a link now could bring a retired generation back.
/// 3. The file is *linked* to its name, which fails if that exists. A rename would replace a
///    generation in which others have committed.
/// 4. The directory is synced before anything in the new file is acknowledged.
/// 5. Older generations are [retired](Retiring).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use = "a rotation that is not driven on leaves the generation as it is"]
pub enum Rotating {
    /// Write the successor under a temporary name, and sync it.
    WriteSuccessor,
    /// Seal the generation.
    Seal(Appending),
    /// See whether the sealed generation's name still leads to it.
    CheckName,
    /// Link the successor to its name.
    Link,
    /// Remove the temporary name, linked or not. Then go on, or end as lost.
    RemoveTemporary(Append),
    /// Open the successor, whoever made it.
    Open,
    /// Sync the directory with the successor in it.
    SyncNames,
    /// Retire what came before.
    Retire(Retiring),
    /// Over.
    Over(Append),
}

impl Rotating {
    /// A rotation at the state of the entry `seq`. It is lost from the beginning where that
    /// is not the end of what was read.
    pub fn begin(standing: &Standing, seq: u64) -> Self {
        if seq == standing.chain.seq {
            Self::WriteSuccessor
        } else {
            Self::Over(Append::Lost)
        }
    }

    /// Whether there is a file under the temporary name.
    #[must_use]
    pub fn has_temporary(self) -> bool {
        matches!(self, Self::Seal(_) | Self::CheckName | Self::Link)
    }

    /// The successor is written and synced.
    pub fn written(self, standing: &Standing) -> Self {
        promise!(
            self == Self::WriteSuccessor,
            "a successor is written before its predecessor is sealed"
        );
        if standing.chain.sealed {
            return Self::CheckName;
        }
        let seq = standing.chain.seq;
        Self::sealing(Appending::begin(standing, Link::Seal { seq }))
    }

    /// The append of the seal has come so far.
    pub fn sealing(seal: Appending) -> Self {
        match seal {
            Appending::Over(Append::Committed) => Self::CheckName,
            Appending::Over(Append::Lost) => Self::RemoveTemporary(Append::Lost),
            under_way => Self::Seal(under_way),
        }
    }

    /// The sealed generation's name leads to it, or not any more.
    pub fn checked(self, standing: &Standing, has_name: bool) -> Self {
        promise!(
            self == Self::CheckName,
            "a name is looked at right before the link"
        );
        promise!(
            standing.chain.sealed,
            "a generation gets a successor once it is sealed"
        );
        if has_name {
            Self::Link
        } else {
            Self::RemoveTemporary(Append::Committed)
        }
    }

    /// The successor has its name, by this link or by somebody else's.
    pub fn linked(self) -> Self {
        promise!(
            self == Self::Link,
            "only a name that was looked at is linked"
        );
        Self::RemoveTemporary(Append::Committed)
    }

    /// The temporary name is gone.
    pub fn removed(self) -> Self {
        match self {
            Self::RemoveTemporary(Append::Committed) => Self::Open,
            Self::RemoveTemporary(Append::Lost) => Self::Over(Append::Lost),
            _ => panic!("a temporary name is removed once it has served"),
        }
    }

    /// The successor is open, and `standing` is in it; or there is none.
    pub fn opened(self, is_next: bool) -> Self {
        promise!(
            self == Self::Open,
            "a successor is opened under its own name"
        );
        if is_next {
            Self::SyncNames
        } else {
            Self::Over(Append::Lost)
        }
    }

    /// The directory was synced with the successor in it.
    pub fn names_synced(self, standing: &mut Standing) -> Self {
        promise!(
            self == Self::SyncNames,
            "a successor has its name before it counts"
        );
        standing.names_synced();
        Self::retiring(Retiring::List)
    }

    /// Retiring what came before has come so far.
    pub fn retiring(retiring: Retiring) -> Self {
        match retiring {
            Retiring::Over => Self::Over(Append::Committed),
            under_way => Self::Retire(under_way),
        }
    }
}
