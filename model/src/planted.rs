//! The rules under test, with a bug planted in them where one is asked for.

use mesh::core::{
    Command, Decision, Entropy, Entry, Event, Millis, Prospect, Rejection, Snapshot,
    SnapshotBuilder, State, decide, prospect,
};
use mesh::planted::{Bug, plant};

/// The production rules, or the same with one planted bug.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules(pub Option<Bug>);

impl Rules {
    /// Decides. The bug is planted for this call alone, since a checker's threads each
    /// have a switch of their own, and contracts are checked without it.
    ///
    /// # Errors
    ///
    /// Those of [`decide`].
    pub fn decide(
        self,
        state: &State,
        now: Millis,
        command: &Command,
        entropy: Entropy,
    ) -> Result<Decision, Rejection> {
        self.with_bug(|| decide(state, now, command, entropy))
    }

    /// What a held call has to look forward to.
    pub fn prospect(self, state: &State, now: Millis, command: &Command) -> Prospect {
        self.with_bug(|| prospect(state, now, command))
    }

    /// What a process makes of the entry that has these events: the production replay.
    pub fn replay(self, state: &State, at: Millis, events: &[Event]) -> State {
        let mut snapshot = Snapshot {
            state: state.clone(),
            ..Snapshot::default()
        };
        let entry = Entry {
            seq: snapshot.seq + 1,
            id: String::new(),
            at,
            events: events.to_vec(),
        };
        self.with_bug(|| snapshot.apply(&entry));
        snapshot.state
    }

    /// What a process makes of the checkpoint of a state; `None` if it cannot be read.
    pub fn checkpoint(self, state: &State) -> Option<State> {
        let snapshot = Snapshot {
            state: state.clone(),
            ..Snapshot::default()
        };
        self.with_bug(|| {
            let mut builder = SnapshotBuilder::new(snapshot.seq);
            for part in snapshot.parts() {
                builder.add(part).ok()?;
            }
            Some(builder.finish().state)
        })
    }

    fn with_bug<T>(self, work: impl FnOnce() -> T) -> T {
        let Some(bug) = self.0 else {
            return work();
        };
        plant(Some(bug));
        let done = work();
        plant(None);
        done
    }
}
