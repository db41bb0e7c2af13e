//! The rules under test, with a bug planted in them where one is asked for.

use mesh::core::{Command, Decision, Entropy, Millis, Rejection, State, decide};
use mesh::planted::{Bug, plant};

/// The production `decide`, or the same with one planted bug.
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
        let Some(bug) = self.0 else {
            return decide(state, now, command, entropy);
        };
        plant(Some(bug));
        let decided = decide(state, now, command, entropy);
        plant(None);
        decided
    }
}
