//! The naive commit: a lock directory, and the state renamed into place.
//!
//! This is how such stores are usually written, and what the Node mesh did: make the
//! directory `.lock`, read the state, write the new one to a temporary file, rename it over
//! the old one, remove the lock. A lock that looks abandoned is stolen, since otherwise a
//! process that dies with it would block all others for ever. But a process that is
//! paused looks just like a dead one. Each process here asks for one grant of the same
//! resource, and is told its fence.
//!
//! Without theft nothing is lost, and a test shows that as well: so it is the theft, and no
//! oversight of the model, that breaks it.

use std::fmt;

use stateright::{Model, Property};

use crate::run::Narrated;

/// Which naive protocol, and what may befall it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// How many processes there are; each commits once.
    pub writers: usize,
    /// Whether a lock whose owner is slow may be stolen.
    pub theft: bool,
    /// Whether the owner looks once more, right before the rename, that the lock is its own.
    pub recheck: bool,
    /// Whether the new state is synced before the client is told.
    pub sync: bool,
    /// Whether the power may fail, once.
    pub cut: bool,
}

/// A naive protocol within some bounds.
pub struct Naive(pub Bounds);

/// Where a process stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Wants the lock.
    Waiting,
    /// Has it, as far as it knows; reads next.
    Locked,
    /// Knows the newest fence; writes its temporary file with the next one.
    Read(u8),
    /// Its temporary file grants this fence; looks at the lock, if it looks.
    Written(u8),
    /// Renames next.
    Checked(u8),
    /// The state is its own; syncs, if it syncs.
    Renamed(u8),
    /// Removes the lock directory, whoever's it is by now, and answers.
    Unlocking(u8),
    /// Its client was told this fence.
    Told(u8),
    /// Gave up: the lock was not its own any more, or the power failed.
    Over,
}

/// The folder, the processes, and what clients were told.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct World {
    /// The newest fence in the state, and the one that survives a power cut.
    newest: u8,
    synced: u8,
    /// Whom the lock directory was made by.
    lock: Option<usize>,
    writers: Vec<Phase>,
    powered: bool,
}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A process takes the free lock.
    Lock(usize),
    /// A process takes a slow owner for dead, and steals its lock.
    Steal(usize),
    /// A process takes its next step.
    Step(usize, Phase),
    /// The power fails, and what was not synced is lost.
    Cut,
}

impl Naive {
    fn step(&self, world: &mut World, n: usize) {
        let newest = world.newest;
        world.writers[n] = match world.writers[n] {
            Phase::Locked => Phase::Read(newest),
            Phase::Read(fence) if self.0.recheck => Phase::Written(fence + 1),
            Phase::Read(fence) => Phase::Checked(fence + 1),
            Phase::Written(_) if world.lock != Some(n) => Phase::Over,
            Phase::Written(fence) => Phase::Checked(fence),
            Phase::Checked(fence) => {
                world.newest = fence;
                match self.0.sync {
                    true => Phase::Renamed(fence),
                    false => Phase::Unlocking(fence),
                }
            }
            Phase::Renamed(fence) => {
                world.synced = world.newest;
                Phase::Unlocking(fence)
            }
            Phase::Unlocking(fence) => {
                world.lock = None;
                Phase::Told(fence)
            }
            other => other,
        };
    }
}

impl World {
    fn told(&self) -> impl Iterator<Item = u8> {
        self.writers.iter().filter_map(|phase| match phase {
            Phase::Told(fence) => Some(*fence),
            _ => None,
        })
    }

    fn fences_differ(&self) -> bool {
        self.told()
            .all(|fence| self.told().filter(|other| *other == fence).count() == 1)
    }

    fn nothing_is_lost(&self) -> bool {
        self.told().all(|fence| fence <= self.newest)
    }
}

impl Model for Naive {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World {
            newest: 0,
            synced: 0,
            lock: None,
            writers: vec![Phase::Waiting; self.0.writers],
            powered: true,
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        for (n, phase) in world.writers.iter().enumerate() {
            match phase {
                Phase::Waiting if world.lock.is_none() => actions.push(Action::Lock(n)),
                Phase::Waiting if self.0.theft => actions.push(Action::Steal(n)),
                Phase::Waiting | Phase::Told(_) | Phase::Over => {}
                phase => actions.push(Action::Step(n, *phase)),
            }
        }
        if self.0.cut && world.powered {
            actions.push(Action::Cut);
        }
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let mut next = world.clone();
        match action {
            Action::Lock(n) | Action::Steal(n) => {
                next.lock = Some(n);
                next.writers[n] = Phase::Locked;
            }
            Action::Step(n, _) => self.step(&mut next, n),
            Action::Cut => {
                next.powered = false;
                next.newest = next.synced;
                next.lock = None;
                for writer in &mut next.writers {
                    if !matches!(writer, Phase::Told(_)) {
                        *writer = Phase::Over;
                    }
                }
            }
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always("no fence is told twice", |_, world: &World| {
                world.fences_differ()
            }),
            Property::always("what was told is in the state", |_, world: &World| {
                world.nothing_is_lost()
            }),
            Property::sometimes("two clients are told", |model: &Naive, world: &World| {
                world.told().count() == 2.min(model.0.writers)
            }),
        ];
        if self.0.cut {
            properties.push(Property::sometimes(
                "the power fails in time",
                |_, world: &World| !world.powered && world.told().count() == 1,
            ));
        }
        properties
    }

    fn format_action(&self, action: &Action) -> String {
        match *action {
            Action::Lock(n) => format!("{} makes the lock directory", process(n)),
            Action::Steal(n) => {
                format!(
                    "{} takes the lock's owner for dead, and steals the lock",
                    process(n)
                )
            }
            Action::Step(n, phase) => format!("{} {}", process(n), doing(phase)),
            Action::Cut => "the power fails".to_owned(),
        }
    }

    fn format_step(&self, world: &World, action: Action) -> Option<String> {
        Some(format!("{:?}", self.next_state(world, action)?))
    }
}

impl Narrated for Naive {
    fn narrate(&self, _: &World, action: &Action) -> String {
        self.format_action(action)
    }
}

/// The name of process number `n`.
fn process(n: usize) -> char {
    char::from(b'A' + n as u8)
}

/// What a process does next.
fn doing(phase: Phase) -> String {
    match phase {
        Phase::Waiting => "waits for the lock".to_owned(),
        Phase::Locked => "reads the state".to_owned(),
        Phase::Read(fence) => format!("writes a temporary file that grants fence {}", fence + 1),
        Phase::Written(_) => "looks whether the lock is its own".to_owned(),
        Phase::Checked(fence) => format!("renames it over the state: fence {fence} is granted"),
        Phase::Renamed(_) => "syncs the state".to_owned(),
        Phase::Unlocking(fence) => format!("removes the lock, and tells its client: fence {fence}"),
        Phase::Told(fence) => format!("has told its client: fence {fence}"),
        Phase::Over => "is gone".to_owned(),
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "the state's newest fence is {}, {} of it synced",
            self.newest, self.synced
        )?;
        match self.lock {
            Some(n) => writeln!(f, "the lock directory is {}'s", process(n))?,
            None => writeln!(f, "there is no lock directory")?,
        }
        for (n, phase) in self.writers.iter().enumerate() {
            writeln!(f, "{} {}", process(n), doing(*phase))?;
        }
        Ok(())
    }
}
