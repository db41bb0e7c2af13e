//! The answer: the lease counts from before the claim was sent, less what the clocks may drift.

use mesh::core::Millis;

use super::{Call, DRIFT_PERCENT};

/// Until when the holder may act on its claim, by its own clock.
pub fn believe_until(call: &Call) -> Millis {
    call.sent_at + call.lease * (100 - DRIFT_PERCENT) / 100
}
