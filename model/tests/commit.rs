//! The journal, exhaustively.
mod common;

#[test]
fn the_promises_of_the_journal_hold_in_every_order() {
    common::check(&model::cases::commit());
}
