//! The MCP server: nine tools over a pair of byte streams.
//!
//! It translates and nothing more: JSON arguments down into a
//! [`Command`](crate::core::Command), the reply up as structured content. No rule of
//! the contract lives here.
//!
//! Guarantees:
//!
//! * **Every request gets an answer**, also one whose handler panics and one that is
//!   too long to be read (rule G8). A tool that fails answers with `isError`, since
//!   that is what an agent gets to see; protocol errors are for calls that name no
//!   tool of ours.
//! * **The end is orderly.** When the input ends, or [`Shutdown`] is asked for, or
//!   nobody reads the output any more, nothing more is taken in, the calls that were
//!   received are answered, and [`serve`] returns.
//! * **Nothing is written to the output but MCP messages.**
//!
//! Left to others: signals, logging and exit codes ([`cli`](crate::cli)), and what a
//! call means ([`core`](crate::core)).

mod instructions;
mod lines;
mod outbox;
mod progress;
mod server;
mod shutdown;
mod transport;

pub use instructions::INSTRUCTIONS;
pub use server::{Folder, ServeError, serve};
pub use shutdown::Shutdown;
