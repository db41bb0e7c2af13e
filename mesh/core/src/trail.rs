//! The audit trail: the newest events, for people who ask what happened.

use imbl::Vector;
use serde::{Deserialize, Serialize};

use super::event::{Entry, Event};
use super::limits::Limits;
use super::time::Millis;
use super::within::Within;
use planted::{Bug, sound};

/// One event of the trail. The body of a message is left out: the trail says that it
/// was posted, the mail says what it was.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TrailRecord {
    /// The place in the log; events of one entry share it.
    pub seq: u64,
    /// When, by the writer's clock.
    pub at: Millis,
    /// What.
    #[serde(flatten)]
    pub event: Event,
}

/// The newest events, oldest first (rule S5).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Trail {
    records: Vector<TrailRecord>,
    within: Within,
}

impl Trail {
    /// An empty trail that stays within `limits`.
    pub fn within(limits: &'static Limits) -> Self {
        Self {
            within: Within(limits),
            ..Self::default()
        }
    }

    /// The records, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &TrailRecord> {
        self.records.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Adds an entry's events, and drops the oldest beyond the limit.
    pub fn record(&mut self, entry: &Entry) {
        for event in &entry.events {
            let record = TrailRecord {
                seq: entry.seq,
                at: entry.at,
                event: without_body(event),
            };
            self.push(record);
        }
    }

    pub(super) fn push(&mut self, record: TrailRecord) {
        let most = self.within.0.trail;
        if self.records.len() == sound!(most, Bug::TrailTooLong => most + 1) {
            self.records.pop_front();
        }
        self.records.push_back(record);
    }
}

fn without_body(event: &Event) -> Event {
    let mut event = event.clone();
    if let Event::Posted { body, .. } = &mut event {
        *body = "".into();
    }
    event
}
