//! Running a model to its end, and saying what was found.

use std::fmt::{self, Debug};
use std::hash::Hash;
use std::time::{Duration, Instant};

use stateright::report::{ReportData, ReportDiscovery, Reporter};
use stateright::{Checker, Expectation, HasDiscoveries, Model};

/// What an exhaustive run found.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// How many different states there are.
    pub states: usize,
    /// How many steps the longest of the shortest paths has.
    pub depth: usize,
    /// How long it took.
    pub elapsed: Duration,
}

impl Report {
    /// States a second.
    pub fn speed(&self) -> f64 {
        self.states as f64 / self.elapsed.as_secs_f64().max(f64::EPSILON)
    }
}

/// Why a run is no proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It was cut short: the states beyond are unknown.
    TimeLimit {
        /// How many states were seen until then.
        states: usize,
    },
    /// An `always` does not hold; the story leads to a counterexample.
    Broken(String),
    /// There are more states than are pinned, or fewer.
    Count {
        /// How many there must be.
        pinned: usize,
        /// How many there are.
        found: usize,
    },
    /// A `sometimes` never happens, so what holds may hold for no reason.
    Vacuous(&'static str),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimeLimit { states } => {
                write!(
                    f,
                    "the time limit came after {states} states: raise it, or lower the bounds"
                )
            }
            Self::Count { pinned, found } => write!(
                f,
                "there are {found} states where {pinned} are pinned: see what changed, and pin anew"
            ),
            Self::Broken(story) => f.write_str(story),
            Self::Vacuous(property) => write!(f, "never happens: {property}"),
        }
    }
}

impl std::error::Error for Failure {}

/// A path from the beginning to a state that decides a property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    /// The property.
    pub property: &'static str,
    /// What happens, step by step.
    pub steps: Vec<String>,
    /// The last state, in words.
    pub end: String,
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} ({} steps)", self.property, self.steps.len())?;
        for (step, n) in self.steps.iter().zip(1..) {
            writeln!(f, "{n:4}. {step}")?;
        }
        for line in self.end.lines() {
            writeln!(f, "      {line}")?;
        }
        Ok(())
    }
}

/// A model that can say what a step does, in words, knowing where it begins.
pub trait Narrated: Model {
    /// One line about `action` in `state`.
    fn narrate(&self, state: &Self::State, action: &Self::Action) -> String;
}

/// What a model's states and actions must be able to do to be explored.
pub trait Explorable:
    Narrated<
        State: Clone + Debug + Hash + PartialEq + Send + Sync,
        Action: Clone + Debug + PartialEq + Send + Sync,
    > + Send
    + Sync
    + 'static
{
}

impl<M> Explorable for M where
    M: Narrated<
            State: Clone + Debug + Hash + PartialEq + Send + Sync,
            Action: Clone + Debug + PartialEq + Send + Sync,
        > + Send
        + Sync
        + 'static
{
}

#[allow(
    clippy::disallowed_methods,
    reason = "how long a run takes is reported, and decides nothing inside it"
)]
fn start() -> Instant {
    Instant::now()
}

/// Hears about a run while it goes on: how many states there are so far, and since when.
pub type Progress<'a> = &'a mut (dyn FnMut(usize, Duration) + Send);

/// Passes on what the checker reports, and is asked often, so that short runs stay short.
struct Pulse<'a>(Progress<'a>);

impl<M: Model> Reporter<M> for Pulse<'_> {
    fn report_checking(&mut self, data: ReportData) {
        (self.0)(data.unique_states, data.duration);
    }

    fn report_discoveries(
        &mut self,
        _: &M,
        _: std::collections::BTreeMap<&'static str, ReportDiscovery<M>>,
    ) where
        M::Action: Debug + PartialEq,
        M::State: Debug + Hash + PartialEq,
    {
    }

    fn delay(&self) -> Duration {
        Duration::from_millis(20)
    }
}

/// Explores every state.
///
/// # Errors
///
/// Where that is no proof: the time limit, a broken `always`, a `sometimes` never met.
pub fn exhaust<M: Explorable>(
    model: M,
    limit: Duration,
    progress: Progress<'_>,
) -> Result<Report, Failure> {
    let begun = start();
    let properties = model.properties();
    let checker = model.checker().threads(2).timeout(limit).spawn_bfs();
    let checker = checker.join_and_report(&mut Pulse(progress));
    let elapsed = begun.elapsed();
    // Of several promises that a mistake breaks, the first to break explains it best.
    let broken = properties
        .iter()
        .filter(|p| p.expectation != Expectation::Sometimes);
    let stories = broken.filter_map(|property| {
        let path = checker.discovery(property.name)?;
        Some(tell(checker.model(), property.name, path))
    });
    if let Some(story) = stories.min_by_key(|story| story.steps.len()) {
        return Err(Failure::Broken(story.to_string()));
    }
    // The checker calls itself done when its time is up, so only the clock can tell.
    if elapsed >= limit {
        let states = checker.unique_state_count();
        return Err(Failure::TimeLimit { states });
    }
    let vacuous = properties.iter().find(|property| {
        let sought = property.expectation == Expectation::Sometimes;
        sought && checker.discovery(property.name).is_none()
    });
    if let Some(property) = vacuous {
        return Err(Failure::Vacuous(property.name));
    }
    Ok(Report {
        states: checker.unique_state_count(),
        depth: checker.max_depth(),
        elapsed,
    })
}

/// The shortest path to a state that breaks an `always`; `None` if there is none.
///
/// One thread, breadth first: only so is the first one found a shortest one.
pub fn counterexample<M: Explorable>(model: M, limit: Duration) -> Option<Story> {
    let checker = model
        .checker()
        .threads(1)
        .timeout(limit)
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    let properties = checker.model().properties();
    let failures = properties
        .iter()
        .filter(|property| property.expectation == Expectation::Always);
    let found = failures.filter_map(|property| {
        let path = checker.discovery(property.name)?;
        Some(tell(checker.model(), property.name, path))
    });
    found.min_by_key(|story| story.steps.len())
}

/// The shortest path to a state in which a `sometimes` holds.
pub fn example<M: Explorable>(model: M, property: &'static str, limit: Duration) -> Option<Story> {
    let checker = model
        .checker()
        .threads(1)
        .timeout(limit)
        .finish_when(HasDiscoveries::AnyOf([property].into()))
        .spawn_bfs()
        .join();
    let path = checker.discovery(property)?;
    Some(tell(checker.model(), property, path))
}

fn tell<M: Explorable>(
    model: &M,
    property: &'static str,
    path: stateright::Path<M::State, M::Action>,
) -> Story {
    let end = format!("{:?}", path.last_state());
    let path = path.into_vec();
    let steps = path.iter().filter_map(|(state, action)| {
        let action = action.as_ref()?;
        Some(model.narrate(state, action))
    });
    Story {
        property,
        steps: steps.collect(),
        end,
    }
}
