//! What happens in a random history: steps, and how they become commands.

use mesh::core::{
    Claim, Claims, Command, Decision, Event, Gc, Inbox, Millis, Mode, Post, Read, Register,
    Release, Roster, Wait,
};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::{Index, select};

const AGENTS: [&str; 5] = ["a", "b", "c", "d", "e"];
/// Mostly the same one: only a crowd makes queues.
const RESOURCES: [&str; 4] = ["doc", "doc", "doc", "src"];
const CENTURY: i64 = 100 * 365 * 24 * 3_600_000;

/// One command, and what the clocks did before it.
#[derive(Clone, Debug)]
pub(super) struct Step {
    agent: &'static str,
    action: Action,
    /// How much true time passes first.
    tick: Millis,
    /// How far the clock of this step's process is off.
    skew: i64,
    pub(super) entropy: u128,
}

#[derive(Clone, Debug)]
enum Action {
    Register(Option<u64>),
    Roster(bool),
    Claim {
        resource: &'static str,
        mode: Option<Mode>,
        lease_seconds: Option<u64>,
        wait: Wait,
        note: Option<&'static str>,
    },
    /// Of an id that was issued lately, on either resource.
    Release(Index, &'static str),
    Claims(Option<&'static str>),
    Post {
        to: &'static str,
        ttl_seconds: Option<u64>,
        key: Option<&'static str>,
    },
    Inbox {
        topics: Vec<&'static str>,
        since: Option<Index>,
        limit: Option<u64>,
    },
    Read(Index, Vec<&'static str>),
    Gc,
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    vec(step(), 1..80)
}

fn step() -> impl Strategy<Value = Step> {
    let tick = prop_oneof![
        16 => Just(0),
        6 => 1..2_000u64,
        4 => 2_000..40_000u64,
        2 => 40_000..200_000u64,
        1 => Just(3_600_000),
    ];
    let skew = prop_oneof![
        24 => Just(0i64),
        2 => -61_000..61_000i64,
        1 => Just(CENTURY),
        1 => Just(-CENTURY / 4),
    ];
    (select(&AGENTS[..]), action(), tick, skew, any::<u128>()).prop_map(
        |(agent, action, tick, skew, entropy)| Step {
            agent,
            action,
            tick,
            skew,
            entropy,
        },
    )
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        3 => ttl().prop_map(Action::Register),
        1 => any::<bool>().prop_map(Action::Roster),
        10 => claim(),
        5 => (any::<Index>(), resource()).prop_map(|(claim, on)| Action::Release(claim, on)),
        1 => of(resource()).prop_map(Action::Claims),
        5 => post(),
        3 => inbox(),
        3 => (any::<Index>(), topics()).prop_map(|(up_to, topics)| Action::Read(up_to, topics)),
        1 => Just(Action::Gc),
    ]
}

fn claim() -> impl Strategy<Value = Action> {
    let mode = select(vec![
        None,
        Some(Mode::Exclusive),
        Some(Mode::Shared),
        Some(Mode::Shared),
    ]);
    let wait = select(vec![Wait::NoWait, Wait::Queue, Wait::Queue]);
    let note = of(select(vec!["one", "two"]));
    (resource(), mode, ttl(), wait, note).prop_map(|(resource, mode, lease_seconds, wait, note)| {
        Action::Claim {
            resource,
            mode,
            lease_seconds,
            wait,
            note,
        }
    })
}

fn post() -> impl Strategy<Value = Action> {
    let to = select(vec!["a", "b", "*", "topic:t", "topic:u", "nobody"]);
    let key = of(select(vec!["k", "l"]));
    (to, ttl(), key).prop_map(|(to, ttl_seconds, key)| Action::Post {
        to,
        ttl_seconds,
        key,
    })
}

fn inbox() -> impl Strategy<Value = Action> {
    let limit = select(vec![None, Some(1), Some(2), Some(3)]);
    (topics(), of(any::<Index>()), limit).prop_map(|(topics, since, limit)| Action::Inbox {
        topics,
        since,
        limit,
    })
}

fn resource() -> impl Strategy<Value = &'static str> {
    select(&RESOURCES[..])
}

fn topics() -> impl Strategy<Value = Vec<&'static str>> {
    vec(select(vec!["t", "topic:t", "u"]), 0..3)
}

/// Seconds; 0 is one that is refused.
fn ttl() -> impl Strategy<Value = Option<u64>> {
    prop_oneof![
        6 => Just(None),
        4 => (1..30u64).prop_map(Some),
        4 => (30..300u64).prop_map(Some),
        1 => Just(Some(0)),
    ]
}

/// A history as it goes: the true time, and the ids that were issued.
pub(super) struct History {
    time: Millis,
    claims: Vec<String>,
    messages: Vec<String>,
}

impl Default for History {
    fn default() -> Self {
        Self {
            time: 1_781_438_400_000,
            claims: vec!["no ULID".to_owned()],
            messages: vec!["0".repeat(26), "no ULID".to_owned(), "7".repeat(26)],
        }
    }
}

impl History {
    /// Lets the time before a step pass; gives what the clock of its process shows.
    pub(super) fn pass_time(&mut self, step: &Step) -> Millis {
        self.time += step.tick;
        self.time.saturating_add_signed(step.skew)
    }

    pub(super) fn learn(&mut self, decision: &Decision) {
        for event in &decision.events {
            if let Some(claim) = event.new_claim() {
                self.claims.push(claim.claim_id.to_string());
            }
            if let Event::Posted { message_id, .. } = event {
                self.messages.push(message_id.to_string());
            }
        }
    }

    pub(super) fn command(&self, step: &Step) -> Command {
        let agent_id = step.agent.to_owned();
        match &step.action {
            Action::Register(ttl_seconds) => Command::Register(Register {
                agent_id,
                branch: "main".to_owned(),
                prompt_ptr: "task.md".to_owned(),
                role: None,
                ttl_seconds: *ttl_seconds,
                session: None,
            }),
            Action::Roster(include_stale) => Command::Roster(Roster {
                agent_id,
                include_stale: *include_stale,
            }),
            Action::Claim {
                resource,
                mode,
                lease_seconds,
                wait,
                note,
            } => Command::Claim(Claim {
                agent_id,
                resource: (*resource).to_owned(),
                mode: *mode,
                lease_seconds: *lease_seconds,
                wait: Some(*wait),
                wait_seconds: None,
                note: note.map(str::to_owned),
            }),
            Action::Release(claim, resource) => Command::Release(Release {
                agent_id,
                claim_id: claim.get(lately(&self.claims)).clone(),
                resource: (*resource).to_owned(),
            }),
            Action::Claims(resource) => Command::Claims(Claims {
                agent_id,
                resource: resource.map(str::to_owned),
            }),
            other => self.mail_command(agent_id, other),
        }
    }

    fn mail_command(&self, agent_id: String, action: &Action) -> Command {
        match action {
            Action::Post {
                to,
                ttl_seconds,
                key,
            } => Command::Post(Post {
                agent_id,
                to: (*to).to_owned(),
                body: "hi".to_owned(),
                subject: None,
                reply_to: None,
                ttl_seconds: *ttl_seconds,
                key: key.map(str::to_owned),
            }),
            Action::Inbox {
                topics,
                since,
                limit,
            } => Command::Inbox(Inbox {
                agent_id,
                topics: owned(topics),
                since: since.map(|since| since.get(&self.messages).clone()),
                limit: *limit,
                wait_seconds: None,
            }),
            Action::Read(up_to, topics) => Command::Read(Read {
                agent_id,
                up_to: up_to.get(lately(&self.messages)).clone(),
                topics: owned(topics),
            }),
            _ => Command::Gc(Gc {
                agent_id: Some(agent_id),
            }),
        }
    }
}

/// The newest few, so that most of what is named still exists.
fn lately(ids: &[String]) -> &[String] {
    &ids[ids.len().saturating_sub(6)..]
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}
