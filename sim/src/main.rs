//! The simulator's command line: sweep, replay, shrink, mutants, coverage, story.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use sim::mutants::{self, Mutant};
use sim::report::{line, report};
use sim::shrink::{Goal, shrink};
use sim::sometimes::Seen;
use sim::story::{STORIES, draw};
use sim::sweep::{Summary, Sweep, cores, sweep};
use sim::tape::{self, Tape};
use sim::{Outcome, Runner, run, run_on, run_seed};

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
        /// What they run on.
        #[arg(long, value_enum, default_value_t)]
        runner: Runner,
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
        /// Shrink to a run that meets this situation, in place of one that breaks a rule.
        #[arg(long)]
        meets: Option<String>,
    },
    /// Draw a run: a lane for each process, and one for the log.
    Story {
        /// A named story; without, and without a seed, they are listed.
        #[arg(long, conflicts_with = "seed")]
        name: Option<String>,
        /// The run of a seed.
        #[arg(long)]
        seed: Option<u64>,
        /// Where to write the picture.
        #[arg(long, default_value = "story.svg")]
        svg: PathBuf,
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
        /// What they run on.
        #[arg(long, value_enum, default_value_t)]
        runner: Runner,
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
    /// What it runs on.
    #[arg(long, value_enum, default_value_t)]
    runner: Runner,
}

impl What {
    fn run(&self) -> Result<(String, Outcome), String> {
        if let Some(seed) = self.seed {
            let outcome = run_on(self.runner, Tape::from_seed(seed));
            return Ok((format!("seed {seed}"), outcome));
        }
        let path = self.tape.clone().unwrap_or_default();
        let failed = |error| format!("cannot read {}: {error}", path.display());
        #[allow(clippy::disallowed_methods, reason = "a tape that a person names")]
        let text = std::fs::read_to_string(&path).map_err(failed)?;
        let entries = tape::parse(&text)?;
        let outcome = run_on(self.runner, Tape::stored(entries));
        Ok((path.display().to_string(), outcome))
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
            runner,
        } => {
            let how = Sweep {
                threads: threads.unwrap_or_else(cores),
                runner,
                mutant: mutant.as_deref().map(Mutant::named).transpose()?,
                ..Sweep::default()
            };
            let summary = swept(from, seeds, how);
            print_failures(&summary, &how);
            Ok(summary.failures.is_empty())
        }
        Command::Replay { what } => {
            let mutant = what.mutant.as_deref().map(Mutant::named).transpose()?;
            let _planted = mutant.map(Mutant::plant);
            let (origin, outcome) = what.run()?;
            print!("{}", report(&origin, &outcome));
            Ok(outcome.violation.is_none())
        }
        Command::Shrink {
            what,
            budget,
            out,
            meets,
        } => shrunk(&what, budget, out, meets.as_deref()),
        Command::Story { name, seed, svg } => story(name.as_deref(), seed, &svg),
        Command::Mutants { seeds, out } => matrix(seeds, out),
        Command::Coverage { seeds, runner } => {
            let how = Sweep {
                runner,
                ..Sweep::default()
            };
            let summary = swept(0, seeds, how);
            print_coverage(&summary);
            let of = match runner {
                Runner::Network => Seen::NETWORK,
                Runner::Plain | Runner::Turmoil => Seen::DISK,
            };
            Ok(summary.seen.missing(of).is_empty())
        }
    }
}

fn swept(from: u64, seeds: u64, how: Sweep<'_>) -> Summary {
    let bar = ProgressBar::new(seeds);
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} seeds, {per_sec}, {eta} left");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    let progress = |done| bar.inc(done);
    let summary = sweep(
        from..from + seeds,
        &Sweep {
            progress: &progress,
            ..how
        },
    );
    let seconds = bar.elapsed().as_secs_f64();
    bar.finish_and_clear();
    println!(
        "{} seeds, {} calls, {} operations in {seconds:.1} s: {:.0} seeds/s on {} threads",
        summary.seeds,
        summary.calls,
        summary.steps,
        summary.seeds as f64 / seconds,
        how.threads,
    );
    summary
}

fn print_failures(summary: &Summary, how: &Sweep<'_>) {
    let planted = how
        .mutant
        .map_or_else(String::new, |m| format!(" --mutant {}", m.name()));
    for (seed, broken) in &summary.failures {
        println!("{}", line(how.runner, *seed, broken, &planted));
    }
    println!("{} seeds fail", summary.failures.len());
}

fn print_coverage(summary: &Summary) {
    for seen in Seen::ALL {
        println!("{:>10}  {seen:?}", summary.seen.count(*seen));
    }
}

fn shrunk(
    what: &What,
    budget: usize,
    out: Option<PathBuf>,
    meets: Option<&str>,
) -> Result<bool, String> {
    let mutant = what.mutant.as_deref().map(Mutant::named).transpose()?;
    let _planted = mutant.map(Mutant::plant);
    let (origin, outcome) = what.run()?;
    let goal = match (meets, &outcome.violation) {
        (Some(name), _) => Goal::Meets(situation(name)?),
        (None, Some(broken)) => Goal::Breaks(broken.rule),
        (None, None) => {
            println!("{origin} breaks nothing");
            return Ok(true);
        }
    };
    if !goal.is_reached(&outcome) {
        return Err(format!(
            "{origin} does not meet that, or breaks a rule; try another seed"
        ));
    }
    let before = outcome.tape.len();
    let shrunk = shrink(what.runner, outcome.tape, goal, budget);
    println!("{}", report(&origin, &shrunk.outcome));
    println!(
        "{before} entries became {} in {} runs",
        shrunk.tape.len(),
        shrunk.runs
    );
    if let Some(out) = out {
        let bug = what.mutant.as_deref().unwrap_or("none");
        let text = tape::print(&shrunk.tape);
        let stored = match goal {
            Goal::Breaks(rule) => format!("# {bug} {rule} from {origin}\n{text}"),
            Goal::Meets(seen) => format!("# {seen:?} from {origin}\n{text}"),
        };
        write(&out, &stored)?;
    }
    Ok(meets.is_some())
}

fn situation(name: &str) -> Result<Seen, String> {
    let mut all = Seen::ALL.iter().copied();
    all.find(|seen| format!("{seen:?}") == name)
        .ok_or_else(|| format!("no situation is called {name}; `sim coverage` lists them"))
}

fn story(name: Option<&str>, seed: Option<u64>, svg: &Path) -> Result<bool, String> {
    let (title, outcome) = match (name, seed) {
        (Some(name), _) => {
            let story = STORIES.iter().find(|story| story.name == name);
            let story = story.ok_or_else(|| format!("no story is called {name}"))?;
            let outcome = run(Tape::stored(tape::parse(story.tape)?));
            (format!("{}: {}", story.name, story.sentence), outcome)
        }
        (None, Some(seed)) => (format!("seed {seed}"), run_seed(seed)),
        (None, None) => {
            for story in STORIES {
                println!("{:20} {}", story.name, story.sentence);
            }
            return Ok(true);
        }
    };
    write(svg, &draw(&title, &outcome))?;
    println!("{title}\n{}", svg.display());
    Ok(outcome.violation.is_none())
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
fn write(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
}
