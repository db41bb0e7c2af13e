//! Calls that wait while the log fails, and while what they wait with goes away; and, in
//! [`bounds`], what one entry has no room for; in [`checkpoints`], those that come to nothing.

mod bounds;
mod checkpoints;

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use mesh_core::{
    Claim, ClaimReply, ClaimStatus, ClaimView, Claims, Millis, Register, Release, ReleaseStatus,
};

use crate::memory::{ManualClock, MemoryLock, MemoryLog};
use crate::ports::{Clock, Lock, Outcome};
use crate::{Coordinator, Handle, MeshError};

const RESOURCE: &str = "r";

/// A clock whose sleeps end when it is moved far enough.
#[derive(Clone)]
struct Sleeper(ManualClock);

impl Clock for Sleeper {
    fn now(&self) -> Millis {
        self.0.now()
    }

    fn monotonic(&self) -> Millis {
        self.0.monotonic()
    }

    async fn sleep(&self, duration: Millis) {
        let end = self.monotonic() + duration;
        poll_fn(|_| match self.monotonic() >= end {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
        .await;
    }
}

/// A coordinator over a log in memory, polled by hand.
struct Bench {
    clock: ManualClock,
    log: MemoryLog,
    handle: Handle,
    coordinator: Pin<Box<dyn Future<Output = ()>>>,
}

impl Bench {
    /// Agent `holder` holds the resource. `waiter` never registers, so its ticket lives as
    /// long as its lease.
    fn new() -> Self {
        let clock = ManualClock::at(1_700_000_000_000);
        let log = MemoryLog::new();
        let lock = MemoryLock::new(clock.clone());
        let (coordinator, handle) =
            Coordinator::new(Sleeper(clock.clone()), log.storage(), lock, 1);
        let mut bench = Self {
            clock,
            log,
            handle,
            coordinator: Box::pin(coordinator.run()),
        };
        let register = Register {
            agent_id: "holder".into(),
            branch: "main".into(),
            prompt_ptr: "task".into(),
            ttl_seconds: Some(3600),
            ..Register::default()
        };
        let handle = bench.handle.clone();
        bench.answer(pin!(handle.register(register))).unwrap();
        let claim = claim("holder");
        let handle = bench.handle.clone();
        let held = bench.answer(pin!(handle.claim(claim))).unwrap();
        assert_eq!(held.status, ClaimStatus::Granted);
        bench
    }

    /// Lets the coordinator go as far as it can.
    fn turn(&mut self) {
        assert!(poll(self.coordinator.as_mut()).is_pending());
    }

    /// Asks and is answered.
    fn answer<T>(&mut self, mut call: Pin<&mut impl Future<Output = T>>) -> T {
        assert!(poll(call.as_mut()).is_pending());
        self.turn();
        match poll(call) {
            Poll::Ready(answer) => answer,
            Poll::Pending => panic!("no answer"),
        }
    }

    fn pass(&mut self, duration: Millis) {
        self.clock.advance(duration);
        self.turn();
    }

    /// What anybody sees of the resource.
    fn look(&mut self) -> Result<ClaimView, MeshError> {
        let claims = Claims {
            agent_id: "watcher".into(),
            resource: Some(RESOURCE.into()),
        };
        let handle = self.handle.clone();
        let reply = self.answer(pin!(handle.claims(claims)))?;
        Ok(reply.claims.into_iter().next().unwrap())
    }

    /// What another process answers.
    fn others<T>(&self, ask: impl AsyncFnOnce(Handle) -> T) -> T {
        let clock = self.clock.clone();
        let lock = MemoryLock::new(clock.clone());
        let (other, handle) = Coordinator::new(clock, self.log.storage(), lock, 2);
        let mut call = pin!(ask(handle));
        assert!(poll(call.as_mut()).is_pending());
        let mut other = pin!(other.run());
        assert!(poll(other.as_mut()).is_pending());
        match poll(call) {
            Poll::Ready(answer) => answer,
            Poll::Pending => panic!("no answer"),
        }
    }

    /// Another process looks, and finds out what has lapsed.
    fn have_others_look(&self) {
        self.queue_as_others_see_it();
    }

    fn queue_as_others_see_it(&self) -> usize {
        let claims = Claims {
            agent_id: "other".into(),
            resource: Some(RESOURCE.into()),
        };
        let seen = self.others(async move |handle| handle.claims(claims).await);
        seen.unwrap().claims[0].queue.len()
    }

    fn others_release(&self, agent: &str, claim_id: String) {
        let release = release(agent, claim_id);
        let reply = self.others(async move |handle| handle.release(release).await);
        assert_eq!(reply.unwrap().status, ReleaseStatus::Released);
    }

    fn release(&mut self, agent: &str, claim_id: String) {
        let release = release(agent, claim_id);
        let handle = self.handle.clone();
        let reply = self.answer(pin!(handle.release(release))).unwrap();
        assert_eq!(reply.status, ReleaseStatus::Released);
    }

    fn holders_id(&mut self) -> String {
        self.look().unwrap().holders[0].claim_id.to_string()
    }
}

fn poll<T>(future: Pin<&mut (impl Future<Output = T> + ?Sized)>) -> Poll<T> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn claim(agent: &str) -> Claim {
    Claim {
        agent_id: agent.into(),
        resource: RESOURCE.into(),
        lease_seconds: Some(600),
        ..Claim::default()
    }
}

fn release(agent: &str, claim_id: String) -> Release {
    Release {
        agent_id: agent.into(),
        claim_id,
        resource: RESOURCE.into(),
    }
}

/// A claim that waits as long as one may.
fn waiting() -> Claim {
    Claim {
        wait_seconds: Some(50),
        note: Some("why".into()),
        ..claim("waiter")
    }
}

/// The same with a ticket that ends soon, unless it is kept alive.
fn waiting_shortly() -> Claim {
    Claim {
        lease_seconds: Some(10),
        ..waiting()
    }
}

fn granted(answer: Poll<Result<ClaimReply, MeshError>>) {
    let Poll::Ready(Ok(reply)) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!(reply.status, ClaimStatus::Granted);
}

/// The log cannot be read for a moment, in which others ask.
#[test]
fn a_failed_read_ends_no_wait() {
    let mut bench = Bench::new();
    let handle = bench.handle.clone();
    let mut waiter = pin!(handle.claim(waiting()));
    assert!(poll(waiter.as_mut()).is_pending());
    bench.turn();
    let id = bench.holders_id();

    bench.log.set_unreadable(true);
    for _ in 0..3 {
        bench.look().unwrap_err();
        bench.pass(5_000);
        assert!(poll(waiter.as_mut()).is_pending(), "it waits on");
    }
    bench.log.set_unreadable(false);
    bench.release("holder", id);
    bench.pass(5_000);
    granted(poll(waiter));
}

/// The sign of life of one that waits cannot be written, or nobody knows whether it was.
#[test]
fn a_failed_append_ends_no_wait() {
    for committed in [false, true] {
        let mut bench = Bench::new();
        let handle = bench.handle.clone();
        let mut waiter = pin!(handle.claim(waiting_shortly()));
        assert!(poll(waiter.as_mut()).is_pending());
        bench.turn();
        bench.log.fail_next_append(committed);
        bench.pass(6_000);
        assert!(poll(waiter.as_mut()).is_pending(), "it waits on");
        bench.pass(2_000);
        bench.pass(9_000);
        assert_eq!(bench.look().unwrap().queue.len(), 1, "and is alive");
        let id = bench.holders_id();
        bench.release("holder", id);
        bench.pass(1);
        granted(poll(waiter));
    }
}

/// Its time is up while the log cannot be read: the error is told, and the ticket that the
/// caller cannot know of is withdrawn once that is possible.
#[test]
fn a_wait_that_ends_with_an_error_leaves_no_ticket() {
    let mut bench = Bench::new();
    let handle = bench.handle.clone();
    let mut waiter = pin!(handle.claim(waiting()));
    assert!(poll(waiter.as_mut()).is_pending());
    bench.turn();
    assert_eq!(bench.look().unwrap().queue.len(), 1);

    bench.log.set_unreadable(true);
    bench.pass(51_000);
    let answer = poll(waiter);
    let Poll::Ready(Err(MeshError::Storage(error))) = answer else {
        panic!("{answer:?}");
    };
    // Its ticket is in the log until it is withdrawn.
    assert_eq!(error.outcome, Outcome::Unknown);
    bench.log.set_unreadable(false);
    bench.pass(5_000);
    assert_eq!(bench.look().unwrap().queue, []);
}

/// The same where the process ends before it would try again by itself.
#[test]
fn a_wait_that_ends_with_an_error_leaves_no_ticket_at_the_end_either() {
    let mut bench = Bench::new();
    let handle = bench.handle.clone();
    let mut waiter = pin!(handle.claim(waiting()));
    assert!(poll(waiter.as_mut()).is_pending());
    bench.turn();
    bench.log.set_unreadable(true);
    bench.pass(51_000);
    assert!(matches!(
        poll(waiter),
        Poll::Ready(Err(MeshError::Storage(_)))
    ));
    bench.log.set_unreadable(false);
    let mut close = pin!(handle.clone().close());
    assert!(poll(close.as_mut()).is_pending());
    assert!(poll(bench.coordinator.as_mut()).is_ready());
    assert_eq!(bench.queue_as_others_see_it(), 0);
}

/// There is news that cannot be read: it is looked at now and then, and not without a pause.
#[test]
fn news_that_cannot_be_read_does_not_keep_a_process_busy() {
    let mut bench = Bench::new();
    let handle = bench.handle.clone();
    let mut waiter = pin!(handle.claim(waiting()));
    assert!(poll(waiter.as_mut()).is_pending());
    bench.turn();
    let id = bench.holders_id();
    bench.others_release("holder", id);
    bench.log.set_unreadable(true);
    // It comes back at all, and waits for the clock.
    bench.turn();
    bench.pass(5_000);
    assert!(poll(waiter.as_mut()).is_pending());
    bench.log.set_unreadable(false);
    bench.pass(5_000);
    granted(poll(waiter));
}

/// The ticket is cancelled by the very batch in which the call that waits with it is decided
/// again, since its time has come to keep it alive. It is not taken anew.
#[test]
fn a_ticket_that_is_cancelled_beside_its_call_does_not_come_back() {
    let mut bench = Bench::new();
    let handle = bench.handle.clone();
    let mut waiter = pin!(handle.claim(waiting_shortly()));
    assert!(poll(waiter.as_mut()).is_pending());
    bench.turn();
    let ticket = bench.look().unwrap().queue[0].claim_id.to_string();
    // Past half of its lease, so both are served at once.
    bench.clock.advance(6_000);
    bench.release("waiter", ticket);
    bench.pass(1_000);
    assert_eq!(bench.look().unwrap().queue, []);
    let Poll::Ready(Ok(reply)) = poll(waiter) else {
        panic!("it waits without a ticket");
    };
    assert_eq!(reply.status, ClaimStatus::Denied);
}

/// A ticket that lapsed while its process stood still is taken anew as it was asked for.
#[test]
fn a_ticket_that_is_taken_anew_keeps_lease_and_note() {
    let mut bench = Bench::new();
    let handle = bench.handle.clone();
    let mut waiter = pin!(handle.claim(waiting_shortly()));
    assert!(poll(waiter.as_mut()).is_pending());
    bench.turn();
    let first = bench.look().unwrap().queue.remove(0);
    bench.clock.advance(11_000);
    bench.have_others_look();
    bench.turn();
    let second = bench.look().unwrap().queue.remove(0);
    assert_ne!(first.claim_id, second.claim_id);
    let id = bench.holders_id();
    bench.release("holder", id);
    bench.pass(1);
    granted(poll(waiter));
    let now = bench.clock.now();
    let holder = bench.look().unwrap().holders.remove(0);
    assert_eq!(holder.note.as_deref(), Some("why"));
    let ends = holder.lease_expires_at.0;
    assert!(
        ends <= now + 10_000,
        "a lease of ten seconds, not of two minutes"
    );
}

/// W3: the client goes away while its server is told to end, and the batch that answers its
/// call waits for the store's lock. The answer cannot be told, so the ticket is withdrawn.
#[test]
fn a_caller_that_goes_away_while_the_last_calls_are_answered_leaves_no_ticket() {
    let clock = ManualClock::at(1_700_000_000_000);
    let log = MemoryLog::new();
    let lock = MemoryLock::new(Sleeper(clock.clone()));
    let mut another = lock.clone();
    let (coordinator, handle) = Coordinator::new(Sleeper(clock.clone()), log.storage(), lock, 1);
    let mut bench = Bench {
        clock: clock.clone(),
        log,
        handle,
        coordinator: Box::pin(coordinator.run()),
    };
    let handle = bench.handle.clone();
    bench.answer(pin!(handle.claim(claim("holder")))).unwrap();
    let mut waiter = Box::pin(handle.claim(waiting()));
    assert!(poll(waiter.as_mut()).is_pending());
    bench.turn();
    assert_eq!(bench.look().unwrap().queue.len(), 1);

    assert!(poll(pin!(another.acquire())).is_ready());
    let mut close = pin!(bench.handle.clone().close());
    assert!(poll(close.as_mut()).is_pending());
    bench.turn();
    drop(waiter);
    assert!(poll(pin!(another.release())).is_ready());
    clock.advance(1);
    assert!(poll(bench.coordinator.as_mut()).is_ready(), "it has ended");
    assert!(poll(close).is_ready());
    assert_eq!(bench.queue_as_others_see_it(), 0);
}
