//! What happened, in a few words each: the text beside a picture.
//!
//! Who did it stands in front of the words, and is not in them.

use mesh::core::{
    Claim, ClaimReply, ClaimStatus, Command, Event, LapseReason, MessageId, Millis, Mode,
    ReleaseReply, ReleaseStatus, Reply, Wait,
};
use mesh::{MeshError, ports::Outcome};

use crate::trace::{CENTURY_MS, EPOCH_MS, Micros};

/// How something is said: it is drawn in this colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    /// As it should be.
    Plain,
    /// As always: several of these in a row are told as one.
    Quiet,
    /// A fault of the world.
    Fault,
    /// It went well although it might not have.
    Good,
    /// It went wrong for somebody.
    Bad,
}

/// What is said of one thing that happened.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) text: String,
    pub(super) tone: Tone,
}

pub(super) fn say(tone: Tone, text: impl Into<String>) -> Said {
    let text = text.into();
    Said { text, tone }
}

/// Who tells agents what happened to them.
const MESH: &str = "mesh";

/// The messages of a run, by short names of their own: m1 is the one posted first.
#[derive(Debug, Default)]
pub(super) struct Messages {
    posted: Vec<MessageId>,
    of_mesh: Vec<MessageId>,
}

impl Messages {
    pub(super) fn name(&self, id: MessageId) -> String {
        match self.posted.iter().position(|known| *known == id) {
            Some(at) => format!("m{}", at + 1),
            None if id == MessageId::ZERO => "the beginning".to_owned(),
            None if self.of_mesh.contains(&id) => "a message of mesh".to_owned(),
            None => "an id that no message has".to_owned(),
        }
    }

    /// Names a message. Where its id is not above all others, says so.
    fn posted(&mut self, id: MessageId) -> (String, String) {
        if !self.posted.contains(&id) {
            self.posted.push(id);
        }
        let above = self.posted.iter().filter(|other| **other > id).min();
        let order = above.map_or_else(String::new, |above| {
            format!("; its id sorts before that of {}", self.name(*above))
        });
        (self.name(id), order)
    }
}

fn listed(names: &[String]) -> String {
    match names {
        [first, second, third, _, ..] => {
            format!("{first}, {second}, {third} and {} more", names.len() - 3)
        }
        names => names.join(", "),
    }
}

/// A duration in seconds.
pub(super) fn seconds(micros: Micros) -> String {
    match micros {
        0..1_000 => "less than 1 ms".to_owned(),
        1_000..1_000_000 => format!("{}{NARROW}ms", micros / 1_000),
        _ => format!("{:.1}{NARROW}s", micros as f64 / 1e6),
    }
}

/// A blank at which no line is broken.
const NARROW: char = '\u{a0}';

/// How long after the beginning of the world a wall clock shows a moment, in milliseconds;
/// `None`: it is a century ahead.
fn since_epoch(at: Millis) -> Option<i64> {
    let since = at as i64 - EPOCH_MS as i64;
    (since <= CENTURY_MS / 2).then_some(since)
}

/// A moment by somebody's wall clock, counted from the beginning of the world.
pub(super) fn moment(at: Millis) -> String {
    match since_epoch(at) {
        None => "in 100 years".to_owned(),
        Some(since) => format!("{:.1}{NARROW}s", since as f64 / 1e3),
    }
}

/// How long something lasts that ends at a moment.
fn until(at: Millis) -> String {
    match since_epoch(at) {
        None => "for 100 years".to_owned(),
        Some(_) => format!("until {}", moment(at)),
    }
}

/// What the checkers say of a broken rule, as far as it fits below a picture.
pub(super) fn verdict(broken: &str) -> String {
    const MOST: usize = 230;
    let text = format!("Broken: {}", humane(broken));
    match text.char_indices().nth(MOST) {
        None => text,
        Some((end, _)) => {
            let whole = text[..end].rfind(' ').unwrap_or(end);
            format!("{} …", &text[..whole])
        }
    }
}

/// Moments are counted as in the pictures.
fn humane(text: &str) -> String {
    let mut out = String::new();
    let mut digits = String::new();
    for c in text.chars().chain(['\0']) {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        match digits.parse() {
            Ok(at) if digits.len() == EPOCH_DIGITS => out.push_str(&moment(at)),
            _ => out.push_str(&digits),
        }
        digits.clear();
        out.extend((c != '\0').then_some(c));
    }
    out
}

/// How many digits a moment has in milliseconds.
const EPOCH_DIGITS: usize = 13;

/// By how much a wall clock is off, where that is worth saying.
pub(super) fn skew(wall: Millis, at: Micros) -> Option<String> {
    let off = wall as i64 - (EPOCH_MS + at / 1000) as i64;
    let way = if off > 0 { "ahead" } else { "behind" };
    far(off).map(|by| format!("{by} {way}"))
}

/// How far a clock is off or jumps, if by seconds at least.
pub(super) fn far(millis: i64) -> Option<String> {
    let seconds = millis.unsigned_abs() / 1000;
    match seconds {
        0 => None,
        1..120 => Some(format!("{seconds}{NARROW}s")),
        120..7_200 => Some(format!("{}{NARROW}min", seconds / 60)),
        _ if millis > CENTURY_MS / 2 => Some(format!("100{NARROW}years")),
        _ => Some(format!("{}{NARROW}h", seconds / 3600)),
    }
}

/// What an agent asks for.
pub(super) fn asked(command: &Command, messages: &Messages) -> Said {
    match command {
        Command::Claim(claim) => say(Tone::Plain, claims(claim)),
        Command::Release(release) => say(Tone::Plain, format!("releases {}", release.resource)),
        Command::Post(post) => say(Tone::Plain, format!("posts to {}", whom(&post.to))),
        Command::Read(read) => {
            let up_to = match read.up_to.parse() {
                Ok(id) => messages.name(id),
                Err(_) => "what is no id".to_owned(),
            };
            say(Tone::Plain, format!("moves its cursor to {up_to}"))
        }
        Command::Inbox(_) => say(Tone::Plain, "looks at its mail"),
        Command::Register(_) => say(Tone::Quiet, "registers"),
        Command::Roster(_) => say(Tone::Quiet, "asks who is there"),
        Command::Claims(_) => say(Tone::Quiet, "asks who holds what"),
        Command::Gc(_) => say(Tone::Quiet, "sweeps"),
    }
}

fn whom(to: &str) -> &str {
    if to == "*" { "everybody" } else { to }
}

fn claims(claim: &Claim) -> String {
    let share = match claim.mode {
        Some(Mode::Shared) => "a share of ",
        _ => "",
    };
    let wait = match (claim.wait_seconds, claim.wait()) {
        (Some(seconds @ 1..), _) => format!(", and waits up to {seconds} s"),
        (_, Wait::Queue) => ", or a place in the queue".to_owned(),
        (_, Wait::NoWait) => String::new(),
    };
    format!("claims {share}{}{wait}", claim.resource)
}

/// What an agent is answered.
pub(super) fn answered(result: &Result<Reply, MeshError>, messages: &Messages) -> Said {
    match result {
        Ok(Reply::Claim(reply)) => claimed(reply),
        Ok(Reply::Release(reply)) => released(reply),
        Ok(Reply::Post(reply)) => {
            let name = messages.name(reply.message_id);
            say(Tone::Plain, format!("is told: posted as {name}"))
        }
        Ok(Reply::Inbox(reply)) if reply.messages.is_empty() => {
            say(Tone::Plain, "is shown no mail")
        }
        Ok(Reply::Inbox(reply)) => {
            let mail = reply.messages.iter().filter(|m| &*m.from != MESH);
            let names: Vec<String> = mail.map(|m| messages.name(m.message_id)).collect();
            match names.is_empty() {
                true => say(Tone::Quiet, "is shown what mesh has to say"),
                false => say(Tone::Plain, format!("is shown {}", listed(&names))),
            }
        }
        Ok(Reply::Read(reply)) => {
            let cursor = messages.name(reply.cursor);
            say(Tone::Plain, format!("is told: its cursor is at {cursor}"))
        }
        Ok(Reply::Register(_) | Reply::Roster(_) | Reply::Claims(_) | Reply::Gc(_)) => {
            say(Tone::Quiet, "is answered")
        }
        Err(error) => say(Tone::Fault, format!("is told: {}", failed(error))),
    }
}

fn claimed(reply: &ClaimReply) -> Said {
    let ClaimReply {
        resource, fence, ..
    } = reply;
    let holder = reply.holder.as_deref().unwrap_or("nobody");
    let lost = reply.lost.as_ref().map_or_else(String::new, |lost| {
        format!("; it lost the hold of fence {}", lost.fence)
    });
    match (reply.status, reply.queue_position) {
        (ClaimStatus::Granted, _) => say(
            Tone::Plain,
            format!("is told: {resource} is yours, fence {fence}{lost}"),
        ),
        (ClaimStatus::Queued, position) => {
            let position = position.unwrap_or_default();
            let text = format!("is told: number {position} in the queue for {resource}{lost}");
            say(Tone::Plain, text)
        }
        (ClaimStatus::Denied, _) => match &reply.deadlock {
            Some(circle) => {
                let circle: Vec<String> = circle
                    .iter()
                    .map(|link| format!("{} waits for {}", link.agent_id, link.waits_for))
                    .collect();
                let text = format!("is denied {resource}, since {}", circle.join(" and "));
                say(Tone::Good, text)
            }
            None => say(
                Tone::Plain,
                format!("is denied {resource}, which {holder} holds{lost}"),
            ),
        },
    }
}

fn released(reply: &ReleaseReply) -> Said {
    let next = reply
        .next_holder
        .as_ref()
        .map_or_else(String::new, |next| format!(", {next} is next"));
    match reply.status {
        ReleaseStatus::Released => say(Tone::Plain, format!("is told: released{next}")),
        ReleaseStatus::NotHolder => say(Tone::Bad, "is told: somebody else holds it"),
        ReleaseStatus::Unknown => say(Tone::Bad, "is told: there is no such claim any more"),
    }
}

fn failed(error: &MeshError) -> String {
    match error {
        MeshError::Rejected(rejection) => rejection.to_string(),
        MeshError::Storage(error) if error.outcome == Outcome::Unknown => {
            "whether it took effect is unknown".to_owned()
        }
        MeshError::Storage(error) => error.what.clone(),
        error => error.to_string(),
    }
}

/// An event of the log. `waits`: its agent only had a place in the queue.
pub(super) fn happened(event: &Event, waits: bool, messages: &mut Messages) -> String {
    let Some(claim) = event.claim() else {
        return of_agents_and_messages(event, messages);
    };
    let (resource, agent_id) = (&claim.resource, &claim.agent_id);
    match event {
        Event::Granted {
            fence, mode, terms, ..
        } => {
            let share = shared(*mode);
            let until = until(terms.expires_at);
            format!("{agent_id} has {share}{resource} under fence {fence} {until}")
        }
        Event::Upgraded { fence, terms, .. } => {
            let until = until(terms.expires_at);
            format!("{agent_id} has {resource} alone under fence {fence} {until}")
        }
        Event::Promoted {
            fence, expires_at, ..
        } => {
            let until = until(*expires_at);
            format!("{agent_id} is promoted: {resource} under fence {fence} {until}")
        }
        Event::Renewed { terms, .. } => {
            format!("{agent_id} keeps {resource} {}", until(terms.expires_at))
        }
        Event::Queued { mode, .. } => format!("{agent_id} waits for {}{resource}", shared(*mode)),
        Event::TicketRenewed { .. } => format!("{agent_id} still waits for {resource}"),
        Event::Released { .. } => format!("{agent_id} gives {resource} back"),
        Event::Cancelled { .. } => format!("{agent_id} waits for {resource} no more"),
        Event::Lapsed { reason, .. } => {
            let why = match reason {
                LapseReason::Lease => "its lease is over",
                LapseReason::Death => "it is dead",
            };
            match waits {
                false => format!("{agent_id} loses {resource}: {why}"),
                true => format!("{agent_id} loses its place in the queue: {why}"),
            }
        }
        Event::LeaseCut { expires_at, .. } => {
            let end = moment(*expires_at);
            format!("{agent_id}'s lease of {resource} is cut to {end}")
        }
        event => of_agents_and_messages(event, messages),
    }
}

fn of_agents_and_messages(event: &Event, messages: &mut Messages) -> String {
    match event {
        Event::Posted {
            message_id,
            from,
            to,
            ..
        } => {
            if &**from == MESH {
                messages.of_mesh.push(*message_id);
                return format!("mesh tells {to}");
            }
            let (name, order) = messages.posted(*message_id);
            format!("{name} from {from} to {}{order}", whom(to))
        }
        Event::CursorMoved { agent_id, cursor } => {
            format!("{agent_id}'s cursor is at {}", messages.name(*cursor))
        }
        Event::Registered { agent_id, .. } => format!("{agent_id} registers"),
        Event::Heartbeat { agent_id, .. } => format!("{agent_id} is alive"),
        event => {
            let about = event.agent_id().map(|agent| format!(" ({agent})"));
            let kind = event.kind().replace('_', " ");
            format!("{kind}{}", about.unwrap_or_default())
        }
    }
}

fn shared(mode: Mode) -> &'static str {
    match mode {
        Mode::Exclusive => "",
        Mode::Shared => "a share of ",
    }
}
