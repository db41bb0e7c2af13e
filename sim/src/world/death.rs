//! Processes die, one or all, and the storm ends.

use super::disk::Damage;
use super::planted::{self, SimBug};
use super::state::World;
use crate::trace::{Incident, Micros, Seen};

/// Marks a process dead, and says when it comes back, if it does.
pub(crate) fn kill(world: &mut World, number: usize) {
    if !world.processes[number].alive {
        return;
    }
    let stays_dead = world
        .tape
        .chance(world.knobs.stay_dead_of_ten * 0x1_0000 / 10);
    let delay = 1_000 + Micros::from(world.tape.below(1 << 22));
    // Somebody must be left.
    let others = world.processes.iter().enumerate();
    let others = others.filter(|(n, p)| *n != number && (p.alive || p.restart_at.is_some()));
    let last = others.count() == 0;
    let now = world.now;
    let process = &mut world.processes[number];
    process.alive = false;
    (process.open_calls, process.waiting_calls) = (0, 0);
    process.wakes.fill(None);
    process.restart_at = (last || !stays_dead).then_some(now + delay);
    world.locks.retain(|_, (task, _)| task.process != number);
    world
        .writing
        .retain(|_, writing| writing.task.process != number);
    for agent in world.agents_of(number) {
        for believers in world.believers.values_mut() {
            believers.remove(&agent);
        }
    }
}

pub(crate) fn cut_power(world: &mut World) {
    let World {
        disk, tape, knobs, ..
    } = world;
    let dirty = disk.list(None).unwrap_or_default().into_iter().any(|name| {
        let journal = name.starts_with("journal.");
        journal && disk.lookup(&name).is_some_and(|inode| disk.is_dirty(inode))
    });
    let damage = match planted::is(SimBug::DiskKeepsEverything) {
        true => Damage::default(),
        false => disk.power_cut(tape, knobs.page, knobs.names_reorder),
    };
    world.ledger.power_cut();
    if dirty {
        world.seen.hit(Seen::CutBeforeSync);
    }
    if damage.names {
        world.seen.hit(Seen::NameLost);
    }
    if damage.deceived {
        world.seen.hit(Seen::Deceived);
    }
    let incident = Incident::PowerCameBack {
        torn: damage.torn,
        names_lost: damage.names,
    };
    world.incident(0, incident);
}

/// Faults stop: clocks are set right, and whoever stands still goes on.
pub(crate) fn calm(world: &mut World) {
    world.storm = false;
    let now = world.now;
    world.calm_since = Some(now);
    for process in &mut world.processes {
        process.paused_until = process.paused_until.min(now);
        process.clock.set_right(now);
    }
    world.incident(0, Incident::StormEnded);
}
