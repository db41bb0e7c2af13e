//! From a trace to what a picture shows of it: rows in order, and spans beside them.
//!
//! A run has hundreds of records, of which a reader needs some twenty. The [`Focus`] says
//! which; what happens again and again is told once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesh::MeshError;
use mesh::core::{ClaimStatus, Command, Entry, Event, Reply};

use super::focus::{Focus, On};
use super::incidents;
use super::spans::{Spans, Spot};
use super::telling::{Mark, Moment, Row, Telling, Who};
use super::words::{self, Messages, Said, Tone, say};
use crate::explore::Outcome;
use crate::trace::{Call, Micros, ProcessNumber, Record, Stamped, Turn};

/// Goes through a trace, record by record.
struct Teller<'a> {
    outcome: &'a Outcome,
    focus: &'a Focus<'a>,
    entries: usize,
    log: Vec<Arc<Entry>>,
    messages: Messages,
    /// Calls that only renew what their agent has or waits for.
    renewals: BTreeSet<usize>,
    /// Who believes to have the store's lock.
    lockers: BTreeSet<ProcessNumber>,
    /// Who waits for what.
    waiting: BTreeSet<(String, String)>,
    /// What each agent was answered last.
    heard: BTreeMap<String, String>,
    /// The highest fence that an unguarded resource was written under.
    newest: BTreeMap<String, u64>,
    rows: Vec<Row>,
    spans: Spans,
}

/// Shorter pauses are not told.
const WORTH_TELLING: Micros = 20_000;

/// Tells a run.
pub(super) fn tell(outcome: &Outcome, focus: &Focus<'_>) -> Option<Telling> {
    let mut teller = Teller {
        outcome,
        focus,
        entries: 0,
        log: Vec::new(),
        messages: Messages::default(),
        renewals: BTreeSet::new(),
        lockers: BTreeSet::new(),
        waiting: BTreeSet::new(),
        heard: BTreeMap::new(),
        newest: BTreeMap::new(),
        rows: Vec::new(),
        spans: Spans {
            agents_each: outcome.knobs.agents_each,
            ..Spans::default()
        },
    };
    for stamped in &outcome.trace.records {
        teller.spans.wake(stamped.at, teller.spot());
        teller.record(stamped);
    }
    let end = 2 * teller.rows.len() as Spot;
    teller.spans.close_all(end);
    let telling = Telling {
        rows: teller.rows,
        spans: teller.spans,
        lanes: Vec::new(),
    };
    let (first, last) = telling.shown(focus.shows)?;
    Some(telling.cropped(first, last))
}

impl Teller<'_> {
    /// Where what comes next begins, unless it gets a row: between two rows.
    fn spot(&self) -> Spot {
        2 * self.rows.len() as Spot - 1
    }

    /// Adds a row, and says where it is. Quiet ones that follow each other are one.
    fn row(&mut self, stamped: &Stamped, mark: Mark, who: Who, said: Said) -> Spot {
        let row = Row {
            at: stamped.at,
            process: stamped.process,
            mark,
            who,
            moment: Moment::default(),
            entries: usize::from(matches!(mark, Mark::Entry { .. })),
            said,
        };
        match self.rows.last_mut() {
            Some(last) if last.said.tone == Tone::Quiet && row.said.tone == Tone::Quiet => {
                let entries = last.entries + row.entries;
                if row.entries > 0 || last.entries == 0 {
                    *last = row;
                }
                last.entries = entries;
            }
            _ => self.rows.push(row),
        }
        self.spot() - 1
    }

    fn record(&mut self, stamped: &Stamped) {
        match &stamped.record {
            Record::Turn(turn) => self.turn(stamped, turn),
            Record::Called { call } => self.called(stamped, *call),
            Record::Answered { call } => self.answered(stamped, *call),
            Record::Left { call } => {
                if self.wants_call(*call) {
                    let said = say(Tone::Fault, "goes away before it hears the answer");
                    let spot = self.row(stamped, Mark::Hears, self.caller(*call), said);
                    self.spans.answered(*call, spot);
                }
            }
            Record::Accepted { seq, committed } => self.accepted(stamped, *seq, *committed),
            Record::Replaced { seq } => {
                self.log.retain(|entry| entry.seq < *seq);
                let said = say(Tone::Bad, "is gone, and another one takes its place");
                let spot = self.row(stamped, Mark::Dot, Who::Entry(*seq), said);
                self.spans.refold(&self.log, spot);
            }
            Record::Durable { seq } => {
                let on_disk = self.outcome.knobs.network.is_none();
                if matches!(self.focus.on, On::Log) && on_disk {
                    let said = say(
                        Tone::Plain,
                        format!("counts all up to entry {seq} as durable"),
                    );
                    self.row(stamped, Mark::Synced, process(stamped), said);
                }
            }
            Record::Wrote {
                resource,
                agent,
                fence,
                refused,
            } => self.wrote(stamped, agent, resource, *fence, *refused),
        }
    }

    fn turn(&mut self, stamped: &Stamped, turn: &Turn) {
        let (number, here) = (stamped.process, self.spot());
        if *turn == Turn::StormEnded {
            self.cut_pauses_short(stamped.at);
        }
        let said = incidents::turned(turn).filter(|_| self.wants_turn(turn));
        let spot = said.map_or(here, |said| self.say_turn(stamped, turn, said));
        self.spans.turn(number, stamped.at, turn, spot);
        match turn {
            Turn::StoreLockTaken => {
                self.lockers.insert(number);
            }
            Turn::StoreLockFreed => {
                self.lockers.remove(&number);
                self.fold_routine(number);
            }
            Turn::Crashed { .. } => {
                self.lockers.remove(&number);
                self.forget(number);
            }
            Turn::PowerCut { .. } => (0..8).for_each(|number| self.forget(number)),
            _ => {}
        }
    }

    /// The agents of a process that dies know nothing any more.
    fn forget(&mut self, number: ProcessNumber) {
        let each = self.outcome.knobs.agents_each;
        for agent in number * each..(number + 1) * each {
            self.heard.remove(&format!("a{agent}"));
        }
    }

    /// Quiet rows of one process that follow each other are one.
    fn fold_again(&mut self, at: usize) {
        let [.., before, row] = self.rows.as_slice() else {
            return;
        };
        let quiet = before.said.tone == Tone::Quiet && row.said.tone == Tone::Quiet;
        if !quiet || before.process != row.process {
            return;
        }
        let entries = before.entries + row.entries;
        let mut row = self.rows.remove(at);
        row.entries = entries;
        if let (On::Lock, Mark::Entry { seq, .. }) = (self.focus.on, row.mark) {
            row.said.text =
                format!("takes the lock and appends {entries} times, up to entry {seq}");
        }
        self.rows[at - 1] = row;
    }

    /// Whether a turn of the world is about what the picture is about.
    fn wants_turn(&self, turn: &Turn) -> bool {
        match turn {
            Turn::Paused { micros, .. } => *micros >= WORTH_TELLING,
            Turn::StoreLockTaken
            | Turn::StoreLockFreed
            | Turn::StoreLockStolen { .. }
            | Turn::StoreLockMissed
            | Turn::WroteWithoutLock => self.focus.shows_lock(),
            Turn::AppendLost { .. } => self.focus.shows_lock() || matches!(self.focus.on, On::Log),
            Turn::HalfWritten
            | Turn::HalfWriteSeen
            | Turn::TornTailHealed
            | Turn::Sealed { .. }
            | Turn::Followed { .. }
            | Turn::RenamedOver { .. } => matches!(self.focus.on, On::Log | On::Files),
            Turn::Exported => self.focus.on == On::Files,
            _ => true,
        }
    }

    fn say_turn(&mut self, stamped: &Stamped, turn: &Turn, mut said: Said) -> Spot {
        if said.tone == Tone::Quiet {
            said.tone = Tone::Plain;
        }
        if matches!(turn, Turn::StoreLockStolen { .. }) && self.lockers.contains(&stamped.process) {
            said = say(Tone::Bad, incidents::FREES_ANOTHERS);
        }
        let last = self.rows.last();
        let seen_before = last.is_some_and(|last| last.moment == Moment::SeesHalfARecord);
        if *turn == Turn::HalfWriteSeen && seen_before {
            return self.spot();
        }
        let (mark, who) = match turn {
            Turn::PowerCut { .. }
            | Turn::PowerCameBack { .. }
            | Turn::LogServerCrashed
            | Turn::LogServerCameBack => (Mark::Everybody, Who::All),
            Turn::Crashed { .. } => (Mark::Dies, process(stamped)),
            _ => (Mark::Dot, process(stamped)),
        };
        let spot = self.row(stamped, mark, who, said);
        if let Some(row) = self.rows.last_mut() {
            row.moment = match turn {
                Turn::StoreLockTaken => Moment::TakesLock,
                Turn::StoreLockFreed => Moment::FreesLock,
                Turn::HalfWriteSeen => Moment::SeesHalfARecord,
                _ => Moment::Other,
            };
        }
        spot
    }

    /// The storm is over, and whoever stands still goes on earlier than was meant.
    fn cut_pauses_short(&mut self, now: Micros) {
        for row in self.spans.standing_still() {
            if let Some(row) = self.rows.get_mut(row) {
                let lasted = words::seconds(now - row.at);
                row.said.text = format!("stands still for {lasted}");
            }
        }
    }

    /// Who takes the store's lock, appends and gives it back undisturbed needs one row.
    fn fold_routine(&mut self, number: ProcessNumber) {
        let (begins, routine) = match self.rows.as_slice() {
            [.., takes, entry, frees] => {
                let own = [takes, entry, frees]
                    .iter()
                    .all(|row| row.process == number);
                let entry = matches!(entry.mark, Mark::Entry { read: false, .. });
                let takes = takes.moment == Moment::TakesLock && frees.moment == Moment::FreesLock;
                (self.rows.len() - 3, own && entry && takes)
            }
            _ => return,
        };
        if !routine {
            return;
        }
        self.rows.truncate(begins + 2);
        let mut row = self.rows.remove(begins + 1);
        row.at = self.rows[begins].at;
        if self.focus.on == On::Lock {
            let entry = std::mem::replace(&mut row.who, Who::Process(number));
            row.said = say(
                Tone::Quiet,
                format!("takes the lock, appends {entry}, gives it back"),
            );
        }
        self.rows[begins] = row;
        self.fold_again(begins);
        self.spans.clamp(2 * (self.rows.len() as Spot - 1));
    }

    /// Whether a call is about what the picture is about.
    fn wants_call(&self, call: usize) -> bool {
        let Call {
            command, answer, ..
        } = &self.outcome.trace.calls[call];
        let result = answer.as_ref().map(|answer| &answer.result);
        if matches!(result, Some(Err(MeshError::Storage(_)))) {
            return true;
        }
        match (self.focus.on, command) {
            (On::Claims(names), Command::Claim(claim)) => names.contains(&&*claim.resource),
            (On::Claims(names), Command::Release(release)) => names.contains(&&*release.resource),
            (On::Messages, command) => matches!(
                command,
                Command::Post(_) | Command::Inbox(_) | Command::Read(_)
            ),
            (On::Log, Command::Claim(_) | Command::Release(_) | Command::Post(_)) => true,
            _ => false,
        }
    }

    fn caller(&self, call: usize) -> Who {
        Who::Agent(self.outcome.trace.calls[call].agent.clone())
    }

    fn called(&mut self, stamped: &Stamped, number: usize) {
        if !self.wants_call(number) {
            return;
        }
        let call = &self.outcome.trace.calls[number];
        let mut said = words::asked(&call.command, &self.messages);
        if let Command::Claim(claim) = &call.command {
            let ticket = (claim.resource.clone(), call.agent.clone());
            let has = self.waiting.contains(&ticket)
                || self.spans.hold(&claim.resource, &call.agent).is_some();
            if has && self.heard.contains_key(&call.agent) {
                self.renewals.insert(number);
                said = say(Tone::Quiet, format!("claims {} again", claim.resource));
            }
        }
        let spot = self.row(stamped, Mark::Asks, self.caller(number), said);
        self.spans.asked(number, stamped.process, spot);
    }

    fn answered(&mut self, stamped: &Stamped, number: usize) {
        if !self.wants_call(number) {
            return;
        }
        let call = &self.outcome.trace.calls[number];
        let Some(answer) = &call.answer else { return };
        let mut said = words::answered(&answer.result, &self.messages);
        if self.renewals.contains(&number) && is_as_before(&answer.result) {
            said.tone = Tone::Quiet;
        }
        let before = self.heard.insert(call.agent.clone(), said.text.clone());
        if before.as_ref() == Some(&said.text) {
            said.tone = Tone::Quiet;
        }
        let spot = self.row(stamped, Mark::Hears, self.caller(number), said);
        self.spans.answered(number, spot);
    }

    fn wants_event(&self, event: &Event) -> bool {
        match self.focus.on {
            On::Claims(names) => event
                .resource()
                .is_some_and(|resource| names.contains(&&**resource)),
            On::Messages => {
                matches!(event, Event::Posted { from, .. } if &**from != "mesh")
                    || matches!(event, Event::CursorMoved { .. })
            }
            On::Files => false,
            On::Log | On::Lock => {
                !matches!(event, Event::Heartbeat { .. })
                    && !matches!(event, Event::Posted { from, .. } if &**from == "mesh")
            }
        }
    }

    fn accepted(&mut self, stamped: &Stamped, seq: u64, committed: bool) {
        let Some(entry) = self.outcome.trace.entries.get(self.entries).cloned() else {
            return;
        };
        self.entries += 1;
        let mut told = Vec::new();
        let mut quiet = true;
        for event in &entry.events {
            let waits = event.claim().is_some_and(|claim| {
                let ticket = (claim.resource.to_string(), claim.agent_id.to_string());
                self.waiting.contains(&ticket)
            });
            let text = words::happened(event, waits, &mut self.messages);
            if self.wants_event(event) {
                quiet &= matches!(
                    event,
                    Event::Renewed { .. } | Event::TicketRenewed { .. } | Event::Registered { .. }
                );
                told.push(text);
            }
            self.note(event);
        }
        let mut spot = self.spot();
        if !told.is_empty() || matches!(self.focus.on, On::Log | On::Lock) {
            let text = match told.as_slice() {
                [] => "a sign of life".to_owned(),
                [one, two, three, more @ ..] if !more.is_empty() => {
                    format!("{one}; {two}; {three}; and {} more", more.len())
                }
                told => told.join("; "),
            };
            let clock = words::skew(entry.at, stamped.at);
            let clock = clock.map_or_else(String::new, |skew| format!(" (dated {skew})"));
            let seen = match committed {
                true => String::new(),
                false => format!(", found there by {}", process(stamped)),
            };
            let tone = if quiet { Tone::Quiet } else { Tone::Plain };
            let mark = Mark::Entry {
                seq,
                read: !committed,
            };
            let said = say(tone, format!("{text}{clock}{seen}"));
            spot = self.row(stamped, mark, Who::Entry(seq), said);
        }
        self.log.push(entry.clone());
        self.spans.fold(&entry, spot);
    }

    /// Remembers who waits.
    fn note(&mut self, event: &Event) {
        let Some(claim) = event.claim() else {
            return;
        };
        let ticket = (claim.resource.to_string(), claim.agent_id.to_string());
        match event {
            Event::Queued { .. } => self.waiting.insert(ticket),
            Event::Promoted { .. } | Event::Cancelled { .. } | Event::Lapsed { .. } => {
                self.waiting.remove(&ticket)
            }
            _ => false,
        };
    }

    fn wrote(&mut self, stamped: &Stamped, agent: &str, resource: &str, fence: u64, refused: bool) {
        let wanted = match self.focus.on {
            On::Claims(names) => names.contains(&resource),
            _ => false,
        };
        let newest = self.newest.entry(resource.to_owned()).or_default();
        let stale = fence < *newest;
        *newest = match self.focus.unfenced {
            true => fence,
            false => fence.max(*newest),
        };
        if !wanted {
            return;
        }
        let said = match (self.focus.unfenced, refused, stale) {
            (true, _, true) => say(
                Tone::Bad,
                format!("writes to {resource} under fence {fence}, over what is newer"),
            ),
            (false, true, _) => say(
                Tone::Good,
                format!("writes to {resource} under fence {fence}, and is refused"),
            ),
            _ => say(
                Tone::Plain,
                format!("writes to {resource} under fence {fence}"),
            ),
        };
        let accepted = self.focus.unfenced || !refused;
        let who = Who::Agent(agent.to_owned());
        self.row(stamped, Mark::Writes { fence, accepted }, who, said);
    }
}

/// Whether an agent that asked again for what it has or waits for is told that it still does.
fn is_as_before(result: &Result<Reply, MeshError>) -> bool {
    let Ok(Reply::Claim(reply)) = result else {
        return false;
    };
    reply.status != ClaimStatus::Denied && reply.lost.is_none()
}

fn process(stamped: &Stamped) -> Who {
    Who::Process(stamped.process)
}
