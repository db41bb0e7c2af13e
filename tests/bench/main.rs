//! Measures mesh on a real disk, beside what a user would pick instead.
//!
//! `cargo run -p tests --profile dist --bin bench -- all` takes every figure and writes the
//! report into `docs/benchmarks/`; the name of a group takes that one and only prints it.
//!
//! What makes the figures worth something:
//!
//! * **Sides take turns.** Each figure is the median of several runs in which every side
//!   is measured, and what is compared is compared run by run.
//! * **The real thing.** Folders are fresh, on the disk under `--dir`; processes are
//!   processes. The server that is measured is the program that is installed, built when
//!   the first figure needs it.
//! * **Excluded is stated.** Each group says how it was taken and what is not in it.
//!
//! Left to whoever starts it: a machine that has nothing else to do. The load at the
//! beginning stands in the report.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "what is measured is real files in real time, seen from outside the ports"
)]

mod bare;
mod error;
mod figures;
mod fill;
mod folder;
mod machine;
mod plan;
mod report;
mod server;
mod sqlite;
mod stats;
mod svg;
mod usage;
mod worker;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, value_parser};

use error::{Error, Result};
use fill::Filled;
use machine::Machine;
use plan::Plan;

/// The subcommand of the processes that the bench starts.
const WORKER: &str = "worker";
/// The subcommand that takes every figure.
const ALL: &str = "all";
/// How often each side is measured; five at least, or a median tells little.
const RUNS: usize = 7;

fn main() -> ExitCode {
    match run(&arguments().get_matches()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn arguments() -> Command {
    let all = Command::new(ALL).about("Take every figure, and write the report");
    let groups = figures::ALL
        .into_iter()
        .map(|(name, about, _)| Command::new(name).about(about));
    let worker = worker::Arguments::augment_args(Command::new(WORKER).hide(true));
    Command::new("bench")
        .about("Measures mesh on a real disk, beside what a user would pick instead")
        .subcommand_required(true)
        .arg(
            Arg::new("quick")
                .long("quick")
                .help("Measure just enough to see that everything works")
                .action(ArgAction::SetTrue)
                .global(true),
        )
        .arg(
            Arg::new("runs")
                .long("runs")
                .help("How often each side is measured [default: 7, quick: 3]")
                .value_parser(value_parser!(u16).range(1..=1000))
                .global(true),
        )
        .arg(
            Arg::new("dir")
                .long("dir")
                .help("Where folders are made: on a real disk, for that is what is measured")
                .default_value("target/bench")
                .value_parser(value_parser!(PathBuf))
                .global(true),
        )
        .arg(
            Arg::new("out")
                .long("out")
                .help("Where `all` writes [default: docs/benchmarks, quick: DIR/report]")
                .value_parser(value_parser!(PathBuf))
                .global(true),
        )
        .subcommand(all)
        .subcommands(groups)
        .subcommand(worker)
}

fn run(matches: &ArgMatches) -> Result<()> {
    let Some((name, given)) = matches.subcommand() else {
        return Err(Error::new("which figure? see --help"));
    };
    if name == WORKER {
        let arguments = worker::Arguments::from_arg_matches(given);
        return worker::work(&arguments.map_err(|error| Error::new(error.to_string()))?);
    }
    let quick = given.get_flag("quick");
    let runs = given.get_one::<u16>("runs").copied().map(usize::from);
    let runs = runs.unwrap_or(if quick { 3 } else { RUNS });
    let Some(dir) = given.get_one::<PathBuf>("dir") else {
        return Err(Error::new("where? see --dir"));
    };
    let plan = Plan::new(dir, quick, runs)?;
    let machine = Machine::of(plan.dir());
    let filled = Filled::new(&plan)?;
    let mut groups = Vec::new();
    for (_, _, take) in figures::ALL
        .into_iter()
        .filter(|(group, ..)| name == ALL || name == *group)
    {
        let group = take(&plan, &filled)?;
        plan.print(group.markdown());
        groups.push(group);
    }
    filled.remove()?;
    plan.finish();
    if name == ALL {
        let usual = match quick {
            true => plan.dir().join("report"),
            false => PathBuf::from("docs/benchmarks"),
        };
        let out = given.get_one::<PathBuf>("out").unwrap_or(&usual);
        let page = report::markdown(&machine, &plan, &groups);
        report::write(out, &page, &groups)?;
        println!("written to {}", out.display());
    } else {
        println!("{}", machine.markdown());
    }
    Ok(())
}
