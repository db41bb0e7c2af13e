//! Claims, exhaustively.
mod common;

#[test]
fn the_rules_of_claims_hold_in_every_order() {
    common::check(&model::cases::claims());
}
