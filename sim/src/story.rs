//! A run as a picture: a space-time diagram with a lane for each process and one for
//! the log.
//!
//! Time goes down, but not to scale: what happens within a microsecond takes as much
//! room as what happens after a minute of silence, since it is the order that matters.
//! An arrow to the log is an entry; a grey bar is a process that stands still; what is
//! red went wrong for somebody, as it should.

use std::fmt::Write;

use mesh::core::Event;

use crate::run::Outcome;
use crate::sometimes::Seen;
use crate::trace::{Micros, Record, Stamped, Turn};

/// A run that is worth telling, kept as a tape.
#[derive(Clone, Copy, Debug)]
pub struct Story {
    /// What it is asked for by.
    pub name: &'static str,
    /// What it tells.
    pub sentence: &'static str,
    /// What must happen in it.
    pub meets: Seen,
    /// The tape.
    pub tape: &'static str,
}

/// Declares the stories; the tapes lie in `stories/`.
macro_rules! stories {
    ($($name:literal, $meets:ident, $sentence:literal;)*) => {
        /// The named stories.
        pub const STORIES: &[Story] = &[$(Story {
            name: $name,
            sentence: $sentence,
            meets: Seen::$meets,
            tape: include_str!(concat!("../stories/", $name, ".tape")),
        },)*];
    };
}

stories! {
    "paused-holder", StaleWriteRefused,
    "A holder loses its claim while it believes in it; the fence keeps its late write out.";
    "stale-theft", DeadHolderRobbed,
    "A process dies with the store's lock in its hand, and another one takes it away.";
    "robbed-alive", LiveHolderRobbed,
    "A holder of the store's lock stands still for so long that it is robbed, and goes on.";
    "double-thief", SecondThiefLate,
    "Two processes go for one stale lock; the later one finds nothing, and harms nobody.";
    "torn-tail", TornTailHealed,
    "A write is cut in its middle, and the log goes on behind it.";
    "cursor-under-skew", ClockBackAcrossUlid,
    "A clock that is behind posts a message, and the message still comes last.";
    "rotation-cut-short", RotationFinishedByOther,
    "One process seals a generation, and another one has to make the next.";
}

const LANE: usize = 260;
const ROW: usize = 15;
const TOP: usize = 60;
const LEFT: usize = 90;
/// Labels are cut after so many characters.
const LABEL: usize = 44;

struct Picture<'a> {
    records: Vec<&'a Stamped>,
    lanes: usize,
    svg: String,
}

impl Picture<'_> {
    fn x(lane: usize) -> usize {
        LEFT + lane * LANE
    }

    fn y(row: usize) -> usize {
        TOP + row * ROW
    }

    fn line(&mut self, from: (usize, usize), to: (usize, usize), class: &str) {
        let ((x1, y1), (x2, y2)) = (from, to);
        // Writing to a String cannot fail.
        let _ = writeln!(
            self.svg,
            r#"<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" class="{class}"/>"#
        );
    }

    fn text(&mut self, x: usize, y: usize, class: &str, text: &str) {
        let cut: String = text.chars().take(LABEL).collect();
        let cut = escaped(&cut);
        let y = y + 4;
        // Writing to a String cannot fail.
        let _ = writeln!(
            self.svg,
            r#"<text x="{x}" y="{y}" class="{class}">{cut}</text>"#
        );
    }

    /// The first row at or after a moment.
    fn row_at(&self, at: Micros) -> usize {
        self.records.partition_point(|stamped| stamped.at < at)
    }

    /// A process stands still.
    fn pause(&mut self, row: usize, lane: usize, micros: Micros) {
        let until = self.row_at(self.records[row].at + micros).max(row + 1);
        let (x, y) = (Self::x(lane) - 4, Self::y(row));
        let height = Self::y(until) - y;
        // Writing to a String cannot fail.
        let _ = writeln!(
            self.svg,
            r#"<rect x="{x}" y="{y}" width="8" height="{height}" class="pause"/>"#
        );
        let seconds = micros as f64 / 1e6;
        self.text(
            x + 14,
            y,
            "fault",
            &format!("stands still for {seconds:.1} s"),
        );
    }

    fn turn(&mut self, row: usize, lane: usize, turn: &Turn) {
        let (x, y) = (Self::x(lane), Self::y(row));
        let text = match turn {
            Turn::Paused { micros, .. } => return self.pause(row, lane, *micros),
            Turn::PowerCut { .. } => {
                self.line((LEFT - 40, y), (Self::x(self.lanes), y), "cut");
                "the power fails".to_owned()
            }
            Turn::Crashed { doing, .. } => format!("✕ dies: {doing}"),
            Turn::StoreLockStolen { .. } => "takes the store's lock away".to_owned(),
            Turn::StoreLockMissed => "comes too late to take the store's lock away".to_owned(),
            Turn::WroteWithoutLock => "goes on without the lock".to_owned(),
            Turn::Started { incarnation } => format!("● starts, incarnation {incarnation}"),
            Turn::ClockStepped { by_ms } => format!("its clock steps by {by_ms} ms"),
            Turn::StormEnded => "the storm is over".to_owned(),
            other => format!("{other:?}"),
        };
        self.text(x + 10, y, "fault", &text);
    }

    fn accepted(&mut self, row: usize, lane: usize, seq: u64, events: &[Event]) {
        let (from, to) = (Self::x(lane), Self::x(self.lanes));
        let y = Self::y(row);
        self.line((from, y), (to, y), "entry");
        let kinds: Vec<String> = events.iter().map(told).collect();
        self.text(to + 8, y, "log", &format!("{seq}: {}", kinds.join(", ")));
    }

    fn record(&mut self, row: usize, outcome: &Outcome, entry: Option<&[Event]>) {
        let stamped = self.records[row];
        let lane = stamped.process;
        let (x, y) = (Self::x(lane) + 10, Self::y(row));
        match &stamped.record {
            Record::Turn(turn) => self.turn(row, lane, turn),
            Record::Accepted { seq, .. } => {
                self.accepted(row, lane, *seq, entry.unwrap_or_default());
            }
            Record::Called { call } => {
                let call = &outcome.trace.calls[*call];
                let command = format!("{:?}", call.command);
                let name = command.split('(').next().unwrap_or_default().to_lowercase();
                self.text(x, y, "call", &format!("{} → {name}", call.agent));
            }
            Record::Answered { call } => {
                let call = &outcome.trace.calls[*call];
                let result = call.answer.as_ref().map(|answer| &answer.result);
                match result {
                    Some(Ok(_)) => self.text(x, y, "call", &format!("{} ← answered", call.agent)),
                    Some(Err(error)) => {
                        self.text(x, y, "fault", &format!("{} ← {error}", call.agent));
                    }
                    None => {}
                }
            }
            Record::Left { call } => {
                let agent = &outcome.trace.calls[*call].agent;
                self.text(x, y, "fault", &format!("{agent} goes away"));
            }
            Record::Replaced { seq } => {
                self.text(
                    x,
                    y,
                    "fault",
                    &format!("entry {seq} was lost, and is replaced"),
                );
            }
            Record::Durable { .. } => {}
            Record::Wrote {
                resource,
                agent,
                fence,
                refused,
            } => {
                let (class, verb) = match refused {
                    true => ("refused", "is refused at"),
                    false => ("wrote", "writes to"),
                };
                self.text(
                    x,
                    y,
                    class,
                    &format!("{agent} {verb} {resource}, fence {fence}"),
                );
            }
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// An event in a few words, with its fence.
fn told(event: &Event) -> String {
    let mut text = event.kind().to_owned();
    if let Some(agent) = event.agent_id() {
        let _ = write!(text, " {agent}");
    }
    if let Some(resource) = event.resource() {
        let _ = write!(text, " {resource}");
    }
    if let Some(fence) = event.fence() {
        let _ = write!(text, " fence {fence}");
    }
    text
}

const STYLE: &str = "text{font:11px sans-serif;fill:#333}.lane{stroke:#bbb}.entry{stroke:#37c}\
                     .log{fill:#25a}.fault{fill:#b40}.refused{fill:#d00;font-weight:bold}\
                     .wrote{fill:#080}.cut{stroke:#d00;stroke-width:2}.pause{fill:#ccc}";

/// Draws a run as SVG.
pub fn draw(title: &str, outcome: &Outcome) -> String {
    let shown = |stamped: &&Stamped| !matches!(stamped.record, Record::Durable { .. });
    let records: Vec<&Stamped> = outcome.trace.records.iter().filter(shown).collect();
    let lanes = 1 + records
        .iter()
        .map(|stamped| stamped.process)
        .max()
        .unwrap_or_default();
    let (width, height) = (Picture::x(lanes) + 2 * LANE, Picture::y(records.len() + 2));
    let mut picture = Picture {
        records,
        lanes,
        svg: format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\">\n\
             <style>{STYLE}</style>\n"
        ),
    };
    // Writing to a String cannot fail.
    let _ = writeln!(
        picture.svg,
        r#"<text x="10" y="18" class="log">{}</text>"#,
        escaped(title)
    );
    for lane in 0..=lanes {
        let x = Picture::x(lane);
        let name = if lane == lanes {
            "the log".to_owned()
        } else {
            format!("process {lane}")
        };
        picture.text(x - 20, TOP - 20, "lane-name", &name);
        picture.line((x, TOP - 10), (x, height - ROW), "lane");
    }
    let mut entries = outcome.trace.entries.iter();
    let mut second = None;
    for row in 0..picture.records.len() {
        let stamped = picture.records[row];
        if second != Some(stamped.at / 1_000_000) {
            second = Some(stamped.at / 1_000_000);
            let at = format!("{:.3} s", stamped.at as f64 / 1e6);
            picture.text(6, Picture::y(row), "time", &at);
        }
        let entry = match stamped.record {
            Record::Accepted { .. } => entries.next().map(|entry| entry.events.as_slice()),
            _ => None,
        };
        picture.record(row, outcome, entry);
    }
    picture.svg.push_str("</svg>\n");
    picture.svg
}
