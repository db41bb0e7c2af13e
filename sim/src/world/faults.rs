//! What an operation of the seam meets: fair weather mostly, and sometimes a fault.
//!
//! One draw of the tape decides for each operation. Its low half is the lot, which the
//! rates of the [knobs](super::knobs) divide among the faults; its high half says how
//! hard the fault strikes. A draw of zero is fair weather.

use super::planted::{self, SimBug};
use super::state::{Doom, TaskId, World};
use crate::trace::{Doing, Micros, Seen, Turn, Verb};

/// How many operations count as opening the folder, and how often a process that is slow
/// to start stands still in one of them.
const OPENING: u32 = 24;
const SLOW_START: u32 = 2_000;

/// What kind of operation it is, for its duration and for what can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Look,
    Write,
    Sync,
    Name,
}

impl Kind {
    fn of(verb: Verb) -> Self {
        match verb {
            Verb::Append | Verb::Overwrite => Self::Write,
            Verb::Sync => Self::Sync,
            Verb::Create
            | Verb::Link
            | Verb::Rename
            | Verb::Remove
            | Verb::MakeDir
            | Verb::RemoveDir => Self::Name,
            Verb::Open
            | Verb::Read
            | Verb::Stat
            | Verb::List
            | Verb::Lock
            | Verb::Unlock
            | Verb::Probe => Self::Look,
        }
    }
}

/// What an operation meets once its time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weather {
    Fair,
    /// The process dies when the effect has happened.
    DieAfter,
    /// The device fails; the draw says how far the write came.
    DeviceError(u32),
    /// There is no room; the draw says how far the write came.
    Full(u32),
    /// The append is seen half done; the draw says how far.
    Half(u32),
}

impl World {
    /// Draws what an operation meets, and when its time has come.
    pub(crate) fn forecast(&mut self, task: TaskId, verb: Verb, name: &str) -> (Micros, Weather) {
        let kind = Kind::of(verb);
        self.steps += 1;
        let cost = match kind {
            Kind::Look => 5,
            Kind::Write | Kind::Name => 10,
            Kind::Sync => self.knobs.sync_micros,
        };
        let fair = (self.now + cost, Weather::Fair);
        if !self.storm {
            return fair;
        }
        let draw = self.tape.draw();
        if draw == 0 {
            return fair;
        }
        let cuts = !planted::is(SimBug::NeverCutsPower);
        let pauses = !planted::is(SimBug::NeverPauses);
        let (mut lot, magnitude) = (draw & 0xffff, draw >> 16);
        let mut strikes = |rate: u32| {
            let struck = lot < rate;
            lot = lot.wrapping_sub(rate);
            struck
        };
        let knobs = &self.knobs;
        let operations = &mut self.processes[task.process].operations;
        *operations += 1;
        let pause = match knobs.slow_start && *operations < OPENING {
            true => knobs.pause.max(SLOW_START),
            false => knobs.pause,
        };
        // Zero was handled: lot 0 with another magnitude may be a fault.
        if strikes(knobs.crash) {
            return self.crash(task, magnitude, verb, name);
        }
        if strikes(knobs.power_cut) && cuts {
            self.doom = Some(Doom::PowerCut);
            let doing = Doing::operation(verb, name);
            self.turn(task.process, Turn::PowerCut { doing });
            return (Micros::MAX, Weather::Fair);
        }
        if strikes(pause) && pauses {
            return self.pause(task, magnitude, cost, verb, name);
        }
        if strikes(knobs.clock_step) {
            self.step_clock(task.process, magnitude);
            return fair;
        }
        if strikes(knobs.interrupt) {
            self.seen.hit(Seen::Interrupted);
            return (self.now + 2 * cost, Weather::Fair);
        }
        if strikes(knobs.stall) {
            return (self.now + cost + Micros::from(magnitude), Weather::Fair);
        }
        let weather = match kind {
            Kind::Write if strikes(knobs.write_error) => Weather::DeviceError(magnitude),
            Kind::Sync if strikes(knobs.sync_error) => Weather::DeviceError(magnitude),
            Kind::Write | Kind::Name if strikes(knobs.full) => Weather::Full(magnitude),
            Kind::Write if strikes(knobs.half_write) => Weather::Half(magnitude),
            _ => Weather::Fair,
        };
        (self.now + cost + Micros::from(magnitude & 0x3f), weather)
    }

    fn crash(&mut self, task: TaskId, magnitude: u32, verb: Verb, name: &str) -> (Micros, Weather) {
        if magnitude & 1 == 1 {
            return (self.now + 10, Weather::DieAfter);
        }
        self.doom = Some(Doom::Crash(task.process));
        let doing = Doing::operation(verb, name);
        let turn = Turn::Crashed {
            after_effect: false,
            doing,
        };
        self.turn(task.process, turn);
        (Micros::MAX, Weather::Fair)
    }

    /// A pause of up to ten leases, mostly far less.
    fn pause(
        &mut self,
        task: TaskId,
        magnitude: u32,
        cost: Micros,
        verb: Verb,
        name: &str,
    ) -> (Micros, Weather) {
        let lease = self.knobs.lease_seconds * 1_000_000;
        let longest = match magnitude & 3 {
            0 => 10_000,
            1 => lease,
            2 => 7_000_000,
            _ => 10 * lease,
        };
        let micros = 1 + Micros::from(magnitude) * longest / 0x1_0000;
        let until = self.now + micros;
        self.processes[task.process].paused_until = until;
        let doing = Doing::operation(verb, name);
        self.turn(task.process, Turn::Paused { micros, doing });
        (self.now + cost, Weather::Fair)
    }
}
