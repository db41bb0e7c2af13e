//! Logs, which only ever go to standard error: standard output belongs to the protocol.

use std::env;
use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use super::output;
use super::screen::shows_colour;

/// Logs what `MESH_LOG` asks for; warnings and errors where it does not say.
pub(super) fn start() {
    let wanted = env::var("MESH_LOG").unwrap_or_default();
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::WARN.into());
    let filter = filter.parse(&wanted).unwrap_or_else(|error| {
        output::complain(format_args!("MESH_LOG is ignored: {error}"));
        EnvFilter::new("warn")
    });
    let colour = shows_colour(io::stderr().is_terminal());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(colour)
        .init();
}
