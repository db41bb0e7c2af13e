//! A few processes that share a folder, one operation at a time.
//!
//! Each is a real coordinator over the real `fs` backend, with a client. All run on one
//! thread, and a seed decides who does its next operation of the file system, so that the
//! order on the tape is the order on the disk. Time is the number of steps: nothing here
//! waits for a clock.

use std::cell::{Cell, RefCell};
use std::path::Path;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Waker};

use mesh::Mesh;
use mesh::backends::fs::{FsOptions, FsStorage, LockKind, OsFileSystem, StoreLock};
use mesh::coordinator::Coordinator;
use mesh::core::{Claim, Claims, Command, Inbox, Millis, Post, Read, Register, Release, Reply};
use mesh::ports::{Clock, Lock};

use super::facts::told;
use super::recorder::{Recorder, Step, Tape, others_first};
use crate::Random;

/// More steps than any workload takes: beyond, something is stuck.
const STUCK: u64 = 20_000_000;
/// When the first step is.
const EPOCH: Millis = 1_800_000_000_000;

/// What is done, and by how many.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Who goes first, and what everybody calls.
    pub seed: u64,
    /// How many processes share the folder.
    pub processes: usize,
    /// How many calls each makes.
    pub calls: usize,
    /// How soon a generation is rotated.
    pub rotate_bytes: u64,
    /// The store's lock; without one, writers race for every place in the log.
    pub lock: Option<LockKind>,
}

/// Plays a plan in the folder, which must not exist: all that was done to the disk, and
/// all that clients were told.
///
/// # Panics
///
/// Where a call fails, on a disk that does not.
#[must_use]
pub fn record(folder: &Path, plan: Plan) -> Vec<Step> {
    let tape = Rc::new(RefCell::new(Tape::default()));
    let time = Rc::new(Cell::new(0));
    let mut random = Random::new(plan.seed);
    let mut servers: Vec<Task> = Vec::new();
    let mut clients: Vec<Task> = Vec::new();
    for number in 0..plan.processes {
        let real = OsFileSystem::open(folder, true).expect("a folder");
        let fs = Recorder::new(real, tape.clone());
        let clock = Steps(time.clone());
        let options = FsOptions {
            lock: plan.lock.unwrap_or(LockKind::Kernel),
            rotate_bytes: plan.rotate_bytes,
            ..FsOptions::default()
        };
        let storage = FsStorage::new(fs.clone(), clock.clone(), options, random.next());
        let lock = Courtesy(
            plan.lock
                .map(|kind| StoreLock::new(fs.clone(), clock.clone(), kind, random.next())),
        );
        let (coordinator, mesh) = Coordinator::new(clock, storage, lock, random.next());
        servers.push(Some(Box::pin(coordinator.run())));
        let client = client(number, plan.calls, mesh.into(), tape.clone(), random.fork());
        clients.push(Some(Box::pin(client)));
    }
    let mut steps = 0;
    while servers.iter().chain(&clients).any(Option::is_some) {
        let next = random.below(servers.len() as u64) as usize;
        poll(&mut servers[next]);
        // Clients at once, so that what they are told stands on the tape before anything
        // that came after it.
        clients.iter_mut().for_each(poll);
        time.set(time.get() + 1);
        steps += 1;
        assert!(steps < STUCK, "stuck under {plan:?}");
    }
    std::mem::take(&mut tape.borrow_mut().steps)
}

type Task = Option<Pin<Box<dyn Future<Output = ()>>>>;

fn poll(task: &mut Task) {
    let mut context = Context::from_waker(Waker::noop());
    if let Some(running) = task
        && running.as_mut().poll(&mut context).is_ready()
    {
        *task = None;
    }
}

/// Calls whatever comes to mind, and writes down what it was told.
async fn client(
    number: usize,
    calls: usize,
    mesh: Mesh,
    tape: Rc<RefCell<Tape>>,
    mut random: Random,
) {
    let mut agent = Agent {
        name: format!("agent-{number}"),
        held: Vec::new(),
        newest: None,
    };
    for call in 0..calls {
        let command = agent.choose(call, &mut random);
        let reply = mesh.call(command.clone()).await;
        let reply = reply.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        agent.learn(&command, &reply);
        let facts = told(&command, &reply).into_iter().map(Step::Told);
        tape.borrow_mut().steps.extend(facts);
    }
    mesh.close().await;
}

struct Agent {
    name: String,
    /// Resource and claim id.
    held: Vec<(String, String)>,
    newest: Option<String>,
}

impl Agent {
    fn choose(&mut self, call: usize, random: &mut Random) -> Command {
        let agent_id = self.name.clone();
        match random.below(10) {
            0 => Command::Register(Register {
                agent_id,
                branch: "main".to_owned(),
                prompt_ptr: "docs".to_owned(),
                ..Register::default()
            }),
            1..5 => Command::Post(Post {
                body: format!(
                    "{agent_id} #{call} {}",
                    "x".repeat(random.below(300) as usize)
                ),
                agent_id,
                to: "*".to_owned(),
                ..Post::default()
            }),
            5 => Command::Claim(Claim {
                agent_id,
                resource: format!("r{}", random.below(2)),
                ..Claim::default()
            }),
            6 if !self.held.is_empty() => {
                let (resource, claim_id) = self.held.remove(0);
                Command::Release(Release {
                    agent_id,
                    claim_id,
                    resource,
                })
            }
            7 if self.newest.is_some() => Command::Read(Read {
                agent_id,
                up_to: self.newest.clone().unwrap_or_default(),
                topics: Vec::new(),
            }),
            8 => Command::Claims(Claims {
                agent_id,
                resource: None,
            }),
            _ => Command::Inbox(Inbox {
                agent_id,
                ..Inbox::default()
            }),
        }
    }

    fn learn(&mut self, command: &Command, reply: &Reply) {
        match (command, reply) {
            (Command::Claim(claim), Reply::Claim(reply)) => {
                let held = (claim.resource.clone(), reply.claim_id.clone());
                if !reply.claim_id.is_empty() && !self.held.contains(&held) {
                    self.held.push(held);
                }
            }
            (_, Reply::Inbox(reply)) => {
                self.newest = reply.messages.last().map(|m| m.message_id.to_string());
            }
            _ => {}
        }
    }
}

/// Time that passes with each step.
#[derive(Clone, Debug)]
struct Steps(Rc<Cell<Millis>>);

impl Clock for Steps {
    fn now(&self) -> Millis {
        EPOCH + self.0.get()
    }

    fn monotonic(&self) -> Millis {
        self.0.get()
    }

    async fn sleep(&self, duration: Millis) {
        let end = self.0.get() + duration;
        while self.0.get() < end {
            others_first().await;
        }
    }
}

/// The store's lock, or none: nothing may depend on it.
struct Courtesy(Option<StoreLock<Recorder, Steps>>);

impl Lock for Courtesy {
    async fn acquire(&mut self) -> bool {
        match &mut self.0 {
            Some(lock) => lock.acquire().await,
            None => false,
        }
    }

    async fn release(&mut self) {
        if let Some(lock) = &mut self.0 {
            lock.release().await;
        }
    }
}
