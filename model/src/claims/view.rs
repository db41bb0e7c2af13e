//! When two states count as the same.
//!
//! A [`State`] holds absolute times, and ids and fences that only grow, so no state ever
//! comes twice. But the rules look only at *differences*: how long a deadline lies ahead,
//! which of two fences is higher, whether two claims are the same one. A [`View`] keeps
//! these and nothing else:
//!
//! * times are ticks from now, and those so long past that no clock in the model can tell
//!   them apart from the past are cut off there;
//! * fences are ranks among those that matter: the holders' and the newest;
//! * claim ids are left out, since an agent has one claim a resource at most;
//! * epochs and messages are left out: what a step does to them is checked in the step;
//! * of what an agent lost, only that it is remembered counts: when it was is never so long
//!   ago here that it would be forgotten, and which claim it was is checked in the step;
//! * agents that live alike, and resources, may change places: of all ways to number them
//!   the one with the smallest view stands for all (symmetry).
//!
//! Nothing is changed in the state itself. The checker goes on from the first real state
//! that it met of each view, with times, ids and fences that really happened.

use mesh::core::{Millis, Mode, State};

use super::bounds::{Bounds, Role, TICK, agent, resource};

/// What the rules can tell of a state, at one time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct View(Box<[i8]>);

impl View {
    /// The view of `state` at `now`, the same for all states that differ in names only.
    pub fn of(bounds: &Bounds, now: Millis, state: &State) -> Self {
        let orders = Orders::of(bounds);
        let mut least: Option<Vec<i8>> = None;
        for agents in &orders.agents {
            for resources in &orders.resources {
                let row = encode(bounds, now, state, agents, resources);
                if least.as_ref().is_none_or(|least| row < *least) {
                    least = Some(row);
                }
            }
        }
        Self(least.unwrap_or_default().into_boxed_slice())
    }
}

/// All ways to number agents that live alike, and resources.
struct Orders {
    agents: Vec<Vec<usize>>,
    resources: Vec<Vec<usize>>,
}

impl Orders {
    fn of(bounds: &Bounds) -> Self {
        let alike = |order: &Vec<usize>| {
            let role = |n: usize| -> Role { bounds.agents[n] };
            order.iter().enumerate().all(|(n, m)| role(n) == role(*m))
        };
        let mut agents = permutations(bounds.agents.len());
        agents.retain(alike);
        Self {
            agents,
            resources: permutations(bounds.resources),
        }
    }
}

fn permutations(n: usize) -> Vec<Vec<usize>> {
    let Some(last) = n.checked_sub(1) else {
        return vec![Vec::new()];
    };
    let shorter = permutations(last);
    let places = |order: Vec<usize>| {
        (0..n).map(move |place| {
            let mut order = order.clone();
            order.insert(place, last);
            order
        })
    };
    shorter.into_iter().flat_map(places).collect()
}

fn encode(
    bounds: &Bounds,
    now: Millis,
    state: &State,
    agents: &[usize],
    resources: &[usize],
) -> Vec<i8> {
    let past = bounds.slowest();
    let ticks = |at: Millis, earliest: i64| -> i8 {
        let ticks = (at as i64 - now as i64).div_euclid(TICK as i64);
        ticks.max(earliest) as i8
    };
    let mut row = Vec::with_capacity(32);
    for n in agents {
        // Dead is one tick past stale, which is one tick past alive.
        row.push(match state.agent(agent(*n)) {
            Some(agent) => ticks(agent.expires_at, past - 2),
            None => i8::MIN,
        });
    }
    for n in resources {
        let name = resource(*n);
        row.push(lost(state, name, agents));
        let newest = state.newest_fence(name);
        let Some(record) = state.resource(name) else {
            row.extend([-1, i8::from(newest > 0)]);
            continue;
        };
        let place = |id: &str| agents.iter().position(|n| agent(*n) == id);
        let number = |id: &str| place(id).map_or(-1, |n| n as i8);
        let rank = |fence: u64| record.holders.iter().filter(|h| h.fence < fence).count() as i8;
        row.extend([
            i8::from(record.mode == Mode::Shared),
            rank(newest),
            record.holders.len() as i8,
        ]);
        for hold in &record.holders {
            row.extend([number(&hold.agent_id), rank(hold.fence)]);
            row.push(ticks(hold.expires_at, past));
        }
        for ticket in &record.queue {
            row.extend([
                number(&ticket.agent_id),
                i8::from(ticket.mode == Mode::Shared),
            ]);
            row.push(match state.agent(&ticket.agent_id) {
                // A registered agent's ticket ends with its death alone, so its deadline
                // matters only where a fast clock may have put it too far ahead (C12).
                Some(_) if bounds.fastest() == 0 => 0,
                _ => ticks(ticket.expires_at, past),
            });
        }
        row.push(i8::MIN);
    }
    row
}

/// Which agents are remembered to have lost a resource, a bit for each.
fn lost(state: &State, name: &str, agents: &[usize]) -> i8 {
    let losses = state.losses().iter();
    let here = losses.filter(|((_, resource), _)| **resource == *name);
    let who = here.filter_map(|((id, _), _)| agents.iter().position(|n| *agent(*n) == **id));
    who.map(|place| 1 << place).sum()
}

#[cfg(test)]
mod tests {
    use super::super::bounds::{ANONYMOUS, REGISTERED};
    use super::*;

    #[test]
    fn there_are_as_many_orders_as_symmetric_agents_allow() {
        let bounds = Bounds {
            agents: &[REGISTERED, REGISTERED, ANONYMOUS],
            resources: 2,
            lease: 1,
            observer: None,
            thorough: false,
        };
        let orders = Orders::of(&bounds);
        assert_eq!((orders.agents.len(), orders.resources.len()), (2, 2));
        assert_eq!(permutations(3).len(), 6);
    }
}
