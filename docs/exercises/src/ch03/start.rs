//! Yours to edit: until when a holder may act on its claim.

use mesh::core::Millis;

use super::Call;

/// Until when the holder may act on its claim, by its own clock.
pub fn believe_until(call: &Call) -> Millis {
    // "Granted, for ten seconds": ten seconds from when?
    call.answered_at + call.lease
}
