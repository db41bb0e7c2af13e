//! What befell somebody, in a few words each.

use super::words::{Said, Tone, far, say, seconds};
use crate::trace::{Broken, Doing, Target, Turn, Verb};

/// A fault, or another turn of the world; `None`: of no interest to a reader.
pub(super) fn turned(turn: &Turn) -> Option<Said> {
    let said = match turn {
        Turn::Paused { micros, .. } => say(
            Tone::Fault,
            format!("stands still for {}", seconds(*micros)),
        ),
        Turn::Crashed {
            after_effect,
            doing,
        } => say(Tone::Fault, killed(*after_effect, doing)),
        Turn::PowerCut { .. } => say(Tone::Fault, "the power fails: everybody dies"),
        Turn::PowerCameBack {
            torn, names_lost, ..
        } => {
            let lost = match (torn, names_lost) {
                (false, false) => "nothing was lost",
                (true, false) => "bytes that were not synced are gone",
                (false, true) => "names that were not synced are gone",
                (true, true) => "bytes and names that were not synced are gone",
            };
            say(Tone::Fault, format!("the power is back: {lost}"))
        }
        Turn::ClockStepped { by_ms } => {
            let far = far(*by_ms).unwrap_or_else(|| "less than a second".to_owned());
            let way = if *by_ms > 0 { "ahead" } else { "back" };
            say(
                Tone::Fault,
                format!("sees its wall clock jump {way} by {far}"),
            )
        }
        Turn::WriteFailed { .. } => say(Tone::Fault, "the device fails a write"),
        Turn::SyncFailed { .. } => say(Tone::Fault, "the device fails a sync"),
        Turn::DiskFull { .. } => say(Tone::Fault, "the disk is full"),
        Turn::Started { incarnation: 1 } | Turn::StormEnded => return None,
        Turn::Started { .. } => say(Tone::Plain, "starts again"),
        turn => return of_the_store(turn),
    };
    Some(said)
}

fn killed(after_effect: bool, doing: &Doing) -> String {
    let when = if after_effect { "after" } else { "before" };
    match doing {
        Doing::Anything => "is killed".to_owned(),
        Doing::HalfAnAppend => "is killed, in its write, with half of it in the file".to_owned(),
        Doing::Operation(verb, target) => {
            format!("is killed, {when} its {}", operation(*verb, target))
        }
    }
}

/// What a process was about to do, as a noun.
fn operation(verb: Verb, target: &Target) -> String {
    let of = match target {
        Target::Open => String::new(),
        Target::Temporary(_) => " of a temporary file".to_owned(),
        Target::FutureLock(_) => " of what is to be its lock".to_owned(),
        Target::Named(name) => format!(" of {name}"),
    };
    match verb {
        Verb::Probe => "look at the owner".to_owned(),
        Verb::MakeDir => "making a directory".to_owned(),
        Verb::RemoveDir => "removal of a directory".to_owned(),
        verb => format!("{verb}{of}"),
    }
}

/// What is said of whoever frees the lock of another one, since it took it for its own.
pub(super) const FREES_ANOTHERS: &str = "frees the store's lock, which is another's by now";

fn of_the_store(turn: &Turn) -> Option<Said> {
    let said = match turn {
        Turn::StoreLockTaken => say(Tone::Quiet, "takes the store's lock"),
        Turn::StoreLockFreed => say(Tone::Quiet, "gives the store's lock back"),
        Turn::StoreLockStolen { from_live: true } => say(
            Tone::Bad,
            "takes the store's lock from its owner, who is alive",
        ),
        Turn::StoreLockStolen { from_live: false } => {
            say(Tone::Good, "takes the store's lock from its dead owner")
        }
        Turn::StoreLockMissed => say(Tone::Good, "comes to take it too, and finds it gone"),
        Turn::WroteWithoutLock => say(Tone::Quiet, "goes on without the store's lock"),
        Turn::AppendLost { seq } => say(
            Tone::Good,
            format!("finds that another entry {seq} came first, and decides again"),
        ),
        Turn::HalfWritten => say(Tone::Fault, "has written half a record so far"),
        Turn::HalfWriteSeen => say(Tone::Plain, "reads, and sees half a record"),
        Turn::TornTailHealed => say(
            Tone::Good,
            "appends behind the torn record, which its separator makes void",
        ),
        Turn::Sealed { name } => say(Tone::Plain, format!("seals {name}")),
        Turn::Followed { name } => say(Tone::Plain, format!("links {name}, with a checkpoint")),
        Turn::Exported => say(Tone::Plain, "writes state.json, for people"),
        Turn::RenamedOver { name } => say(Tone::Bad, format!("renames its own file to {name}")),
        turn => return of_the_network(turn),
    };
    Some(said)
}

fn of_the_network(turn: &Turn) -> Option<Said> {
    let said = match turn {
        Turn::LinkBroke { broken } => {
            let how = match broken {
                Broken::BothWays => "cannot reach the log any more",
                Broken::ToTheLog => "is heard by nobody any more",
                Broken::FromTheLog => "hears nothing any more",
                Broken::Held => "has its messages held back",
                Broken::Slow => "has a slow link from now on",
            };
            say(Tone::Fault, how)
        }
        Turn::LinkMended => say(Tone::Plain, "has its link back"),
        Turn::LogServerCrashed => say(Tone::Fault, "the log server dies"),
        Turn::LogServerCameBack => say(Tone::Plain, "the log server is back"),
        Turn::NotAnswered { seq } => say(Tone::Fault, format!("gets no answer to its entry {seq}")),
        Turn::OwnEntryFound { seq } => {
            say(Tone::Good, format!("looks, and finds its own entry {seq}"))
        }
        Turn::OtherEntryFound { seq } => say(
            Tone::Good,
            format!("looks, and finds another entry {seq}: decides again"),
        ),
        Turn::ProposedAgain { seq } => say(
            Tone::Good,
            format!("finds place {seq} empty, and proposes the same entry again"),
        ),
        Turn::OutcomeUnknown { .. } => say(Tone::Fault, "cannot find out, and says so"),
        _ => return None,
    };
    Some(said)
}
