//! What befell somebody, in a few words each.

use super::words::{Said, Tone, far, say, seconds};
use crate::trace::{Broken, Doing, Incident, Target, Verb};

/// A fault, or another turn of the world; `None`: of no interest to a reader.
pub(super) fn befell(incident: &Incident) -> Option<Said> {
    let said = match incident {
        Incident::Paused { micros, .. } => say(
            Tone::Fault,
            format!("stands still for {}", seconds(*micros)),
        ),
        Incident::Crashed {
            after_effect,
            doing,
        } => say(Tone::Fault, killed(*after_effect, doing)),
        Incident::PowerCut { .. } => say(Tone::Fault, "the power fails: everybody dies"),
        Incident::PowerCameBack {
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
        Incident::ClockStepped { by_ms } => {
            let far = far(*by_ms).unwrap_or_else(|| "less than a second".to_owned());
            let way = if *by_ms > 0 { "ahead" } else { "back" };
            say(
                Tone::Fault,
                format!("sees its wall clock jump {way} by {far}"),
            )
        }
        Incident::WriteFailed { .. } => say(Tone::Fault, "the device fails a write"),
        Incident::SyncFailed { .. } => say(Tone::Fault, "the device fails a sync"),
        Incident::DiskFull { .. } => say(Tone::Fault, "the disk is full"),
        Incident::Refused { doing, .. } => {
            say(Tone::Fault, format!("finds that this fails: {doing}"))
        }
        Incident::Started { incarnation: 1 } | Incident::StormEnded => return None,
        Incident::Started { .. } => say(Tone::Plain, "starts again"),
        incident => return of_the_store(incident),
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

fn of_the_store(incident: &Incident) -> Option<Said> {
    let said = match incident {
        Incident::StoreLockTaken => say(Tone::Quiet, "takes the store's lock"),
        Incident::StoreLockFreed => say(Tone::Quiet, "gives the store's lock back"),
        Incident::StoreLockStolen { from_live: true } => say(
            Tone::Bad,
            "takes the store's lock from its owner, who is alive",
        ),
        Incident::StoreLockStolen { from_live: false } => {
            say(Tone::Good, "takes the store's lock from its dead owner")
        }
        Incident::StoreLockMissed => say(Tone::Good, "comes to take it too, and finds it gone"),
        Incident::WroteWithoutLock => say(Tone::Quiet, "goes on without the store's lock"),
        Incident::AppendLost { seq } => say(
            Tone::Good,
            format!("finds that another entry {seq} came first, and decides again"),
        ),
        Incident::HalfWritten => say(Tone::Fault, "has written half a record so far"),
        Incident::HalfWriteSeen => say(Tone::Plain, "reads, and sees half a record"),
        Incident::TornTailHealed => say(
            Tone::Good,
            "appends behind the torn record, which its separator makes void",
        ),
        Incident::Sealed { name } => say(Tone::Plain, format!("seals {name}")),
        Incident::Followed { name } => say(Tone::Plain, format!("links {name}, with a checkpoint")),
        Incident::Exported => say(Tone::Plain, "writes state.json, for people"),
        Incident::RenamedOver { name } => say(Tone::Bad, format!("renames its own file to {name}")),
        incident => return of_the_network(incident),
    };
    Some(said)
}

fn of_the_network(incident: &Incident) -> Option<Said> {
    let said = match incident {
        Incident::LinkBroke { broken } => {
            let how = match broken {
                Broken::BothWays => "cannot reach the log any more",
                Broken::ToTheLog => "is heard by nobody any more",
                Broken::FromTheLog => "hears nothing any more",
                Broken::Held => "has its messages held back",
                Broken::Slow => "has a slow link from now on",
            };
            say(Tone::Fault, how)
        }
        Incident::LinkMended => say(Tone::Plain, "has its link back"),
        Incident::LogServerCrashed => say(Tone::Fault, "the log server dies"),
        Incident::LogServerCameBack => say(Tone::Plain, "the log server is back"),
        Incident::NotAnswered { seq } => {
            say(Tone::Fault, format!("gets no answer to its entry {seq}"))
        }
        Incident::OwnEntryFound { seq } => {
            say(Tone::Good, format!("looks, and finds its own entry {seq}"))
        }
        Incident::OtherEntryFound { seq } => say(
            Tone::Good,
            format!("looks, and finds another entry {seq}: decides again"),
        ),
        Incident::ProposedAgain { seq } => say(
            Tone::Good,
            format!("finds place {seq} empty, and proposes the same entry again"),
        ),
        Incident::OutcomeUnknown { .. } => say(Tone::Fault, "cannot find out, and says so"),
        _ => return None,
    };
    Some(said)
}
