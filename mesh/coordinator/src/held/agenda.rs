//! Which held calls a change concerns, and when each is worth a look by itself.
//!
//! Many calls may be held, and most of what happens concerns none of them. So each is looked
//! at once when it comes to be held, and then only when something happens that may bring its
//! answer nearer ([`concern`]), or when the moment comes that the last look named. A look may
//! come for nothing, and never too late.
//!
//! The calls that wait for one resource are looked at together, in one pass over its queue.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesh_core::{
    Command, Concern, Event, Millis, Prospect, State, concern, prospect, prospects, shown_to, steps,
};

/// A held call: the later it came to be held, the higher.
pub(super) type CallId = u64;

/// A due time that has come already.
const NOW: Millis = 0;

#[derive(Default)]
pub(super) struct Agenda {
    /// The claims, by resource and agent.
    claims: BTreeMap<String, BTreeMap<String, BTreeSet<CallId>>>,
    /// The inboxes, by each address that they show.
    inboxes: BTreeMap<Arc<str>, BTreeSet<CallId>>,
    /// Those that are to be looked at.
    stale: BTreeSet<CallId>,
    /// Until when each may be held (monotonic).
    ends: BTreeSet<(Millis, CallId)>,
    /// From when on each is due (by the wall clock), where time alone makes it so.
    due: BTreeSet<(Millis, CallId)>,
    due_of: BTreeMap<CallId, Millis>,
    /// What the wall clock showed at the last look.
    wall: Millis,
}

impl Agenda {
    pub(super) fn add(&mut self, id: CallId, command: &Command, until: Millis) {
        match command {
            Command::Claim(claim) => {
                let agents = self.claims.entry(claim.resource.clone()).or_default();
                let ids = agents.entry(claim.agent_id.clone()).or_default();
                ids.insert(id);
            }
            Command::Inbox(inbox) => {
                for address in shown_to(inbox) {
                    self.inboxes.entry(address).or_default().insert(id);
                }
            }
            _ => {}
        }
        self.ends.insert((until, id));
        self.stale.insert(id);
    }

    pub(super) fn remove(&mut self, id: CallId, command: &Command, until: Millis) {
        match command {
            Command::Claim(claim) => self.remove_claim(id, &claim.resource, &claim.agent_id),
            Command::Inbox(inbox) => {
                for address in shown_to(inbox) {
                    remove_from(&mut self.inboxes, &address, id);
                }
            }
            _ => {}
        }
        self.ends.remove(&(until, id));
        self.stale.remove(&id);
        self.set_due(id, None);
    }

    fn remove_claim(&mut self, id: CallId, resource: &str, agent_id: &str) {
        let Some(agents) = self.claims.get_mut(resource) else {
            return;
        };
        if let Some(ids) = agents.get_mut(agent_id) {
            ids.remove(&id);
            if ids.is_empty() {
                agents.remove(agent_id);
            }
        }
        if agents.is_empty() {
            self.claims.remove(resource);
        }
    }

    /// The claims of an agent on a resource.
    pub(super) fn claims_of(&self, resource: &str, agent_id: &str) -> std::vec::IntoIter<CallId> {
        let agents = self.claims.get(resource);
        let ids = agents.and_then(|agents| agents.get(agent_id));
        let ids: Vec<CallId> = ids.into_iter().flatten().copied().collect();
        ids.into_iter()
    }

    /// Takes in what is about to happen to `state`.
    pub(super) fn note(&mut self, state: &State, event: &Event) {
        match concern(state, self.wall, event) {
            Concern::Nobody => {}
            Concern::Resource(resource) => self.note_resource(resource),
            Concern::Agent(agent_id) => {
                let involved = state.involved(agent_id);
                involved.for_each(|resource| self.note_resource(resource));
            }
            Concern::Mailbox(address) => {
                let ids = self.inboxes.get(address).into_iter().flatten();
                self.stale.extend(steps::each(ids));
            }
        }
    }

    fn note_resource(&mut self, resource: &str) {
        steps::taken(1);
        let agents = self.claims.get(resource).into_iter();
        let ids = agents.flat_map(BTreeMap::values).flatten();
        self.stale.extend(steps::each(ids));
    }

    /// Takes in that nothing is as it was.
    pub(super) fn note_all(&mut self) {
        self.stale.extend(self.ends.iter().map(|(_, id)| *id));
    }

    /// No call waits any longer.
    pub(super) fn end_all(&mut self) {
        let ends = std::mem::take(&mut self.ends);
        self.ends = ends.into_iter().map(|(_, id)| (NOW, id)).collect();
    }

    /// Looks at what may be due otherwise than the last look said. What a clock that was set
    /// back makes of deadlines is another matter than what they were (rule C12).
    pub(super) fn refresh<'a>(
        &mut self,
        state: &State,
        wall: Millis,
        command: impl Fn(CallId) -> Option<&'a Command>,
    ) {
        if wall < self.wall {
            self.note_all();
        }
        self.wall = wall;
        let come = self.due.iter().take_while(|(at, _)| *at <= wall);
        self.stale.extend(come.map(|(_, id)| *id));
        let mut claims: BTreeMap<&str, BTreeMap<&str, Vec<CallId>>> = BTreeMap::new();
        for id in steps::each(std::mem::take(&mut self.stale)) {
            match command(id) {
                Some(Command::Claim(claim)) => {
                    let agents = claims.entry(&claim.resource).or_default();
                    agents.entry(&claim.agent_id).or_default().push(id);
                }
                Some(command) => self.set_prospect(id, prospect(state, wall, command)),
                None => {}
            }
        }
        for (resource, agents) in claims {
            self.look_at_claims(state, wall, resource, agents);
        }
    }

    fn look_at_claims(
        &mut self,
        state: &State,
        wall: Millis,
        resource: &str,
        mut agents: BTreeMap<&str, Vec<CallId>>,
    ) {
        for (agent_id, prospect) in prospects(state, wall, resource) {
            for id in agents.remove(&**agent_id).unwrap_or_default() {
                self.set_prospect(id, prospect);
            }
            if agents.is_empty() {
                return;
            }
        }
        // They were promoted, or have lost their tickets.
        for id in agents.into_values().flatten() {
            self.set_prospect(id, Prospect::Due);
        }
    }

    fn set_prospect(&mut self, id: CallId, prospect: Prospect) {
        self.set_due(
            id,
            match prospect {
                Prospect::Due => Some(NOW),
                Prospect::NotBefore(at) => at,
            },
        );
    }

    fn set_due(&mut self, id: CallId, at: Option<Millis>) {
        if let Some(before) = self.due_of.remove(&id) {
            self.due.remove(&(before, id));
        }
        if let Some(at) = at {
            self.due_of.insert(id, at);
            self.due.insert((at, id));
        }
    }

    /// The calls whose time is up, and those that are due if they are `wanted`, in the order in
    /// which they came to be held.
    pub(super) fn ready(&self, steady: Millis, wanted: bool) -> BTreeSet<CallId> {
        let up = self.ends.iter().take_while(|(until, _)| *until <= steady);
        let due = self.due.iter().take_while(|(at, _)| wanted && *at == NOW);
        up.chain(due).map(|(_, id)| *id).collect()
    }

    /// When the first call may not be held any longer.
    pub(super) fn first_end(&self) -> Option<Millis> {
        self.ends.first().map(|(until, _)| *until)
    }

    /// When the first call is due.
    pub(super) fn first_due(&self) -> Option<Millis> {
        self.due.first().map(|(at, _)| *at)
    }
}

fn remove_from(index: &mut BTreeMap<Arc<str>, BTreeSet<CallId>>, key: &str, id: CallId) {
    if let Some(ids) = index.get_mut(key) {
        ids.remove(&id);
        if ids.is_empty() {
            index.remove(key);
        }
    }
}
