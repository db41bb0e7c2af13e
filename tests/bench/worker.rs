//! Processes that do the same thing at the same time.
//!
//! A worker says `ready`, waits for a line that tells for how many milliseconds to work,
//! works, and answers with one line of JSON: how long each time took, and which turn each
//! was where turns have an order. The SQLite peer in `tests/sqlite` keeps to the same protocol.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::bare::Bare;
use crate::error::{Error, Result};
use crate::folder::Folder;
use crate::stats::Latencies;

/// How long a worker waits before it asks for a directory again that somebody has made.
const POLL: Duration = Duration::from_millis(2);
/// How long a call may wait for its turn, in seconds.
const TURN: u64 = 50;

/// What a worker does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Task {
    /// Claims and releases a resource of its own.
    Distinct,
    /// Waits for the one resource, and hands it on.
    Shared,
    /// Makes the one directory, polling, syncs a write and removes it.
    Mkdir,
}

/// A worker's arguments.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    /// What to do.
    #[arg(value_enum)]
    task: Task,
    /// Where.
    place: PathBuf,
    /// Which of the workers this is.
    index: usize,
}

/// What a worker has to tell.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Told {
    /// How long each time took, in nanoseconds.
    pub(crate) latencies: Vec<u64>,
    /// Where in the order of all workers' turns each was.
    #[serde(default)]
    pub(crate) turns: Vec<u64>,
}

/// Works as the protocol says, in a process that was started for it.
///
/// # Errors
///
/// Where the work cannot be done.
pub(crate) fn work(arguments: &Arguments) -> Result<()> {
    let mut worker = Worker::new(arguments)?;
    // Whatever happens only once is over before anybody counts.
    worker.once()?;
    println!("ready");
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    let milliseconds = line.trim().parse().map_err(|_| Error::new("no time"))?;
    let time = Duration::from_millis(milliseconds);
    let mut told = Told::default();
    let start = Instant::now();
    while start.elapsed() < time {
        let (took, turn) = worker.once()?;
        told.latencies.push(took.as_nanos() as u64);
        told.turns.push(turn);
    }
    println!("{}", serde_json::to_string(&told)?);
    Ok(())
}

enum Worker {
    Mesh {
        folder: Folder,
        agent_id: String,
        resource: String,
        turn: u64,
    },
    Mkdir {
        lock: PathBuf,
        file: Bare,
    },
}

impl Worker {
    fn new(arguments: &Arguments) -> Result<Self> {
        let Arguments { task, place, index } = arguments;
        let own = format!("resource-{index}");
        let (resource, turn) = match task {
            Task::Distinct => (own, 0),
            Task::Shared => ("the-one".to_owned(), TURN),
            Task::Mkdir => {
                return Ok(Self::Mkdir {
                    lock: place.join("lock"),
                    file: Bare::open(&place.join("file"), 256)?,
                });
            }
        };
        Ok(Self::Mesh {
            folder: Folder::open(place)?,
            agent_id: format!("agent-{index}"),
            resource,
            turn,
        })
    }

    /// Does it once: how long it took until it was this worker's turn, or with a resource
    /// of its own, until it was through; and which turn it was.
    fn once(&mut self) -> Result<(Duration, u64)> {
        let start = Instant::now();
        match self {
            Self::Mesh {
                folder,
                agent_id,
                resource,
                turn,
            } => {
                let claim = folder.claim(agent_id, resource, *turn)?;
                let waited = start.elapsed();
                folder.release(agent_id, &claim)?;
                let took = if *turn > 0 { waited } else { start.elapsed() };
                Ok((took, claim.fence))
            }
            Self::Mkdir { lock, file } => {
                while let Err(error) = fs::create_dir(&*lock) {
                    match error.kind() {
                        io::ErrorKind::AlreadyExists => thread::sleep(POLL),
                        _ => return Err(error.into()),
                    }
                }
                let waited = start.elapsed();
                file.append()?;
                let turn = file.position()?;
                fs::remove_dir(lock)?;
                Ok((waited, turn))
            }
        }
    }
}

/// A worker's process.
struct Process {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Process {
    fn start(mut command: Command) -> Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(input), Some(output)) => Ok(Self {
                child,
                input,
                output: BufReader::new(output),
            }),
            _ => Err(Error::new("a worker without pipes")),
        }
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        match self.output.read_line(&mut line)? {
            0 => Err(Error::new(
                "a worker ended early; its reason is on standard error",
            )),
            _ => Ok(line),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended, and has been reaped then.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What several workers did at the same time.
pub(crate) struct Together {
    /// How often they came through in a second, all together.
    pub(crate) rate: f64,
    /// How often in a second it was another one's turn than before.
    pub(crate) handovers: f64,
    /// How long each time took each of them.
    pub(crate) latencies: Latencies,
}

/// Has `count` processes work at the same time, each started by `command` with its index.
///
/// # Errors
///
/// Where one of them fails.
pub(crate) fn together(
    count: usize,
    time: Duration,
    command: impl Fn(usize) -> Result<Command>,
) -> Result<Together> {
    let mut workers = Vec::new();
    for index in 0..count {
        let mut worker = Process::start(command(index)?)?;
        worker.line()?;
        workers.push(worker);
    }
    let start = Instant::now();
    for worker in &mut workers {
        writeln!(worker.input, "{}", time.as_millis())?;
    }
    let mut latencies = Latencies::default();
    let mut turns = Vec::new();
    let mut times = 0;
    for (index, worker) in workers.iter_mut().enumerate() {
        let told: Told = serde_json::from_str(&worker.line()?)?;
        times += told.latencies.len();
        latencies.extend(told.latencies);
        turns.extend(told.turns.into_iter().map(|turn| (turn, index)));
    }
    // The last one through ends the stretch, since its work counts too.
    let seconds = start.elapsed().as_secs_f64();
    Ok(Together {
        rate: times as f64 / seconds,
        handovers: changes(turns) as f64 / seconds,
        latencies,
    })
}

/// How often a turn was another worker's than the turn before.
fn changes(mut turns: Vec<(u64, usize)>) -> usize {
    turns.sort_unstable();
    let pairs = turns.windows(2);
    pairs.filter(|pair| pair[0].1 != pair[1].1).count()
}

/// This program as a worker.
///
/// # Errors
///
/// Where it does not know its own path.
pub(crate) fn command(task: Task, place: &std::path::Path, index: usize) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    let value = task.to_possible_value();
    let name = value.map_or(String::new(), |value| value.get_name().to_owned());
    command.arg("worker").arg(name).arg(place);
    command.arg(index.to_string());
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_takes_turn_after_turn_hands_nothing_over() {
        let turns = vec![(4, 1), (1, 0), (2, 0), (5, 0), (3, 1)];
        assert_eq!(changes(turns), 2);
        assert_eq!(changes(vec![(1, 0), (2, 0)]), 0);
        assert_eq!(changes(Vec::new()), 0);
    }

    #[test]
    fn what_a_worker_tells_may_have_no_order() {
        let told: Told = serde_json::from_str("{\"latencies\":[1,2]}").unwrap();
        assert_eq!((told.latencies.len(), told.turns.len()), (2, 0));
    }
}
