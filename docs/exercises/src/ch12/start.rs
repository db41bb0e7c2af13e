//! Your copy: a candidate that believes in clocks.

use super::{Clocks, Lease};

/// Somebody who wants to lead next.
#[derive(Debug, Default)]
pub struct Candidate {}

impl super::Candidate for Candidate {
    fn takes_over(&mut self, lease: &Lease, clocks: Clocks) -> bool {
        clocks.wall > lease.renewed_at + lease.duration
    }
}
