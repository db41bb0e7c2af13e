//! What an operation of the seam meets: nothing mostly, and sometimes a fault.
//!
//! One draw of the tape decides for each operation. Its low half is the lot, which the
//! rates of the [knobs](super::knobs) divide among the faults; its high half says how
//! hard the fault strikes. A draw of zero is no fault.

use super::planted::{self, SimBug};
use super::state::{Doom, TaskId, World};
use crate::trace::{Doing, Incident, Micros, Seen, Verb};

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
            verb if verb.changes_names() => Self::Name,
            _ => Self::Look,
        }
    }
}

/// `EIO`.
pub(crate) const DEVICE_ERROR: i32 = 5;
/// `EACCES`.
const DENIED: i32 = 13;
/// `EMFILE`.
const TOO_MANY_FILES: i32 = 24;

/// How an operation may be refused that has had no effect yet; the draw says which it is.
fn refusal(verb: Verb, draw: u32) -> Fault {
    let errors: &[i32] = match verb {
        Verb::Open | Verb::Create | Verb::List => &[DEVICE_ERROR, TOO_MANY_FILES, DENIED],
        Verb::Read | Verb::Lock => &[DEVICE_ERROR],
        // To let go of a lock, or to ask after a process, does not fail.
        Verb::Unlock | Verb::Probe => return Fault::None,
        _ => &[DEVICE_ERROR, DENIED],
    };
    Fault::Refused(errors[draw as usize % errors.len()])
}

/// What an operation meets once its time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// The process dies when the effect has happened.
    DieAfter,
    /// The device fails; the draw says how far the write came.
    DeviceError(u32),
    /// There is no room; the draw says how far the write came.
    Full(u32),
    /// It fails with this error, and has no effect.
    Refused(i32),
    /// The append is seen half done; the draw says how far.
    Half(u32),
}

impl World {
    /// Draws what an operation meets, and when its time has come.
    pub(crate) fn draw_fault(&mut self, task: TaskId, verb: Verb, name: &str) -> (Micros, Fault) {
        let kind = Kind::of(verb);
        self.steps += 1;
        let cost = match kind {
            Kind::Look => 5,
            Kind::Write | Kind::Name => 10,
            Kind::Sync => self.knobs.sync_micros,
        };
        let none = (self.now + cost, Fault::None);
        if !self.storm {
            return none;
        }
        if self.cut_at.take_if(|at| *at <= self.now).is_some() {
            self.doom = Some(Doom::PowerCut);
            let doing = Doing::operation(verb, name);
            self.incident(task.process, Incident::PowerCut { doing });
            return (Micros::MAX, Fault::None);
        }
        let draw = self.tape.draw();
        if draw == 0 {
            return none;
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
            self.incident(task.process, Incident::PowerCut { doing });
            return (Micros::MAX, Fault::None);
        }
        if strikes(pause) && pauses {
            return self.pause(task, magnitude, cost, verb, name);
        }
        if strikes(knobs.clock_step) {
            self.step_clock(task.process, magnitude);
            return none;
        }
        if strikes(knobs.interrupt) {
            self.seen.hit(Seen::Interrupted);
            return (self.now + 2 * cost, Fault::None);
        }
        if strikes(knobs.stall) {
            return (self.now + cost + Micros::from(magnitude), Fault::None);
        }
        let fault = match kind {
            Kind::Write if strikes(knobs.write_error) => Fault::DeviceError(magnitude),
            Kind::Sync if strikes(knobs.sync_error) => Fault::DeviceError(magnitude),
            Kind::Write | Kind::Name if strikes(knobs.full) => Fault::Full(magnitude),
            Kind::Write if strikes(knobs.half_write) => Fault::Half(magnitude),
            Kind::Look if strikes(knobs.look_error) => refusal(verb, magnitude),
            Kind::Name if strikes(knobs.name_error) => refusal(verb, magnitude),
            _ => Fault::None,
        };
        (self.now + cost + Micros::from(magnitude & 0x3f), fault)
    }

    fn crash(&mut self, task: TaskId, magnitude: u32, verb: Verb, name: &str) -> (Micros, Fault) {
        if magnitude & 1 == 1 {
            return (self.now + 10, Fault::DieAfter);
        }
        self.doom = Some(Doom::Crash(task.process));
        let doing = Doing::operation(verb, name);
        let incident = Incident::Crashed {
            after_effect: false,
            doing,
        };
        self.incident(task.process, incident);
        (Micros::MAX, Fault::None)
    }

    /// A pause of up to ten leases, mostly far less.
    fn pause(
        &mut self,
        task: TaskId,
        magnitude: u32,
        cost: Micros,
        verb: Verb,
        name: &str,
    ) -> (Micros, Fault) {
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
        self.incident(task.process, Incident::Paused { micros, doing });
        (self.now + cost, Fault::None)
    }
}
