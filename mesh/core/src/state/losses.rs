//! What agents lost, for as long as they are to be told of it (rule W6).

use imbl::OrdMap;
use serde::{Deserialize, Serialize};

use crate::event::LapseReason;
use crate::ids::ClaimId;
use crate::names::{AgentId, Resource};
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

/// The newest loss of each resource by each agent, since it held that last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Losses(OrdMap<(AgentId, Resource), Loss>);

impl Losses {
    /// What an agent lost of a resource, if it did not hold it since.
    pub fn get(&self, agent_id: &AgentId, resource: &Resource) -> Option<&Loss> {
        self.0.get(&(agent_id.clone(), resource.clone()))
    }

    /// All of them, sorted by agent and resource.
    pub fn iter(&self) -> impl Iterator<Item = (&(AgentId, Resource), &Loss)> {
        self.0.iter()
    }

    /// Remembers a loss. Where there are more than `most`, the oldest is forgotten; to find
    /// it takes a look at each.
    pub(crate) fn insert(&mut self, whose: (AgentId, Resource), loss: Loss, most: usize) {
        self.0.insert(whose, loss);
        if self.0.len() > most {
            let losses = self.0.iter();
            let oldest = sound!(
                losses.min_by_key(|(_, loss)| loss.at),
                Bug::NewestLossForgotten => losses.max_by_key(|(_, loss)| loss.at)
            );
            if let Some(oldest) = oldest.map(|(whose, _)| whose.clone()) {
                self.0.remove(&oldest);
            }
        }
    }

    /// Forgets a loss: the agent holds the resource again.
    pub(crate) fn remove(&mut self, agent_id: &AgentId, resource: &Resource) {
        self.0.remove(&(agent_id.clone(), resource.clone()));
    }
}
