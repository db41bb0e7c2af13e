//! An agent as the roster knows it, and what its liveness is.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::limits::{CLOCK_TOLERANCE, STALE_GRACE};
use crate::names::SessionId;
use crate::reply::Liveness;
use crate::time::{Millis, after};
use planted::{Bug, sound};

/// A registered agent.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Agent {
    /// The branch that it works on.
    pub branch: Arc<str>,
    /// Where its task is described.
    pub prompt_ptr: Arc<str>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Arc<str>>,
    /// When it registered for the first time.
    pub registered_at: Millis,
    /// Its last sign of life.
    pub last_seen: Millis,
    /// How long a sign of life lasts.
    #[serde(deserialize_with = "crate::limits::lasting")]
    pub ttl_ms: Millis,
    /// Until when it counts as alive.
    pub expires_at: Millis,
    /// Its incarnation, from 1.
    pub epoch: u64,
    /// The client's session in which it registered last, where the client has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
}

impl Agent {
    /// Rule A2: alive while now ≤ expires_at, stale for 30 s after, then dead.
    pub fn liveness(&self, now: Millis) -> Liveness {
        if now <= self.expires_at {
            Liveness::Alive
        } else if now <= after(self.expires_at, STALE_GRACE) {
            Liveness::Stale
        } else {
            Liveness::Dead
        }
    }

    /// Whether the agent is dead.
    pub fn is_dead(&self, now: Millis) -> bool {
        self.liveness(now) == Liveness::Dead
    }

    /// The deadline that rule C12 puts in place of one that only a bad clock can have
    /// set.
    pub(crate) fn cut(&self, now: Millis) -> Option<Millis> {
        cut(self.expires_at, self.ttl_ms, now)
    }
}

/// Rule C12: a deadline more than 60 s beyond now + its duration becomes now + its
/// duration. `None`: the deadline may stay.
pub(crate) fn cut(deadline: Millis, duration: Millis, now: Millis) -> Option<Millis> {
    let latest = after(now, duration);
    let is_bad = deadline > after(latest, CLOCK_TOLERANCE);
    sound!(is_bad, Bug::BadDeadlineKept => false).then_some(latest)
}
