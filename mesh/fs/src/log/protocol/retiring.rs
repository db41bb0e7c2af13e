//! Removing the generations before the present one.

use super::standing::Standing;
use planted::promise;

/// The retirement of older generations, lowest first: its value is the step that comes next.
///
/// Once every lower name is gone *for good*, all temporary files that could become the
/// generation are removed, and only then it. Without this order a process that was paused
/// before its link would bring a retired generation back to life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use = "a retirement that is not driven on removes nothing"]
pub enum Retiring {
    /// List the folder: which generation is the lowest?
    List,
    /// All names below this generation are gone: sync the directory, so that they stay so.
    SyncNames(u64),
    /// Remove the temporary files, as far as they were listed, that could become this
    /// generation or a lower one.
    Sweep(u64),
    /// Remove this generation.
    Unlink(u64),
    /// Over: the present generation is the lowest, or what is left was put off.
    Over,
}

impl Retiring {
    /// The folder was listed, and this is its lowest generation.
    pub fn listed(self, standing: &Standing, lowest: Option<u64>) -> Self {
        promise!(self == Self::List, "what is retired was listed before");
        promise!(
            standing.named,
            "a generation is retired once its successor has its name for good"
        );
        match lowest {
            Some(lowest) if lowest < standing.generation => Self::SyncNames(lowest),
            _ => Self::Over,
        }
    }

    /// The step was taken.
    pub fn done(self) -> Self {
        match self {
            Self::SyncNames(lowest) => Self::Sweep(lowest),
            Self::Sweep(lowest) => Self::Unlink(lowest),
            Self::Unlink(_) => Self::List,
            Self::List | Self::Over => panic!("a listing tells what it found"),
        }
    }
}
