//! How the clocks of processes go wrong.

use super::clock::{ClockFace, FASTEST_RATE};
use super::state::World;
use crate::trace::{CENTURY_MS, Incident, ProcessNumber, Seen};

impl World {
    /// The clock of a process that starts now.
    pub(crate) fn new_clock(&mut self) -> ClockFace {
        let mut face = ClockFace::right(self.now);
        if !self.storm || !self.knobs.bad_clocks {
            return face;
        }
        face.steady_start_ms = u64::from(self.tape.below(1 << 20));
        face.rate = self.tape.pick(&[1000, 999, 1001, 500, 1500, FASTEST_RATE]);
        let offset = self.tape.draw();
        face.offset_ms = match offset % 8 {
            0..4 => 0,
            4 => i64::from(offset >> 16),
            5 => -i64::from(offset >> 16),
            6 => -i64::from(offset >> 8),
            _ if self.knobs.century => CENTURY_MS,
            _ => i64::from(offset >> 8),
        };
        if face.offset_ms == CENTURY_MS {
            self.seen.hit(Seen::CenturyAhead);
        }
        face
    }

    /// Steps the wall clock of a process.
    pub(crate) fn step_clock(&mut self, process: ProcessNumber, magnitude: u32) {
        let far = i64::from(magnitude) * 16;
        let by_ms = match magnitude % 6 {
            0 | 1 => -far,
            2 => far,
            3 => -self.processes[process].clock.offset_ms,
            4 if self.knobs.century => CENTURY_MS,
            _ => -(far * 60),
        };
        self.processes[process].clock.offset_ms += by_ms;
        if by_ms == CENTURY_MS {
            self.seen.hit(Seen::CenturyAhead);
        }
        self.incident(process, Incident::ClockStepped { by_ms });
    }
}
