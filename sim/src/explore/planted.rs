//! Bugs that can be planted: in mesh (`mesh::planted`), and in the simulator.

#[cfg(feature = "planted")]
use mesh::planted::{Bug, plant};

use crate::world::planted::{self, SimBug};

/// A bug that can be planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlantedBug {
    /// In mesh.
    #[cfg(feature = "planted")]
    Mesh(Bug),
    /// In the simulator.
    Sim(SimBug),
}

/// A planted bug, until it is dropped.
#[must_use = "the bug is gone when this is dropped"]
pub struct Planted(());

impl Drop for Planted {
    fn drop(&mut self) {
        planted::set(None);
        #[cfg(feature = "planted")]
        plant(None);
    }
}

impl PlantedBug {
    /// All that there are.
    pub fn all() -> Vec<Self> {
        #[cfg(feature = "planted")]
        let mesh = Bug::ALL.iter().copied().map(Self::Mesh);
        #[cfg(not(feature = "planted"))]
        let mesh = std::iter::empty();
        mesh.chain(SimBug::ALL.into_iter().map(Self::Sim)).collect()
    }

    /// The one of a name.
    ///
    /// # Errors
    ///
    /// Lists the names, where there is no such one.
    pub fn named(name: &str) -> Result<Self, String> {
        let all = Self::all();
        let found = all.iter().find(|bug| bug.name() == name);
        found.copied().ok_or_else(|| {
            let names: Vec<String> = all.iter().map(|bug| bug.name()).collect();
            format!("no bug is called {name}; there are {}", names.join(", "))
        })
    }

    /// Its name.
    pub fn name(self) -> String {
        match self {
            #[cfg(feature = "planted")]
            Self::Mesh(bug) => bug.name().to_owned(),
            Self::Sim(bug) => format!("{bug:?}"),
        }
    }

    /// What it is.
    pub fn description(self) -> &'static str {
        match self {
            #[cfg(feature = "planted")]
            Self::Mesh(bug) => bug.description(),
            Self::Sim(bug) => bug.description(),
        }
    }

    /// The rules, any of which it may be caught by.
    pub fn breaks(self) -> &'static [&'static str] {
        match self {
            #[cfg(feature = "planted")]
            Self::Mesh(bug) => bug.breaks(),
            Self::Sim(SimBug::TimeoutTakenForLoss) => &["G6"],
            Self::Sim(_) => &[],
        }
    }

    /// Plants it in this thread.
    pub fn plant(self) -> Planted {
        match self {
            #[cfg(feature = "planted")]
            Self::Mesh(bug) => plant(Some(bug)),
            Self::Sim(bug) => planted::set(Some(bug)),
        }
        Planted(())
    }
}
