//! A process: the real coordinator over simulated ports, and the agents that it serves.
//!
//! It is a few futures. Killing it drops them, after the world was told that the
//! incarnation is dead: nothing that a destructor does reaches the disk, since every
//! operation of the seam is asynchronous, and a dropped future does not go on.

use std::collections::BTreeSet;

use mesh::Mesh;
use mesh::backends::fs::{FsOptions, FsStorage, StoreLock};
use mesh::coordinator::{Coordinator, Handle};

use super::runtime::Task;
use crate::agents;
use crate::ports::{LogClient, NoLock, Recording, RecordingLock, SimClock, SimFs};
use crate::trace::Incident;
use crate::world::{Process, Shared, TaskId, World};

/// Which part of an incarnation a seed of nonces is for.
const PARTS: [u64; 3] = [1, 2, 3];

/// Makes the coordinator of an incarnation, not yet running, and its handle.
pub(crate) type Ports = fn(&Shared, TaskId, u32) -> (Task, Mesh);

/// Starts an incarnation of a process.
pub(crate) fn start(world: &Shared, number: usize, ports: Ports) -> Vec<Task> {
    let (incarnation, agents) = {
        let mut world = world.borrow_mut();
        let agents = world.agents_of(number);
        let incarnation = world.processes.get(number).map_or(0, |p| p.incarnation) + 1;
        let process = fresh(&mut world, incarnation, 1 + agents.len());
        match world.processes.get_mut(number) {
            Some(place) => *place = process,
            None => world.processes.push(process),
        }
        world.incident(number, Incident::Started { incarnation });
        (incarnation, agents)
    };
    let task = |task| TaskId {
        process: number,
        task,
    };
    let (coordinator, mesh) = ports(world, task(0), incarnation);
    let mut tasks: Vec<Task> = vec![coordinator];
    for (at, name) in agents.into_iter().enumerate() {
        let agent = agents::live(world.clone(), task(at + 1), name, mesh.clone());
        tasks.push(Box::pin(agent));
    }
    tasks
}

/// Starts a process for somebody who only looks.
pub(crate) fn start_auditor<V: Future<Output = ()> + 'static>(
    world: &Shared,
    number: usize,
    ports: Ports,
    audit: impl FnOnce(Shared, TaskId, Mesh) -> V,
) -> Vec<Task> {
    {
        let mut world = world.borrow_mut();
        let process = fresh(&mut world, 1, 2);
        world.processes.push(process);
        world.incident(number, Incident::Started { incarnation: 1 });
    }
    let task = |task| TaskId {
        process: number,
        task,
    };
    let (coordinator, mesh) = ports(world, task(0), 1);
    let audit = audit(world.clone(), task(1), mesh);
    vec![coordinator, Box::pin(audit)]
}

fn fresh(world: &mut World, incarnation: u32, tasks: usize) -> Process {
    Process {
        incarnation,
        alive: true,
        restart_at: None,
        paused_until: 0,
        operations: 0,
        clock: world.new_clock(),
        wakes: vec![Some(world.now); tasks],
        last_now: 0,
        clock_read_at: 0,
        caught_up_at: 0,
        decided: None,
        batch: 0,
        proposed: Vec::new(),
        answered: false,
        left: false,
        open_calls: 0,
        waiting_calls: 0,
        asking: false,
        attentive: BTreeSet::new(),
        watches: false,
        listens: false,
        told_at: None,
    }
}

/// The coordinator over the ports of shared files.
pub(crate) fn on_files(world: &Shared, task: TaskId, incarnation: u32) -> (Task, Mesh) {
    let options = {
        let world = world.borrow();
        FsOptions {
            lock: world.knobs.lock,
            rotate_bytes: world.knobs.rotate_bytes,
            limits: world.knobs.limits(),
        }
    };
    let seed = |part| World::nonce_seed(task.process, incarnation, part);
    let fs = SimFs::new(world.clone(), task, incarnation);
    let clock = SimClock::new(world.clone(), task);
    let lock = RecordingLock {
        inner: StoreLock::new(fs.clone(), clock.clone(), options.lock, seed(PARTS[0])),
        world: world.clone(),
        process: task.process,
        held: false,
    };
    let (handle, served) = Handle::within(options.limits);
    let storage = FsStorage::new(fs, clock.clone(), options, seed(PARTS[1]));
    let storage = Recording::new(storage, world.clone(), task.process);
    let coordinator = Coordinator::serving(served, clock, storage, lock, seed(PARTS[2]));
    (Box::pin(coordinator.run()), handle.into())
}

/// The coordinator over the ports of a machine that reaches the log over the network.
pub(crate) fn on_a_network(world: &Shared, task: TaskId, incarnation: u32) -> (Task, Mesh) {
    let clock = SimClock::new(world.clone(), task);
    let storage = LogClient::new(world.clone(), task.process);
    let storage = Recording::new(storage, world.clone(), task.process);
    let seed = World::nonce_seed(task.process, incarnation, PARTS[2]);
    let (coordinator, mesh) = Coordinator::new(clock, storage, NoLock, seed);
    (Box::pin(coordinator.run()), mesh.into())
}
