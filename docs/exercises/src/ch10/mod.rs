//! Chapter 10: a property that holds for no reason.
//!
//! The model in `start.rs` shows that a store may do without a fence. It is wrong, and
//! the checker cannot know: in that model no write ever comes late. First have the model
//! say so, with a `sometimes`; then mend it, so that late writes happen.

pub mod answer;
mod show;
pub mod start;

use std::fmt::Debug;
use std::hash::Hash;

use stateright::{Checker, Expectation, Model};

use crate::Exercise;

/// The exercise of chapter 10.
pub const EXERCISE: Exercise = Exercise {
    chapter: 10,
    title: "Model checking",
    task: "Have a model say that no write in it ever comes late, and then mend it.",
    start: || check(|fenced| start::Clients { fenced }),
    answer: || check(|fenced| answer::Clients { fenced }),
    show: show::show,
};

/// How many clients there are; each is granted the claim once.
pub const CLIENTS: usize = 2;
/// How many ticks a lease lasts.
pub const LEASE: u8 = 2;
/// How many writes a run has at most: a bound, so that there is an end.
pub const MOST_WRITES: u8 = 3;
/// More states than this small world can have.
const MOST_STATES: usize = 5_000;

/// The lease, the store, and the clients, of which a model says where they stand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct World<C> {
    /// How many ticks are left of the newest lease.
    pub lease_left: u8,
    /// The newest fence that was granted.
    pub newest: u8,
    /// The clients.
    pub clients: [C; CLIENTS],
    /// The highest fence that the store was written under.
    pub stored: u8,
    /// How many writes there were.
    pub writes: u8,
    /// Whether a write came that was not under the newest fence, or after its lease.
    pub late: bool,
    /// Whether one was taken that was under a lower fence than what it overwrote.
    pub clobbered: bool,
}

impl<C> World<C> {
    /// Whether `fence` is that of a lease that lasts.
    pub fn holds(&self, fence: u8) -> bool {
        fence == self.newest && self.lease_left > 0
    }

    /// A write under `fence` comes to the store.
    pub fn write(&mut self, fence: u8, fenced: bool) {
        self.writes += 1;
        self.late |= !self.holds(fence);
        if fence >= self.stored || !fenced {
            self.clobbered |= fence < self.stored;
            self.stored = fence;
        }
    }
}

/// Holds a model to what it is for: it must say whether a write ever comes late, one
/// must, and then a store without a fence must break and one with a fence must not.
///
/// # Errors
///
/// The first of these that it misses.
pub fn check<M>(model: impl Fn(bool) -> M) -> Result<(), String>
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync,
    M::Action: Clone + Debug + PartialEq + Send + Sync,
{
    let unfenced = explore(model(false))?;
    let fenced = explore(model(true))?;
    if !unfenced.asks {
        return Err(
            "nothing is overwritten, and there is no `sometimes` beside it: nobody can tell \
             whether a write ever came late"
                .to_owned(),
        );
    }
    if let Some(never) = unfenced.never.or(fenced.never) {
        return Err(format!(
            "\"{never}\" never happens, so nothing that was shown says anything about it"
        ));
    }
    if unfenced.broken.is_none() {
        return Err(
            "writes come late, and a store without a fence still holds: is the late write \
             taken, over a newer one?"
                .to_owned(),
        );
    }
    match fenced.broken {
        Some(path) => Err(format!("a store with a fence breaks: {path}")),
        None => Ok(()),
    }
}

/// What was found in all states of a model.
struct Found {
    /// Whether there is a `sometimes`.
    asks: bool,
    /// The first `sometimes` that never happens.
    never: Option<&'static str>,
    /// The way to a state in which an `always` does not hold.
    broken: Option<String>,
}

fn explore<M>(model: M) -> Result<Found, String>
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync,
    M::Action: Clone + Debug + PartialEq + Send + Sync,
{
    let properties = model.properties();
    let checker = model
        .checker()
        .target_state_count(MOST_STATES)
        .threads(1)
        .spawn_bfs()
        .join();
    if checker.unique_state_count() >= MOST_STATES {
        return Err(format!(
            "there are more than {MOST_STATES} states: something grows without a bound"
        ));
    }
    let of = |kind: Expectation| {
        let all = properties.iter();
        all.filter(move |property| property.expectation == kind)
    };
    let never = of(Expectation::Sometimes).find(|p| checker.discovery(p.name).is_none());
    let broken = of(Expectation::Always).find_map(|p| checker.discovery(p.name));
    Ok(Found {
        asks: of(Expectation::Sometimes).next().is_some(),
        never: never.map(|property| property.name),
        broken: broken.map(|path| format!("{:?}", path.into_actions())),
    })
}

#[cfg(test)]
mod tests {
    use stateright::Property;

    use super::*;

    /// What a reader has half-way: the model of `start.rs`, asked whether a write comes late.
    struct Asking(start::Clients);

    type State = World<start::Client>;

    impl Model for Asking {
        type State = State;
        type Action = start::Action;

        fn init_states(&self) -> Vec<State> {
            self.0.init_states()
        }

        fn actions(&self, world: &State, actions: &mut Vec<start::Action>) {
            self.0.actions(world, actions);
        }

        fn next_state(&self, world: &State, action: start::Action) -> Option<State> {
            self.0.next_state(world, action)
        }

        fn properties(&self) -> Vec<Property<Self>> {
            vec![Property::sometimes("late", |_, world: &State| world.late)]
        }
    }

    #[test]
    fn half_of_the_task_is_told_that_the_property_is_vacuous() {
        let said = check(|fenced| Asking(start::Clients { fenced })).unwrap_err();
        assert!(said.starts_with("\"late\" never happens"), "{said}");
    }

    #[test]
    fn the_shortest_counterexample_has_the_steps_that_the_chapter_tells() {
        let found = explore(answer::Clients { fenced: false }).unwrap();
        let steps = found.broken.unwrap();
        assert_eq!(steps.matches(", ").count() + 1, 8, "{steps}");
    }
}
