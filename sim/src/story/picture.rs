//! Where everything stands: columns from left to right, rows from top to bottom.
//!
//! A row has its time, a mark on the lane of its process, and its words at the right,
//! where they cannot run into anything. Time goes down, but not to scale: what happens
//! within a microsecond takes as much room as what happens after a minute of silence,
//! since it is the order that matters.

use std::collections::BTreeSet;

use super::caption::Drawn;
use super::focus::Focus;
use super::spans::{Span, Spot, What};
use super::svg::{Svg, wrapped};
use super::telling::{Mark, Row, Telling, Who};
use super::words::Tone;
use crate::trace::ProcessNumber;

/// Heights: of a line of text, between rows that time lies between, and of the head.
const LINE: i64 = 20;
const SILENCE: i64 = 14;
const MARGIN: i64 = 16;
/// Widths: of the column of times, of lanes, of boxes, and of the words.
const TIMES: i64 = 66;
const LANE: i64 = 58;
const BOX: i64 = 40;
const SLOT: i64 = 54;
const WORDS: i64 = 470;
/// Silences that are shown, in microseconds.
const SILENT: u64 = 500_000;

/// A picture that is being made.
struct Picture<'a> {
    telling: &'a Telling,
    focus: &'a Focus<'a>,
    svg: Svg,
    /// Where each row begins, and where the last one ends.
    tops: Vec<i64>,
    lanes_from: i64,
    log: i64,
    lock: Option<i64>,
    /// Resources that have a lane for who holds them, and how many hold them at once.
    holds: Vec<(&'static str, usize, i64)>,
    store: Option<i64>,
    words: i64,
    width: i64,
    head: i64,
}

/// Draws what is told.
pub(super) fn picture(drawn: &Drawn<'_>, telling: &Telling, focus: &Focus<'_>) -> String {
    let mut picture = Picture::new(telling, focus);
    picture.caption(drawn);
    picture.place_rows();
    picture.heads(drawn);
    picture.ground();
    picture.spans();
    for at in 0..telling.rows.len() {
        picture.row(at);
    }
    let below = picture.end() + MARGIN;
    let height = picture.verdict(drawn, below);
    picture.svg.finish(drawn, picture.width, height)
}

impl<'a> Picture<'a> {
    fn new(telling: &'a Telling, focus: &'a Focus<'a>) -> Self {
        let mut x = MARGIN + TIMES + LANE / 2;
        let lanes_from = x;
        x += telling.lanes.len() as i64 * LANE;
        let log = x;
        x += LANE / 2 + 8;
        let lock = focus.shows_lock().then(|| {
            x += BOX + 12;
            x - 12 - BOX
        });
        let mut holds = Vec::new();
        for resource in focus.held() {
            let slots = slots(telling, resource);
            holds.push((*resource, slots, x));
            x += slots as i64 * SLOT + 12;
        }
        let writes = telling
            .rows
            .iter()
            .any(|row| matches!(row.mark, Mark::Writes { .. }));
        let store = writes.then(|| {
            x += BOX + 12;
            x - 12 - BOX / 2
        });
        let words = x + 8;
        Self {
            telling,
            focus,
            svg: Svg::default(),
            tops: Vec::new(),
            lanes_from,
            log,
            lock,
            holds,
            store,
            words,
            width: words + WORDS + MARGIN,
            head: 0,
        }
    }

    fn lane(&self, process: ProcessNumber) -> Option<i64> {
        let at = self
            .telling
            .lanes
            .iter()
            .position(|lane| *lane == process)?;
        Some(self.lanes_from + at as i64 * LANE)
    }

    /// The text above.
    fn caption(&mut self, drawn: &Drawn<'_>) {
        let mut y = MARGIN + 10;
        self.svg.text(MARGIN, y, "title", drawn.name);
        for line in wrapped(drawn.sentence, self.width - 2 * MARGIN) {
            y += LINE;
            self.svg.text(MARGIN, y, "caption", &line);
        }
        if let Some((bug, what)) = &drawn.planted {
            let text = format!("Planted: {bug}. {}", what.trim());
            for line in wrapped(&text, self.width - 2 * MARGIN) {
                y += LINE;
                self.svg.text(MARGIN, y, "bad", &line);
            }
        }
        self.head = y + LINE + 6;
    }

    fn place_rows(&mut self) {
        let mut y = self.head + 34;
        for (at, row) in self.telling.rows.iter().enumerate() {
            let silent = at > 0 && row.at - self.telling.rows[at - 1].at >= SILENT;
            if silent {
                y += SILENCE;
            }
            self.tops.push(y);
            y += LINE * self.lines(row).len() as i64;
        }
        self.tops.push(y);
    }

    fn lines(&self, row: &Row) -> Vec<String> {
        wrapped(&row.text(), WORDS)
    }

    fn end(&self) -> i64 {
        self.tops.last().copied().unwrap_or_default() + 6
    }

    /// The middle of a row's first line, or the top of it.
    fn y(&self, spot: Spot) -> i64 {
        let rows = self.telling.rows.len() as i64;
        match spot {
            ..0 => self.head + 26,
            spot if (spot + 1) / 2 >= rows => self.end(),
            spot if spot % 2 == 0 => self.tops[(spot / 2) as usize] + LINE / 2,
            spot => self.tops[spot.midpoint(1) as usize],
        }
    }

    fn heads(&mut self, drawn: &Drawn<'_>) {
        let y = self.head;
        for (at, process) in self.telling.lanes.iter().enumerate() {
            let x = self.lanes_from + at as i64 * LANE;
            let name = format!("p{process}");
            self.svg
                .middle(x, y, &format!("head p{}", process % 4), &name);
            let agents: Vec<String> = (0..drawn.agents_each)
                .map(|agent| format!("a{}", process * drawn.agents_each + agent))
                .collect();
            self.svg.middle(x, y + 15, "small", &agents.join(" "));
        }
        self.svg.middle(self.log, y, "head", "log");
        if let Some(x) = self.lock {
            self.svg.middle(x + BOX / 2, y, "head", "lock");
            self.svg.middle(x + BOX / 2, y + 15, "small", "owner");
        }
        for (resource, slots, x) in self.holds.clone() {
            let middle = x + slots as i64 * SLOT / 2;
            self.svg.middle(middle, y, "head", resource);
            self.svg.middle(middle, y + 15, "small", "held by");
        }
        if let Some(x) = self.store {
            self.svg.middle(x, y, "head", "store");
            let checks = if self.focus.unfenced {
                "no check"
            } else {
                "fence"
            };
            self.svg.middle(x, y + 15, "small", checks);
        }
    }

    /// Stripes, silences and empty lanes.
    fn ground(&mut self) {
        let (right, from) = (self.width - MARGIN, self.head + 26);
        for at in (1..self.telling.rows.len()).step_by(2) {
            let (top, bottom) = (self.tops[at], self.row_end(at));
            self.svg
                .rect("stripe", MARGIN, top, right - MARGIN, bottom - top);
        }
        let end = self.end();
        for at in 0..self.telling.lanes.len() {
            let x = self.lanes_from + at as i64 * LANE;
            self.svg.line("lane", (x, from), (x, end));
        }
        self.svg.line("lane log", (self.log, from), (self.log, end));
        if let Some(x) = self.lock {
            self.svg
                .line("lane", (x + BOX / 2, from), (x + BOX / 2, end));
        }
        for (_, slots, x) in self.holds.clone() {
            for slot in 0..slots as i64 {
                let x = x + slot * SLOT + (SLOT - 6) / 2;
                self.svg.line("lane", (x, from), (x, end));
            }
        }
        if let Some(x) = self.store {
            self.svg.line("lane", (x, from), (x, end));
        }
    }

    fn row_end(&self, at: usize) -> i64 {
        self.tops[at] + LINE * self.lines(&self.telling.rows[at]).len() as i64
    }

    fn spans(&mut self) {
        // A dead process has no lane: that goes first, and over the empty ones.
        let mut spans: Vec<Span> = self.telling.spans.all.clone();
        spans.sort_by_key(|span| span.what != What::Dead);
        spans.dedup_by(|a, b| a.is_beside(b));
        let mut open: Vec<(ProcessNumber, Spot)> = Vec::new();
        for span in &spans {
            let until = span.until.unwrap_or_default();
            if until < 0 || (until <= span.from && span.what != What::Lock) {
                continue;
            }
            let (top, bottom) = (self.y(span.from), self.y(until));
            let owner = span.process % 4;
            match &span.what {
                What::Lock => {
                    if let Some(x) = self.lock {
                        let class = format!("held f{owner}");
                        self.svg.rect(&class, x, top - 8, BOX, bottom - top + 16);
                        let name = format!("p{}", span.process);
                        self.svg
                            .middle(x + BOX / 2, (top + bottom) / 2 + 4, "on", &name);
                    }
                }
                What::Hold {
                    resource,
                    agent,
                    fence,
                    slot,
                } => {
                    self.hold(resource, agent, *fence, *slot, owner, (top, bottom));
                }
                what => {
                    let Some(x) = self.lane(span.process) else {
                        continue;
                    };
                    let depth = open
                        .iter()
                        .filter(|(process, end)| *process == span.process && *end > span.from)
                        .count() as i64;
                    let height = bottom - top;
                    match what {
                        What::Dead => {
                            self.svg.rect("gone", x - 3, top, 6, height);
                            self.svg.line("dead", (x, top + 6), (x, bottom));
                        }
                        What::StandsStill => self.svg.rect("still", x - 8, top, 16, height),
                        What::CutOff => self.svg.rect("cutoff", x - 14, top, 5, height),
                        _ => {
                            open.push((span.process, until));
                            let class = format!("call f{owner}");
                            self.svg.rect(&class, x - 3 + 7 * depth, top, 6, height);
                        }
                    }
                }
            }
        }
    }

    fn hold(
        &mut self,
        resource: &str,
        agent: &str,
        fence: u64,
        slot: usize,
        owner: usize,
        (top, bottom): (i64, i64),
    ) {
        let lane = self.holds.iter().find(|(name, ..)| *name == resource);
        let Some(x) = lane.map(|(.., x)| x + slot as i64 * SLOT) else {
            return;
        };
        let (width, middle) = (SLOT - 6, x + (SLOT - 6) / 2);
        let height = (bottom - top).max(LINE - 4);
        self.svg
            .rect(&format!("held f{owner}"), x, top, width, height);
        let fence = format!("fence {fence}");
        if height >= 2 * LINE - 6 {
            let y = top + height / 2;
            self.svg.middle(middle, y - 2, "on", agent);
            self.svg.middle(middle, y + 11, "on small", &fence);
        } else {
            let both = format!("{agent} · {}", fence.trim_start_matches("fence "));
            self.svg.middle(middle, top + height / 2 + 4, "on", &both);
        }
    }

    fn row(&mut self, at: usize) {
        let row = &self.telling.rows[at];
        let y = self.tops[at] + LINE / 2;
        let before = at.checked_sub(1).map(|at| self.telling.rows[at].at);
        if before.is_none_or(|before| row.at - before >= 1_000) {
            let time = format!("{:.3} s", row.at as f64 / 1e6);
            self.svg.right(MARGIN + TIMES - 14, y + 4, "time", &time);
        }
        if before.is_some_and(|before| row.at - before >= SILENT) {
            let y = self.tops[at] - SILENCE / 2;
            let right = self.width - MARGIN;
            self.svg.line("silence", (MARGIN, y), (right, y));
        }
        self.mark(row, y);
        self.say(row, y);
    }

    fn say(&mut self, row: &Row, y: i64) {
        let tone = match row.said.tone {
            Tone::Plain => "plain",
            Tone::Quiet => "quiet",
            Tone::Fault => "fault",
            Tone::Good => "good",
            Tone::Bad => "bad",
        };
        let class = match row.who {
            Who::Entry(_) => "who entry".to_owned(),
            _ => format!("who p{}", row.process % 4),
        };
        let who = row.who.to_string();
        for (at, line) in self.lines(row).iter().enumerate() {
            let y = y + 4 + at as i64 * LINE;
            match line.strip_prefix(&*who).filter(|_| at == 0) {
                Some(rest) => self.svg.said(self.words, y, (&class, &who), (tone, rest)),
                None => self.svg.text(self.words, y, tone, line),
            }
        }
    }

    fn mark(&mut self, row: &Row, y: i64) {
        let owner = row.process % 4;
        if row.mark == Mark::Everybody {
            let from = self.lanes_from - LANE / 2 + 6;
            return self.svg.line("power", (from, y), (self.log + 19, y));
        }
        let Some(x) = self.lane(row.process) else {
            return;
        };
        match row.mark {
            Mark::Asks => self.svg.circle(&format!("asks s{owner}"), (x, y), 4),
            Mark::Hears => self.svg.circle(&format!("f{owner}"), (x, y), 4),
            Mark::Entry { seq, read } => {
                let ends = match read {
                    false => ((x, y), (self.log - 19, y)),
                    true => ((self.log - 19, y), (x + 6, y)),
                };
                self.svg.arrow(owner, ends.0, ends.1);
                self.boxed("record", self.log, y, &seq.to_string());
            }
            Mark::Synced => {
                self.svg.arrow(owner, (x, y), (self.log - 19, y));
                self.boxed("durable", self.log, y, "✓");
            }
            Mark::Writes { fence, accepted } => {
                let Some(store) = self.store else { return };
                let (class, stop) = match accepted {
                    true => ("record", store - 19),
                    false => ("refused", store - 30),
                };
                self.svg.arrow(owner, (x, y), (stop, y));
                self.boxed(class, store, y, &fence.to_string());
                if !accepted {
                    self.svg.cross("badline", (store - 26, y), 4);
                }
            }
            Mark::Dies => self.svg.cross("faultline", (x, y), 6),
            Mark::Dot => {
                let class = match row.said.tone {
                    Tone::Fault => "faultdot",
                    Tone::Bad => "baddot",
                    Tone::Good => "gooddot",
                    Tone::Plain | Tone::Quiet => "dot",
                };
                self.svg.diamond(class, (x, y), 5);
            }
            Mark::Everybody => {}
        }
    }

    fn boxed(&mut self, class: &str, x: i64, y: i64, text: &str) {
        self.svg.rect(class, x - 17, y - 8, 34, 16);
        self.svg.middle(x, y + 4, &format!("{class}-text"), text);
    }

    /// The text below: what is broken. Gives the height of all.
    fn verdict(&mut self, drawn: &Drawn<'_>, mut y: i64) -> i64 {
        let Some(broken) = &drawn.broken else {
            return y;
        };
        let lines = wrapped(broken, self.width - 2 * MARGIN - 16);
        let height = LINE * lines.len() as i64 + 10;
        self.svg
            .rect("verdict", MARGIN, y, self.width - 2 * MARGIN, height);
        y += 4;
        for line in &lines {
            y += LINE;
            self.svg.text(MARGIN + 8, y - 3, "bad", line);
        }
        y + 6 + MARGIN
    }
}

/// How many slots the holders of a resource need.
fn slots(telling: &Telling, of: &str) -> usize {
    let spans = telling.spans.all.iter();
    let taken: BTreeSet<usize> = spans
        .filter(|span| span.until.is_some_and(|until| until >= 0))
        .filter_map(|span| match &span.what {
            What::Hold { resource, slot, .. } if resource == of => Some(*slot),
            _ => None,
        })
        .collect();
    taken.last().map_or(1, |slot| slot + 1)
}
