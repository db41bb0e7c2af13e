//! The models from the command line: check them, walk through them, hear what goes wrong.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use model::cases::{self, Bounds, Case};
use model::claims::Claims;
use model::commit::Commit;
use model::messages::Messages;
use model::naive::Naive;
use model::stories;
use stateright::Model;

/// Explores the models of mesh: all orders of a small world.
#[derive(Parser)]
#[command(name = "model")]
struct Cli {
    #[command(subcommand)]
    command: Subcommands,
}

#[derive(Subcommand)]
enum Subcommands {
    /// Check all models, and print what was explored
    Check {
        /// Larger bounds: minutes to hours, and some GB of memory
        #[arg(long)]
        large: bool,
        /// Only models and bounds whose name contains this
        #[arg(long, default_value = "")]
        only: String,
        /// How long one configuration may take; the end of the time is a failure
        #[arg(long, default_value_t = 3600, value_name = "SECONDS")]
        limit: u64,
    },
    /// Walk through a model in a browser
    Explore {
        /// Which
        #[arg(default_value = "claims")]
        model: Which,
        /// Where to serve
        #[arg(long, default_value = "127.0.0.1:3000")]
        address: String,
    },
    /// Print the shortest counterexamples: naive commits, the protocol without each of its elements, planted bugs
    Stories {
        /// Only stories whose title contains this
        #[arg(long, default_value = "")]
        only: String,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Which {
    Claims,
    Messages,
    Commit,
    Naive,
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Subcommands::Check { large, only, limit } => {
            let cases = if large {
                cases::large()
            } else {
                cases::small()
            };
            check(&cases, &only, Duration::from_secs(limit))
        }
        Subcommands::Explore { model, address } => explore(model, &address),
        Subcommands::Stories { only } => tell(&only),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        // Whoever read the output has seen enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("model: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Checks each case, and prints the table; `true` if all hold.
fn check(cases: &[Case], only: &str, limit: Duration) -> std::io::Result<bool> {
    let chosen = cases
        .iter()
        .filter(|case| case.name.contains(only) || case.model().contains(only));
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{:<9} {:<58} {:>9} {:>6} {:>8} {:>9}",
        "model", "bounds", "states", "depth", "seconds", "states/s"
    )?;
    let (mut all_hold, mut any) = (true, false);
    for case in chosen {
        any = true;
        let mut shown = 0;
        let result = case.check(limit, &mut |states, since| {
            progress(states, since, &mut shown);
        });
        clear_progress();
        match result {
            Ok(report) => writeln!(
                out,
                "{:<9} {:<58} {:>9} {:>6} {:>8.2} {:>9.0}",
                case.model(),
                case.name,
                report.states,
                report.depth,
                report.elapsed.as_secs_f64(),
                report.speed()
            )?,
            Err(failure) => {
                all_hold = false;
                writeln!(
                    out,
                    "{:<9} {:<58} FAILS\n{failure}",
                    case.model(),
                    case.name
                )?;
            }
        }
    }
    if !any {
        writeln!(
            out,
            "nothing is called {only:?}: leave --only out to see all names"
        )?;
    }
    Ok(all_hold && any)
}

/// Once a second, on a terminal: how far the run is.
fn progress(states: usize, since: Duration, shown: &mut u64) {
    if std::io::stderr().is_terminal() && since.as_secs() > *shown {
        *shown = since.as_secs();
        eprint!("\r{states} states, {shown} s\x1b[K");
    }
}

fn clear_progress() {
    if std::io::stderr().is_terminal() {
        eprint!("\r\x1b[K");
    }
}

/// Serves the explorer, until the process is ended.
fn explore(which: Which, address: &str) -> std::io::Result<bool> {
    let cases = match which {
        Which::Claims => cases::claims(),
        Which::Messages => cases::messages(),
        Which::Commit => cases::commit(),
        Which::Naive => cases::naive(),
    };
    let Some(case) = cases.into_iter().next() else {
        return Ok(false);
    };
    // The explorer panics where it cannot bind, so that is tried before.
    drop(std::net::TcpListener::bind(address)?);
    println!(
        "{}: {}\nhttp://{address} (end with Ctrl-C)",
        case.model(),
        case.name
    );
    match case.bounds {
        Bounds::Claims(bounds) => drop(Claims::new(bounds).checker().serve(address)),
        Bounds::Messages(bounds) => drop(Messages::new(bounds).checker().serve(address)),
        Bounds::Commit(bounds) => drop(Commit::new(bounds).checker().serve(address)),
        Bounds::Naive(bounds) => drop(Naive(bounds).checker().serve(address)),
    }
    Ok(true)
}

/// Prints the stories; `true` if each was found.
fn tell(only: &str) -> std::io::Result<bool> {
    let parts = [
        ("The usual ways to commit", stories::naive()),
        (
            "The journal without one of its elements",
            stories::elements(),
        ),
        ("Bugs planted in the core", stories::planted()),
    ];
    let mut out = std::io::stdout().lock();
    let mut all_found = true;
    for (heading, tales) in parts {
        let chosen: Vec<_> = tales
            .iter()
            .filter(|tale| tale.title.contains(only))
            .collect();
        if chosen.is_empty() {
            continue;
        }
        writeln!(out, "{heading}\n{}\n", "=".repeat(heading.len()))?;
        for tale in chosen {
            writeln!(
                out,
                "{}\n{}",
                tale.title,
                "-".repeat(tale.title.chars().count())
            )?;
            match tale.tell() {
                Some(story) => writeln!(out, "{story}")?,
                None => {
                    all_found = false;
                    writeln!(out, "Nothing breaks.\n")?;
                }
            }
        }
    }
    Ok(all_found)
}
