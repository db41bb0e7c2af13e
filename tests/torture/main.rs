//! Torture: mesh on a real disk, with many processes, under faults.
//!
//! `cargo run -p tests --bin torture -- --minutes 1 --seed 7`. The program under
//! test is this very one, started as `torture mcp`: the same library and the same `main`,
//! built in one go and never stale. `MESH_BINARY` names another.
//!
//! `torture power-cuts` cuts the power instead, as [`tests::power_cuts`] tells.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "it stands outside the ports, and sees files and time as its user does"
)]

mod agent;
mod crew;
mod hazards;
mod inspect;
mod ledger;
mod names;
mod oracle;
mod report;
mod rounds;
mod server;
mod storm;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use mesh::backends::fs::LockKind;
use tests::Random;
use tests::power_cuts::{Bounds, Forgetful, Plan, Summary, explore, record, scratch};

use report::Report;
use rounds::Options;

/// What is passed on to mesh, by the first argument.
const MESH: [&str; 3] = ["mcp", "post", "state"];

/// Runs mesh on a real disk under faults, and holds it to what it acknowledged.
///
/// Exit codes: 0 nothing is wrong, 1 something is, 2 wrong usage.
#[derive(Debug, Parser)]
#[command(name = "torture", version)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Action>,
    /// For how long, about; each kind of lock has one round of 30 s at least
    #[arg(long, global = true, default_value_t = 1.0)]
    minutes: f64,
    /// Repeats the choices of a run; its timing is the machine's
    #[arg(long, global = true)]
    seed: Option<u64>,
    /// How many servers there are in a storm
    #[arg(long, default_value_t = 16)]
    processes: usize,
    /// Only this kind of the store's lock, not both in turn
    #[arg(long)]
    lock: Option<Lock>,
    /// Where folders are made, on the disk that is to be tested
    #[arg(long, default_value_os_t = std::env::temp_dir())]
    dir: PathBuf,
}

#[derive(Clone, Copy, Debug, Subcommand)]
enum Action {
    /// Record what is done to the disk, and open what power cuts may leave of it
    PowerCuts,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Lock {
    Kernel,
    Directory,
}

fn main() -> ExitCode {
    if std::env::args()
        .nth(1)
        .is_some_and(|first| MESH.contains(&first.as_str()))
    {
        return mesh::cli::main();
    }
    let arguments = Arguments::parse();
    let seed = arguments
        .seed
        .unwrap_or_else(|| mesh::backends::seed() >> 32);
    println!("--seed {seed}");
    if let Some(Action::PowerCuts) = arguments.command {
        return power_cuts(&arguments, seed);
    }
    let report = Report::default();
    let ran = catch_unwind(AssertUnwindSafe(|| torture(&arguments, seed, &report)));
    if let Err(why) = ran {
        report.finding("torture itself", panicked(why.as_ref()));
    }
    println!("{report}");
    if report.is_sound() {
        return ExitCode::SUCCESS;
    }
    println!("again: --seed {seed}");
    ExitCode::FAILURE
}

/// Plan after plan, until the time is up.
fn power_cuts(arguments: &Arguments, seed: u64) -> ExitCode {
    let mut random = Random::new(seed);
    let mut summary = Summary::default();
    let duration = duration(arguments);
    let bar = progress(duration);
    let begin = Instant::now();
    while summary.wrong.is_empty() && (summary.cuts == 0 || begin.elapsed() < duration) {
        let locks = [Some(LockKind::Kernel), Some(LockKind::Directory), None];
        let plan = Plan {
            seed: random.next(),
            processes: 1 + random.below(4) as usize,
            calls: 3 + random.below(10) as usize,
            rotate_bytes: *random.pick(&[600, 2_000, 1 << 20]),
            lock: *random.pick(&locks),
        };
        let bounds = Bounds {
            images_of_a_cut: 1 << random.below(8),
            program_one_in: 200,
            seed: random.next(),
            forgetful: Forgetful::No,
        };
        let sandbox = tests::Sandbox::bare_in(&arguments.dir);
        let steps = record(&sandbox.mesh(), plan);
        let tried = explore(&steps, bounds, &scratch(), Some(&program()));
        for wrong in &tried.wrong {
            println!("WRONG: under {plan:?}: {wrong}");
        }
        summary.add(tried);
        bar.set_position(begin.elapsed().as_secs());
    }
    bar.finish_and_clear();
    println!("{summary}");
    if summary.wrong.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("again: --seed {seed}");
    ExitCode::FAILURE
}

/// This program, or the one that was named.
fn program() -> PathBuf {
    let named = std::env::var_os("MESH_BINARY").map(PathBuf::from);
    let program = named.or_else(|| std::env::current_exe().ok());
    program.expect("the path of this program")
}

fn duration(arguments: &Arguments) -> Duration {
    Duration::from_secs_f64(arguments.minutes.clamp(0.0, 1e6) * 60.0)
}

fn torture(arguments: &Arguments, seed: u64, report: &Report) {
    let locks = match arguments.lock {
        None => vec![LockKind::Kernel, LockKind::Directory],
        Some(Lock::Kernel) => vec![LockKind::Kernel],
        Some(Lock::Directory) => vec![LockKind::Directory],
    };
    let options = Options {
        duration: duration(arguments),
        seed,
        processes: arguments.processes.max(1),
        locks,
        dir: arguments.dir.clone(),
        program: program(),
    };
    let bar = progress(options.duration);
    let begin = Instant::now();
    tests::run(async {
        let ticking = async {
            loop {
                tokio::time::sleep(Duration::from_millis(500)).await;
                bar.set_position(begin.elapsed().as_secs());
            }
        };
        let tell = |scene: &str| bar.set_message(scene.to_owned());
        tokio::select! {
            () = rounds::run(&options, report, &tell) => {}
            () = ticking => {}
        }
    });
    bar.finish_and_clear();
}

fn progress(duration: Duration) -> ProgressBar {
    let bar = ProgressBar::new(duration.as_secs());
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} s  {msg}");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar
}

fn panicked(why: &(dyn std::any::Any + Send)) -> String {
    let text = why.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| why.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without a message").to_owned()
}
