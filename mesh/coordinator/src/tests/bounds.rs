//! What one entry has no room for, and what a call costs beside many others.

use std::pin::{Pin, pin};
use std::task::Poll;

use mesh_core::{
    Claim, ClaimStatus, Command, Entry, Event, Gc, Inbox, Limits, Post, Reply, Roster, Wait, steps,
};

use super::{Sleeper, poll};
use crate::memory::{ManualClock, MemoryLock, MemoryLog};
use crate::ports::{News, Outcome, Storage, StorageErrorKind};
use crate::{Coordinator, Handle, MeshError};

/// Little goes into one entry.
static SMALL: Limits = Limits {
    reaped: 4,
    dropped: 4,
    expired: 3,
    record_bytes: 1000,
    ..Limits::PRODUCTION
};

type Answer = Result<Reply, MeshError>;

/// A coordinator over a log in memory, polled by hand, and calls that it has not answered.
struct Bench {
    clock: ManualClock,
    log: MemoryLog,
    handle: Handle,
    coordinator: Pin<Box<dyn Future<Output = ()>>>,
}

impl Bench {
    fn within(limits: &'static Limits) -> Self {
        let clock = ManualClock::at(1_700_000_000_000);
        let log = MemoryLog::within(limits);
        let (handle, served) = Handle::within(limits);
        let lock = MemoryLock::new(clock.clone());
        let sleeper = Sleeper(clock.clone());
        let coordinator = Coordinator::serving(served, sleeper, log.storage(), lock, 1);
        Self {
            clock,
            log,
            handle,
            coordinator: Box::pin(coordinator.run()),
        }
    }

    fn turn(&mut self) {
        assert!(poll(self.coordinator.as_mut()).is_pending());
    }

    /// A call that is sent, and not answered yet.
    fn send(&self, command: Command) -> Pin<Box<dyn Future<Output = Answer>>> {
        let handle = self.handle.clone();
        let mut call = Box::pin(async move { handle.call(command).await });
        assert!(poll(call.as_mut()).is_pending());
        call
    }

    /// Calls that are served together, and all answered.
    fn ask(&mut self, commands: impl IntoIterator<Item = Command>) -> Vec<Answer> {
        let calls: Vec<_> = commands.into_iter().map(|c| self.send(c)).collect();
        self.turn();
        let answers = calls.into_iter().map(|mut call| match poll(call.as_mut()) {
            Poll::Ready(answer) => answer,
            Poll::Pending => panic!("no answer"),
        });
        answers.collect()
    }

    fn entries(&self) -> Vec<Entry> {
        let mut storage = self.log.storage();
        let mut all = Vec::new();
        loop {
            match poll(pin!(storage.read_on())) {
                Poll::Ready(Ok(News::Reset(_))) => {}
                Poll::Ready(Ok(News::Entries(entries))) => all.extend(entries),
                Poll::Ready(Ok(News::CaughtUp)) => return all,
                other => panic!("{other:?}"),
            }
        }
    }
}

fn post(body: String, ttl_seconds: Option<u64>) -> Command {
    Command::Post(Post {
        agent_id: "a".into(),
        to: "b".into(),
        body,
        ttl_seconds,
        ..Post::default()
    })
}

fn claim(agent: &str, resource: String) -> Claim {
    Claim {
        agent_id: agent.into(),
        resource,
        lease_seconds: Some(10),
        ..Claim::default()
    }
}

fn roster() -> Command {
    Command::Roster(Roster {
        agent_id: "z".into(),
        include_stale: false,
    })
}

/// More holds have lapsed than one entry takes: they go in entries of their own before the
/// first call that needs them gone, and all calls beside it are answered.
#[test]
fn what_is_due_is_reaped_in_pieces() {
    let mut bench = Bench::within(&SMALL);
    let claims = (0..27).map(|n| Command::Claim(claim("a", format!("r{n}"))));
    assert!(bench.ask(claims).iter().all(Result::is_ok));
    let before = bench.entries().len();
    bench.clock.advance(11_000);
    let commands = [
        post("x".into(), None),
        roster(),
        roster(),
        post("y".into(), None),
    ];
    assert!(bench.ask(commands).iter().all(Result::is_ok));
    let reaped: Vec<usize> = bench.entries()[before..]
        .iter()
        .map(|entry| entry.events.iter().filter(|event| event.reaps()).count())
        .collect();
    assert_eq!(reaped, [0, 4, 4, 4, 4, 4, 4, 3], "{reaped:?}");
}

/// C9: Calls that reap a little each are divided among entries, and each grant stands in the
/// entry of the lapse that it needs.
#[test]
fn calls_that_reap_together_more_than_one_entry_may_are_divided() {
    let mut bench = Bench::within(&SMALL);
    let claims =
        |agent: &'static str| (0..6).map(move |n| Command::Claim(claim(agent, format!("r{n}"))));
    assert!(bench.ask(claims("a")).iter().all(Result::is_ok));
    let before = bench.entries().len();
    bench.clock.advance(11_000);
    for answer in bench.ask(claims("b")) {
        match answer {
            Ok(Reply::Claim(reply)) => assert_eq!(reply.status, ClaimStatus::Granted),
            other => panic!("{other:?}"),
        }
    }
    let count = |entry: &Entry, kind: &str| {
        let events = entry.events.iter();
        events.filter(|event| event.kind() == kind).count()
    };
    let entries = bench.entries();
    let entries = entries[before..].iter();
    let counts = entries.map(|entry| (count(entry, "lapsed"), count(entry, "granted")));
    assert_eq!(counts.collect::<Vec<_>>(), [(4, 4), (2, 2)]);
}

/// S1: What the pieces before a `gc` dropped, it has dropped.
#[test]
fn a_gc_in_pieces_counts_all_that_it_drops() {
    static PATIENT: Limits = Limits {
        expired: 100,
        ..SMALL
    };
    let mut bench = Bench::within(&PATIENT);
    let posts = (0..10).map(|n| post(n.to_string(), Some(1)));
    assert!(bench.ask(posts).iter().all(Result::is_ok));
    bench.clock.advance(2_000);
    let gc = || Command::Gc(Gc { agent_id: None });
    let reclaimed = |answer: &Answer| match answer {
        Ok(Reply::Gc(reply)) => reply.reclaimed,
        other => panic!("{other:?}"),
    };
    let answers = bench.ask([gc(), gc()]);
    assert_eq!(answers.iter().map(reclaimed).collect::<Vec<_>>(), [10, 0]);
    let entries = bench.entries();
    let dropped = entries
        .iter()
        .flat_map(|entry| &entry.events)
        .map(Event::reclaims);
    assert_eq!(dropped.filter(|n| *n > 0).collect::<Vec<_>>(), [4, 4, 2]);
}

/// G4: A call that no record takes fails alone, and says so.
#[test]
fn a_call_that_no_record_takes_fails_alone() {
    for place in 0..7 {
        let mut bench = Bench::within(&SMALL);
        let body = |n: usize| {
            if n == place {
                "x".repeat(1000)
            } else {
                n.to_string()
            }
        };
        let answers = bench.ask((0..7).map(|n| post(body(n), None)));
        for (n, answer) in answers.iter().enumerate() {
            match answer {
                Ok(_) => assert_ne!(n, place),
                Err(MeshError::Storage(error)) => {
                    assert_eq!(n, place, "{error}");
                    assert_eq!(error.kind, StorageErrorKind::Unfit);
                    assert_eq!(error.outcome, Outcome::NoEffect);
                }
                other => panic!("{other:?}"),
            }
        }
        let events: usize = bench.entries().iter().map(|entry| entry.events.len()).sum();
        assert_eq!(events, 6);
    }
}

/// The calls that no record takes together are divided until each has its place.
#[test]
fn calls_that_no_record_takes_together_are_divided() {
    let mut bench = Bench::within(&SMALL);
    let answers = bench.ask((0..9).map(|_| post("x".repeat(400), None)));
    assert!(answers.iter().all(Result::is_ok));
    let entries = bench.entries();
    assert!(entries.iter().all(|entry| entry.events.len() <= 2));
}

/// M5: Nobody walks past the same expired messages at every look.
#[test]
fn what_has_expired_is_walked_past_once() {
    let mut bench = Bench::within(&Limits::PRODUCTION);
    for _ in 0..20 {
        let posts = (0..200).map(|n| post(n.to_string(), Some(1)));
        assert!(bench.ask(posts).iter().all(Result::is_ok));
    }
    bench.clock.advance(2_000);
    let inbox = Command::Inbox(Inbox {
        agent_id: "b".into(),
        ..Inbox::default()
    });
    let (_, first) = steps::of(|| bench.ask([inbox.clone()]));
    assert!(first >= 4_000, "{first} steps");
    for _ in 0..10 {
        let (_, again) = steps::of(|| bench.ask([inbox.clone()]));
        assert!(again <= 16, "{again} steps");
    }
}

/// W1: 1,000 calls that are held on a resource are no burden for what does not concern them,
/// and one pass over the queue for what does.
#[test]
fn a_call_beside_many_that_are_held_looks_at_none_of_them() {
    let mut bench = Bench::within(&Limits::PRODUCTION);
    let holder = Claim {
        lease_seconds: Some(3600),
        ..claim("holder", "r".into())
    };
    bench.ask([Command::Claim(holder.clone())]);
    let mut held = Vec::new();
    for n in 0..1000 {
        held.push(bench.send(Command::Claim(Claim {
            lease_seconds: Some(3600),
            wait_seconds: Some(50),
            ..claim(&format!("w{n}"), "r".into())
        })));
        bench.turn();
    }
    let beside = [
        post("x".into(), None),
        Command::Claim(claim("x", "other".into())),
    ];
    for command in beside {
        let (answers, steps) = steps::of(|| bench.ask([command]));
        assert!(answers[0].is_ok());
        assert!(steps <= 32, "{steps} steps");
    }
    let denied = Claim {
        wait: Some(Wait::NoWait),
        ..claim("x", "r".into())
    };
    for command in [denied, holder] {
        let (answers, steps) = steps::of(|| bench.ask([Command::Claim(command)]));
        assert!(answers[0].is_ok());
        assert!(steps <= 16_000, "{steps} steps");
    }
    assert!(held.iter_mut().all(|call| poll(call.as_mut()).is_pending()));
}

/// W1: Those who are concerned are looked at, in another process's entry too.
#[test]
fn a_release_elsewhere_is_heard_by_who_is_held() {
    let mut bench = Bench::within(&SMALL);
    let granted = bench.ask([Command::Claim(claim("holder", "r".into()))]);
    let Ok(Reply::Claim(granted)) = &granted[0] else {
        panic!("{granted:?}");
    };
    let mut waiter = bench.send(Command::Claim(Claim {
        wait_seconds: Some(50),
        ..claim("waiter", "r".into())
    }));
    bench.turn();
    let lock = MemoryLock::new(bench.clock.clone());
    let (other, handle) = Coordinator::new(bench.clock.clone(), bench.log.storage(), lock, 2);
    let mut release = pin!(handle.release(mesh_core::Release {
        agent_id: "holder".into(),
        claim_id: granted.claim_id.clone(),
        resource: "r".into(),
    }));
    assert!(poll(release.as_mut()).is_pending());
    assert!(poll(pin!(other.run())).is_pending());
    assert!(poll(release).is_ready());
    bench.turn();
    match poll(waiter.as_mut()) {
        Poll::Ready(Ok(Reply::Claim(reply))) => assert_eq!(reply.status, ClaimStatus::Granted),
        other => panic!("{other:?}"),
    }
}
