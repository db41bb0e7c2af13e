//! The book and all other pages are held to what they tell of.
//!
//! Each check is a function from a page to what is wrong with it, and has tests with bad
//! pages, which show that it can fail. `BLESS=1` writes what a program can know: code, and
//! what commands print.

#![allow(
    clippy::disallowed_methods,
    reason = "tests stand outside the ports, and see files as their users do"
)]

mod built;
mod code;
mod console;
mod exercises;
mod invariants;
mod links;
mod outline;
mod tree;
