//! The simulator's command line: sweep, replay, shrink, mutants, coverage.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use sim::mutants::{self, Mutant};
use sim::report::report;
use sim::sometimes::Seen;
use sim::sweep::{Summary, Sweep, cores, sweep};
use sim::tape::{self, Tape};
use sim::{Outcome, run, run_seed, shrink::shrink};

/// Runs mesh in a world that breaks, and holds it against its contract.
#[derive(Parser)]
#[command(name = "sim", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run many seeds, and print one line for each that fails.
    Sweep {
        /// How many seeds.
        #[arg(default_value_t = 10_000)]
        seeds: u64,
        /// The first of them.
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// Plant this bug first.
        #[arg(long)]
        mutant: Option<String>,
        /// How many threads; one for each core when left out.
        #[arg(long)]
        threads: Option<usize>,
    },
    /// Run one seed or stored tape, and print everything that happens.
    Replay {
        #[command(flatten)]
        what: What,
    },
    /// Reduce a failing seed or tape to the smallest one that breaks the same rule.
    Shrink {
        #[command(flatten)]
        what: What,
        /// How many runs it may take.
        #[arg(long, default_value_t = 20_000)]
        budget: usize,
        /// Where to store the tape.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Plant every bug in turn, and tell after how many seeds it is caught.
    Mutants {
        /// How many seeds each gets at most.
        #[arg(long, default_value_t = 2_000)]
        seeds: u64,
        /// Where to write the table.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Count what a number of seeds meets.
    Coverage {
        /// How many seeds.
        #[arg(default_value_t = 10_000)]
        seeds: u64,
    },
}

#[derive(clap::Args)]
struct What {
    /// The seed.
    #[arg(long, required_unless_present = "tape")]
    seed: Option<u64>,
    /// The file of a stored tape.
    #[arg(long, conflicts_with = "seed")]
    tape: Option<PathBuf>,
    /// Plant this bug first.
    #[arg(long)]
    mutant: Option<String>,
}

impl What {
    fn run(&self) -> Result<(String, Outcome), String> {
        if let Some(seed) = self.seed {
            return Ok((format!("seed {seed}"), run_seed(seed)));
        }
        let path = self.tape.clone().unwrap_or_default();
        let failed = |error| format!("cannot read {}: {error}", path.display());
        #[allow(clippy::disallowed_methods, reason = "a tape that a person names")]
        let text = std::fs::read_to_string(&path).map_err(failed)?;
        let entries = tape::parse(&text)?;
        Ok((path.display().to_string(), run(Tape::stored(entries))))
    }
}

fn main() -> ExitCode {
    // What panics in a world is a violation, and is reported as one.
    std::panic::set_hook(Box::new(|_| {}));
    match serve(Arguments::parse().command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

/// Does what was asked. `false`: something is broken.
fn serve(command: Command) -> Result<bool, String> {
    match command {
        Command::Sweep {
            seeds,
            from,
            mutant,
            threads,
        } => {
            let mutant = mutant.as_deref().map(Mutant::named).transpose()?;
            let summary = swept(from, seeds, mutant, threads.unwrap_or_else(cores));
            print_failures(&summary, mutant);
            Ok(summary.failures.is_empty())
        }
        Command::Replay { what } => {
            let mutant = what.mutant.as_deref().map(Mutant::named).transpose()?;
            let _planted = mutant.map(Mutant::plant);
            let (origin, outcome) = what.run()?;
            print!("{}", report(&origin, &outcome));
            Ok(outcome.violation.is_none())
        }
        Command::Shrink { what, budget, out } => shrunk(&what, budget, out),
        Command::Mutants { seeds, out } => matrix(seeds, out),
        Command::Coverage { seeds } => {
            let summary = swept(0, seeds, None, cores());
            print_coverage(&summary);
            Ok(summary.seen.missing().is_empty())
        }
    }
}

fn swept(from: u64, seeds: u64, mutant: Option<Mutant>, threads: usize) -> Summary {
    let bar = ProgressBar::new(seeds);
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} seeds, {per_sec}, {eta} left");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    let how = Sweep {
        threads,
        mutant,
        until_failure: false,
        progress: &|done| bar.inc(done),
    };
    let summary = sweep(from..from + seeds, &how);
    let seconds = bar.elapsed().as_secs_f64();
    bar.finish_and_clear();
    println!(
        "{} seeds, {} calls, {} operations in {seconds:.1} s: {:.0} seeds/s on {threads} threads",
        summary.seeds,
        summary.calls,
        summary.steps,
        summary.seeds as f64 / seconds
    );
    summary
}

fn print_failures(summary: &Summary, mutant: Option<Mutant>) {
    let planted = mutant.map_or_else(String::new, |m| format!(" --mutant {}", m.name()));
    for (seed, broken) in &summary.failures {
        let what: String = broken.to_string().chars().take(160).collect();
        println!("{what}\n    cargo run -p sim --release -- replay --seed {seed}{planted}");
    }
    println!("{} seeds fail", summary.failures.len());
}

fn print_coverage(summary: &Summary) {
    for seen in Seen::ALL {
        println!("{:>10}  {seen:?}", summary.seen.count(*seen));
    }
}

fn shrunk(what: &What, budget: usize, out: Option<PathBuf>) -> Result<bool, String> {
    let mutant = what.mutant.as_deref().map(Mutant::named).transpose()?;
    let _planted = mutant.map(Mutant::plant);
    let (origin, outcome) = what.run()?;
    let Some(broken) = outcome.violation else {
        println!("{origin} breaks nothing");
        return Ok(true);
    };
    let before = outcome.tape.len();
    let shrunk = shrink(outcome.tape, &broken, budget);
    let text = report(&origin, &shrunk.outcome);
    println!("{text}");
    println!(
        "{before} entries became {} in {} runs",
        shrunk.tape.len(),
        shrunk.runs
    );
    if let Some(out) = out {
        let mut stored = String::new();
        let bug = what.mutant.as_deref().unwrap_or("none");
        // Writing to a String cannot fail.
        let _ = writeln!(stored, "# {bug} {} from {origin}", broken.rule);
        stored.push_str(&tape::print(&shrunk.tape));
        write(&out, &stored)?;
    }
    Ok(false)
}

fn matrix(seeds: u64, out: Option<PathBuf>) -> Result<bool, String> {
    let bar = ProgressBar::new(Mutant::all().len() as u64);
    let caught = mutants::matrix(seeds, cores(), &|| bar.inc(1));
    bar.finish_and_clear();
    let table = mutants::table(&caught);
    print!("{table}");
    if let Some(out) = out {
        write(&out, &mutants::page(seeds, &caught))?;
    }
    Ok(caught.iter().all(mutants::Caught::is_right))
}

#[allow(clippy::disallowed_methods, reason = "a file that a person names")]
fn write(path: &PathBuf, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
}
