//! Rule W2: how soon a process that waits wakes, and what waiting costs.

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use mesh::core::ClaimReply;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::folder::Folder;
use crate::plan::Plan;
use crate::report::{Group, Row};
use crate::server::{Server, leave_alone};
use crate::stats::{Goal, Latencies, Sample, Unit};
use crate::usage::Usage;

/// How many processes wait.
const WAITERS: usize = 8;
/// How long a waiter is left waiting before its resource is released.
const PAUSE: Duration = Duration::from_millis(15);

/// A process that waits for a resource whenever it is told to.
struct Waiter {
    id: u32,
    agent_id: String,
    resource: String,
    /// `None` once it is told to end.
    orders: Option<Sender<Value>>,
    answers: Receiver<Result<(Instant, Value)>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.orders = None;
        // A held call would keep the thread for as long as it is held. The thread reaps
        // the process only afterwards, so the id is still this one's.
        if let Some(id) = i32::try_from(self.id).ok().and_then(Pid::from_raw) {
            let _ = kill_process(id, Signal::KILL);
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Waiter {
    fn start(folder: &Path, index: usize) -> Result<Self> {
        let mut server = Server::ready(folder)?;
        let (orders, ordered) = channel::<Value>();
        let (told, answers) = channel();
        let id = server.id();
        // A thread blocked on the server's output notes the time of each answer.
        let thread = thread::spawn(move || {
            for order in ordered {
                let tool = order["tool"].as_str().unwrap_or_default();
                let answer = server.call(tool, &order["arguments"]);
                let answer = answer.map(|answer| (Instant::now(), answer));
                if told.send(answer).is_err() {
                    return;
                }
            }
        });
        Ok(Self {
            id,
            agent_id: format!("waiter-{index}"),
            resource: format!("resource-{index}"),
            orders: Some(orders),
            answers,
            thread: Some(thread),
        })
    }

    fn order(&self, tool: &str, mut arguments: Value) -> Result<()> {
        arguments["agent_id"] = json!(self.agent_id);
        arguments["resource"] = json!(self.resource);
        let order = json!({"tool": tool, "arguments": arguments});
        let sent = self.orders.as_ref().map(|orders| orders.send(order));
        match sent {
            Some(Ok(())) => Ok(()),
            _ => Err(Error::new("a waiter is gone")),
        }
    }

    /// Asks for the resource, which somebody holds.
    fn wait(&self) -> Result<()> {
        self.order("claim", json!({"wait_seconds": 50}))
    }

    fn answer(&self) -> Result<(Instant, Value)> {
        let answer = self.answers.recv_timeout(Duration::from_secs(60));
        answer.map_err(|_| Error::new("a waiter did not answer"))?
    }
}

/// One folder with a process that holds all resources, and others that wait for them.
struct Fleet {
    folder: Folder,
    waiters: Vec<Waiter>,
    held: Vec<ClaimReply>,
}

impl Fleet {
    fn start(place: &Path) -> Result<Self> {
        let folder = Folder::open(place)?;
        let mut waiters = Vec::new();
        let mut held = Vec::new();
        for index in 0..WAITERS {
            let waiter = Waiter::start(place, index)?;
            held.push(folder.claim("holder", &waiter.resource, 0)?);
            waiters.push(waiter);
        }
        for waiter in &waiters {
            waiter.wait()?;
        }
        Ok(Self {
            folder,
            waiters,
            held,
        })
    }

    /// CPU seconds that all waiters have used.
    fn cpu(&self) -> Result<f64> {
        let mut all = 0;
        for waiter in &self.waiters {
            all += Usage::of(waiter.id)?.cpu;
        }
        Ok(all as f64 / 1e9)
    }

    /// Hands one resource to its waiter, and takes it back: how long after the call that
    /// releases it, and after that call's answer, the waiter's answer was there.
    fn hand_over(&mut self, index: usize) -> Result<(Duration, Duration)> {
        let waiter = &self.waiters[index];
        let called = Instant::now();
        self.folder.release("holder", &self.held[index])?;
        let released = Instant::now();
        let (woken, claim) = waiter.answer()?;
        if claim["status"] != "granted" {
            return Err(Error::new(format!("a waiter was told {claim}")));
        }
        waiter.order("release", json!({"claim_id": claim["claim_id"]}))?;
        waiter.answer()?;
        self.held[index] = self.folder.claim("holder", &waiter.resource, 0)?;
        waiter.wait()?;
        Ok((
            woken.saturating_duration_since(called),
            woken.saturating_duration_since(released),
        ))
    }
}

/// Takes the figures.
pub(crate) fn take(plan: &Plan) -> Result<Group> {
    let rounds = plan.or(12, 3);
    let quiet = plan.or(Duration::from_secs(5), Duration::from_secs(2));
    plan.expect(plan.runs);
    let mut fleet = Fleet::start(&plan.fresh("wakeup")?)?;
    let mut cpu = Sample::new(Unit::PercentOfCore);
    let mut from_call = [(); 2].map(|()| Sample::new(Unit::Time));
    let mut from_answer = Sample::new(Unit::Time);
    for run in 0..plan.runs {
        plan.doing(format_args!("waiting, run {} of {}", run + 1, plan.runs));
        leave_alone(Duration::from_millis(500));
        let (before, start) = (fleet.cpu()?, Instant::now());
        leave_alone(quiet);
        let seconds = start.elapsed().as_secs_f64();
        cpu.add((fleet.cpu()? - before) / seconds * 100.0);
        let mut since_call = Latencies::default();
        let mut since_answer = Latencies::default();
        for _ in 0..rounds {
            for index in 0..WAITERS {
                leave_alone(PAUSE);
                let (call, answer) = fleet.hand_over(index)?;
                since_call.add(call);
                since_answer.add(answer);
            }
        }
        from_call[0].add(since_call.quantile(0.5));
        from_call[1].add(since_call.quantile(0.99));
        from_answer.add(since_answer.quantile(0.5));
        plan.done();
    }
    Ok(Group {
        title: "Waking up",
        method: format!(
            "{WAITERS} `mesh mcp`, each with a claim call held on a resource of its own, all in \
             one folder; one process holds all of the resources and releases them in turn, \
             {rounds} times each a run, with {PAUSE:?} of quiet before. The clock runs from \
             before the releasing call, its commit and sync included, until the waiter's answer \
             is read from its output; the other seven wake for the commit as well and find that \
             it is not theirs. CPU is that of all waiters together, while nothing happens for \
             {quiet:?}."
        ),
        rows: vec![
            Row::new(
                "from the releasing call to the waiter's answer, p50",
                &from_call[0],
            )
            .beside("from the release's own answer", &from_answer)
            .goal(from_call[0].clone(), Goal::AtMost(10e-3)),
            Row::new("the same, p99", &from_call[1]),
            Row::new(format!("CPU of all {WAITERS} while they wait"), &cpu)
                .goal(cpu.clone(), Goal::AtMost(1.0)),
        ],
        plots: Vec::new(),
    })
}
