//! One agent of the day.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};
use tests::{CallError, Client, PATIENCE, Random, Sandbox, in_time};

use super::diary::{Claimed, Diary, Mailbox, Posted, Released, Span};
use super::{AGENTS, DAY, LEASE_SECONDS, RESOURCES, TOPIC, TTL_SECONDS, text};

/// How often an agent's server is killed in a day.
const KILLS: u64 = 1;

pub(super) fn name(n: usize) -> String {
    format!("agent-{n:02}")
}

/// The server was killed under the call.
struct Gone;

pub(super) struct Agent<'a> {
    n: usize,
    name: String,
    sandbox: &'a Sandbox,
    diary: &'a RefCell<Diary>,
    random: Random,
    client: Client,
    /// When the server is killed next.
    kills: VecDeque<Instant>,
    /// Whether the server was killed, and the next one remembers nothing.
    killed: bool,
    /// The claim ids of what it believes to hold or to wait for.
    held: BTreeMap<&'static str, String>,
    awaited: BTreeMap<&'static str, String>,
    posts: usize,
    mailbox: Mailbox,
}

impl<'a> Agent<'a> {
    /// Starts the agent's server in one of the two worktrees, and registers.
    pub(super) async fn start(
        n: usize,
        sandbox: &'a Sandbox,
        diary: &'a RefCell<Diary>,
        mut random: Random,
    ) -> Self {
        let name = name(n);
        let client = connect(n, &name, sandbox).await;
        let day = DAY.as_millis() as u64;
        let mut kills: Vec<Instant> = (0..random.below(KILLS + 2))
            .map(|_| Instant::now() + random.millis(500, day - 1000))
            .collect();
        kills.sort();
        Self {
            n,
            name,
            sandbox,
            diary,
            random,
            client,
            kills: kills.into(),
            killed: false,
            held: BTreeMap::new(),
            awaited: BTreeMap::new(),
            posts: 0,
            mailbox: Mailbox::default(),
        }
    }

    /// Does this and that until `end`.
    pub(super) async fn work_until(&mut self, end: Instant) {
        while Instant::now() < end {
            // An agent thinks between calls; it also keeps the day within what the
            // trail of a folder holds.
            tokio::time::sleep(self.random.millis(20, 120)).await;
            // Whatever becomes of a server that is killed, the loop goes on.
            let _ = match self.random.below(100) {
                0..45 => self.claim_or_release().await,
                45..75 => self.post().await,
                _ => self.read_mail().await,
            };
            self.come_back().await;
        }
    }

    /// Is stopped in the middle of a renewal, for longer than the lease.
    pub(super) async fn pause_in_the_middle(&mut self, pause: Duration) {
        self.kills.clear();
        let resource = RESOURCES[0];
        let what = format!("{}'s turn", self.name);
        let fence = in_time(PATIENCE, what, self.wait_for(resource)).await;
        let sent = Instant::now();
        let arguments = claim_arguments(resource, self.shares(resource), true);
        let renewal = self.client.try_call("claim", arguments);
        let yields = self.random.below(30);
        let stop = async {
            for _ in 0..yields {
                tokio::task::yield_now().await;
            }
            self.client.stop();
            let stopped = Instant::now();
            tokio::time::sleep(pause).await;
            self.client.go_on();
            stopped.elapsed()
        };
        let (reply, paused) = tokio::join!(renewal, stop);
        self.diary.borrow_mut().paused = Some(paused);
        let acked = Instant::now();
        let reply = reply.unwrap_or_else(|error| panic!("after the pause: {error}"));
        self.claimed(resource, &reply, Span { sent, acked });
        let Ok(now) = self.claim(resource, false).await else {
            panic!("nobody kills this server");
        };
        assert!(
            now["status"] != "granted" || now["fence"].as_u64() > Some(fence),
            "C9: what it held under fence {fence} went to others meanwhile: {now}"
        );
    }

    /// Queues until it is granted: the fence.
    async fn wait_for(&mut self, resource: &'static str) -> u64 {
        loop {
            match self.claim(resource, true).await {
                Ok(reply) if reply["status"] == "granted" => {
                    return reply["fence"].as_u64().expect("a fence");
                }
                Ok(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                Err(Gone) => panic!("nobody kills this server"),
            }
        }
    }

    /// Goes home: most give back what they have, some just fall over.
    pub(super) async fn finish(mut self) {
        self.kills.clear();
        let falls_over = self.n.is_multiple_of(4);
        let mine = [
            std::mem::take(&mut self.held),
            std::mem::take(&mut self.awaited),
        ];
        if !falls_over {
            for (resource, claim_id) in mine.into_iter().flatten() {
                let _ = self.release(resource, &claim_id).await;
            }
        }
        let mailbox = (self.name, self.mailbox);
        self.diary.borrow_mut().mailboxes.push(mailbox);
        if falls_over {
            self.client.kill();
        } else {
            self.client.leave().await;
        }
    }

    /// After a kill: a new process in the same name, which remembers only which message
    /// it may have sent.
    async fn come_back(&mut self) {
        if std::mem::take(&mut self.killed) {
            self.held.clear();
            self.awaited.clear();
            let client = connect(self.n, &self.name, self.sandbox).await;
            std::mem::replace(&mut self.client, client).kill();
        }
    }

    /// Whether the agent claims `resource` shared. It always asks for the same, so that
    /// a process that remembers nothing does not change the mode of what it holds.
    fn shares(&self, resource: &str) -> bool {
        match RESOURCES.iter().position(|r| *r == resource) {
            Some(1 | 2) => !self.n.is_multiple_of(3),
            _ => false,
        }
    }

    async fn claim_or_release(&mut self) -> Result<(), Gone> {
        let held: Vec<_> = self.held.clone().into_iter().collect();
        let awaited: Vec<_> = self.awaited.keys().copied().collect();
        if !held.is_empty() && self.random.chance(50) {
            let (resource, claim_id) = self.random.pick(&held).clone();
            if self.random.chance(60) {
                return self.release(resource, &claim_id).await;
            }
            return self.claim(resource, false).await.map(drop);
        }
        if !awaited.is_empty() && self.random.chance(60) {
            let resource = *self.random.pick(&awaited);
            if self.random.chance(10) {
                let claim_id = self.awaited[resource].clone();
                return self.release(resource, &claim_id).await;
            }
            return self.claim(resource, false).await.map(drop);
        }
        let resource = *self.random.pick(&RESOURCES);
        let queue = self.random.chance(60);
        self.claim(resource, queue).await.map(drop)
    }

    async fn claim(&mut self, resource: &'static str, queue: bool) -> Result<Value, Gone> {
        let arguments = claim_arguments(resource, self.shares(resource), queue);
        let sent = Instant::now();
        match self.call("claim", arguments).await {
            Ok((reply, span)) => {
                self.claimed(resource, &reply, span);
                Ok(reply)
            }
            Err(Gone) => {
                let unknown = (self.name.clone(), resource.to_owned(), sent);
                self.diary.borrow_mut().unknown_claims.push(unknown);
                Err(Gone)
            }
        }
    }

    fn claimed(&mut self, resource: &'static str, reply: &Value, span: Span) {
        self.held.remove(resource);
        self.awaited.remove(resource);
        let claim_id = text(reply, "claim_id");
        let (fence, position) = match reply["status"].as_str() {
            Some("granted") => {
                self.held.insert(resource, claim_id.clone());
                (reply["fence"].as_u64(), None)
            }
            Some("queued") => {
                self.awaited.insert(resource, claim_id.clone());
                (None, reply["queue_position"].as_u64())
            }
            _ => return,
        };
        self.diary.borrow_mut().claims.push(Claimed {
            agent_id: self.name.clone(),
            resource: resource.to_owned(),
            claim_id,
            shared: self.shares(resource),
            fence,
            position,
            span,
        });
    }

    async fn release(&mut self, resource: &'static str, claim_id: &str) -> Result<(), Gone> {
        self.held.remove(resource);
        self.awaited.remove(resource);
        let (claim_id, sent) = (claim_id.to_owned(), Instant::now());
        let arguments = json!({"resource": resource, "claim_id": claim_id});
        self.diary
            .borrow_mut()
            .releases
            .push(Released { claim_id, sent });
        self.call("release", arguments).await.map(drop)
    }

    async fn post(&mut self) -> Result<(), Gone> {
        self.posts += 1;
        let body = format!("{} says {}", self.name, self.posts);
        let to = match self.random.below(10) {
            0..6 => name(self.random.below(AGENTS as u64) as usize),
            6..8 => "*".to_owned(),
            _ => TOPIC.to_owned(),
        };
        let fanout = match to.as_str() {
            "*" => AGENTS,
            TOPIC => 0,
            _ => 1,
        };
        let key = self
            .random
            .chance(50)
            .then(|| format!("key {}", self.posts));
        let arguments = json!({"to": to, "body": body, "key": key});
        let at = self.diary.borrow().posts.len();
        let from = self.name.clone();
        self.diary.borrow_mut().posts.push(Posted {
            from,
            to,
            body,
            acked: None,
        });
        let sent = Instant::now();
        let first = self.call("post", arguments.clone()).await;
        if let Ok((reply, span)) = &first {
            assert_eq!(reply["fanout"], fanout, "M1: {arguments}");
            self.diary.borrow_mut().posts[at].acked = Some((text(reply, "message_id"), *span));
        }
        if key.is_some() && (first.is_err() || self.random.chance(20)) {
            self.come_back().await;
            self.diary.borrow_mut().retried += 1;
            let (again, Span { acked, .. }) = self.call("post", arguments).await?;
            // It may have been posted since it was sent for the first time.
            let span = Span { sent, acked };
            let mut diary = self.diary.borrow_mut();
            match &first {
                Ok((reply, _)) => assert_eq!(&again, reply, "M7: a retry changes nothing"),
                Err(Gone) => diary.posts[at].acked = Some((text(&again, "message_id"), span)),
            }
        }
        Ok(())
    }

    async fn read_mail(&mut self) -> Result<(), Gone> {
        let limit = 1 + self.random.below(40);
        let arguments = json!({"topics": [TOPIC], "limit": limit});
        let (reply, _) = self.call("inbox", arguments).await?;
        let cursor = text(&reply, "cursor");
        let zero = cursor.bytes().all(|digit| digit == b'0');
        assert!(
            zero || cursor <= self.mailbox.asked,
            "M3: nobody else moves {reply}"
        );
        // What is above the cursor is shown again: it was seen, but not yet read.
        self.mailbox.seen.retain(|id| *id <= cursor);
        let messages = reply["messages"].as_array().expect("messages");
        let ids = messages.iter().map(|message| text(message, "message_id"));
        self.mailbox.seen.extend(ids);
        let last = self.mailbox.seen.last().filter(|id| **id > cursor).cloned();
        // Some look, and do not get around to it.
        if let Some(up_to) = last.filter(|_| self.random.chance(80)) {
            self.mailbox.asked = up_to.clone().max(std::mem::take(&mut self.mailbox.asked));
            let arguments = json!({"up_to": up_to, "topics": [TOPIC]});
            self.call("read", arguments).await?;
        }
        Ok(())
    }

    /// Calls a tool, unless it is time for the server to be killed: before the call, or
    /// while it is served.
    async fn call(&mut self, tool: &'static str, arguments: Value) -> Result<(Value, Span), Gone> {
        let sent = Instant::now();
        let outcome = match self.kills.front() {
            Some(at) if *at <= sent => {
                self.kills.pop_front();
                self.killed = true;
                self.call_and_kill(tool, arguments).await
            }
            _ if self.random.chance(3) => self.call_and_nap(tool, arguments).await,
            _ => self.client.try_call(tool, arguments).await,
        };
        let acked = Instant::now();
        match outcome {
            Ok(reply) => Ok((reply, Span { sent, acked })),
            Err(CallError::Gone) if self.killed => Err(Gone),
            Err(error) => panic!(
                "{}'s {tool}: {error}\n{}",
                self.name,
                self.client.process().complaints()
            ),
        }
    }

    /// The server is stopped for a moment, wherever it just is: with the store's lock,
    /// between an append and its sync, or before it has read the call.
    async fn call_and_nap(
        &mut self,
        tool: &'static str,
        arguments: Value,
    ) -> Result<Value, CallError> {
        self.diary.borrow_mut().naps += 1;
        let (yields, nap) = (self.random.below(20), self.random.millis(1, 80));
        let sleep = async {
            for _ in 0..yields {
                tokio::task::yield_now().await;
            }
            self.client.stop();
            tokio::time::sleep(nap).await;
            self.client.go_on();
        };
        tokio::join!(self.client.try_call(tool, arguments), sleep).0
    }

    async fn call_and_kill(
        &mut self,
        tool: &'static str,
        arguments: Value,
    ) -> Result<Value, CallError> {
        if self.random.chance(20) {
            self.diary.borrow_mut().killed_idle += 1;
            self.client.process().signal(Signal::KILL);
            return Err(CallError::Gone);
        }
        self.diary.borrow_mut().killed_busy += 1;
        let (yields, wait) = (self.random.below(20), self.random.millis(0, 2));
        let sleeps = self.random.chance(50);
        let kill = async {
            for _ in 0..yields {
                tokio::task::yield_now().await;
            }
            if sleeps {
                tokio::time::sleep(wait).await;
            }
            self.client.process().signal(Signal::KILL);
        };
        let (outcome, ()) = tokio::join!(self.client.try_call(tool, arguments), kill);
        self.diary.borrow_mut().survived += usize::from(outcome.is_ok());
        outcome
    }
}

fn claim_arguments(resource: &str, shared: bool, queue: bool) -> Value {
    json!({
        "resource": resource,
        "mode": if shared { "shared" } else { "exclusive" },
        "wait": if queue { "queue" } else { "no_wait" },
        "lease_seconds": LEASE_SECONDS,
    })
}

/// Even agents work in the main worktree, odd ones in the second.
async fn connect(n: usize, name: &str, sandbox: &Sandbox) -> Client {
    let directory = ["main", "second"][n % 2];
    let client = sandbox.client_in(directory, name).await;
    let registered = client.register(TTL_SECONDS).await;
    assert_eq!(
        registered["epoch"], 1,
        "A3: nobody is silent for long enough to be dead"
    );
    client
}
