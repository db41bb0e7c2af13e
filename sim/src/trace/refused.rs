//! Why a resource was refused: three limits of G8 that a rejection tells of under one field.

use mesh::core::Rejection;

/// What there is no more of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Places in the queue.
    NoPlace,
    /// Fences.
    NoFenceLeft,
    /// Room to share it.
    Crowded,
}

impl Refused {
    /// What a rejection of `resource` is about.
    pub(crate) fn of(rejection: &Rejection) -> Self {
        if rejection.got.starts_with("one whose fences") {
            Self::NoFenceLeft
        } else if rejection.got.starts_with("one that") {
            Self::Crowded
        } else {
            Self::NoPlace
        }
    }
}
