//! What lasts: who stands still or is dead, whose call is open, who has the store's lock,
//! who holds a claim.

use std::sync::Arc;

use mesh::core::{Entry, Event};

use crate::trace::{Incident, Micros, ProcessNumber};

/// A height in a picture: twice the number of a row, or one less for the gap before it.
pub(super) type Spot = i64;

/// What a span is about, and where it is drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// On the lane of its process.
    StandsStill,
    /// In place of the lane of its process.
    Dead,
    /// On the lane of its process: its link is broken.
    CutOff,
    /// Beside the lane of its process.
    Call(usize),
    /// On the lane of the store's lock.
    Lock,
    /// On the lane of a resource, in one of several slots for shared holders.
    Hold {
        resource: String,
        agent: String,
        fence: u64,
        slot: usize,
    },
}

/// Something that lasts.
#[derive(Clone, Debug)]
pub(super) struct Span {
    pub(super) what: What,
    pub(super) process: ProcessNumber,
    pub(super) from: Spot,
    /// `None`: it has not ended yet.
    pub(super) until: Option<Spot>,
    wakes: Option<Micros>,
}

impl Span {
    /// Whether it is drawn in the same place, as routines are that were folded into a row.
    pub(super) fn is_beside(&self, other: &Self) -> bool {
        let place = |span: &Self| (span.process, span.from, span.until);
        self.what == other.what && place(self) == place(other)
    }
}

/// All that lasts.
#[derive(Debug, Default)]
pub(super) struct Spans {
    pub(super) all: Vec<Span>,
    /// How many agents each process serves.
    pub(super) agents_each: usize,
}

impl Spans {
    fn open(&mut self, what: What, process: ProcessNumber, from: Spot) -> &mut Span {
        self.all.push(Span {
            what,
            process,
            from,
            until: None,
            wakes: None,
        });
        let last = self.all.len() - 1;
        &mut self.all[last]
    }

    fn close(&mut self, at: Spot, which: impl Fn(&Span) -> bool) {
        let open = self.all.iter_mut().filter(|span| span.until.is_none());
        open.filter(|span| which(span))
            .for_each(|span| span.until = Some(at));
    }

    pub(super) fn close_all(&mut self, end: Spot) {
        self.close(end, |_| true);
    }

    /// Rows are left out at both ends. What lasted before or after is cut.
    pub(super) fn crop(&mut self, first: Spot, end: Spot) {
        for span in &mut self.all {
            span.from = (span.from - first).max(-1);
            span.until = span.until.map(|until| (until - first).min(end));
        }
        self.all
            .retain(|span| span.from < end && span.until.is_none_or(|until| until >= 0));
    }

    /// Rows were folded into the last one: nothing begins or ends below it.
    pub(super) fn clamp(&mut self, last: Spot) {
        for span in &mut self.all {
            span.from = span.from.min(last);
            span.until = span.until.map(|until| until.min(last));
        }
    }

    /// Processes that stood still until now go on.
    pub(super) fn wake(&mut self, now: Micros, at: Spot) {
        self.close(at, |span| span.wakes.is_some_and(|wakes| wakes <= now));
    }

    pub(super) fn incident(
        &mut self,
        process: ProcessNumber,
        now: Micros,
        incident: &Incident,
        at: Spot,
    ) {
        let own = |what: What| move |span: &Span| span.process == process && span.what == what;
        match incident {
            Incident::Paused { micros, .. } => {
                self.open(What::StandsStill, process, at).wakes = Some(now + micros);
            }
            Incident::Crashed { .. } => {
                self.ends(process, at);
                self.open(What::Dead, process, at);
            }
            Incident::PowerCut { .. } => {
                self.close(at, |span| {
                    !matches!(span.what, What::Hold { .. } | What::Dead)
                });
                let dead: Vec<usize> = self.open_dead().collect();
                for process in 0..8 {
                    if !dead.contains(&process) {
                        self.open(What::Dead, process, at);
                    }
                }
            }
            Incident::Started { .. } => self.close(at, own(What::Dead)),
            Incident::StoreLockTaken => {
                self.close(at, |span| span.what == What::Lock);
                self.open(What::Lock, process, at);
            }
            Incident::StoreLockFreed => self.close(at, own(What::Lock)),
            Incident::StoreLockStolen { .. } => self.close(at, |span| span.what == What::Lock),
            Incident::LinkBroke { .. } => {
                self.open(What::CutOff, process, at);
            }
            Incident::LinkMended => self.close(at, own(What::CutOff)),
            Incident::StormEnded => self.close(at, |span| span.what == What::StandsStill),
            _ => {}
        }
    }

    /// The rows at which those began who stand still now.
    pub(super) fn standing_still(&self) -> Vec<usize> {
        let still = |span: &&Span| span.what == What::StandsStill && span.until.is_none();
        let rows = self
            .all
            .iter()
            .filter(still)
            .filter(|span| span.from >= 0 && span.from % 2 == 0);
        rows.map(|span| (span.from / 2) as usize).collect()
    }

    fn open_dead(&self) -> impl Iterator<Item = ProcessNumber> {
        let dead = |span: &&Span| span.what == What::Dead && span.until.is_none();
        self.all.iter().filter(dead).map(|span| span.process)
    }

    /// A process is no more. The store's lock, if it is a directory, stays.
    fn ends(&mut self, process: ProcessNumber, at: Spot) {
        self.close(at, |span| {
            let goes = matches!(span.what, What::Call(_) | What::StandsStill | What::CutOff);
            goes && span.process == process
        });
    }

    pub(super) fn asked(&mut self, call: usize, process: ProcessNumber, at: Spot) {
        self.open(What::Call(call), process, at);
    }

    pub(super) fn answered(&mut self, call: usize, at: Spot) {
        self.close(at, |span| span.what == What::Call(call));
    }

    /// The fence under which an agent holds a resource.
    pub(super) fn hold(&self, of: &str, by: &str) -> Option<u64> {
        let open = self.all.iter().filter(|span| span.until.is_none());
        let mut holds = open.filter_map(|span| match &span.what {
            What::Hold {
                resource,
                agent,
                fence,
                ..
            } if resource == of && agent == by => Some(*fence),
            _ => None,
        });
        holds.next()
    }

    fn lets_go(&mut self, of: &str, by: &str, at: Spot) {
        self.close(at, |span| {
            matches!(&span.what, What::Hold { resource, agent, .. } if resource == of && agent == by)
        });
    }

    fn takes(&mut self, of: &str, by: &str, fence: u64, at: Spot) {
        self.lets_go(of, by, at);
        let taken: Vec<usize> = self
            .all
            .iter()
            .filter(|span| span.until.is_none())
            .filter_map(|span| match &span.what {
                What::Hold { resource, slot, .. } if resource == of => Some(*slot),
                _ => None,
            })
            .collect();
        let slot = (0..).find(|slot| !taken.contains(slot)).unwrap_or_default();
        let number = by[1..].parse::<usize>().unwrap_or_default();
        let process = number / self.agents_each.max(1);
        let what = What::Hold {
            resource: of.to_owned(),
            agent: by.to_owned(),
            fence,
            slot,
        };
        self.open(what, process, at);
    }

    /// Who holds what after an entry.
    pub(super) fn fold(&mut self, entry: &Entry, at: Spot) {
        for event in &entry.events {
            let Some(claim) = event.claim() else {
                continue;
            };
            let (resource, agent) = (&claim.resource, &claim.agent_id);
            match event {
                Event::Granted { fence, .. }
                | Event::Promoted { fence, .. }
                | Event::Upgraded { fence, .. } => self.takes(resource, agent, *fence, at),
                Event::Released { .. } | Event::Lapsed { .. } => self.lets_go(resource, agent, at),
                _ => {}
            }
        }
    }

    /// The same, after entries were lost: what the rest of the log says.
    pub(super) fn refold(&mut self, log: &[Arc<Entry>], at: Spot) {
        self.close(at, |span| matches!(span.what, What::Hold { .. }));
        for entry in log {
            self.fold(entry, at);
        }
        // What came and went within this was so before, and is drawn already.
        self.all
            .retain(|span| !(span.from == at && span.until == Some(at)));
    }
}
