//! The simulator's command line: sweep, replay, shrink, mutants, coverage, story.

mod drawing;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use sim::explore::matrix::{self, Caught};
use sim::explore::planted::PlantedBug;
use sim::explore::report::{line, report};
use sim::explore::shrink::{Goal, Shows, shrink, simplest};
use sim::explore::sweep::{Summary, Sweep, cores, sweep};
use sim::trace::Seen;
use sim::world::knobs;
use sim::world::tape::{self, Tape};
use sim::{Outcome, Runner, run_on};

use drawing::{Drawing, Looking};

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
        #[command(flatten)]
        how: Shrinking,
    },
    /// Draw a run: a lane for each process, and one for the log.
    Story {
        /// A named story; without, and without a run, they are listed.
        #[arg(long, conflicts_with_all = ["seed", "tape"])]
        name: Option<String>,
        #[command(flatten)]
        drawing: Drawing,
        /// Where to write the picture.
        #[arg(long, default_value = "story.svg")]
        svg: PathBuf,
        /// Draw every named story.
        #[arg(long, requires = "out", conflicts_with_all = ["name", "seed", "tape"])]
        all: bool,
        /// The directory to write the pictures to.
        #[arg(long, requires = "all")]
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

#[derive(clap::Args)]
struct Shrinking {
    /// How many runs it may take, for each tape.
    #[arg(long, default_value_t = 20_000)]
    budget: usize,
    /// Where to store the tape.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Shrink to a run that meets this situation, in place of one that breaks a rule; may
    /// be repeated.
    #[arg(long)]
    meets: Vec<String>,
    /// Search from the seed on, in worlds that are calm but for these knobs, each with what
    /// is drawn for it: `pause=4,lock=1`.
    #[arg(long, conflicts_with = "tape")]
    calm: Option<String>,
    /// The rule that must be broken there.
    #[arg(long, requires = "calm")]
    breaks: Option<String>,
    /// What must stand in the words about the broken rule.
    #[arg(long, default_value = "")]
    says: String,
    /// Take the simplest of so many such runs.
    #[arg(long, default_value_t = 1, requires = "calm")]
    of: usize,
    #[command(flatten)]
    looking: Looking,
}

impl What {
    fn run(&self) -> Result<(String, Outcome), String> {
        run_what(self.seed, self.tape.as_deref(), self.runner)
    }
}

/// Runs a seed or a stored tape, and says which.
fn run_what(
    seed: Option<u64>,
    tape: Option<&Path>,
    runner: Runner,
) -> Result<(String, Outcome), String> {
    if let Some(seed) = seed {
        let outcome = run_on(runner, Tape::from_seed(seed));
        return Ok((format!("seed {seed}"), outcome));
    }
    let path = tape.unwrap_or(Path::new(""));
    let failed = |error| format!("cannot read {}: {error}", path.display());
    #[allow(clippy::disallowed_methods, reason = "a tape that a person names")]
    let text = std::fs::read_to_string(path).map_err(failed)?;
    let outcome = run_on(runner, Tape::stored(tape::parse(&text)?));
    Ok((path.display().to_string(), outcome))
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
                bug: mutant.as_deref().map(PlantedBug::named).transpose()?,
                ..Sweep::default()
            };
            let summary = swept(from, seeds, how);
            print_failures(&summary, &how);
            Ok(summary.failures.is_empty())
        }
        Command::Replay { what } => {
            let mutant = what.mutant.as_deref().map(PlantedBug::named).transpose()?;
            let _planted = mutant.map(PlantedBug::plant);
            let (origin, outcome) = what.run()?;
            print!("{}", report(&origin, &outcome));
            Ok(outcome.violation.is_none())
        }
        Command::Shrink { what, how } => shrunk(&what, &how),
        Command::Story {
            out: Some(directory),
            ..
        } => drawing::all(&directory),
        Command::Story {
            name, drawing, svg, ..
        } => drawing::one(name.as_deref(), &drawing, &svg),
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
        .bug
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

/// How many seeds are looked at for one that comes to the same.
const SEARCHED: u64 = 200_000;

fn shrunk(what: &What, how: &Shrinking) -> Result<bool, String> {
    let mutant = what.mutant.as_deref().map(PlantedBug::named).transpose()?;
    let _planted = mutant.map(PlantedBug::plant);
    let meets = how.meets.iter().map(|name| situation(name));
    let meets: Vec<Seen> = meets.collect::<Result<_, _>>()?;
    let texts = how.looking.texts();
    let focus = how.looking.focus(&texts);
    let shows = Some(&focus as &dyn Shows).filter(|_| !focus.shows.is_empty());
    let (origin, shrunk) = match (what.seed, &how.calm) {
        (Some(seed), Some(set)) => {
            let goal = Goal {
                breaks: rule(how.breaks.as_deref())?,
                says: &how.says,
                meets: &meets,
                shows,
            };
            knobs::calm_tape(seed, set)?;
            let tape = |seed| knobs::calm_tape(seed, set).unwrap_or_else(|_| Tape::from_seed(seed));
            let seeds = seed..seed + SEARCHED;
            let found = simplest(what.runner, seeds, tape, goal, how.budget, how.of);
            let (seed, shrunk) = found.ok_or("no seed comes to that")?;
            (format!("seed {seed} in a world with {set}"), shrunk)
        }
        _ => {
            let (origin, outcome) = what.run()?;
            let breaks = outcome.violation.as_ref().map(|broken| broken.rule);
            let goal = Goal {
                breaks: breaks.filter(|_| meets.is_empty()),
                says: &how.says,
                meets: &meets,
                shows,
            };
            if !goal.is_reached(&outcome) || breaks.is_none() && meets.is_empty() {
                let what = "does not meet that, or breaks a rule, or nothing; try another seed";
                return Err(format!("{origin} {what}"));
            }
            let shrunk = shrink(what.runner, outcome.tape, goal, how.budget);
            (origin, shrunk)
        }
    };
    println!("{}", report(&origin, &shrunk.outcome));
    let (entries, runs) = (shrunk.tape.len(), shrunk.runs);
    println!("{origin} became {entries} entries in {runs} runs");
    if let Some(out) = &how.out {
        let bug = what.mutant.as_deref().unwrap_or("none");
        let broken = shrunk.outcome.violation.as_ref().map(|broken| broken.rule);
        let text = tape::print(&shrunk.tape);
        let stored = match broken {
            Some(rule) => format!("# {bug} {rule} from {origin}\n{text}"),
            None => format!("# {} from {origin}\n{text}", how.meets.join(" ")),
        };
        write(out, &stored)?;
    }
    Ok(!meets.is_empty())
}

/// A rule by its name, as some bug breaks it.
fn rule(name: Option<&str>) -> Result<Option<&'static str>, String> {
    let Some(name) = name else { return Ok(None) };
    let rules = PlantedBug::all().into_iter().flat_map(PlantedBug::breaks);
    let found = rules.copied().find(|rule| *rule == name);
    found
        .map(Some)
        .ok_or_else(|| format!("no bug breaks {name}"))
}

fn situation(name: &str) -> Result<Seen, String> {
    let mut all = Seen::ALL.iter().copied();
    all.find(|seen| format!("{seen:?}") == name)
        .ok_or_else(|| format!("no situation is called {name}; `sim coverage` lists them"))
}

fn matrix(seeds: u64, out: Option<PathBuf>) -> Result<bool, String> {
    let bar = ProgressBar::new(PlantedBug::all().len() as u64);
    let caught = matrix::matrix(seeds, cores(), &|| bar.inc(1));
    bar.finish_and_clear();
    let table = matrix::table(&caught);
    print!("{table}");
    if let Some(out) = out {
        write(&out, &matrix::page(seeds, &caught))?;
    }
    Ok(caught.iter().all(Caught::is_right))
}

#[allow(clippy::disallowed_methods, reason = "a file that a person names")]
fn write(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
}
