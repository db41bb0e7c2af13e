//! Logs, which only ever go to standard error: standard output belongs to the protocol.

use std::env;
use std::io::{self, IsTerminal};

use tracing_subscriber::filter::{LevelFilter, ParseError, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{fmt, registry};

use super::output;
use super::screen::shows_colour;

/// Logs what `MESH_LOG` asks for; warnings and errors where it does not say.
pub(super) fn start() {
    let wanted = env::var("MESH_LOG").unwrap_or_default();
    let targets = targets(&wanted).unwrap_or_else(|error| {
        output::complain(format_args!("MESH_LOG is ignored: {error}"));
        Targets::new().with_default(LevelFilter::WARN)
    });
    let colour = shows_colour(io::stderr().is_terminal());
    let lines = fmt::layer().with_writer(io::stderr).with_ansi(colour);
    registry().with(targets).with(lines).init();
}

/// A level for all, levels for some parts, or both: `debug`, `mesh=trace,info`.
fn targets(wanted: &str) -> Result<Targets, ParseError> {
    if wanted.is_empty() {
        return Ok(Targets::new().with_default(LevelFilter::WARN));
    }
    let targets: Targets = wanted.parse()?;
    Ok(match targets.default_level() {
        None => targets.with_default(LevelFilter::WARN),
        Some(_) => targets,
    })
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::filter::LevelFilter;

    use super::targets;

    #[test]
    fn what_is_not_said_of_logs_is_warnings() {
        for (wanted, mesh, others) in [
            ("", LevelFilter::WARN, LevelFilter::WARN),
            ("debug", LevelFilter::DEBUG, LevelFilter::DEBUG),
            ("mesh=trace", LevelFilter::TRACE, LevelFilter::WARN),
            ("mesh=trace,info", LevelFilter::TRACE, LevelFilter::INFO),
        ] {
            let targets = targets(wanted).unwrap();
            let shows = |target, level: LevelFilter| {
                let level = level.into_level().unwrap();
                targets.would_enable(target, &level)
            };
            assert!(
                shows("mesh::core", mesh) && shows("rmcp", others),
                "{wanted}"
            );
            let debug = LevelFilter::DEBUG;
            assert_eq!(shows("rmcp", debug), others >= debug, "{wanted}");
        }
        assert!(targets("mesh=loud").is_err());
    }
}
