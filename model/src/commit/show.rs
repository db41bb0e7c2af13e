//! Worlds and actions in words, for the explorer and for stories.

use std::fmt;

use mesh::backends::fs::Link;
use mesh::backends::fs::protocol::{Appending, Retiring, Rotating, Syncing};
use mesh::ports::Append;

use super::disk::{Disk, Item, Name};
use super::writer::{Phase, Task, Writer};
use super::{Action, World};

/// The name of process number `n`.
fn process(n: usize) -> char {
    char::from(b'A' + n as u8)
}

/// What an action is.
pub(super) fn action(action: Action) -> String {
    match action {
        Action::Start(n) => format!("{} starts up", process(n)),
        Action::Lock(n) => format!("{} takes the store's lock, or steals it", process(n)),
        Action::Append(n) => format!("{} reads the log, to append", process(n)),
        Action::Look(n) => format!("{} reads the log, to reveal it", process(n)),
        Action::GiveUp(n) => format!("{} fails at what it serves", process(n)),
        Action::Step(n, phase) => format!("{} {}", process(n), doing(phase)),
        Action::Kill(n) => format!("{} is killed", process(n)),
        Action::Cut(0) => "the power fails: all that was not synced is lost".to_owned(),
        Action::Cut(kept) => format!("the power fails: some of it is kept ({kept:#b})"),
    }
}

/// What an action does in a world.
pub(super) fn step(world: &World, action: Action) -> String {
    match action {
        Action::Cut(kept) => {
            let items = world.disk.unsynced();
            let fate = |bit: usize| match kept & (1 << bit) {
                0 => "lost",
                _ => "kept",
            };
            let fates = items.iter().enumerate();
            let fates: Vec<String> = fates
                .map(|(bit, item)| format!("{} {}", show_item(&world.disk, *item), fate(bit)))
                .collect();
            match fates.is_empty() {
                true => "the power fails; nothing was unsynced".to_owned(),
                false => format!("the power fails: {}", fates.join(", ")),
            }
        }
        other => self::action(other),
    }
}

fn show_item(disk: &Disk, item: Item) -> String {
    match item {
        Item::Name(name) => format!("the change of the name {}", show_name(name)),
        Item::Base(file) => format!("the checkpoint of generation {}", disk.files[file].number),
        Item::Record(file, place) => {
            let record = &disk.files[file].records[place];
            format!("#{} ({})", record.sum.0, show_link(record.link))
        }
        Item::Mark => "the watermark".to_owned(),
    }
}

fn show_name(name: Name) -> String {
    match name {
        Name::Journal(g) => format!("journal.{g}"),
        Name::Temporary(g, nonce) => format!("tmp.{g}.{nonce}"),
    }
}

/// What a process does next.
fn doing(phase: Phase) -> String {
    match phase {
        Phase::Down => "is down".to_owned(),
        Phase::Idle => "is idle".to_owned(),
        Phase::Reading(Task::Append) => "reads the log, to append".to_owned(),
        Phase::Reading(Task::Look) => "reads the log, to reveal it".to_owned(),
        Phase::Reading(Task::Rotate) => "reads the log, to rotate".to_owned(),
        Phase::Writing(link, _) => format!("finishes its write of {}", show_link(link)),
        Phase::Appending(step) => appending(step),
        Phase::Syncing(Syncing::Names) => "syncs the directory".to_owned(),
        Phase::Syncing(Syncing::Entries) => "syncs the file".to_owned(),
        Phase::Settling(Syncing::Names) => "syncs the directory, to refuse".to_owned(),
        Phase::Settling(_) => "syncs the file, to refuse".to_owned(),
        Phase::Syncing(_) => "notes the mark, and answers its client".to_owned(),
        Phase::Rotating(step) => rotating(step),
    }
}

fn appending(step: Appending) -> String {
    match step {
        Appending::Write(link) => format!("appends {}", show_link(link)),
        Appending::FindWinner(link, _) => format!("looks whether its {} won", show_link(link)),
        Appending::Over(_) => "has appended".to_owned(),
    }
}

fn rotating(step: Rotating) -> String {
    match step {
        Rotating::WriteSuccessor => "writes the next generation under a temporary name".to_owned(),
        Rotating::Seal(seal) => appending(seal),
        Rotating::CheckName => "looks whether the sealed generation has its name".to_owned(),
        Rotating::Link => "links the next generation".to_owned(),
        Rotating::RemoveTemporary(Append::Committed) | Rotating::Open => {
            "removes its temporary file, opens what is next".to_owned()
        }
        Rotating::RemoveTemporary(Append::Lost) => "removes its temporary file".to_owned(),
        Rotating::SyncNames => "syncs the directory with the next generation in it".to_owned(),
        Rotating::Retire(Retiring::List) => "looks for old generations".to_owned(),
        Rotating::Retire(Retiring::SyncNames(g)) => {
            format!("syncs the directory before it retires {g}")
        }
        Rotating::Retire(Retiring::Sweep(g)) => {
            format!("removes temporary files up to generation {g}")
        }
        Rotating::Retire(Retiring::Unlink(g)) => format!("removes generation {g}"),
        Rotating::Retire(Retiring::Over) | Rotating::Over(_) => "has rotated".to_owned(),
    }
}

fn show_link(link: Link) -> String {
    match link {
        Link::Entry { seq } => format!("entry {seq}"),
        Link::Seal { seq } => format!("seal after {seq}"),
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(broken) = self.broken {
            writeln!(f, "BROKEN: {}", broken.sentence())?;
        }
        show_disk(&self.disk, f)?;
        for (n, writer) in self.writers.iter().enumerate() {
            show_writer(n, writer, f)?;
        }
        let told: Vec<u64> = self.told.iter().map(|sum| sum.0).collect();
        writeln!(
            f,
            "clients were told of {told:?}, generation {} counts",
            self.relied_on
        )?;
        writeln!(
            f,
            "{} kills and {} power cuts to come",
            self.kills, self.cuts
        )
    }
}

fn show_disk(disk: &Disk, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (name, file) in &disk.names {
        let synced = match disk.synced_names.get(name) == Some(file) {
            true => "",
            false => " (name not synced)",
        };
        writeln!(f, "{}{synced}:", show_name(*name))?;
        let file = &disk.files[*file];
        let base: Vec<u64> = file.base.iter().map(|sum| sum.0).collect();
        writeln!(f, "    checkpoint {base:?}")?;
        for record in &file.records {
            let state = match (record.whole, record.synced) {
                (false, _) => "torn",
                (true, false) => "not synced",
                (true, true) => "synced",
            };
            let sum = record.sum.0;
            let prev = match record.prev == file.chain().last {
                true => "the checkpoint".to_owned(),
                false => format!("#{}", record.prev.0),
            };
            let link = show_link(record.link);
            let refused = if record.refused { ", refused" } else { "" };
            writeln!(f, "    #{sum} {link}, behind {prev}, {state}{refused}")?;
        }
    }
    for name in disk
        .synced_names
        .keys()
        .filter(|name| !disk.names.contains_key(name))
    {
        writeln!(f, "{} may come back", show_name(*name))?;
    }
    writeln!(f, "watermark {}", disk.mark)
}

fn show_writer(n: usize, writer: &Writer, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let history: Vec<u64> = writer.history.iter().map(|sum| sum.0).collect();
    let lock = match writer.locks {
        true => ", has the lock",
        false => "",
    };
    let (name, next) = (process(n), doing(writer.phase));
    match writer.is_up() {
        true => writeln!(
            f,
            "{name}: in generation {}, knows {history:?}{lock}; next it {next}",
            writer.number()
        ),
        false => writeln!(f, "{name}: down{lock}"),
    }
}
