//! Fair queues: nobody overtakes, and no dead agent is in the way.
//!
//! A claim that cannot be granted takes a ticket. A new claim that *could* be granted takes
//! one as well if anybody waits, or readers would walk past a waiting writer for ever. When
//! something goes away, whoever is at the head of the queue is promoted, and with a shared
//! head the shared tickets right behind it. Agents die without a word; what they leave is
//! reaped by whatever touches the resource next, before it promotes anybody.
//!
//! The task are the two decisions of such a queue. `start.rs` takes both, and each wrongly.

pub mod answer;
mod show;
pub mod start;

use std::collections::BTreeSet;
use std::fmt;

use mesh::core::Mode;

use crate::Exercise;
use crate::search::{Steps, explore};

/// The exercise of chapter 5.
pub const EXERCISE: Exercise = Exercise {
    chapter: 5,
    title: "Fair queues",
    task: "Mend a queue in which some are overtaken, some are forgotten, and the dead are served.",
    start: check::<start::Queue>,
    answer: check::<answer::Queue>,
    show: show::show,
};

/// The decisions of a queue.
pub trait FairQueue {
    /// Whether a new claim of `mode` is granted at once. If not, it takes the last place in
    /// the queue. The resource was settled just before.
    fn may_enter(resource: &Resource, mode: Mode) -> bool;

    /// Brings the resource up to now: takes away what belongs to the dead, and promotes those
    /// whose turn it is. It is called by every claim, before that is decided; by whoever
    /// leaves, before and after; and by everybody who looks.
    fn settle(resource: &mut Resource, is_dead: impl Fn(&str) -> bool);
}

/// A hold, or a place in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Whose.
    pub agent: &'static str,
    /// Alone or together with others.
    pub mode: Mode,
}

/// Who holds a resource, and who waits for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Resource {
    /// One exclusive holder, or any number of shared ones.
    pub holders: Vec<Place>,
    /// Those who wait, first come first.
    pub queue: Vec<Place>,
}

impl Resource {
    /// Whether a hold of `mode` goes together with the present holders.
    pub fn admits(&self, mode: Mode) -> bool {
        let mut holders = self.holders.iter();
        !holders.any(|hold| conflict(hold.mode, mode))
    }

    fn places(&self) -> impl Iterator<Item = &Place> {
        self.holders.iter().chain(&self.queue)
    }

    fn remove(&mut self, agent: &str) {
        self.holders.retain(|place| place.agent != agent);
        self.queue.retain(|place| place.agent != agent);
    }
}

fn conflict(a: Mode, b: Mode) -> bool {
    a == Mode::Exclusive || b == Mode::Exclusive
}

/// Everybody there is.
const AGENTS: [&str; 3] = ["ann", "bob", "cem"];

/// What there is to be seen of the resource, and what should be so.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct World {
    resource: Resource,
    /// The living who hold or wait, in the order in which they asked.
    asked: Vec<&'static str>,
    dead: BTreeSet<&'static str>,
}

/// Something that happens.
#[derive(Clone, Copy, Debug)]
enum Step {
    Claim(&'static str, Mode),
    Leave(&'static str),
    Die(&'static str),
    Look,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Claim(agent, Mode::Shared) => write!(f, "{agent} claims, shared"),
            Self::Claim(agent, Mode::Exclusive) => write!(f, "{agent} claims, exclusive"),
            Self::Leave(agent) => write!(f, "{agent} gives back what it has: hold or ticket"),
            Self::Die(agent) => write!(f, "{agent} dies"),
            Self::Look => write!(f, "somebody looks"),
        }
    }
}

/// Tries everything that three agents can do.
///
/// # Errors
///
/// A shortest history in which the queue does wrong, and what is wrong.
pub fn check<Q: FairQueue>() -> Result<(), String> {
    explore(World::default(), World::steps::<Q>).map(drop)
}

impl World {
    fn steps<Q: FairQueue>(&self) -> Steps<Self, Step> {
        let mut steps = vec![Step::Look];
        for agent in AGENTS
            .into_iter()
            .filter(|agent| !self.dead.contains(agent))
        {
            steps.push(Step::Die(agent));
            if self.asked.contains(&agent) {
                steps.push(Step::Leave(agent));
            } else {
                steps.push(Step::Claim(agent, Mode::Shared));
                steps.push(Step::Claim(agent, Mode::Exclusive));
            }
        }
        let after = |step: Step| (step, self.after::<Q>(step));
        steps.into_iter().map(after).collect()
    }

    fn after<Q: FairQueue>(&self, step: Step) -> Result<Self, String> {
        let mut next = self.clone();
        if let Step::Die(agent) = step {
            // Nobody hears of it, so nothing else happens.
            next.dead.insert(agent);
            next.asked.retain(|asked| *asked != agent);
            return Ok(next);
        }
        next.settle::<Q>();
        match step {
            Step::Claim(agent, mode) => {
                let place = Place { agent, mode };
                match Q::may_enter(&next.resource, mode) {
                    true => next.resource.holders.push(place),
                    false => next.resource.queue.push(place),
                }
                next.asked.push(agent);
            }
            Step::Leave(agent) => {
                next.resource.remove(agent);
                next.asked.retain(|asked| *asked != agent);
                next.settle::<Q>();
            }
            Step::Die(_) | Step::Look => {}
        }
        next.judge().map(|()| next)
    }

    fn settle<Q: FairQueue>(&mut self) {
        let dead = &self.dead;
        Q::settle(&mut self.resource, |agent| dead.contains(agent));
    }

    /// What is wrong, if anything is.
    fn judge(&self) -> Result<(), String> {
        self.excludes()?;
        self.keeps_all()?;
        self.keeps_order()?;
        self.goes_on()
    }

    /// C2.
    fn excludes(&self) -> Result<(), String> {
        let holders = &self.resource.holders;
        let alone = holders.len() < 2 || holders.iter().all(|hold| hold.mode == Mode::Shared);
        ensure(alone, || {
            let names: Vec<&str> = holders.iter().map(|hold| hold.agent).collect();
            format!(
                "{} hold it together, and not all of them shared",
                names.join(" and ")
            )
        })
    }

    /// C9 for holders, and that nobody alive is lost or there twice.
    fn keeps_all(&self) -> Result<(), String> {
        for hold in &self.resource.holders {
            ensure(!self.dead.contains(hold.agent), || {
                format!("{} holds it, and is dead", hold.agent)
            })?;
        }
        for agent in &self.asked {
            let places = self.resource.places();
            let places = places.filter(|place| place.agent == *agent).count();
            ensure(places == 1, || {
                format!("{agent} asked once, and has {places} places")
            })?;
        }
        Ok(())
    }

    /// C6: who holds asked before those who wait.
    fn keeps_order(&self) -> Result<(), String> {
        let turn = |place: &Place| self.asked.iter().position(|agent| *agent == place.agent);
        for hold in &self.resource.holders {
            for ticket in &self.resource.queue {
                let (first, second) = (turn(hold), turn(ticket));
                ensure(second.is_none() || first < second, || {
                    format!(
                        "{} asked after {}, and was granted before it",
                        hold.agent, ticket.agent
                    )
                })?;
            }
        }
        Ok(())
    }

    /// C8: the first of the living who wait has a reason to.
    fn goes_on(&self) -> Result<(), String> {
        let mut queue = self.resource.queue.iter();
        let first = queue.find(|ticket| !self.dead.contains(ticket.agent));
        let stuck = first.filter(|ticket| self.resource.admits(ticket.mode));
        ensure(stuck.is_none(), || {
            let agent = stuck.map_or("", |ticket| ticket.agent);
            format!("{agent} waits, and nobody who is alive is in its way")
        })
    }
}

fn ensure(holds: bool, wrong: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mends some of the mistakes of the start.
    struct Partly<const ORDER: bool, const REAP: bool, const RUN: bool>;

    impl<const ORDER: bool, const REAP: bool, const RUN: bool> FairQueue for Partly<ORDER, REAP, RUN> {
        fn may_enter(resource: &Resource, mode: Mode) -> bool {
            match ORDER {
                true => answer::Queue::may_enter(resource, mode),
                false => start::Queue::may_enter(resource, mode),
            }
        }

        fn settle(resource: &mut Resource, is_dead: impl Fn(&str) -> bool) {
            if REAP {
                resource.queue.retain(|ticket| !is_dead(ticket.agent));
            }
            start::Queue::settle(resource, &is_dead);
            while RUN
                && resource
                    .queue
                    .first()
                    .is_some_and(|head| resource.admits(head.mode))
            {
                start::Queue::settle(resource, &is_dead);
            }
        }
    }

    fn wrong<Q: FairQueue>() -> String {
        let wrong = check::<Q>().unwrap_err();
        wrong.lines().last().unwrap_or_default().to_owned()
    }

    #[test]
    fn each_mistake_is_found() {
        assert_eq!(
            wrong::<Partly<false, true, true>>(),
            "cem asked after bob, and was granted before it"
        );
        assert_eq!(
            wrong::<Partly<true, false, true>>(),
            "bob holds it, and is dead"
        );
        assert_eq!(
            wrong::<Partly<true, true, false>>(),
            "cem waits, and nobody who is alive is in its way"
        );
        assert_eq!(check::<Partly<true, true, true>>(), Ok(()));
    }
}
