//! What agents lost, for as long as they are to be told of it (rule W6).

use imbl::{OrdMap, OrdSet};
use serde::{Deserialize, Serialize};

use crate::event::LapseReason;
use crate::ids::ClaimId;
use crate::names::{AgentId, Resource};
use crate::steps;
use crate::time::Millis;
use planted::{Bug, sound};

/// A hold that was taken away.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Loss {
    /// The claim that it was held under.
    pub claim_id: ClaimId,
    /// The fence that it had.
    pub fence: u64,
    /// When it was taken away, by the clock of whoever did.
    pub at: Millis,
    /// Why.
    pub reason: LapseReason,
}

/// Who lost what.
type Whose = (AgentId, Resource);

/// The newest loss of each resource by each agent, since it held that last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Losses {
    losses: OrdMap<Whose, Loss>,
    /// Index: the same, the oldest first.
    by_age: OrdSet<(Millis, Whose)>,
}

impl Losses {
    /// What an agent lost of a resource, if it did not hold it since.
    pub fn get(&self, agent_id: &AgentId, resource: &Resource) -> Option<&Loss> {
        self.losses.get(&(agent_id.clone(), resource.clone()))
    }

    /// All of them, sorted by agent and resource.
    pub fn iter(&self) -> impl Iterator<Item = (&Whose, &Loss)> {
        self.losses.iter()
    }

    /// Remembers a loss. Where there are more than `most`, the oldest is forgotten.
    pub(crate) fn insert(&mut self, whose: Whose, loss: Loss, most: usize) {
        self.take(&whose);
        self.by_age.insert((loss.at, whose.clone()));
        self.losses.insert(whose, loss);
        if self.losses.len() > most {
            let oldest = sound!(
                self.by_age.get_min(),
                Bug::NewestLossForgotten => self.by_age.get_max()
            );
            if let Some((_, oldest)) = oldest.cloned() {
                self.take(&oldest);
            }
        }
    }

    /// Forgets a loss: the agent holds the resource again.
    pub(crate) fn remove(&mut self, agent_id: &AgentId, resource: &Resource) {
        self.take(&(agent_id.clone(), resource.clone()));
    }

    fn take(&mut self, whose: &Whose) {
        steps::taken(1);
        if let Some(loss) = self.losses.remove(whose) {
            self.by_age.remove(&(loss.at, whose.clone()));
        }
    }

    /// Whether the index says what the losses say.
    pub(super) fn is_indexed(&self) -> bool {
        let by_age = |(whose, loss): (&Whose, &Loss)| (loss.at, whose.clone());
        self.by_age.len() == self.losses.len()
            && self
                .losses
                .iter()
                .all(|loss| self.by_age.contains(&by_age(loss)))
    }
}
