//! Messages, exhaustively.
mod common;

#[test]
fn the_rules_of_messages_hold_in_every_order() {
    common::check(&model::cases::messages());
}
