//! The configurations that are checked, each with the number of states that it has.
//!
//! The numbers are pinned because a model that lost half of its states would still be
//! green. Who changes a rule so that a number changes says so in the same commit.

use std::time::Duration;

use crate::claims::{ANONYMOUS, Bounds as ClaimsBounds, Claims, REGISTERED, Role};
use crate::commit::{Bounds as CommitBounds, Commit};
use crate::messages::{Bounds as MessagesBounds, Clock, Kind, Messages, RIGHT, To};
use crate::naive::{Bounds as NaiveBounds, Naive};
use crate::run::Progress;
use crate::{Failure, Report, exhaust};

/// A model within its bounds.
#[derive(Clone, Debug)]
pub enum Bounds {
    /// The claims model.
    Claims(ClaimsBounds),
    /// The messages model.
    Messages(MessagesBounds),
    /// The commit model.
    Commit(CommitBounds),
    /// A naive commit, without what breaks it.
    Naive(NaiveBounds),
}

/// A configuration to check.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its bounds, in words.
    pub name: &'static str,
    /// Its bounds.
    pub bounds: Bounds,
    /// How many states it has, if that is known.
    pub states: Option<usize>,
}

impl Case {
    /// The name of the model.
    pub fn model(&self) -> &'static str {
        match self.bounds {
            Bounds::Claims(_) => "claims",
            Bounds::Messages(_) => "messages",
            Bounds::Commit(_) => "commit",
            Bounds::Naive(_) => "naive",
        }
    }

    /// Explores it.
    ///
    /// # Errors
    ///
    /// Those of [`exhaust`], and [`Failure::Count`] where there are more states than are
    /// pinned, or fewer.
    pub fn check(&self, limit: Duration, progress: Progress<'_>) -> Result<Report, Failure> {
        let report = match self.bounds.clone() {
            Bounds::Claims(bounds) => exhaust(Claims::new(bounds), limit, progress),
            Bounds::Messages(bounds) => exhaust(Messages::new(bounds), limit, progress),
            Bounds::Commit(bounds) => exhaust(Commit::new(bounds), limit, progress),
            Bounds::Naive(bounds) => exhaust(Naive(bounds), limit, progress),
        }?;
        match self.states {
            Some(pinned) if pinned != report.states => Err(Failure::Count {
                pinned,
                found: report.states,
            }),
            _ => Ok(report),
        }
    }
}

/// An agent whose clock is three ticks ahead: more than the contract forgives (C12).
const FAST: Role = Role {
    registers: false,
    clock: 3,
};

/// Three registered agents and one resource.
pub(crate) const THREE: ClaimsBounds = ClaimsBounds {
    agents: &[REGISTERED, REGISTERED, REGISTERED],
    resources: 1,
    lease: 1,
    observer: None,
    thorough: true,
};

/// Two registered agents and two resources.
pub(crate) const TWO_BY_TWO: ClaimsBounds = ClaimsBounds {
    agents: &[REGISTERED, REGISTERED],
    resources: 2,
    ..THREE
};

/// The configurations of the claims model.
pub fn claims() -> Vec<Case> {
    let case = |name, states, bounds| Case {
        name,
        bounds: Bounds::Claims(bounds),
        states: Some(states),
    };
    let mixed = &[REGISTERED, REGISTERED, ANONYMOUS];
    let skewed = &[REGISTERED, FAST];
    vec![
        case(
            "3 agents x 1 resource, leases shorter than a life",
            10_536,
            THREE,
        ),
        case(
            "3 agents x 1 resource, leases longer than a life",
            122_166,
            ClaimsBounds {
                lease: 4,
                thorough: false,
                ..THREE
            },
        ),
        case(
            "3 agents x 1 resource, one never registers",
            6_749,
            ClaimsBounds {
                agents: mixed,
                ..THREE
            },
        ),
        case("2 agents x 2 resources", 9_456, TWO_BY_TWO),
        case(
            "2 agents x 1 resource, a clock 3 ticks ahead",
            2_542,
            ClaimsBounds {
                agents: skewed,
                lease: 4,
                ..THREE
            },
        ),
        case(
            "2 agents x 1 resource, an observer 2 ticks ahead",
            4_396,
            ClaimsBounds {
                resources: 1,
                lease: 4,
                observer: Some(2),
                ..TWO_BY_TWO
            },
        ),
        case(
            "2 agents x 1 resource, an observer 2 ticks behind",
            5_997,
            ClaimsBounds {
                resources: 1,
                lease: 4,
                observer: Some(-2),
                ..TWO_BY_TWO
            },
        ),
    ]
}

pub(crate) const MAIL: Kind = Kind {
    to: To::Next,
    expires: false,
    key: false,
};
pub(crate) const SHORT_MAIL: Kind = Kind {
    expires: true,
    ..MAIL
};
const BROADCAST: Kind = Kind {
    to: To::All,
    ..MAIL
};
const TOPIC: Kind = Kind {
    to: To::Topic,
    ..MAIL
};
pub(crate) const KEYED: Kind = Kind {
    to: To::All,
    key: true,
    ..MAIL
};

/// A clock that is a tick ahead until it is set back, to a tick behind.
pub(crate) const BACKWARD: Clock = Clock {
    ahead: 1,
    set_back_to: Some(-1),
    behind_ms: 0,
};

/// A clock that is five seconds behind.
pub(crate) const SLOW: Clock = Clock {
    behind_ms: 5_000,
    ..RIGHT
};

/// Three messages between two agents with right clocks.
pub(crate) const QUIET: MessagesBounds = MessagesBounds {
    clocks: &[RIGHT, RIGHT],
    kinds: &[MAIL, BROADCAST, TOPIC],
    posts: 3,
    registers: false,
};

/// The configurations of the messages model.
pub fn messages() -> Vec<Case> {
    let case = |name, states, bounds| Case {
        name,
        bounds: Bounds::Messages(bounds),
        states: Some(states),
    };
    let skewed = &[BACKWARD, RIGHT];
    vec![
        case(
            "2 agents, 3 messages: mail, broadcasts, a topic",
            3_805,
            QUIET,
        ),
        case(
            "2 agents, 3 messages that expire, a clock set back",
            57_562,
            MessagesBounds {
                clocks: skewed,
                kinds: &[MAIL, SHORT_MAIL],
                ..QUIET
            },
        ),
        case(
            "2 agents, 2 messages under keys, a clock set back",
            8_352,
            MessagesBounds {
                clocks: skewed,
                kinds: &[KEYED, SHORT_MAIL],
                posts: 2,
                ..QUIET
            },
        ),
        case(
            "3 agents that register and die, 2 messages",
            65_344,
            MessagesBounds {
                clocks: &[RIGHT, RIGHT, RIGHT],
                kinds: &[MAIL, BROADCAST],
                posts: 2,
                registers: true,
            },
        ),
    ]
}

/// Two processes that append once each, rotate after each entry, and lose power once.
pub const JOURNAL: CommitBounds = CommitBounds {
    writers: 2,
    commands: 1,
    rotate_after: 1,
    generations: 2,
    kills: 0,
    cuts: 1,
    torn: false,
    looks: false,
    gives_up: false,
    lock: false,
    fault: None,
};

/// The configurations of the commit model.
pub fn commit() -> Vec<Case> {
    let case = |name, states, bounds| Case {
        name,
        bounds: Bounds::Commit(bounds),
        states: Some(states),
    };
    vec![
        case("2 writers, 2 generations, a power cut", 118_588, JOURNAL),
        case(
            "the same with a lock that may be stolen",
            122_776,
            CommitBounds {
                lock: true,
                ..JOURNAL
            },
        ),
        case(
            "the same with readers that reveal",
            157_477,
            CommitBounds {
                looks: true,
                ..JOURNAL
            },
        ),
        case(
            "the same with writers that lose a race and give up",
            129_228,
            CommitBounds {
                gives_up: true,
                ..JOURNAL
            },
        ),
        case(
            "2 writers x 2 appends, 1 generation, a power cut",
            62_304,
            CommitBounds {
                commands: 2,
                generations: 1,
                ..JOURNAL
            },
        ),
        case(
            "3 writers, 1 generation, a power cut",
            729_726,
            CommitBounds {
                writers: 3,
                generations: 1,
                ..JOURNAL
            },
        ),
        case(
            "2 writers x 2 appends, torn writes, a kill, a power cut",
            1_070_575,
            CommitBounds {
                commands: 2,
                generations: 1,
                kills: 1,
                torn: true,
                ..JOURNAL
            },
        ),
        case(
            "2 writers, 2 generations, torn writes, a kill, a power cut",
            852_652,
            CommitBounds {
                kills: 1,
                torn: true,
                ..JOURNAL
            },
        ),
        case(
            "2 writers x 2 appends, 3 generations, pauses alone",
            781_636,
            CommitBounds {
                commands: 2,
                cuts: 0,
                generations: 3,
                ..JOURNAL
            },
        ),
    ]
}

/// Two processes, and a lock that is never stolen.
pub const LOCKED: NaiveBounds = NaiveBounds {
    writers: 2,
    theft: false,
    recheck: false,
    sync: true,
    cut: true,
};

/// The naive commit without theft, where it holds: the control of its counterexamples.
pub fn naive() -> Vec<Case> {
    let case = |name, states, bounds| Case {
        name,
        bounds: Bounds::Naive(bounds),
        states: Some(states),
    };
    vec![case(
        "3 writers, a lock directory, no theft",
        117,
        NaiveBounds {
            writers: 3,
            ..LOCKED
        },
    )]
}

/// Everything that a test run checks.
pub fn small() -> Vec<Case> {
    [claims(), messages(), commit(), naive()].concat()
}

/// The larger bounds of a long run: minutes to hours, and some GB of memory.
pub fn large() -> Vec<Case> {
    let claims = |name, states, bounds| Case {
        name,
        bounds: Bounds::Claims(bounds),
        states,
    };
    let messages = |name, states, bounds| Case {
        name,
        bounds: Bounds::Messages(bounds),
        states,
    };
    let commit = |name, states, bounds| Case {
        name,
        bounds: Bounds::Commit(bounds),
        states,
    };
    vec![
        claims(
            "3 agents x 1 resource, all claims, long leases",
            Some(54_680),
            ClaimsBounds { lease: 4, ..THREE },
        ),
        claims(
            "2 agents x 2 resources, long leases",
            Some(100_513),
            ClaimsBounds {
                lease: 4,
                ..TWO_BY_TWO
            },
        ),
        messages(
            "2 agents, 4 messages",
            Some(36_205),
            MessagesBounds { posts: 4, ..QUIET },
        ),
        commit(
            "2 writers, 2 generations, a kill, a cut",
            Some(1_630_950),
            CommitBounds {
                kills: 1,
                ..JOURNAL
            },
        ),
        commit(
            "2 writers x 2 appends, a cut",
            Some(12_032_835),
            CommitBounds {
                commands: 2,
                ..JOURNAL
            },
        ),
        commit(
            "3 writers, 2 generations, a cut",
            None,
            CommitBounds {
                writers: 3,
                ..JOURNAL
            },
        ),
        commit(
            "2 writers, 2 generations, 2 cuts",
            Some(1_255_635),
            CommitBounds { cuts: 2, ..JOURNAL },
        ),
    ]
}
