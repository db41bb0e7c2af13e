//! End to end: `mesh mcp` as its users run it, one process for each agent, with real
//! clients, kills and pauses.
//!
//! The rules themselves are proven by golden scripts; here stands what only real
//! processes can show. One binary, so that it links once.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    reason = "tests stand outside the ports, and see files and time as their users do"
)]

mod command_line;
mod commands;
mod contention;
mod damage;
mod doctor;
mod durability;
mod folder;
mod hammer;
mod plugin;
mod protocol;
mod python;
mod refusal;
mod rejections;
mod room;
mod session;
mod trust;
mod unwatched;
mod waiting;
mod working_day;
