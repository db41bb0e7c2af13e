//! The answer: the look and the write are two steps, and a `sometimes` says that it counts.

use stateright::{Model, Property};

use super::{LEASE, MOST_WRITES, World};

/// Clients that claim a lease, and write to a store under it.
#[derive(Clone, Copy, Debug)]
pub struct Clients {
    /// Whether the store refuses a write under an old fence.
    pub fenced: bool,
}

/// Where a client stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Client {
    /// It has no claim.
    #[default]
    Idle,
    /// It was granted the claim under this fence.
    Holds(u8),
    /// It has looked, saw that its lease lasts, and writes next.
    Looked(u8),
}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Time passes.
    Tick,
    /// A client claims, where nobody's lease lasts.
    Claim(usize),
    /// A client that holds looks whether its lease still lasts.
    Look(usize),
    /// A client that has looked writes.
    Write(usize),
}

impl Model for Clients {
    type State = World<Client>;
    type Action = Action;

    fn init_states(&self) -> Vec<Self::State> {
        vec![World::default()]
    }

    fn actions(&self, world: &Self::State, actions: &mut Vec<Action>) {
        if world.lease_left > 0 {
            actions.push(Action::Tick);
        }
        for (n, client) in world.clients.iter().enumerate() {
            match client {
                Client::Idle if world.lease_left == 0 => actions.push(Action::Claim(n)),
                Client::Holds(fence) if world.holds(*fence) => actions.push(Action::Look(n)),
                Client::Looked(_) if world.writes < MOST_WRITES => actions.push(Action::Write(n)),
                Client::Idle | Client::Holds(_) | Client::Looked(_) => {}
            }
        }
    }

    fn next_state(&self, world: &Self::State, action: Action) -> Option<Self::State> {
        let mut next = world.clone();
        match action {
            Action::Tick => next.lease_left -= 1,
            Action::Claim(n) => {
                next.newest += 1;
                next.lease_left = LEASE;
                next.clients[n] = Client::Holds(next.newest);
            }
            Action::Look(n) => {
                let Client::Holds(fence) = world.clients[n] else {
                    return None;
                };
                next.clients[n] = Client::Looked(fence);
            }
            Action::Write(n) => {
                let Client::Looked(fence) = world.clients[n] else {
                    return None;
                };
                next.clients[n] = Client::Holds(fence);
                next.write(fence, self.fenced);
            }
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(
                "nothing is overwritten by a late write",
                |_, world: &World<Client>| !world.clobbered,
            ),
            Property::sometimes("a write comes late", |_, world: &World<Client>| world.late),
        ]
    }
}
