//! The commit model: the journal's protocol on a disk that loses what was not synced.
//!
//! Processes append, lose races, rotate, retire and answer, each step a call to the file
//! system, with everything that others do in between: that is what a pause is. They are
//! killed, in the middle of a write too, and the power fails, which keeps any subset of
//! what was not synced. Neither the rule by which a record counts nor the order of the steps
//! is written here: they are the [`Chain`](mesh::backends::fs::Chain) and the machines of the
//! [`protocol`](mesh::backends::fs::protocol) that the `fs` backend drives.
//!
//! What counts as the log is what a process would read that starts up now. Four things
//! must hold of it, always: all processes agree with it, so that each place has one entry
//! (G6); what was acknowledged or revealed is in it (G4, G5); what was refused as without
//! effect is not (G6); and it never goes back behind a checkpoint that somebody relied upon.
//! Beside these, nobody calls a folder damaged that only ever lost power (G7), and old
//! generations go lowest first, each for good, until none is left.

mod bounds;
mod disk;
mod facts;
mod show;
mod writer;

use std::hash::{DefaultHasher, Hash, Hasher};

use mesh::backends::fs::protocol::{Appending, Rotating};
use mesh::backends::fs::{Link, Sum};
use mesh::planted::silently;
use stateright::{Model, Property};

pub use bounds::{Bounds, Fault};

use self::disk::Disk;
use self::writer::{Effect, Phase, Task, Writer, accepts};
use crate::run::Narrated;
use crate::witness::Witness;

/// The journal's protocol within some bounds.
pub struct Commit {
    bounds: Bounds,
    witness: Witness,
}

impl Commit {
    /// All that can happen within `bounds`.
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            witness: Witness::default(),
        }
    }
}

/// The disk, the processes, and what was promised to clients.
///
/// Two worlds are equal if they differ only in which process is which.
#[derive(Clone)]
pub struct World {
    disk: Disk,
    writers: Vec<Writer>,
    /// The longest log of which the newest entry was acknowledged or revealed.
    told: Vec<Sum>,
    /// The newest generation whose name was synced before it was used.
    relied_on: u8,
    kills: u8,
    cuts: u8,
    broken: Option<Broken>,
}

/// What counts as the log.
struct Log {
    /// The entries, oldest first.
    entries: Vec<Sum>,
    /// Whether each was decided on the one before it.
    in_order: bool,
    /// Whether a client was told of one of them that it has no effect.
    refused: bool,
}

/// A promise that was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Broken {
    Agreement,
    Durability,
    Order,
    Checkpoint,
    FalseDamage,
    Refused,
    Gap,
    LeftBehind,
}

impl Broken {
    /// What happened, in words.
    fn sentence(self) -> &'static str {
        match self {
            Self::Agreement => "two processes take different entries for the same place",
            Self::Durability => "what a client was told is not in the log",
            Self::Order => "an entry follows another than it was decided on",
            Self::Checkpoint => "the log went back behind a checkpoint that was relied on",
            Self::FalseDamage => "a folder that only lost power or processes counts as damaged",
            Self::Refused => "an entry counts whose client was told that it has no effect",
            Self::Gap => "a generation is gone while an older one may come back",
            Self::LeftBehind => "a retirement ends, and an old generation is left",
        }
    }
}

impl World {
    /// A world up to the order of its processes.
    fn key(&self) -> impl Hash + PartialEq + '_ {
        let mut writers: Vec<u64> = self.writers.iter().map(hash_of).collect();
        writers.sort_unstable();
        (
            &self.disk,
            writers,
            &self.told,
            (self.relied_on, self.kills, self.cuts),
            self.broken,
        )
    }

    /// The log as a process would read it that starts up now. `None`: there is none that can
    /// be read.
    fn log(&self, bounds: &Bounds) -> Option<Log> {
        let (_, file) = self.disk.newest()?;
        let file = &self.disk.files[file];
        if file.base_torn {
            return None;
        }
        let mut chain = file.chain();
        let mut log = Log {
            entries: file.base.clone(),
            in_order: true,
            refused: false,
        };
        for record in file.records.iter().filter(|record| record.whole) {
            if accepts(&chain, record, bounds) {
                chain.extend(record.sum, record.link);
                if let Link::Entry { .. } = record.link {
                    let newest = log.entries.last().copied().unwrap_or_default();
                    log.in_order &= record.decided_on == newest;
                    log.refused |= record.refused;
                    log.entries.push(record.sum);
                }
            }
        }
        Some(log)
    }

    /// The first promise that this world breaks.
    fn check(&self, bounds: &Bounds) -> Option<Broken> {
        let Some(log) = self.log(bounds) else {
            return Some(Broken::FalseDamage);
        };
        let Log {
            entries,
            in_order,
            refused,
        } = log;
        if !entries.starts_with(&self.told) {
            return Some(Broken::Durability);
        }
        if refused {
            return Some(Broken::Refused);
        }
        let newest = self.disk.newest().map_or(0, |(number, _)| number);
        if newest < self.relied_on {
            return Some(Broken::Checkpoint);
        }
        let up = self.writers.iter().filter(|writer| writer.is_up());
        if !up
            .into_iter()
            .all(|writer| entries.starts_with(&writer.history))
        {
            return Some(Broken::Agreement);
        }
        if !self.disk.is_without_gaps() {
            return Some(Broken::Gap);
        }
        (!in_order).then_some(Broken::Order)
    }

    /// Takes in what a step showed.
    fn show(&mut self, n: usize, effect: Effect) {
        match effect {
            Effect::None => {}
            Effect::Damaged => self.broken = Some(Broken::FalseDamage),
            Effect::Retired if self.disk.lowest() < Some(self.writers[n].number()) => {
                self.broken = Some(Broken::LeftBehind);
            }
            Effect::Retired => {}
            Effect::Named => self.relied_on = self.relied_on.max(self.writers[n].number()),
            Effect::Answered => {
                let history = &self.writers[n].history;
                if history.starts_with(&self.told) {
                    self.told.clone_from(history);
                } else if !self.told.starts_with(history) {
                    self.broken = Some(Broken::Agreement);
                }
            }
        }
    }
}

fn hash_of(writer: &Writer) -> u64 {
    let mut hasher = DefaultHasher::new();
    writer.hash(&mut hasher);
    hasher.finish()
}

impl Hash for World {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.key().hash(hasher);
    }
}

impl PartialEq for World {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

/// What can happen. Processes go by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A process starts up and opens the folder.
    Start(usize),
    /// A process takes the store's lock, or steals it.
    Lock(usize),
    /// A process begins to serve an append.
    Append(usize),
    /// A process begins to serve a look at the state.
    Look(usize),
    /// A process fails at what it serves, and refuses it.
    GiveUp(usize),
    /// A process takes its next step, from where it stands.
    Step(usize, Phase),
    /// A process is killed.
    Kill(usize),
    /// The power fails; of the unsynced items those whose bit is set are kept.
    Cut(u32),
}

impl Commit {
    fn actions_of(&self, world: &World, n: usize, actions: &mut Vec<Action>) {
        let writer = &world.writers[n];
        match writer.phase {
            Phase::Down => actions.push(Action::Start(n)),
            Phase::Idle if writer.commands == 0 => {}
            Phase::Idle => {
                actions.push(match self.bounds.lock && !writer.locks {
                    true => Action::Lock(n),
                    false => Action::Append(n),
                });
                if self.bounds.looks {
                    actions.push(Action::Look(n));
                }
            }
            // An append waits until the one before it on the same file is through.
            Phase::Appending(Appending::Write(_))
            | Phase::Rotating(Rotating::Seal(Appending::Write(_)))
                if self.is_being_written(world, writer.file) => {}
            phase => actions.push(Action::Step(n, phase)),
        }
        if writer.may_give_up() {
            actions.push(Action::GiveUp(n));
        }
        // Elsewhere a kill is a pause without end, with a new process in its place.
        let tears = matches!(writer.phase, Phase::Writing(..));
        if world.kills > 0 && writer.is_up() && (tears || !self.bounds.torn) {
            actions.push(Action::Kill(n));
        }
    }

    fn is_being_written(&self, world: &World, file: usize) -> bool {
        let writing = |w: &Writer| w.file == file && matches!(w.phase, Phase::Writing(..));
        world.writers.iter().any(writing)
    }

    fn begin(&self, world: &mut World, n: usize, task: Task) {
        let effect = world.writers[n].begin(task, &world.disk, &self.bounds);
        world.show(n, effect);
    }

    fn act(&self, world: &mut World, action: Action) {
        match action {
            Action::Start(n) => {
                let effect = world.writers[n].start(&world.disk, &self.bounds);
                world.show(n, effect);
            }
            Action::Lock(n) => {
                for (m, writer) in world.writers.iter_mut().enumerate() {
                    writer.locks = m == n;
                }
            }
            Action::Append(n) => self.begin(world, n, Task::Append),
            Action::Look(n) => self.begin(world, n, Task::Look),
            Action::GiveUp(n) => {
                let effect = world.writers[n].give_up(&mut world.disk, &self.bounds);
                world.show(n, effect);
            }
            Action::Step(n, _) => {
                let effect = world.writers[n].step(&mut world.disk, &self.bounds);
                world.show(n, effect);
            }
            Action::Kill(n) => {
                world.kills -= 1;
                let writer = &world.writers[n];
                world.writers[n] = Writer::down(writer.commands, writer.locks);
            }
            Action::Cut(kept) => {
                world.cuts -= 1;
                world.disk.lose(kept);
                for writer in &mut world.writers {
                    *writer = Writer::down(writer.commands, writer.locks);
                }
            }
        }
    }
}

impl Model for Commit {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        let disk = Disk::new();
        // At first everybody is up, and has synced the directory: as after some commands.
        let mut writer = Writer::down(self.bounds.commands, false);
        writer.start(&disk, &self.bounds);
        writer.standing.names_synced();
        vec![World {
            disk,
            writers: vec![writer; self.bounds.writers],
            told: Vec::new(),
            relied_on: 1,
            kills: self.bounds.kills,
            cuts: self.bounds.cuts,
            broken: None,
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        if world.broken.is_some() {
            return;
        }
        for n in 0..world.writers.len() {
            self.actions_of(world, n, actions);
        }
        if world.cuts > 0 {
            let items = world.disk.unsynced().len();
            actions.extend((0..1 << items).map(Action::Cut));
        }
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let mut next = world.clone();
        match self.bounds.fault {
            None => self.act(&mut next, action),
            // What follows from a fault is for the properties to see.
            Some(_) => silently(|| self.act(&mut next, action)),
        }
        let open: Vec<usize> = next.writers.iter().map(|writer| writer.file).collect();
        next.disk.forget_unreachable(&open);
        for writer in &mut next.writers {
            writer.forget_what_is_gone(&mut next.disk);
        }
        next.broken = next.broken.or_else(|| next.check(&self.bounds));
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        macro_rules! always {
            ($($bit:literal, $broken:ident, $name:literal;)*) => {
                vec![$(Property::always($name, |model: &Commit, world: &World| {
                    model.witness.holds($bit, || world.broken != Some(Broken::$broken))
                })),*]
            };
        }
        let mut properties = always! {
            32, Agreement, "G6 one accepted entry a seq";
            33, Durability, "G4 G5 what was told is never lost";
            34, Order, "an entry follows the one that it was decided on";
            35, Checkpoint, "a checkpoint never goes backwards";
            36, FalseDamage, "G7 nothing is called damaged that is not";
            37, Refused, "G6 what was refused as without effect never counts";
            38, Gap, "a generation goes once all before it are gone for good";
            39, LeftBehind, "a retirement leaves no older generation";
        };
        properties.extend(facts::properties(&self.bounds));
        properties
    }

    fn format_action(&self, action: &Action) -> String {
        show::action(*action)
    }

    fn format_step(&self, world: &World, action: Action) -> Option<String> {
        let next = self.next_state(world, action)?;
        Some(format!("{}\n{next:?}", show::step(world, action)))
    }
}

impl Narrated for Commit {
    fn narrate(&self, world: &World, action: &Action) -> String {
        show::step(world, *action)
    }
}
