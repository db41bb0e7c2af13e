//! The demonstration: how many states there are, and how many are worth a visit.

use stateright::{Checker, Model, Property};

/// Prints the states of a queue of agents: all of them, and those that differ in more
/// than in who is called what.
pub(super) fn show() {
    println!("agents that queue for one claim, each of them idle, waiting or holding it\n");
    println!("agents   states   up to names");
    for agents in 1..=7 {
        let all = count(Line {
            agents,
            by_names: true,
        });
        let kinds = count(Line {
            agents,
            by_names: false,
        });
        println!("{agents:>6} {all:>8} {kinds:>13}");
    }
}

fn count(line: Line) -> usize {
    let checker = line.checker().spawn_bfs().join();
    checker.assert_properties();
    checker.unique_state_count()
}

/// Some agents and one claim.
struct Line {
    agents: usize,
    /// Whether it matters who is called what.
    by_names: bool,
}

/// Who holds the claim, and who waits for it, in order. The others are idle.
type InLine = Vec<usize>;

impl Line {
    /// The state that stands for all that differ in names only: whoever comes first is
    /// called 0, the next one 1.
    fn representative(&self, line: InLine) -> InLine {
        match self.by_names {
            true => line,
            false => (0..line.len()).collect(),
        }
    }
}

impl Model for Line {
    type State = InLine;
    /// An agent claims, or gives back what it has or waits for.
    type Action = usize;

    fn init_states(&self) -> Vec<InLine> {
        vec![Vec::new()]
    }

    fn actions(&self, _: &InLine, actions: &mut Vec<usize>) {
        actions.extend(0..self.agents);
    }

    fn next_state(&self, line: &InLine, agent: usize) -> Option<InLine> {
        let mut next = line.clone();
        match line.iter().position(|other| *other == agent) {
            Some(place) => drop(next.remove(place)),
            None => next.push(agent),
        }
        Some(self.representative(next))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(
                "the line holds each agent once",
                |line: &Line, state: &InLine| state.len() <= line.agents,
            ),
            Property::sometimes("everybody is in line", |line: &Line, state: &InLine| {
                state.len() == line.agents
            }),
        ]
    }
}
