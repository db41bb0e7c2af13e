//! Every limit is reached and passed, in a world in which all of them are small.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use futures_executor::block_on;
use mesh::coordinator::conformance::Process;
use mesh::coordinator::memory::{ManualClock, MemoryLock, MemoryLog};
use mesh::coordinator::{Coordinator, Handle};
use mesh::core::{
    Claim, ClaimReply, ClaimStatus, Command, Decision, Entry, Inbox, Limits, Mode, Part, Post,
    Register, Rejection, Release, Reply, Resource, Snapshot, SnapshotBuilder, State, Wait, decide,
    settle,
};
use mesh::ports::{News, Storage};

const NOW: u64 = 1_781_438_400_000;
const HOUR: u64 = 3_600_000;

static SMALL: Limits = Limits {
    tickets: 2,
    sharers: 3,
    inbox_bytes: 600,
    trail: 5,
    losses: 2,
    count: 40,
    places: 90,
    batch_commands: 2,
    batch_bytes: 300,
    batch_events: 8,
    reaped: 2,
    dropped: 2,
    expired: 2,
    queue: 3,
    news: 2,
    record_bytes: 4096,
    part_rows: 2,
    part_bytes: 200,
};

/// A world in which commands are carried out one after the other.
struct World(Snapshot);

impl World {
    fn new() -> Self {
        Self(Snapshot::within(&SMALL))
    }

    fn run(&mut self, command: &Command) -> Result<Reply, Rejection> {
        self.run_at(NOW, command)
    }

    fn run_at(&mut self, now: u64, command: &Command) -> Result<Reply, Rejection> {
        let entropy = u128::from(self.0.seq);
        let Decision { events, reply, .. } = decide(&self.0.state, now, command, entropy)?;
        self.apply(now, events);
        self.0.state.invariants().expect("a sound state");
        Ok(reply)
    }

    /// Claims, which must be granted, and gives the claim id.
    fn granted(&mut self, agent_id: &str, resource: &str) -> ClaimReply {
        match self.run(&claim(agent_id, resource)) {
            Ok(Reply::Claim(reply)) if reply.status == ClaimStatus::Granted => reply,
            other => panic!("{agent_id} is granted {resource}, not {other:?}"),
        }
    }

    /// Grants a resource to one agent after the other, up to the fence `newest`.
    fn granted_up_to(&mut self, newest: u64, resource: &str) {
        for fence in self.0.state.newest_fence(resource) + 1..=newest {
            let reply = self.granted("a", resource);
            assert_eq!(reply.fence, fence);
            self.run(&release("a", &reply)).expect("released");
        }
    }

    fn apply(&mut self, at: u64, events: Vec<mesh::core::Event>) {
        let seq = self.0.seq + 1;
        let id = format!("test.{seq}");
        self.0.apply(&Entry {
            seq,
            id,
            at,
            events,
        });
    }

    /// The same, put together again from its parts.
    fn again(&self) -> Snapshot {
        let mut builder = SnapshotBuilder::within(&SMALL, self.0.seq);
        for part in self.0.parts() {
            builder.add(part).expect("a part that was just made");
        }
        builder.finish()
    }
}

fn claim(agent_id: &str, resource: &str) -> Command {
    Command::Claim(Claim {
        agent_id: agent_id.to_owned(),
        resource: resource.to_owned(),
        wait: Some(Wait::Queue),
        ..Claim::default()
    })
}

fn release(agent_id: &str, reply: &ClaimReply) -> Command {
    Command::Release(Release {
        agent_id: agent_id.to_owned(),
        claim_id: reply.claim_id.clone(),
        resource: reply.resource.to_string(),
    })
}

fn register(agent_id: &str) -> Command {
    Command::Register(Register {
        agent_id: agent_id.to_owned(),
        branch: "main".to_owned(),
        prompt_ptr: "x".to_owned(),
        ..Register::default()
    })
}

fn post(body: &str) -> Post {
    Post {
        agent_id: "a".to_owned(),
        to: "b".to_owned(),
        body: body.to_owned(),
        ..Post::default()
    }
}

/// G8: A resource has so many tickets, and no more.
#[test]
fn tickets_beyond_the_limit_are_refused() {
    let mut world = World::new();
    for agent_id in ["a", "b", "c"] {
        world.run(&claim(agent_id, "doc")).expect("a place");
    }
    let refused = world.run(&claim("d", "doc")).expect_err("no place");
    assert_eq!(refused.got, "one for which 2 agents wait");
    assert_eq!(
        refused.allowed,
        "one with fewer than 2 tickets; try again later"
    );
}

fn share(agent_id: &str) -> Command {
    Command::Claim(Claim {
        agent_id: agent_id.to_owned(),
        resource: "doc".to_owned(),
        mode: Some(Mode::Shared),
        wait: Some(Wait::Queue),
        ..Claim::default()
    })
}

/// G8: So many share a resource, and no more. Who shares it renews, and gives it back; who
/// wants it alone may wait for it, in the place of one who would share it.
#[test]
fn sharers_beyond_the_limit_are_refused() {
    let mut world = World::new();
    let first = world.run(&share("a")).expect("granted");
    for agent_id in ["b", "c", "a"] {
        world.run(&share(agent_id)).expect("granted");
    }
    let refused = world.run(&share("d")).expect_err("no room");
    assert_eq!(
        refused.to_string(),
        "resource: got one that 3 agents hold or wait for; allowed is a shared claim of one with \
         fewer than 3 of them; try again later, or share a part of it under another name"
    );
    world.run(&claim("d", "doc")).expect("a place in the queue");
    let Reply::Claim(first) = first else {
        panic!("a claim answers with its own reply");
    };
    world.run(&release("a", &first)).expect("released");
    world
        .run(&share("e"))
        .expect_err("two hold it, and one waits");
    let record = world.0.state.resource("doc").expect("held");
    assert_eq!((record.holders.len(), record.queue.len()), (2, 1));
}

/// S1: What an earlier mesh let claim a resource has no room in one row, and comes back from
/// several.
#[test]
fn a_resource_beyond_the_limits_is_divided_among_rows() {
    static ENDLESS: Limits = Limits {
        tickets: 1000,
        sharers: 1000,
        count: 1000,
        ..SMALL
    };
    let mut wide = World(Snapshot::within(&ENDLESS));
    for n in 0..8 {
        wide.run(&share(&format!("holder {n}"))).expect("granted");
    }
    for n in 0..5 {
        wide.run(&claim(&format!("waiter {n}"), "doc"))
            .expect("queued");
    }
    let mut builder = SnapshotBuilder::within(&SMALL, wide.0.seq);
    wide.0
        .parts()
        .for_each(|part| builder.add(part).expect("a part"));
    let world = World(builder.finish());
    assert_eq!(world.0, wide.0);
    let rows = world.0.parts().flat_map(|part| match part {
        Part::Resources(rows) | Part::More(rows) => rows,
        _ => Vec::new(),
    });
    let rows = rows.map(|(_, row)| (row.holders.len(), row.queue.len()));
    assert_eq!(rows.collect::<Vec<_>>(), [(3, 2), (3, 2), (2, 1)]);
    assert_eq!(world.again(), wide.0);
}

/// G7: More of a resource that nothing was said of before is none that mesh wrote.
#[test]
fn more_of_a_resource_that_is_not_there_is_refused() {
    let mut world = World::new();
    world.run(&share("a")).expect("granted");
    let mut builder = SnapshotBuilder::within(&SMALL, world.0.seq);
    let built = world.0.parts().try_for_each(|part| {
        builder.add(match part {
            Part::Resources(rows) => Part::More(rows),
            part => part,
        })
    });
    let refused = built.expect_err("no first part").to_string();
    assert!(refused.contains("nothing of it before"), "{refused}");
}

/// S5: The trail keeps the newest events, also over a checkpoint.
#[test]
fn the_trail_beyond_the_limit_forgets_the_oldest() {
    let mut world = World::new();
    for agent_id in ["a", "b", "c", "d", "e", "f", "g"] {
        world.run(&register(agent_id)).expect("registered");
    }
    for snapshot in [&world.0, &world.again()] {
        let kept: Vec<u64> = snapshot.trail.iter().map(|record| record.seq).collect();
        assert_eq!(kept, [3, 4, 5, 6, 7]);
    }
}

/// W6: The newest losses are remembered, also over a checkpoint.
#[test]
fn losses_beyond_the_limit_are_forgotten_oldest_first() {
    let mut world = World::new();
    for resource in ["a", "b", "c"] {
        world.run(&claim("loser", resource)).expect("granted");
        let later = NOW + HOUR * (world.0.seq + 1);
        let events = settle(&world.0.state, later);
        world.apply(later, events);
    }
    for snapshot in [&world.0, &world.again()] {
        let losses = snapshot.state.losses().iter();
        let kept: Vec<&Resource> = losses.map(|((_, resource), _)| resource).collect();
        assert_eq!(kept, [&Resource::from("b"), &Resource::from("c")]);
    }
}

/// M3: A reply stops at so many bytes, and the rest comes with the next one.
#[test]
fn an_inbox_beyond_the_limit_is_told_in_pieces() {
    let mut world = World::new();
    for _ in 0..5 {
        let post = Command::Post(post(&"m".repeat(100)));
        world.run(&post).expect("posted");
    }
    let inbox = Command::Inbox(Inbox {
        agent_id: "b".to_owned(),
        ..Inbox::default()
    });
    let Ok(Reply::Inbox(reply)) = world.run(&inbox) else {
        panic!("an inbox answers with its own reply");
    };
    let told = serde_json::to_vec(&reply).expect("JSON").len();
    assert!(told <= SMALL.inbox_bytes, "{told} bytes");
    assert_eq!(reply.messages.len() as u64 + reply.unread, 5);
    assert!((1..5).contains(&reply.messages.len()));
}

/// S1: A checkpoint is written in parts of bounded size, which make the same again.
#[test]
fn parts_beyond_the_limit_are_divided() {
    let mut world = World::new();
    for body in ["short", "short", &"long".repeat(60), "short"] {
        world.run(&Command::Post(post(body))).expect("posted");
    }
    let messages = world.0.parts().filter_map(|part| match part {
        Part::Messages(rows) => Some(rows.len()),
        _ => None,
    });
    assert_eq!(messages.collect::<Vec<_>>(), [2, 1, 1]);
    assert_eq!(world.again(), world.0);
}

/// G7: A number that no mesh can have given is refused.
#[test]
fn a_fence_beyond_the_largest_number_is_refused() {
    let fences = |fence| Part::Fences(vec![(Resource::from("doc"), fence)]);
    let mut builder = SnapshotBuilder::within(&SMALL, 1);
    builder.add(fences(SMALL.count)).expect("the largest");
    let refused = builder.add(fences(SMALL.count + 1));
    let refused = refused.expect_err("too large").to_string();
    assert_eq!(refused, "a fence or an epoch is above 40");
}

/// G8: A resource has so many fences, and no more. Behind the last one its holder goes on,
/// and gives it back; whoever asks anew is refused.
#[test]
fn grants_beyond_the_last_fence_are_refused() {
    let mut world = World::new();
    world.granted_up_to(SMALL.count - 1, "doc");
    let last = world.granted("a", "doc");
    assert_eq!(last.fence, SMALL.count);
    assert_eq!(world.granted("a", "doc").fence, last.fence, "a renewal");
    world.run(&release("a", &last)).expect("released");
    for agent_id in ["a", "b"] {
        let refused = world.run(&claim(agent_id, "doc")).expect_err("no fence");
        assert_eq!(refused.field, "resource");
        assert_eq!(
            refused.to_string(),
            "resource: got one whose fences are used up, at 40 with 0 tickets; allowed is one \
             with a fence up to 40 left; claim it under another name"
        );
    }
    world.granted("b", "another name");
}

/// G8: Whoever waits will find a fence: a ticket that none is left for is not taken.
#[test]
fn tickets_beyond_the_last_fence_are_refused() {
    let mut world = World::new();
    world.granted_up_to(SMALL.count - 2, "doc");
    let held = world.granted("a", "doc");
    world.run(&claim("b", "doc")).expect("a place");
    let refused = world.run(&claim("c", "doc")).expect_err("no fence");
    assert_eq!(
        refused.got,
        "one whose fences are used up, at 39 with 1 tickets"
    );
    world.run(&claim("b", "doc")).expect("the ticket stays");
    world.run(&release("a", &held)).expect("released");
    assert_eq!(world.granted("b", "doc").fence, SMALL.count);
}

/// G8: An upgrade is a grant, and refused like one; the shared hold stays.
#[test]
fn an_upgrade_beyond_the_last_fence_is_refused() {
    let mut world = World::new();
    world.granted_up_to(SMALL.count - 1, "doc");
    let shared = |mode| {
        let Command::Claim(claim) = claim("a", "doc") else {
            unreachable!("a claim is a claim")
        };
        Command::Claim(Claim {
            mode: Some(mode),
            ..claim
        })
    };
    world.run(&shared(Mode::Shared)).expect("the last fence");
    let refused = world.run(&shared(Mode::Exclusive)).expect_err("no fence");
    assert_eq!(refused.field, "resource");
    let record = world.0.state.resource("doc").expect("held");
    assert_eq!((record.mode, record.holders.len()), (Mode::Shared, 1));
}

/// G8: An agent has so many incarnations, and no more. Then it stays dead, whatever it does,
/// and everybody else goes on.
#[test]
fn incarnations_beyond_the_last_epoch_are_refused() {
    let mut world = World::new();
    let mut now = NOW;
    for epoch in 1..=SMALL.count {
        let reply = world.run_at(now, &register("a")).expect("registered");
        let Reply::Register(reply) = reply else {
            panic!("a registration answers with its own reply");
        };
        assert_eq!(reply.epoch, epoch);
        now += HOUR;
    }
    let acts = [register("a"), claim("a", "doc"), Command::Post(post("x"))];
    for act in acts {
        let refused = world.run_at(now, &act).expect_err("no epoch");
        assert_eq!(refused.field, "agent_id");
        assert_eq!(
            refused.got,
            "one that is dead, and whose epochs are used up, at 40"
        );
    }
    world.run_at(now, &register("b")).expect("another id");
}

/// G8: A state that nobody can have decided is not put together: somebody waits in it for a
/// fence that there is not.
#[test]
fn a_queue_that_no_fence_is_left_for_is_refused() {
    let mut world = World::new();
    world.granted("a", "doc");
    world.run(&claim("b", "doc")).expect("a place");
    let mut builder = SnapshotBuilder::within(&SMALL, world.0.seq);
    let built = world.0.parts().try_for_each(|part| {
        builder.add(match part {
            Part::Fences(_) => Part::Fences(vec![(Resource::from("doc"), SMALL.count)]),
            part => part,
        })
    });
    let refused = built.expect_err("no fence for b").to_string();
    assert!(refused.contains("not everybody who waits"), "{refused}");
}

/// G4: What waits together becomes entries of bounded size, and is read in bounded pieces.
#[test]
fn batches_and_news_beyond_the_limit_are_divided() {
    let log = MemoryLog::within(&SMALL);
    let clock = ManualClock::at(NOW);
    let (handle, served) = Handle::within(&SMALL);
    let lock = MemoryLock::new(clock.clone());
    let coordinator = Coordinator::serving(served, clock, log.storage(), lock, 1);
    // The callers come first, so all wait that have room to.
    let bodies = [
        "short",
        "short",
        "short",
        &"long".repeat(80),
        "short",
        "short",
    ];
    let mut tasks: Vec<Task<'_>> = Vec::new();
    for body in bodies {
        let handle = handle.clone();
        tasks.push(Box::pin(async move {
            handle.post(post(body)).await.expect("posted");
        }));
    }
    drop(handle);
    tasks.push(Box::pin(coordinator.run()));
    block_on(together(tasks));

    let mut reader = Process::over(log.storage());
    block_on(reader.catch_up()).expect("a log in memory");
    let mut posts: BTreeMap<u64, usize> = BTreeMap::new();
    for record in reader.snapshot.trail.iter() {
        *posts.entry(record.seq).or_default() += 1;
    }
    assert!(posts.values().all(|posts| *posts <= 2), "{posts:?}");
    assert!(posts.len() > 2, "{posts:?}");

    let mut storage = log.storage();
    assert!(matches!(block_on(storage.read_on()), Ok(News::Reset(_))));
    match block_on(storage.read_on()) {
        Ok(News::Entries(entries)) => assert_eq!(entries.len(), SMALL.news),
        other => panic!("entries follow the beginning, not {other:?}"),
    }
}

type Task<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Carries on with all of them, in order, until all are done.
async fn together(mut tasks: Vec<Task<'_>>) {
    poll_fn(|context| {
        tasks.retain_mut(|task| task.as_mut().poll(context).is_pending());
        match tasks.is_empty() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
}

/// Limits are no part of what a log says.
#[test]
fn states_that_say_the_same_are_equal_whatever_they_stay_within() {
    assert_eq!(State::within(&SMALL), State::default());
    assert_eq!(State::default().limits(), &Limits::PRODUCTION);
    assert_eq!(State::within(&SMALL).limits(), &SMALL);
}
