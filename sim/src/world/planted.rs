//! Bugs of the simulator itself, which show that somebody would notice them.

use std::cell::Cell;

use crate::trace::Seen;

/// A bug of the simulator itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SimBug {
    /// No process ever stands still.
    NeverPauses,
    /// The power never fails.
    NeverCutsPower,
    /// A power cut loses nothing.
    DiskKeepsEverything,
    /// No checker finds anything.
    CheckersAlwaysAgree,
    /// A log client takes a time-out for a lost race.
    TimeoutTakenForLoss,
}

thread_local! {
    static PLANTED: Cell<Option<SimBug>> = const { Cell::new(None) };
}

/// Plants a bug of the simulator in this thread, or takes it away.
pub(crate) fn set(bug: Option<SimBug>) {
    PLANTED.set(bug);
}

/// Whether a bug of the simulator is planted in this thread.
pub(crate) fn is(bug: SimBug) -> bool {
    PLANTED.get() == Some(bug)
}

impl SimBug {
    pub(crate) const ALL: [Self; 5] = [
        Self::NeverPauses,
        Self::NeverCutsPower,
        Self::DiskKeepsEverything,
        Self::CheckersAlwaysAgree,
        Self::TimeoutTakenForLoss,
    ];

    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::NeverPauses => "The simulator never pauses a process.",
            Self::NeverCutsPower => "The simulator never cuts the power.",
            Self::DiskKeepsEverything => "The simulated disk loses nothing in a power cut.",
            Self::CheckersAlwaysAgree => "The simulator's checkers always agree.",
            Self::TimeoutTakenForLoss => {
                "The simulator's client of a log server takes a time-out for a lost race."
            }
        }
    }

    /// What no longer comes up.
    pub(crate) fn starves(self) -> Option<Seen> {
        match self {
            Self::NeverPauses => Some(Seen::LapsedWhilePaused),
            Self::NeverCutsPower => Some(Seen::CutBeforeSync),
            Self::DiskKeepsEverything => Some(Seen::EntryLost),
            Self::CheckersAlwaysAgree | Self::TimeoutTakenForLoss => None,
        }
    }
}
