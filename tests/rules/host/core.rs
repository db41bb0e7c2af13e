//! The rules alone.

use mesh::core::{Command, Entry, Millis, Part, Reply, Snapshot, SnapshotBuilder, State, decide};

use super::Host;

/// The bare rules: `decide` and `apply`, and nothing around them.
#[derive(Default)]
pub(crate) struct CoreHost {
    snapshot: Snapshot,
    news: Vec<Entry>,
    draws: u128,
}

impl CoreHost {
    /// Deterministic, and jumping about, so that no rule can lean on its order.
    fn entropy(&mut self) -> u128 {
        self.draws += 1;
        self.draws
            .wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
    }
}

impl Host for CoreHost {
    fn call(&mut self, process: &str, now: Millis, command: &Command) -> Result<Reply, String> {
        let entropy = self.entropy();
        let decision = decide(&self.snapshot.state, now, command, entropy);
        let decision = decision.map_err(|rejection| rejection.to_string())?;
        if !decision.events.is_empty() {
            let seq = self.snapshot.seq + 1;
            let entry = Entry {
                seq,
                id: format!("{process}-{seq}"),
                at: now,
                events: decision.events,
            };
            self.snapshot.apply(&entry);
            self.news.push(entry);
        }
        assert_eq!(
            self.snapshot.state, decision.state,
            "decide and apply disagree about {command:?}"
        );
        Ok(decision.reply)
    }

    fn news(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.news)
    }

    fn state(&self) -> Option<State> {
        Some(self.snapshot.state.clone())
    }

    /// What is stored is a checkpoint: the snapshot, in parts, as JSON.
    fn restart(&mut self) -> Snapshot {
        let mut builder = SnapshotBuilder::new(self.snapshot.seq);
        for part in self.snapshot.parts() {
            let json = serde_json::to_string(&part).expect("a part becomes JSON");
            let part: Part = serde_json::from_str(&json).expect("JSON becomes a part");
            builder.add(part).expect("parts are in order");
        }
        self.snapshot = builder.finish();
        self.snapshot.clone()
    }
}
