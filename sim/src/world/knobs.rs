//! What kind of world a seed makes: how large it is, and what can go wrong in it.
//!
//! Most faults are *absent* from most worlds. A storm of everything at once hides
//! bugs: whatever one fault would reveal, the next one wipes out. So each seed first
//! draws which faults exist at all, and then how often they strike.

use std::fmt;

use mesh::backends::fs::LockKind;
use mesh::core::Limits;

use super::network_knobs::NetworkKnobs;
use super::tape::Tape;

/// The size of one world, and its faults.
///
/// Rates are chances in 65,536 at each operation of the file-system seam.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Knobs {
    /// How many processes share the folder.
    pub processes: usize,
    /// How many agents each process serves.
    pub agents_each: usize,
    /// How many resources they want.
    pub resources: u32,
    /// How many calls the agents make before the storm ends.
    pub calls: u32,
    /// The leases that they ask for, in seconds.
    pub lease_seconds: u64,
    /// The lifetime of a registration, in seconds.
    pub ttl_seconds: u64,
    /// How many of ten agents register at all.
    pub registered_of_ten: u32,
    /// The longest time between two calls, in milliseconds.
    pub think_ms: u32,
    /// How many bytes of entries are worth a checkpoint.
    pub rotate_bytes: u64,
    /// The unit that a power cut loses or keeps, in bytes.
    pub page: usize,
    /// The store's lock.
    pub lock: LockKind,
    /// Whether nobody ever gets the lock: it is a courtesy, and the log must do without.
    pub lockless: bool,
    /// By how much waiting for the store's lock is stretched: the contract of the clock
    /// lets every sleep return late, and polling is what simulation time goes into.
    pub stretch: u64,
    /// How long a sync takes, in microseconds.
    pub sync_micros: u64,
    /// One process dies; the page cache stays.
    pub crash: u32,
    /// All processes die, and so does what was not synced.
    pub power_cut: u32,
    /// Everything of one process stands still.
    pub pause: u32,
    /// Whether processes often stand still while they open the folder.
    pub slow_start: bool,
    /// One operation takes long.
    pub stall: u32,
    /// A clock steps.
    pub clock_step: u32,
    /// Whether clocks are off from the beginning, and run at rates of their own.
    pub bad_clocks: bool,
    /// Whether a clock may be a century ahead.
    pub century: bool,
    /// A write fails.
    pub write_error: u32,
    /// A sync fails, and the pages are gone.
    pub sync_error: u32,
    /// The disk is full for a moment.
    pub full: u32,
    /// A look at files or names fails: opening, reading, asking after, listing, locking.
    pub look_error: u32,
    /// A change of names fails: creating, linking, renaming, removing.
    pub name_error: u32,
    /// A call is interrupted, and made again.
    pub interrupt: u32,
    /// An append is seen half done.
    pub half_write: u32,
    /// A listing misses what comes and goes.
    pub racy_list: bool,
    /// Whether names that were not synced are lost one by one, or only the newest.
    pub names_reorder: bool,
    /// What is done to the folder when all is quiet: the aftermath.
    pub epilogue: Aftermath,
    /// Whether the folder is a predecessor's, to be adopted; clocks are right there.
    pub predecessor: bool,
    /// How many of ten dead processes stay dead.
    pub stay_dead_of_ten: u32,
    /// Whether agents also make calls that wait, and go away while they do.
    pub waits: bool,
    /// Whether nobody is told of changes in the folder.
    pub deaf: bool,
    /// Whether everything is limited to a handful, so that limits are reached.
    pub cramped: bool,
    /// The network, in a world that has one.
    pub network: Option<NetworkKnobs>,
}

/// The limits of a cramped world. A record has room for whatever an entry of such a world
/// may have, but for the longest posts; there are fences for some of its claims, and more than
/// the predecessor of one gave.
static CRAMPED: Limits = Limits {
    tickets: 2,
    sharers: 3,
    inbox_bytes: 700,
    trail: 12,
    losses: 2,
    count: 12,
    batch_commands: 2,
    batch_bytes: 900,
    batch_events: 4,
    reaped: 2,
    dropped: 2,
    expired: 2,
    queue: 2,
    news: 3,
    record_bytes: 32 << 10,
    part_rows: 2,
    part_bytes: 512,
    ..Limits::PRODUCTION
};

/// What befalls the folder after the end, to see whether the next process notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aftermath {
    /// Nothing.
    None,
    /// One bit of the journal flips.
    Rot,
    /// A newer mesh appends an event of a kind that this one does not know.
    Newer,
    /// Somebody appends an event by hand, with a number beyond all that there can be.
    Forged,
    /// A backup is restored under a running process.
    Restored,
}

/// In most worlds nothing happens at the end.
const AFTERMATHS: [Aftermath; 5] = [
    Aftermath::None,
    Aftermath::None,
    Aftermath::None,
    Aftermath::Rot,
    Aftermath::Newer,
];

/// A rate: none in half of the worlds, else one of four.
fn rate(tape: &mut Tape, rates: [u32; 4]) -> u32 {
    rate_of(tape.draw(), rates)
}

fn rate_of(draw: u32, rates: [u32; 4]) -> u32 {
    let [a, b, c, d] = rates;
    [0, 0, 0, 0, a, b, c, d][draw as usize % 8]
}

/// The knobs in the order in which they are drawn, one draw each.
const DRAWN: [&str; 31] = [
    "processes",
    "agents_each",
    "resources",
    "calls",
    "lease_seconds",
    "ttl_seconds",
    "registered_of_ten",
    "think_ms",
    "rotate_bytes",
    "page",
    "lock",
    "lockless",
    "stretch",
    "sync_micros",
    "crash",
    "power_cut",
    "pause",
    "slow_start",
    "stall",
    "clock_step",
    "bad_clocks",
    "century",
    "write_error",
    "sync_error",
    "full",
    "interrupt",
    "half_write",
    "racy_list",
    "names_reorder",
    "epilogue",
    "stay_dead_of_ten",
];

/// The tape of a seed, but with the smallest and calmest world: everything that is not
/// in `set` is as on an empty tape. `set` has knobs by name, with what is drawn for them.
///
/// # Errors
///
/// Names the first word of `set` that is none.
pub fn calm_tape(seed: u64, set: &str) -> Result<Tape, String> {
    let mut drawn = vec![0; DRAWN.len()];
    for word in set.split(',').filter(|word| !word.is_empty()) {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        let at = DRAWN.iter().position(|knob| *knob == name);
        match (at, value.parse()) {
            (Some(at), Ok(value)) => drawn[at] = value,
            _ => {
                return Err(format!(
                    "{word:?} is no knob=draw; knobs: {}",
                    DRAWN.join(", ")
                ));
            }
        }
    }
    Ok(Tape::begun(drawn, seed))
}

impl Knobs {
    /// Draws a world. An empty tape gives the smallest and calmest one.
    pub fn draw(tape: &mut Tape) -> Self {
        let mut knobs = Self::draw_all(tape);
        if knobs.predecessor {
            (knobs.bad_clocks, knobs.century, knobs.clock_step) = (false, false, 0);
        }
        if knobs.cramped {
            knobs.agents_each = 3;
        }
        knobs
    }

    /// What everybody in this world stays within.
    pub fn limits(&self) -> &'static Limits {
        if self.cramped {
            &CRAMPED
        } else {
            &Limits::PRODUCTION
        }
    }

    fn draw_all(tape: &mut Tape) -> Self {
        let (beginning_and_end, last);
        Self {
            processes: 2 + tape.below(3) as usize,
            agents_each: tape.pick(&[1, 1, 1, 2]),
            resources: 1 + tape.below(3),
            calls: tape.pick(&[20, 12, 30, 60, 40]),
            lease_seconds: tape.pick(&[4, 1, 2, 10, 30]),
            ttl_seconds: tape.pick(&[10, 2, 5, 20, 60]),
            registered_of_ten: tape.pick(&[10, 8, 5, 0]),
            think_ms: tape.pick(&[500, 1, 20, 1, 100, 3_000, 10_000]),
            rotate_bytes: tape.pick(&[1 << 20, 1_500, 3_000, 6_000]),
            page: tape.pick(&[4096, 64, 128, 256, 1024]),
            lock: tape.pick(&[LockKind::Kernel, LockKind::Directory]),
            lockless: tape.below(4) == 3,
            stretch: tape.pick(&[32, 8, 64]),
            sync_micros: tape.pick(&[300, 50, 4_000, 20_000]),
            crash: rate(tape, [20, 60, 150, 400]),
            power_cut: rate(tape, [50, 120, 250, 500]),
            pause: rate(tape, [40, 120, 300, 800]),
            slow_start: tape.below(4) == 3,
            stall: rate(tape, [500, 2_000, 8_000, 20_000]),
            clock_step: rate(tape, [20, 60, 150, 400]),
            bad_clocks: tape.below(3) == 2,
            century: tape.below(4) == 3,
            write_error: rate(tape, [30, 100, 300, 600]),
            sync_error: tape.pick(&[0, 0, 0, 0, 0, 0, 400, 3_000]),
            full: rate(tape, [30, 100, 300, 600]),
            interrupt: rate(tape, [30, 100, 300, 600]),
            half_write: rate(tape, [500, 2_000, 8_000, 20_000]),
            racy_list: tape.below(2) == 1,
            names_reorder: tape.below(2) == 1,
            epilogue: {
                beginning_and_end = tape.draw();
                let aftermath = AFTERMATHS[beginning_and_end as usize % AFTERMATHS.len()];
                let forged = aftermath == Aftermath::Newer && beginning_and_end >> 27 & 1 == 1;
                let restored = aftermath == Aftermath::None && beginning_and_end >> 28 & 3 == 3;
                match aftermath {
                    _ if forged => Aftermath::Forged,
                    _ if restored => Aftermath::Restored,
                    aftermath => aftermath,
                }
            },
            predecessor: beginning_and_end >> 16 & 15 == 15,
            waits: beginning_and_end >> 20 & 1 == 1,
            deaf: beginning_and_end >> 21 & 7 == 7,
            cramped: beginning_and_end >> 24 & 7 == 7,
            stay_dead_of_ten: {
                last = tape.draw();
                [0, 2, 5][last as usize % 3]
            },
            look_error: rate_of(last >> 16, [30, 100, 300, 600]),
            name_error: rate_of(last >> 19, [30, 100, 300, 600]),
            network: None,
        }
    }
}

impl fmt::Display for Knobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{self:?}");
        f.write_str(text.trim_start_matches("Knobs { ").trim_end_matches(" }"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A knob that is drawn in another place would turn another one.
    #[test]
    fn each_knob_is_turned_by_its_own_name() {
        let calm = Knobs::draw(&mut Tape::stored(Vec::new())).to_string();
        for name in DRAWN.into_iter().filter(|name| *name != "epilogue") {
            // No knob has its calm value at all of these draws.
            let turned = (1..8).map(|draw| {
                let mut tape = calm_tape(0, &format!("{name}={draw}")).expect("a knob");
                Knobs::draw(&mut tape).to_string()
            });
            for knobs in turned.filter(|knobs| *knobs != calm) {
                let changed: Vec<&str> = knobs
                    .split(", ")
                    .zip(calm.split(", "))
                    .filter(|(now, before)| now != before)
                    .filter_map(|(now, _)| now.split(':').next())
                    .collect();
                assert_eq!(changed, [name]);
            }
        }
        assert!(calm_tape(0, "zebra=1").is_err());
    }
}
