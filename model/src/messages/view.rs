//! When two points of the messages model count as the same.
//!
//! As for claims, only differences count: ids are places in the order of the log, times are
//! ticks from now, and those so long past that no clock can tell are cut off there. Epochs
//! and the bodies are left out.

use mesh::core::Millis;

use super::bounds::{Bounds, TICK, agent};
use super::{Point, To};

/// What the rules can tell of a point.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct View(Box<[i8]>);

impl View {
    pub(super) fn of(bounds: &Bounds, point: &Point) -> Self {
        let past = bounds.slowest();
        let ticks = |at: Millis, earliest: i64| -> i8 {
            let ticks = (at as i64 - point.now as i64).div_euclid(TICK as i64);
            ticks.max(earliest) as i8
        };
        let mut row: Vec<i8> = Vec::with_capacity(32);
        for (n, clock) in point.clocks.iter().enumerate() {
            row.push(*clock as i8);
            // Dead is a tick past alive: stale lasts less than one.
            row.push(match point.state.agent(agent(n)) {
                Some(agent) => ticks(agent.expires_at, past - 1),
                None => i8::MIN,
            });
            let cursor = point.state.mail().cursor(agent(n));
            let read = point.sent.iter().filter(|sent| sent.id <= cursor).count();
            row.push(read as i8);
        }
        for sent in &point.sent {
            let to = match sent.kind.to {
                To::Next => 0,
                To::All => 1,
                To::Topic => 2,
            };
            row.extend([
                sent.from as i8,
                to,
                i8::from(sent.dropped),
                i8::from(sent.kind.key),
            ]);
            row.push(sent.expires_at.map_or(i8::MAX, |end| ticks(end, past)));
            // Two ticks past the slowest clock a key is forgotten, by all.
            let (aged, remembered) = (ticks(sent.posted_at, past - 2), sent.kind.key);
            row.push(if remembered { aged } else { 0 });
            row.push(i8::from(
                point.state.mail().messages().any(|(id, _)| id == sent.id),
            ));
            // A retry is answered the fanout of the first post.
            row.push(if remembered { sent.fanout as i8 } else { 0 });
        }
        // Keys that gc dropped, or a later post under the same key replaced.
        let keys = point.state.mail().keys();
        row.extend(keys.map(|(id, _)| point.sent.iter().filter(|sent| sent.id < id).count() as i8));
        // How far the newest id may be ahead of the clocks.
        let newest = point.sent.iter().map(|sent| sent.posted_at).max();
        row.push(newest.map_or(i8::MIN, |at| ticks(at, past)));
        Self(row.into_boxed_slice())
    }
}
