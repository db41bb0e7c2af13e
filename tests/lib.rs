//! What the tests of the whole program have in common. Which test answers what, and how it is
//! run, is in `README.md`.
//!
//! `support` is the harness: real processes, real clients, faults on demand. [`power_cuts`]
//! is here because two use it: the test of that name for a few seconds, and `torture` for as
//! long as one likes.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests stand outside the ports, and see files and time as their users do"
)]

pub mod power_cuts;
mod support;

pub use support::*;
