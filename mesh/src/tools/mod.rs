//! The nine tools, described once.
//!
//! One table says what each tool is called, what it teaches an agent that sees it for
//! the first time, which arguments it takes and what its reply holds. Everything else
//! follows from it: the JSON Schemas of the MCP server, and [`Tool::decode`], which
//! turns JSON arguments into a [`Command`](crate::core::Command) or says precisely
//! what is wrong with them (rule G3).
//!
//! Guarantees: what a schema promises, `decode` enforces, since both read the same
//! row. Whatever `decode` lets through is a well-typed command, whose fields have the names
//! of the rows.
//!
//! Left to others: the content of strings (length, characters, whether a name exists)
//! is checked by [`core`](crate::core) alone, so that the library, the command line
//! and the server refuse the same text with the same words. Nothing in here knows of
//! MCP or of a runtime; scripts and fuzzers use it as it is.

mod arguments;
mod decode;
mod pin;
mod schema;
mod table;
mod tool;

pub use pin::Pin;
pub use table::{TOOLS, find};
pub use tool::{Access, Field, Kind, Literal, Parameter, Shape, Tool};
