//! What befalls machines and the network between them. Every choice is the tape's.
//!
//! A link is the way between one machine and the log server. At most one thing is wrong
//! with it at a time, and it lasts for a while: nothing goes through, or nothing one way,
//! or everything waits and then comes at once, or it is slow.

use std::time::Duration;

use turmoil::Sim;

use crate::trace::{Broken, Incident, Micros, Seen};
use crate::world::World;
use crate::world::log_protocol::SERVER;

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NetworkFault {
    Link(usize, Broken, Micros),
    Crash(usize),
    Pause(usize, Micros),
    StepClock(usize, u32),
    ServerCrash(Micros),
}

/// Draws a fault, if there is to be one.
pub(super) fn draw(world: &mut World) -> Option<NetworkFault> {
    let knobs = world.network();
    let (lot, on, how_long) = (
        world.tape.below(16),
        world.tape.draw(),
        world.tape.below(0x1_0000),
    );
    let machine = on as usize % world.knobs.processes;
    let lasts = 1_000 + Micros::from(how_long) * 6;
    let pause = 1_000 + Micros::from(how_long) * world.knobs.lease_seconds * 1_000_000 / 0x4000;
    match lot {
        1 | 2 if knobs.partitions => Some(NetworkFault::Link(machine, Broken::BothWays, lasts)),
        3 if knobs.partitions => Some(NetworkFault::Link(machine, Broken::ToTheLog, lasts)),
        4 | 5 if knobs.partitions => Some(NetworkFault::Link(machine, Broken::FromTheLog, lasts)),
        6 | 7 if knobs.holds => Some(NetworkFault::Link(machine, Broken::Held, lasts)),
        8 | 9 if knobs.slow => Some(NetworkFault::Link(machine, Broken::Slow, lasts / 4)),
        10 if knobs.server_crashes => Some(NetworkFault::ServerCrash(lasts / 4)),
        11 | 12 if knobs.crashes => Some(NetworkFault::Crash(machine)),
        13 | 14 if knobs.pauses => Some(NetworkFault::Pause(machine, pause)),
        15 if knobs.clock_steps => Some(NetworkFault::StepClock(machine, how_long)),
        _ => None,
    }
}

/// The name of a machine's host.
pub(super) fn machine(number: usize) -> String {
    format!("machine-{number}")
}

/// Breaks a link.
pub(super) fn break_link(sim: &Sim<'_>, world: &mut World, number: usize, broken: Broken) {
    let host = machine(number);
    let host = host.as_str();
    let latency = Duration::from_millis(world.network().slow_ms);
    let seen = match broken {
        Broken::BothWays => {
            sim.partition(host, SERVER);
            Seen::CutOff
        }
        Broken::ToTheLog => {
            sim.partition_oneway(host, SERVER);
            Seen::CutOffOneWay
        }
        Broken::FromTheLog => {
            sim.partition_oneway(SERVER, host);
            Seen::CutOffOneWay
        }
        Broken::Held => {
            sim.hold(host, SERVER);
            Seen::MessagesHeld
        }
        Broken::Slow => {
            sim.set_link_latency(host, SERVER, latency);
            Seen::MessagesDelayed
        }
    };
    world.seen.hit(seen);
    world.incident(number, Incident::LinkBroke { broken });
}

/// Mends a link.
pub(super) fn mend_link(sim: &Sim<'_>, world: &mut World, number: usize, broken: Broken) {
    let host = machine(number);
    let host = host.as_str();
    match broken {
        Broken::BothWays | Broken::ToTheLog | Broken::FromTheLog => sim.repair(host, SERVER),
        Broken::Held => sim.release(host, SERVER),
        Broken::Slow => {
            let latency = Duration::from_millis(world.network().latency_ms);
            sim.set_link_latency(host, SERVER, latency);
        }
    }
    world.incident(number, Incident::LinkMended);
}
