//! What a predecessor left behind, for worlds that begin with one (S3).
//!
//! Its folder stands in two forms in the simulator: as the file that the
//! [world](crate::world) begins with, and as the state that the
//! [checkers](crate::checkers) expect whoever opens it to have. Its agents are long dead and
//! its hold has lapsed, so that nothing depends on when it is adopted; what must survive is
//! what may never be forgotten: fences, epochs, mail, cursors, and the newest message.

use super::time::EPOCH_MS;

/// A message that is there, and one that only its log remembers.
pub(crate) const KEPT: &str = "01HF7Y0000000000000000000A";
pub(crate) const NEWEST: &str = "01HF7Y0000000000000000000B";
pub(crate) const CLAIM: &str = "01HF7Y0000000000000000000C";
/// An hour before the world begins.
pub(crate) const THEN: u64 = EPOCH_MS / 1000 - 3_600;
pub(crate) const EPOCH: u64 = 3;
/// The fences of `r0`, which is held, and of `r1`, which was.
pub(crate) const FENCES: [u64; 2] = [9, 4];
