//! What must happen somewhere, so that no promise is kept because nothing happens.

use mesh::backends::fs::Link;
use mesh::backends::fs::protocol::{Appending, Retiring, Rotating, Syncing};
use mesh::ports::Append;
use stateright::{Model, Property};

use super::disk::Name;
use super::writer::Phase;
use super::{Action, Bounds, Commit, World};

/// Something that a step can bring about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
enum Fact {
    Told,
    LostRace,
    WonBehindOthers,
    LostSeal,
    TornIsVoid,
    SawUnfinished,
    VoidAfterSeal,
    FinishedByOther,
    LinkTaken,
    NameGone,
    Swept,
    Retired,
    ToldInNext,
    CutLosesEntry,
    CutLosesGeneration,
    CutBringsBack,
    Stolen,
    Refused,
    RefusedInNext,
    RetiredSeveral,
}

impl Fact {
    fn happens(self, bounds: &Bounds, world: &World, action: Action, next: &World) -> bool {
        let len = |world: &World| world.log(bounds).map_or(0, |log| log.entries.len());
        if let Action::Cut(_) = action {
            let newest = |world: &World| world.disk.newest().map_or(0, |(number, _)| number);
            return match self {
                Self::CutLosesEntry => len(next) < len(world),
                Self::CutLosesGeneration => newest(next) < newest(world),
                Self::CutBringsBack => next.disk.names.keys().any(|name| {
                    matches!(name, Name::Journal(_)) && !world.disk.names.contains_key(name)
                }),
                _ => false,
            };
        }
        if let Action::Append(n) | Action::Look(n) = action {
            return match self {
                Self::SawUnfinished => next.writers[n].unfinished,
                Self::FinishedByOther => {
                    next.writers[n].phase == Phase::Rotating(Rotating::WriteSuccessor)
                }
                _ => false,
            };
        }
        if let Action::Lock(n) = action {
            let held = world.writers.iter().enumerate();
            let mut held = held.filter(|(m, writer)| *m != n && writer.locks);
            return self == Self::Stolen && held.next().is_some();
        }
        let (Action::Step(n, _) | Action::GiveUp(n)) = action else {
            return false;
        };
        let (before, after) = (&world.writers[n], &next.writers[n]);
        if !before.lost.is_empty() && after.commands < before.commands {
            let in_next = before.lost.iter().any(|(file, _)| *file != before.file);
            return match self {
                Self::Refused => true,
                Self::RefusedInNext => in_next,
                _ => false,
            };
        }
        let won = |link: Link| match link {
            Link::Entry { seq } => {
                after.standing.chain.seq == seq && before.standing.chain.seq < seq
            }
            Link::Seal { .. } => after.standing.chain.sealed,
        };
        let judged = match before.phase {
            Phase::Appending(Appending::FindWinner(link, _))
            | Phase::Rotating(Rotating::Seal(Appending::FindWinner(link, _))) => Some(link),
            _ => None,
        };
        if let Some(link) = judged {
            let is_entry = matches!(link, Link::Entry { .. });
            let lost = after.standing.exposed;
            return match self {
                Self::LostRace => is_entry && lost,
                Self::WonBehindOthers => won(link) && after.phase != Phase::Idle,
                Self::LostSeal => {
                    let end = Rotating::RemoveTemporary(Append::Lost);
                    after.phase == Phase::Rotating(end)
                }
                Self::TornIsVoid => {
                    let records = &world.disk.files[before.file].records;
                    records.iter().any(|record| !record.whole)
                }
                Self::VoidAfterSeal => is_entry && after.standing.chain.sealed && lost,
                _ => false,
            };
        }
        let fewer_names = next.disk.names.len() < world.disk.names.len();
        match (self, before.phase) {
            (Self::Told, Phase::Syncing(Syncing::Confirm)) => next.told.len() > world.told.len(),
            (Self::ToldInNext, Phase::Syncing(Syncing::Confirm)) => {
                next.told.len() > world.told.len() && before.number() > 1
            }
            (Self::LinkTaken, Phase::Rotating(Rotating::Link)) => {
                next.disk.names == world.disk.names
            }
            (Self::NameGone, Phase::Rotating(Rotating::CheckName)) => {
                matches!(after.phase, Phase::Rotating(Rotating::RemoveTemporary(_)))
            }
            (Self::Swept, Phase::Rotating(Rotating::Retire(Retiring::Sweep(_)))) => fewer_names,
            (Self::RetiredSeveral, Phase::Rotating(Rotating::Retire(Retiring::Unlink(lowest)))) => {
                fewer_names && lowest + 1 < before.standing.generation
            }
            (Self::Retired, Phase::Rotating(Rotating::Retire(Retiring::Unlink(_)))) => fewer_names,
            _ => false,
        }
    }
}

impl Commit {
    /// Whether something that a step from here can bring about is seen for the first time.
    fn shows(&self, world: &World, fact: Fact) -> bool {
        self.witness.first(fact as u32, || {
            let mut steps = self.next_steps(world).into_iter();
            steps.any(|(action, next)| fact.happens(&self.bounds, world, action, &next))
        })
    }
}

/// One `sometimes` for each fact that can happen within the bounds.
pub(super) fn properties(bounds: &Bounds) -> Vec<Property<Commit>> {
    macro_rules! sometimes {
        ($($when:expr, $fact:ident, $name:literal;)*) => {{
            let mut properties = Vec::new();
            $(if $when {
                properties.push(Property::sometimes($name, |model: &Commit, world: &World| {
                    model.shows(world, Fact::$fact)
                }));
            })*
            properties
        }};
    }
    let rotates = bounds.generations > 1;
    sometimes! {
        true, Told, "an entry is acknowledged";
        true, LostRace, "an append loses its race";
        bounds.torn && bounds.kills > 0, WonBehindOthers, "an append wins behind others' bytes";
        rotates, LostSeal, "a seal loses its race";
        bounds.torn && bounds.kills > 0, TornIsVoid, "a torn write is passed over";
        bounds.torn, SawUnfinished, "a reader sees a write in its middle";
        rotates, VoidAfterSeal, "an entry comes too late for its generation";
        rotates, FinishedByOther, "somebody finishes another's rotation";
        rotates, LinkTaken, "a successor is linked already";
        rotates && bounds.generations > 2, NameGone, "a sealed generation is gone already";
        rotates && bounds.generations > 2, Swept, "a temporary file is swept";
        rotates, Retired, "a generation is retired";
        rotates, ToldInNext, "an entry of the next generation is acknowledged";
        bounds.cuts > 0, CutLosesEntry, "a power cut loses an entry";
        rotates && bounds.cuts > 0, CutLosesGeneration, "a power cut loses a generation";
        rotates && bounds.cuts > 0, CutBringsBack, "a power cut brings a generation back";
        bounds.lock, Stolen, "the store's lock is stolen";
        bounds.gives_up, Refused, "a command is refused whose entry lost its race";
        bounds.gives_up && rotates, RefusedInNext,
            "a command is refused in the generation after the one in which its entry lost";
        bounds.generations > 2, RetiredSeveral, "several generations are retired in one go";
    }
}
