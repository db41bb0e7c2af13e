//! The answer: how long have *I* seen it unchanged, by *my* steady clock?

use super::{Clocks, Lease};

/// Somebody who wants to lead next.
#[derive(Debug, Default)]
pub struct Candidate {
    /// The record as it was seen last, and when it was first seen so, in steady time.
    seen: Option<(u64, u64)>,
}

impl super::Candidate for Candidate {
    fn takes_over(&mut self, lease: &Lease, clocks: Clocks) -> bool {
        match self.seen {
            Some((version, since)) if version == lease.version => {
                clocks.steady - since >= lease.duration
            }
            _ => {
                self.seen = Some((lease.version, clocks.steady));
                false
            }
        }
    }
}
